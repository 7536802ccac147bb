import { codedError } from '../../../lib/errors.ts'
import { conflict, type Problem } from '../../../lib/problems.ts'
import { defaultTenantId } from '../../../lib/tenants.ts'
import { requireViewer, securityOf } from '../../security.ts'
import { securityAs, type UsersContext } from '../context.ts'
import { toUser, type User } from '../mappers.ts'
import { hashSecret, verifySecret } from '../passwords.ts'
import { accountProblem, passwordProblem } from '../rules.ts'
import { endSessions } from '../store/sessions.ts'
import { createUser, findSelf, replacePassword, takenName, type UserRecord } from '../store/users.ts'
import { type AuthSession, announceEnd, authSession, beginSession, invalidCredentials } from './sessions.ts'
import { secretOf } from './sign-in.ts'
import { attemptSignIn } from './throttle.ts'

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
      return { user, refreshToken: await beginSession(tx, context, user, { id: sessionId, methods: ['PASSWORD'] }) }
    })
    return await authSession(context, user, sessionId, refreshToken)
  } catch (error) {
    const taken = takenName(error)
    if (taken === null) throw error
    return conflict(`This ${taken === 'email' ? 'email address' : 'username'} is taken.`, 'input', taken)
  }
}

/**
 * Sets a new password and ends the user's other sign-ins. A one-time secret is taken as the present password when it
 * is unspent or was spent by this very sign-in.
 */
export async function changePassword(
  context: UsersContext,
  { currentPassword, newPassword }: { currentPassword: string; newPassword: string },
): Promise<User | Problem> {
  const { stores, request } = context
  const viewer = requireViewer(request)
  const wrong = passwordProblem(newPassword, 'newPassword')
  if (wrong !== null) return wrong
  const security = securityOf(request, 'users')
  const user = await stores.postgres.read(security, findSelf)
  if (user === null) throw codedError('UNAUTHENTICATED', 'The session has ended.')
  const attempt = await attemptSignIn(context, user.username)
  const fits = await verifySecret(secretOf(user), currentPassword, request.signal)
  if (!fits || !mayUseSecret(user, viewer.sessionId)) return invalidCredentials
  await attempt.succeeded()
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

function mayUseSecret(user: UserRecord, sessionId: string): boolean {
  return user.passwordHash !== null || user.oneTimeSessionId === null || user.oneTimeSessionId === sessionId
}
