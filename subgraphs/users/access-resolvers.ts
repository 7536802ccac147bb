import type { PageArguments } from '../../lib/connection.ts'
import { toGlobalId } from '../../lib/ids.ts'
import type { UsersContext } from './context.ts'
import {
  explainAccess,
  type GrantVectorAccessInput,
  grantVectorAccess,
  revokeVectorAccess,
  type VectorAccess,
  vectorAccess,
  vectorAccessOf,
} from './service/access.ts'
import { userOf } from './service/people.ts'

/** Resolvers of who may reach what. */
export const accessResolvers = {
  Query: {
    vectorAccess: (_: unknown, args: PageArguments, context: UsersContext) => vectorAccess(context, args),
    explainAccess: (_: unknown, args: { viewer: string; id: string }, context: UsersContext) =>
      explainAccess(context, args),
  },
  Mutation: {
    grantVectorAccess: (_: unknown, { input }: { input: GrantVectorAccessInput }, context: UsersContext) =>
      grantVectorAccess(context, input),
    revokeVectorAccess: (_: unknown, { input }: { input: { id: string } }, context: UsersContext) =>
      revokeVectorAccess(context, input),
  },
  types: {
    GrantVectorAccessSuccess: {
      access: ({ access }: { access: string }, _: unknown, context: UsersContext) => vectorAccessOf(context, access),
    },
    VectorAccess: {
      id: ({ id }: VectorAccess) => toGlobalId('VectorAccess', id),
      owner: ({ ownerId }: VectorAccess, _: unknown, context: UsersContext) => userOf(context, ownerId),
      subject: ({ subjectId }: VectorAccess, _: unknown, context: UsersContext) => userOf(context, subjectId),
    },
  },
}
