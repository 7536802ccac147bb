import { defaultFieldResolver, type GraphQLField, type GraphQLSchema } from 'graphql'
import type { RequestContext } from '../lib/context.ts'
import { codedError } from '../lib/errors.ts'

/** What whoever has a token may ask, whatever its scopes: who he is, and where an id leads. */
const always: ReadonlySet<string> = new Set(['Query.viewer', 'Query.node', 'Query.nodes', 'Query._service'])

/**
 * Holds services to their tokens' scopes: reading anything of a room takes `<room>:read`, and a mutation of it
 * `<room>:write`. People have no scopes and need none.
 */
export function withScopes(schema: GraphQLSchema, room: string): GraphQLSchema {
  const roots = [
    [schema.getQueryType(), `${room}:read`],
    [schema.getSubscriptionType(), `${room}:read`],
    [schema.getMutationType(), `${room}:write`],
  ] as const
  for (const [type, scope] of roots) {
    for (const field of Object.values(type?.getFields() ?? {})) {
      if (!always.has(`${type?.name}.${field.name}`)) guard(field, scope)
    }
  }
  return schema
}

function guard(field: GraphQLField<unknown, { request: RequestContext }>, scope: string): void {
  const { resolve = defaultFieldResolver, subscribe } = field
  // An event was let through when its subscription began.
  if (subscribe === undefined) {
    field.resolve = (parent, args, context, info) => {
      requireScope(context.request, scope)
      return resolve(parent, args, context, info)
    }
  } else {
    field.subscribe = (parent, args, context, info) => {
      requireScope(context.request, scope)
      return subscribe(parent, args, context, info)
    }
  }
}

function requireScope({ viewer }: RequestContext, scope: string): void {
  if (viewer?.role !== 'SERVICE' || viewer.scopes.includes(scope)) return
  throw codedError('FORBIDDEN', `This needs the scope ${scope}.`)
}
