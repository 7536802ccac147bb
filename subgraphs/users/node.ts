import { type GraphQLSchema, isObjectType } from 'graphql'
import { codedError } from '../../lib/errors.ts'
import { parseGlobalId } from '../../lib/ids.ts'
import { nodeKey } from '../node.ts'
import { requireViewer } from '../security.ts'
import type { UsersContext } from './context.ts'
import { toUser } from './mappers.ts'

const mostNodes = 100

/**
 * What an id names: the viewer himself, or a reference by which the gateway asks the room that owns the type. That
 * room answers null for what is not there or not the viewer's.
 */
export async function findNode(context: UsersContext, id: string, schema: GraphQLSchema) {
  const viewer = requireViewer(context.request)
  const named = parseGlobalId(id)
  if (named === null) return null
  if (named.type !== 'User') return isNodeType(schema, named.type) ? { __typename: named.type, [nodeKey]: id } : null
  const found = named.uuid === viewer.userId ? await context.users.load(named.uuid) : null
  return found && toUser(found)
}

/** @throws BAD_USER_INPUT for more than 100 ids. */
export function findNodes(context: UsersContext, ids: readonly string[], schema: GraphQLSchema) {
  if (ids.length > mostNodes) throw codedError('BAD_USER_INPUT', `\`ids\` may name at most ${mostNodes} things.`)
  return Promise.all(ids.map((id) => findNode(context, id, schema)))
}

function isNodeType(schema: GraphQLSchema, name: string): boolean {
  const type = schema.getType(name)
  return isObjectType(type) && type.getInterfaces().some((face) => face.name === 'Node')
}
