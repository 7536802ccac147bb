import { mapConnection, type PageArguments, parsePage, toConnection } from '../../../lib/connection.ts'
import type { Viewer } from '../../../lib/context.ts'
import { uuidOf } from '../../../lib/ids.ts'
import { notFound, type Problem, ProblemError } from '../../../lib/problems.ts'
import type { Transaction } from '../../../stores/postgres/postgres.ts'
import type { Stores } from '../../../stores/stores.ts'
import { mutate } from '../../mutate.ts'
import { requireViewer, securityOf } from '../../security.ts'
import { read, securityAs, type UsersContext } from '../context.ts'
import { toUser, toUserSession, type User } from '../mappers.ts'
import {
  countSessions,
  endSessions,
  findRefreshToken,
  findSessions,
  insertRefreshToken,
  insertSession,
  listSessions,
  prolongSession,
  type SessionRecord,
  spendRefreshToken,
} from '../store/sessions.ts'
import { findSelf, type RefreshTokenRecord, type UserRecord } from '../store/users.ts'
import { hashToken, newToken, refreshTokenMs } from '../tokens.ts'

/** `AuthSession` of the graph. */
export interface AuthSession {
  readonly accessToken: string
  readonly refreshToken: string
  readonly expiresAt: Date
  readonly user: User
}

export interface RevokeSessionInput {
  readonly id: string
  readonly clientMutationId?: string | null
}

/** The same in every case, so that it does not tell which names exist. */
export const invalidCredentials: Problem = {
  __typename: 'InvalidCredentials',
  code: 'INVALID_CREDENTIALS',
  message: 'The name and secret do not fit, or the token is spent.',
  path: null,
}

/** What proved who signed in. */
export type SignInMethod = 'PASSWORD' | 'ONE_TIME_SECRET' | 'TOTP' | 'BACKUP_CODE' | 'TRUSTED_DEVICE' | 'PASSKEY'

const strong: ReadonlySet<string> = new Set<SignInMethod>(['TOTP', 'BACKUP_CODE', 'TRUSTED_DEVICE', 'PASSKEY'])

/** Whether more than a password proved who signed in. */
export function isStrong(methods: readonly string[]): boolean {
  return methods.some((method) => strong.has(method))
}

export interface NewSession {
  readonly id: string
  readonly methods: readonly SignInMethod[]
  readonly deviceId?: string | null
  /** When it ends however often it is renewed. */
  readonly endsAt?: Date | null
}

/** Writes a new sign-in in the transaction that proved who it is; answers its refresh token. */
export async function beginSession(
  tx: Transaction,
  { request }: UsersContext,
  user: UserRecord,
  { id, methods, deviceId = null, endsAt = null }: NewSession,
): Promise<string> {
  const at = request.clock.now()
  const owned = { tenantId: user.tenantId, ownerId: user.id }
  const { address = null, agent = null } = request.peer ?? {}
  const expiresAt = endsAt ?? expiryFrom(at)
  await insertSession(tx, { ...owned, id, methods, address, agent, deviceId, endsAt, at, expiresAt })
  return addRefreshToken(tx, request.ids.next(), { ...owned, sessionId: id }, at)
}

/** The answer to a sign-in that has been committed. */
export async function authSession(
  { stores }: UsersContext,
  user: UserRecord,
  sessionId: string,
  refreshToken: string,
): Promise<AuthSession> {
  const viewer: Viewer = { userId: user.id, tenantId: user.tenantId, sessionId, role: user.role, scopes: [] }
  const { token, expiresAt } = await stores.tokens.issue(viewer)
  return { accessToken: token, refreshToken, expiresAt, user: toUser(user) }
}

/**
 * Trades a refresh token for a new one (RFC 9700, §4.14.2). One that comes a second time was stolen from or by
 * somebody, and nobody can tell who holds the newest: the whole sign-in ends.
 */
export async function refreshSession(context: UsersContext, token: string): Promise<AuthSession | Problem> {
  const { stores, request } = context
  const found = await stores.postgres.read(securityOf(request, 'users'), (db) => findRefreshToken(db, hashToken(token)))
  if (found === null) return invalidCredentials
  const { tenantId, ownerId: userId, sessionId } = found
  const outcome = await stores.postgres.write(securityAs(request, { tenantId, userId, sessionId }), (tx) =>
    rotate(tx, context, found),
  )
  if (outcome === 'REUSED') {
    announceEnd(stores, sessionId)
    const security = securityAs(request, { tenantId, userId, sessionId })
    stores.sentinel.report(security, { kind: 'VIOLATION', name: 'TOKEN_REUSED', severity: 'HIGH' })
  }
  if (outcome === 'REUSED' || outcome === 'OVER') return invalidCredentials
  return authSession(context, outcome.user, sessionId, outcome.refreshToken)
}

async function rotate(tx: Transaction, { request }: UsersContext, old: RefreshTokenRecord) {
  const at = request.clock.now()
  // A session ends with its newest token, so whatever token comes later comes too late.
  if (!(await prolongSession(tx, old.sessionId, at, expiryFrom(at)))) return 'OVER'
  if (!(await spendRefreshToken(tx, old.id, at))) {
    await endSessions(tx, { only: old.sessionId }, 'REUSED', at)
    return 'REUSED'
  }
  const user = await findSelf(tx)
  if (user === null || user.status !== 'ACTIVE') return 'OVER'
  return { user, refreshToken: await addRefreshToken(tx, request.ids.next(), old, at) }
}

async function addRefreshToken(
  tx: Transaction,
  id: string,
  { tenantId, ownerId, sessionId }: Pick<RefreshTokenRecord, 'tenantId' | 'ownerId' | 'sessionId'>,
  at: Date,
): Promise<string> {
  const token = newToken()
  const hash = hashToken(token)
  await insertRefreshToken(tx, { id, tenantId, ownerId, sessionId, hash, at, expiresAt: expiryFrom(at) })
  return token
}

/** Ends the viewer's present sign-in. */
export async function signOut({ stores, request }: UsersContext): Promise<{ endedAt: Date }> {
  const { sessionId } = requireViewer(request)
  const at = request.clock.now()
  const ended = await stores.postgres.write(securityOf(request, 'users'), (tx) =>
    endSessions(tx, { only: sessionId }, 'SIGNED_OUT', at),
  )
  for (const id of ended) announceEnd(stores, id)
  return { endedAt: at }
}

/** Ends one of the viewer's sign-ins; one that has ended stays as it is. */
export async function revokeSession({ stores, request }: UsersContext, input: RevokeSessionInput) {
  const viewer = requireViewer(request)
  const at = request.clock.now()
  let ended: string[] = []
  const answer = await mutate(stores, request, { name: 'revokeSession', input, room: 'users' }, async ({ tx }) => {
    const id = uuidOf('UserSession', input.id)
    const [session] = id === null ? [] : await findSessions(tx, [id])
    if (!session || session.ownerId !== viewer.userId) throw new ProblemError(notFound('session', 'input', 'id'))
    ended = await endSessions(tx, { only: session.id }, 'REVOKED', at)
    return { __typename: 'RevokeSessionSuccess', session: session.id }
  })
  for (const id of ended) announceEnd(stores, id)
  return answer
}

/** Ends all of the viewer's sign-ins, the present one too. */
export async function signOutEverywhere({ stores, request }: UsersContext) {
  const { userId } = requireViewer(request)
  const at = request.clock.now()
  const ended = await stores.postgres.write(securityOf(request, 'users'), (tx) =>
    endSessions(tx, { ownerId: userId }, 'SIGNED_OUT', at),
  )
  for (const id of ended) announceEnd(stores, id)
  return { endedAt: at, sessionCount: ended.length }
}

/** The viewer's sign-ins that go on, the latest first. */
export async function sessions(context: UsersContext, args: PageArguments) {
  const { userId } = requireViewer(context.request)
  const page = parsePage(args, ['sessions', userId])
  const at = context.request.clock.now()
  const rows = await read(context, (db) => listSessions(db, userId, at, page))
  const keyOf = ({ id, createdAt }: SessionRecord) => [createdAt.toISOString(), id]
  const connection = mapConnection(toConnection(rows, page, keyOf), toUserSession)
  return { ...connection, totalCount: () => read(context, (db) => countSessions(db, userId, at)) }
}

/** Tells every part of the system, open streams too, that a sign-in is over. */
export function announceEnd(stores: Stores, sessionId: string): void {
  stores.bus.publish('session-ended', sessionId)
}

function expiryFrom(at: Date): Date {
  return new Date(at.getTime() + refreshTokenMs)
}
