import type { GraphQLResolveInfo } from 'graphql'
import { codedError } from '../../lib/errors.ts'
import { uuidOf } from '../../lib/ids.ts'
import type { Problem } from '../../lib/problems.ts'
import type { UsersContext } from './context.ts'
import { toUser, type User } from './mappers.ts'
import { findNode, findNodes } from './node.ts'
import { changePassword, type SignUpInput, signIn, signUp } from './service.ts'
import { type AuthSession, refreshSession, signOut } from './sessions.ts'

interface Input<T> {
  readonly input: T
}

export const resolvers = {
  Query: {
    viewer: (_: unknown, __: unknown, context: UsersContext) => viewer(context),
    node: (_: unknown, { id }: { id: string }, context: UsersContext, info: GraphQLResolveInfo) =>
      findNode(context, id, info.schema),
    nodes: (_: unknown, { ids }: { ids: string[] }, context: UsersContext, info: GraphQLResolveInfo) =>
      findNodes(context, ids, info.schema),
  },
  Mutation: {
    signUp: async (_: unknown, { input }: Input<SignUpInput>, context: UsersContext) =>
      withSession('SignUpSuccess', await signUp(context, input)),
    signIn: async (_: unknown, { input }: Input<{ login: string; password: string }>, context: UsersContext) =>
      withSession('SignInSuccess', await signIn(context, input)),
    refreshSession: async (_: unknown, { input }: Input<{ refreshToken: string }>, context: UsersContext) =>
      withSession('RefreshSessionSuccess', await refreshSession(context, input.refreshToken)),
    signOut: async (_: unknown, __: unknown, context: UsersContext) => ({
      __typename: 'SignOutSuccess',
      ...(await signOut(context)),
    }),
    changePassword: async (
      _: unknown,
      { input }: Input<{ currentPassword: string; newPassword: string }>,
      context: UsersContext,
    ) => withUser('ChangePasswordSuccess', await changePassword(context, input)),
  },
  User: {
    __resolveReference: ({ id }: { id: string }, context: UsersContext) => userById(context, id),
    email: (user: User) => own(user.email),
    role: (user: User) => own(user.role),
  },
}

async function viewer(context: UsersContext): Promise<User | null> {
  const userId = context.request.viewer?.userId
  const found = userId === undefined ? null : await context.users.load(userId)
  return found && toUser(found)
}

async function userById(context: UsersContext, id: string): Promise<User | null> {
  const uuid = uuidOf('User', id)
  const found = uuid === null ? null : await context.users.load(uuid)
  return found && toUser(found)
}

function withSession(success: string, outcome: AuthSession | Problem) {
  return '__typename' in outcome ? outcome : { __typename: success, session: outcome }
}

function withUser(success: string, outcome: User | Problem) {
  return outcome.__typename === 'User' ? { __typename: success, user: outcome } : outcome
}

function own<T>(value: T | null): T {
  if (value === null) throw codedError('FORBIDDEN', 'Only the user and admins may read this.')
  return value
}
