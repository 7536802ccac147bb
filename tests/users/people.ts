import type { Viewer } from '../../lib/context.ts'
import { prepareAdmin } from '../../subgraphs/users/admin.ts'
import { isSessionLive } from '../../subgraphs/users/identity.ts'
import { room } from '../../subgraphs/users/index.ts'
import { type Answer, openRoomWorld, type RoomWorld } from '../kit/room-world.ts'

const session = 'session { accessToken refreshToken expiresAt user { id username displayName email role createdAt } }'
const problem = '... on Problem { code message path }'

export const operations = {
  signUp: `mutation ($input: SignUpInput!) { signUp(input: $input) { __typename ... on SignUpSuccess { ${session} } ${problem} } }`,
  signIn: `mutation ($input: SignInInput!) { signIn(input: $input) { __typename ... on SignInSuccess { ${session} } ${problem} } }`,
  refresh: `mutation ($input: RefreshSessionInput!) {
    refreshSession(input: $input) { __typename ... on RefreshSessionSuccess { ${session} } ${problem} } }`,
  signOut: 'mutation { signOut { ... on SignOutSuccess { endedAt } } }',
  changePassword: `mutation ($input: ChangePasswordInput!) {
    changePassword(input: $input) { __typename ... on ChangePasswordSuccess { user { username } } ${problem} } }`,
  signOutEverywhere: 'mutation { signOutEverywhere { ... on SignOutEverywhereSuccess { endedAt sessionCount } } }',
  revokeSession: `mutation ($input: RevokeSessionInput!) {
    revokeSession(input: $input) { __typename ... on RevokeSessionSuccess { session { id endedAt } } ${problem} } }`,
  sessions: `query ($first: Int, $after: String) { viewer { sessions(first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor }
    nodes { id current methods address userAgent createdAt lastUsedAt expiresAt endedAt } } } }`,
  users: `query ($first: Int, $after: String, $search: String) { users(first: $first, after: $after, search: $search) {
    totalCount pageInfo { hasNextPage endCursor } nodes { username email role status } } }`,
  setUserRole: `mutation ($input: SetUserRoleInput!) {
    setUserRole(input: $input) { __typename ... on SetUserRoleSuccess { user { username role } } ${problem} } }`,
  suspendUser: `mutation ($input: SuspendUserInput!) {
    suspendUser(input: $input) { __typename ... on SuspendUserSuccess { user { username status } } ${problem} } }`,
  reinstateUser: `mutation ($input: ReinstateUserInput!) {
    reinstateUser(input: $input) { __typename ... on ReinstateUserSuccess { user { username status } } ${problem} } }`,
  profile: `{ viewer { displayName profile { firstName lastName timezone locale preferences updatedAt } } }`,
  updateProfile: `mutation ($input: UpdateProfileInput!) {
    updateProfile(input: $input) { __typename ... on UpdateProfileSuccess { user { displayName } } ${problem} } }`,
  settings: '{ settings { key value scope updatedAt } }',
  setSetting: `mutation ($input: SetSettingInput!) {
    setSetting(input: $input) { __typename ... on SetSettingSuccess { setting { key value scope } } ${problem} } }`,
  permissions: '{ viewer { permissions } }',
  enrollTotp: `mutation { enrollTotp { __typename ... on EnrollTotpSuccess { secret uri } ${problem} } }`,
  confirmTotp: `mutation ($input: ConfirmTotpInput!) {
    confirmTotp(input: $input) { __typename ... on ConfirmTotpSuccess { backupCodes user { username } } ${problem} } }`,
  disableTotp: `mutation ($input: DisableTotpInput!) {
    disableTotp(input: $input) { __typename ... on DisableTotpSuccess { user { username } } ${problem} } }`,
  renewBackupCodes: `mutation ($input: RenewBackupCodesInput!) {
    renewBackupCodes(input: $input) { __typename ... on RenewBackupCodesSuccess { backupCodes } ${problem} } }`,
  secondFactor: '{ viewer { secondFactor { methods backupCodesLeft } } }',
  registerDevice: `mutation ($input: RegisterDeviceInput!) { registerDevice(input: $input) {
    __typename ... on RegisterDeviceSuccess { deviceToken device { id name type securityLevel trustedUntil } } ${problem} } }`,
  revokeDevice: `mutation ($input: RevokeDeviceInput!) {
    revokeDevice(input: $input) { __typename ... on RevokeDeviceSuccess { device { id revokedAt } } ${problem} } }`,
  devices: `{ viewer { devices { totalCount nodes { id name lastSeenAt } }
    sessions { nodes { current methods expiresAt device { name } } } } }`,
  viewer: '{ viewer { id username displayName email role createdAt } }',
}

export const password = 'correct horse battery'

export interface SignedIn {
  readonly viewer: Viewer
  readonly accessToken: string
  readonly refreshToken: string
  readonly user: { readonly id: string; readonly username: string }
}

export interface UsersWorld extends RoomWorld {
  /** Signs up with a name; everyone has the same password. */
  signUp(username: string): Promise<SignedIn>
  signIn(login: string, secret?: string): Promise<Answer>
  signedIn(login: string, secret?: string): Promise<SignedIn>
  refresh(refreshToken: string): Promise<Answer>
  isLive(viewer: Viewer): Promise<boolean>
  /** The admin that the first start makes, signed in. */
  admin(): Promise<SignedIn>
}

export async function openUsersWorld(): Promise<UsersWorld> {
  const world = await openRoomWorld(room)
  const taken = async (session: { accessToken: string; refreshToken: string; user: SignedIn['user'] }) => ({
    ...session,
    viewer: (await world.stores.tokens.verify(session.accessToken)).viewer,
  })
  const signIn = (login: string, secret = password) =>
    world.run(null, operations.signIn, { input: { login, password: secret } })
  return {
    ...world,
    signIn,
    async signUp(username) {
      const input = { username, email: `${username}@example.org`, password }
      return taken((await world.run(null, operations.signUp, { input })).data.signUp.session)
    },
    signedIn: async (login, secret) => taken((await signIn(login, secret)).data.signIn.session),
    refresh: (refreshToken) => world.run(null, operations.refresh, { input: { refreshToken } }),
    async admin() {
      const made = await prepareAdmin(world.stores)
      return taken((await signIn('admin', made?.secret)).data.signIn.session)
    },
    isLive: ({ sessionId }) => isSessionLive(world.stores, sessionId),
  }
}
