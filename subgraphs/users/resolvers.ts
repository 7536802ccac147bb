import type { GraphQLResolveInfo } from 'graphql'
import type { PageArguments } from '../../lib/connection.ts'
import type { Role } from '../../lib/context.ts'
import { codedError } from '../../lib/errors.ts'
import { uuidOf } from '../../lib/ids.ts'
import { permissionsOf } from '../../lib/permissions.ts'
import type { Problem } from '../../lib/problems.ts'
import { byReference } from '../references.ts'
import { securityOf } from '../security.ts'
import { accessResolvers } from './access-resolvers.ts'
import { auditResolvers } from './audit-resolvers.ts'
import { isViewer, read, type UsersContext } from './context.ts'
import { toSetting, toUser, toUserSession, type User, type UserSession } from './mappers.ts'
import { findNode, findNodes, ownByReference } from './node.ts'
import { passkeyResolvers } from './passkey-resolvers.ts'
import { privacyResolvers } from './privacy-resolvers.ts'
import { deviceById, secondFactorResolvers } from './second-factor-resolvers.ts'
import { changePassword, type SignUpInput, signUp } from './service/accounts.ts'
import { reinstateUser, setUserRole, suspendUser, userOf, users } from './service/people.ts'
import {
  profile,
  type SetSettingInput,
  setSetting,
  settings,
  type UpdateProfileInput,
  updateProfile,
} from './service/profile.ts'
import {
  type AuthSession,
  type RevokeSessionInput,
  refreshSession,
  revokeSession,
  sessions,
  signOut,
  signOutEverywhere,
} from './service/sessions.ts'
import { type SignInInput, signIn } from './service/sign-in.ts'
import { serviceResolvers } from './service-resolvers.ts'
import { findSetting } from './store/settings.ts'
import { teamResolvers } from './team-resolvers.ts'

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
    ...accessResolvers.Query,
    ...serviceResolvers.Query,
    ...teamResolvers.Query,
    users: (_: unknown, args: PageArguments & { search?: string | null }, context: UsersContext) =>
      users(context, args),
    settings: (_: unknown, __: unknown, context: UsersContext) => settings(context),
    ...auditResolvers.Query,
    ...privacyResolvers.Query,
  },
  Mutation: {
    signUp: async (_: unknown, { input }: Input<SignUpInput>, context: UsersContext) =>
      withSession('SignUpSuccess', await signUp(context, input)),
    signIn: async (_: unknown, { input }: Input<SignInInput>, context: UsersContext) =>
      withSession('SignInSuccess', await signIn(context, input)),
    refreshSession: async (_: unknown, { input }: Input<{ refreshToken: string }>, context: UsersContext) =>
      withSession('RefreshSessionSuccess', await refreshSession(context, input.refreshToken)),
    signOut: async (_: unknown, __: unknown, context: UsersContext) => ({
      __typename: 'SignOutSuccess',
      ...(await signOut(context)),
    }),
    signOutEverywhere: async (_: unknown, __: unknown, context: UsersContext) => ({
      __typename: 'SignOutEverywhereSuccess',
      ...(await signOutEverywhere(context)),
    }),
    revokeSession: (_: unknown, { input }: Input<RevokeSessionInput>, context: UsersContext) =>
      revokeSession(context, input),
    changePassword: async (
      _: unknown,
      { input }: Input<{ currentPassword: string; newPassword: string }>,
      context: UsersContext,
    ) => withUser('ChangePasswordSuccess', await changePassword(context, input)),
    ...accessResolvers.Mutation,
    ...secondFactorResolvers.Mutation,
    ...passkeyResolvers.Mutation,
    ...privacyResolvers.Mutation,
    ...serviceResolvers.Mutation,
    ...teamResolvers.Mutation,
    updateProfile: (_: unknown, { input }: Input<UpdateProfileInput>, context: UsersContext) =>
      updateProfile(context, input),
    setSetting: (_: unknown, { input }: Input<SetSettingInput>, context: UsersContext) => setSetting(context, input),
    setUserRole: (_: unknown, { input }: Input<{ userId: string; role: Role }>, context: UsersContext) =>
      setUserRole(context, input),
    suspendUser: (_: unknown, { input }: Input<{ userId: string }>, context: UsersContext) =>
      suspendUser(context, input),
    reinstateUser: (_: unknown, { input }: Input<{ userId: string }>, context: UsersContext) =>
      reinstateUser(context, input),
  },
  UpdateProfileSuccess: { user: madeUser },
  SetUserRoleSuccess: { user: madeUser },
  SuspendUserSuccess: { user: madeUser },
  ReinstateUserSuccess: { user: madeUser },
  SetSettingSuccess: {
    setting: async ({ setting }: { setting: string | null }, _: unknown, context: UsersContext) => {
      const found = setting === null ? null : await read(context, (db) => findSetting(db, setting))
      return found && toSetting(found)
    },
  },
  ...accessResolvers.types,
  ...auditResolvers.types,
  ...secondFactorResolvers.types,
  ...passkeyResolvers.types,
  ...privacyResolvers.types,
  ...serviceResolvers.types,
  ...teamResolvers.types,
  User: {
    __resolveReference: byReference('User', cardOf),
    email: (user: User, _: unknown, context: UsersContext) => addressOf(context, user),
    role: (user: User) => own(user.role),
    status: (user: User) => own(user.status),
    permissions: (user: User) => permissionsOf(own(user.role)),
    profile: (user: User, _: unknown, context: UsersContext) => (isViewer(context, user) ? profile(context) : null),
    ...secondFactorResolvers.User,
    ...passkeyResolvers.User,
    ...teamResolvers.User,
    sessions: (user: User, args: PageArguments, context: UsersContext) =>
      isViewer(context, user) ? sessions(context, args) : null,
  },
  UserSession: {
    __resolveReference: ownByReference('UserSession'),
    device: ({ deviceId }: UserSession, _: unknown, context: UsersContext) =>
      deviceId === null ? null : deviceById(context, deviceId),
    current: ({ rowId }: UserSession, _: unknown, { request }: UsersContext) => rowId === request.viewer?.sessionId,
  },
  RevokeSessionSuccess: {
    session: async ({ session }: { session: string }, _: unknown, { loaders }: UsersContext) => {
      const found = await loaders.sessions.load(session)
      return found && toUserSession(found)
    },
  },
}

function viewer(context: UsersContext): Promise<User | null> | null {
  const userId = context.request.viewer?.userId
  return userId === undefined ? null : cardOf(context, userId)
}

async function cardOf({ loaders }: UsersContext, id: string): Promise<User | null> {
  const found = await loaders.users.load(id)
  return found && toUser(found)
}

function withSession(success: string, outcome: AuthSession | Problem) {
  return '__typename' in outcome ? outcome : { __typename: success, session: outcome }
}

function withUser(success: string, outcome: User | Problem) {
  return outcome.__typename === 'User' ? { __typename: success, user: outcome } : outcome
}

/** An address that somebody else reads is noted. */
function addressOf(context: UsersContext, user: User): string {
  const email = own(user.email)
  if (!isViewer(context, user)) {
    const subject = uuidOf('User', user.id) ?? ''
    const security = securityOf(context.request, 'users')
    context.stores.sentinel.report(security, {
      kind: 'ACCESS',
      name: 'ACCOUNT_READ',
      object: 'email',
      subjects: [subject],
    })
  }
  return email
}

function own<T>(value: T | null): T {
  if (value === null) throw codedError('FORBIDDEN', 'Only the user and admins may read this.')
  return value
}

/** A mutation's answer names whom it changed by the row's id. */
function madeUser({ user }: { user: string }, _: unknown, context: UsersContext): Promise<User> {
  return userOf(context, user)
}
