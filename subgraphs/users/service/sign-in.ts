import type { Problem } from '../../../lib/problems.ts'
import type { Transaction } from '../../../stores/postgres/postgres.ts'
import { securityOf } from '../../security.ts'
import { giveChallenge } from '../challenges.ts'
import { securityAs, type UsersContext } from '../context.ts'
import { hashSecret, isOutdated, verifySecret } from '../passwords.ts'
import { seeDevice } from '../store/devices.ts'
import { findByLogin, holdsPassword, spendOneTimeSecret, strengthenPassword, type UserRecord } from '../store/users.ts'
import { deviceOf, endOf, isTrusted } from './devices.ts'
import { passwordMark } from './passkeys.ts'
import { secondFactors, takeSecondFactor } from './second-factors.ts'
import {
  type AuthSession,
  authSession,
  beginSession,
  invalidCredentials,
  type NewSession,
  type SignInMethod,
} from './sessions.ts'
import { attemptSecondFactor, attemptSignIn } from './throttle.ts'

export interface SignInInput {
  readonly login: string
  readonly password: string
  /** A one-time password, or a backup code. */
  readonly totp?: string | null
  readonly deviceToken?: string | null
}

/**
 * Signs in with a password, or, while none is set, with a one-time secret, which is then spent; and with a second factor
 * where the user has set one up.
 */
export async function signIn(context: UsersContext, input: SignInInput): Promise<AuthSession | Problem> {
  const { login, password } = input
  const { stores, request } = context
  const tried = await attemptSignIn(context, login)
  const user = await stores.postgres.read(securityOf(request, 'users'), (db) => findByLogin(db, login))
  // One verification in every case, and nothing else before the answer to a failure.
  const fits = await verifySecret(secretOf(user), password, request.signal)
  if (!fits || user === null || user.status !== 'ACTIVE') return invalidCredentials
  await tried.succeeded()
  const session = await beginFor(context, user, input)
  if ('refreshToken' in session) await keepStrong(context, user, password)
  return session
}

async function beginFor(context: UsersContext, user: UserRecord, input: SignInInput): Promise<AuthSession | Problem> {
  const { stores, request } = context
  const id = request.ids.next()
  const security = securityAs(request, { tenantId: user.tenantId, userId: user.id, sessionId: id })
  // Counted before the transaction begins, which must wait for nothing else.
  const second = input.totp == null ? null : await attemptSecondFactor(context, user.id)
  const outcome = await stores.postgres.write(security, async (tx) => {
    const proof = await prove(tx, context, user, input)
    if ('code' in proof) return proof
    const good = user.passwordHash ? await holdsPassword(tx, user) : await spendOneTimeSecret(tx, user, id)
    return good ? { token: await beginSession(tx, context, user, { id, ...proof }) } : invalidCredentials
  })
  if ('code' in outcome) return outcome
  await second?.succeeded()
  return authSession(context, user, id, outcome.token)
}

/** What proves the user beside his secret, and what his device means for the sign-in. */
async function prove(
  tx: Transaction,
  context: UsersContext,
  user: UserRecord,
  input: SignInInput,
): Promise<Omit<NewSession, 'id'> | Problem> {
  const at = context.request.clock.now()
  const device = await deviceOf(tx, user.id, input.deviceToken)
  if (device !== null) await seeDevice(tx, device.id, at)
  const onDevice = device === null ? {} : { deviceId: device.id, endsAt: endOf(device, at) }
  const first: SignInMethod = user.passwordHash === null ? 'ONE_TIME_SECRET' : 'PASSWORD'
  const methods = await secondFactors(tx, user.id)
  if (methods.length === 0) return { methods: [first], ...onDevice }
  if (input.totp != null) {
    const second = await takeSecondFactor(tx, context, user.id, input.totp)
    return second === null ? invalidCredentials : { methods: [first, second], ...onDevice }
  }
  if (device !== null && isTrusted(device, at)) return { methods: [first, 'TRUSTED_DEVICE'], ...onDevice }
  return secondFactorRequired(context, user, methods)
}

function secondFactorRequired(context: UsersContext, user: UserRecord, methods: readonly SignInMethod[]) {
  const to = { userId: user.id, tenantId: user.tenantId, password: passwordMark(user) }
  return {
    __typename: 'SecondFactorRequired',
    code: 'SECOND_FACTOR_REQUIRED',
    message: 'The password is right; now prove a second factor.',
    path: ['input', 'totp'],
    methods,
    ticket: giveChallenge(context, 'second-factor', to).text,
  } as const satisfies Problem & { methods: readonly SignInMethod[]; ticket: string }
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
