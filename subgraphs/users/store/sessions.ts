import type { SessionModel } from '../../../generated/prisma/models/Session.ts'
import type { Page } from '../../../lib/connection.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import { type KeyColumn, keyset } from '../../keyset.ts'
import type { RefreshTokenRecord } from './users.ts'

/** A sign-in's row. */
export type SessionRecord = SessionModel

export type EndReason = 'SIGNED_OUT' | 'REVOKED' | 'REUSED' | 'PASSWORD_CHANGED' | 'ADMINISTERED' | 'DEVICE_REVOKED'

export interface Owned {
  readonly tenantId: string
  readonly ownerId: string
}

export interface NewRefreshToken extends Owned {
  readonly id: string
  readonly sessionId: string
  readonly hash: Buffer
  readonly at: Date
  readonly expiresAt: Date
}

export interface NewSessionRow extends Owned {
  readonly id: string
  readonly methods: readonly string[]
  readonly address: string | null
  readonly agent: string | null
  readonly deviceId?: string | null
  readonly endsAt?: Date | null
  readonly at: Date
  readonly expiresAt: Date
}

export async function insertSession(tx: Transaction, { at, methods, ...row }: NewSessionRow): Promise<void> {
  await tx.prisma.session.create({
    data: { ...row, methods: [...methods], createdAt: at, lastUsedAt: at },
    select: { id: true },
  })
}

export function findSessions(db: Database, ids: readonly string[]): Promise<SessionRecord[]> {
  return db.prisma.session.findMany({ where: { id: { in: [...ids] } } })
}

const order: readonly KeyColumn[] = [
  { sql: 'created_at', type: 'timestamptz', descending: true },
  { sql: 'id', type: 'uuid', descending: true },
]

/** A user's sign-ins that go on, the latest first. */
export async function listSessions(db: Database, ownerId: string, at: Date, page: Page): Promise<SessionRecord[]> {
  const { where, orderBy, limit, values } = keyset(order, page, 2)
  const rows = await db.query<{ id: string }>(
    `SELECT id FROM users.sessions WHERE owner_id = $1 AND ended_at IS NULL AND expires_at > $2 AND ${where}
     ORDER BY ${orderBy} LIMIT ${limit}`,
    [ownerId, at, ...values],
  )
  const found = await findSessions(
    db,
    rows.map(({ id }) => id),
  )
  const byId = new Map(found.map((row) => [row.id, row]))
  return rows.flatMap(({ id }) => byId.get(id) ?? [])
}

export function countSessions(db: Database, ownerId: string, at: Date): Promise<number> {
  return db.prisma.session.count({ where: { ownerId, endedAt: null, expiresAt: { gt: at } } })
}

export async function insertRefreshToken(tx: Transaction, token: NewRefreshToken): Promise<void> {
  const { id, tenantId, ownerId, sessionId, hash, at, expiresAt } = token
  await tx.prisma.refreshToken.create({
    data: { id, tenantId, ownerId, sessionId, tokenHash: Uint8Array.from(hash), createdAt: at, expiresAt },
    select: { id: true },
  })
}

export async function findRefreshToken(db: Database, hash: Buffer): Promise<RefreshTokenRecord | null> {
  const [row] = await db.query<RefreshTokenRecord>(
    `SELECT id, tenant_id AS "tenantId", owner_id AS "ownerId", session_id AS "sessionId"
     FROM users.find_refresh_token($1)`,
    [hash],
  )
  return row ?? null
}

/** Prolongs a session that goes on; false when it is over. The row stays locked, so refreshes come one by one. */
export async function prolongSession(tx: Transaction, id: string, at: Date, expiresAt: Date): Promise<boolean> {
  const rows = await tx.query(
    `UPDATE users.sessions SET expires_at = least($3, ends_at), last_used_at = $2
     WHERE id = $1 AND ended_at IS NULL AND expires_at > $2 RETURNING id`,
    [id, at, expiresAt],
  )
  return rows.length > 0
}

/** Spends a refresh token; false when it was spent before. */
export async function spendRefreshToken(tx: Transaction, id: string, at: Date): Promise<boolean> {
  const { count } = await tx.prisma.refreshToken.updateMany({ where: { id, usedAt: null }, data: { usedAt: at } })
  return count > 0
}

/** Which sign-ins end: one, those of a device, or a user's, all or all but one. */
type Which =
  | { readonly only: string }
  | { readonly deviceId: string }
  | { readonly except?: string; readonly ownerId: string }

/** Ends sign-ins; answers which were still going on. */
export async function endSessions(tx: Transaction, which: Which, reason: EndReason, at: Date): Promise<string[]> {
  const where = whereOf(which)
  const ended = await tx.prisma.session.updateManyAndReturn({
    where: { ...where, endedAt: null },
    data: { endedAt: at, endReason: reason },
    select: { id: true },
  })
  return ended.map(({ id }) => id)
}

function whereOf(which: Which) {
  if ('only' in which) return { id: which.only }
  if ('deviceId' in which) return { deviceId: which.deviceId }
  const { ownerId, except } = which
  return { ownerId, ...(except === undefined ? {} : { id: { not: except } }) }
}

export async function isLive(db: Database, id: string, at: Date): Promise<boolean> {
  const [row] = await db.query<{ live: boolean }>('SELECT users.session_is_live($1, $2) AS live', [id, at])
  return row?.live === true
}

/** Which of these do not go on. */
export async function endedSessions(db: Database, ids: readonly string[], at: Date): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    'SELECT id FROM unnest($1::uuid[]) AS id WHERE NOT users.session_is_live(id, $2)',
    [ids, at],
  )
  return rows.map(({ id }) => id)
}
