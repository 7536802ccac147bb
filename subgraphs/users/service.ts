import { codedError } from '../../lib/errors.ts'
import { conflict, type Problem } from '../../lib/problems.ts'
import { defaultTenantId } from '../../lib/tenants.ts'
import { requireViewer, securityOf } from '../security.ts'
import { securityAs, type UsersContext } from './context.ts'
import { toUser, type User } from './mappers.ts'
import { hashSecret, verifySecret } from './passwords.ts'
import { accountProblem, passwordProblem } from './rules.ts'
import { endSessions } from './session-store.ts'
import { type AuthSession, announceEnd, authSession, beginSession, invalidCredentials } from './sessions.ts'
import {
  createUser,
  findByLogin,
  findSelf,
  holdsPassword,
  replacePassword,
  spendOneTimeSecret,
  takenName,
  type UserRecord,
} from './store.ts'

export interface SignUpInput {
  readonly email: string
  readonly username: string
  readonly password: string
}

/** Makes a member's account and signs it in. */
export async function signUp(context: UsersContext, input: SignUpInput): Promise<AuthSession | Problem> {
  const { stores, request } = context
  const wrong = accountProblem(input)
  if (wrong !== null) return wrong
  const { username, email } = input
  const passwordHash = await hashSecret(input.password, request.signal)
  const id = request.ids.next()
  const sessionId = request.ids.next()
  const account = {
    id,
    tenantId: defaultTenantId,
    username,
    email,
    passwordHash,
    oneTimeHash: null,
    role: 'MEMBER',
  } as const
  const security = securityAs(request, { tenantId: defaultTenantId, userId: id, sessionId })
  try {
    const { user, refreshToken } = await stores.postgres.write(security, async (tx) => {
      const user = await createUser(tx, account, request.clock.now())
      return { user, refreshToken: await beginSession(tx, context, user, sessionId) }
    })
    return await authSession(context, user, sessionId, refreshToken)
  } catch (error) {
    const taken = takenName(error)
    if (taken === null) throw error
    return conflict(`This ${taken === 'email' ? 'email address' : 'username'} is taken.`, 'input', taken)
  }
}

/** Signs in with a password, or, while none is set, with a one-time secret, which is then spent. */
export async function signIn(
  context: UsersContext,
  { login, password }: { login: string; password: string },
): Promise<AuthSession | Problem> {
  const { stores, request } = context
  const user = await stores.postgres.read(securityOf(request, 'users'), (db) => findByLogin(db, login))
  // One verification in every case, and nothing else before the answer to a failure.
  const fits = await verifySecret(secretOf(user), password, request.signal)
  if (!fits || user === null || user.status !== 'ACTIVE') return invalidCredentials
  const sessionId = request.ids.next()
  const security = securityAs(request, { tenantId: user.tenantId, userId: user.id, sessionId })
  const refreshToken = await stores.postgres.write(security, async (tx) => {
    const good = user.passwordHash ? await holdsPassword(tx, user) : await spendOneTimeSecret(tx, user, sessionId)
    return good ? beginSession(tx, context, user, sessionId) : null
  })
  return refreshToken === null ? invalidCredentials : authSession(context, user, sessionId, refreshToken)
}

/**
 * Sets a new password and ends the user's other sign-ins. A one-time secret is taken as the present password when it
 * is unspent or was spent by this very sign-in.
 */
export async function changePassword(
  { stores, request }: UsersContext,
  { currentPassword, newPassword }: { currentPassword: string; newPassword: string },
): Promise<User | Problem> {
  const viewer = requireViewer(request)
  const wrong = passwordProblem(newPassword, 'newPassword')
  if (wrong !== null) return wrong
  const security = securityOf(request, 'users')
  const user = await stores.postgres.read(security, findSelf)
  if (user === null) throw codedError('UNAUTHENTICATED', 'The session has ended.')
  const fits = await verifySecret(secretOf(user), currentPassword, request.signal)
  if (!fits || !mayUseSecret(user, viewer.sessionId)) return invalidCredentials
  const hash = await hashSecret(newPassword, request.signal)
  const at = request.clock.now()
  const ended = await stores.postgres.write(security, async (tx) => {
    if (!(await replacePassword(tx, user, hash, at))) return null
    return endSessions(tx, { except: viewer.sessionId, ownerId: user.id }, 'PASSWORD_CHANGED', at)
  })
  if (ended === null) return invalidCredentials
  for (const sessionId of ended) announceEnd(stores, sessionId)
  return toUser(user)
}

function secretOf(user: UserRecord | null): string | null {
  return user?.passwordHash ?? user?.oneTimeHash ?? null
}

function mayUseSecret(user: UserRecord, sessionId: string): boolean {
  return user.passwordHash !== null || user.oneTimeSessionId === null || user.oneTimeSessionId === sessionId
}
