import type { Problem } from '../../../lib/problems.ts'
import { securityOf } from '../../security.ts'
import { securityAs, type UsersContext } from '../context.ts'
import { hashSecret, isOutdated, verifySecret } from '../passwords.ts'
import { findByLogin, holdsPassword, spendOneTimeSecret, strengthenPassword, type UserRecord } from '../store/users.ts'
import { type AuthSession, authSession, beginSession, invalidCredentials, type NewSession } from './sessions.ts'
import { attemptSignIn } from './throttle.ts'

export interface SignInInput {
  readonly login: string
  readonly password: string
}

/** Signs in with a password, or, while none is set, with a one-time secret, which is then spent. */
export async function signIn(context: UsersContext, input: SignInInput): Promise<AuthSession | Problem> {
  const { login, password } = input
  const { stores, request } = context
  const attempt = await attemptSignIn(context, login)
  const user = await stores.postgres.read(securityOf(request, 'users'), (db) => findByLogin(db, login))
  // One verification in every case, and nothing else before the answer to a failure.
  const fits = await verifySecret(secretOf(user), password, request.signal)
  if (!fits || user === null || user.status !== 'ACTIVE') return invalidCredentials
  const method = user.passwordHash === null ? 'ONE_TIME_SECRET' : 'PASSWORD'
  const session = await beginFor(context, user, { id: request.ids.next(), methods: [method] })
  if (session === null) return invalidCredentials
  await attempt.succeeded()
  await keepStrong(context, user, password)
  return session
}

/** Null when the secret that was verified has been changed or spent since. */
async function beginFor(context: UsersContext, user: UserRecord, session: NewSession): Promise<AuthSession | null> {
  const { stores, request } = context
  const security = securityAs(request, { tenantId: user.tenantId, userId: user.id, sessionId: session.id })
  const refreshToken = await stores.postgres.write(security, async (tx) => {
    const good = user.passwordHash ? await holdsPassword(tx, user) : await spendOneTimeSecret(tx, user, session.id)
    return good ? beginSession(tx, context, user, session) : null
  })
  return refreshToken === null ? null : authSession(context, user, session.id, refreshToken)
}

/** Hashes a password anew when its hash is cheaper than those made now: only here is the password at hand. */
async function keepStrong({ stores, request }: UsersContext, user: UserRecord, password: string): Promise<void> {
  if (user.passwordHash === null || !isOutdated(user.passwordHash)) return
  const hash = await hashSecret(password, request.signal)
  const security = securityAs(request, { tenantId: user.tenantId, userId: user.id, sessionId: null })
  await stores.postgres.write(security, (tx) => strengthenPassword(tx, user, hash))
}

/** What a user proves himself with: his password, or the one-time secret while he has none. */
export function secretOf(user: UserRecord | null): string | null {
  return user?.passwordHash ?? user?.oneTimeHash ?? null
}
