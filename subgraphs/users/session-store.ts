import type { Database, Transaction } from '../../stores/postgres/postgres.ts'
import type { RefreshTokenRecord } from './store.ts'

export type EndReason = 'SIGNED_OUT' | 'REUSED' | 'PASSWORD_CHANGED'

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

export async function insertSession(tx: Transaction, owned: Owned, id: string, at: Date, expiresAt: Date) {
  await tx.prisma.session.create({ data: { id, ...owned, createdAt: at, expiresAt }, select: { id: true } })
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
  const { count } = await tx.prisma.session.updateMany({
    where: { id, endedAt: null, expiresAt: { gt: at } },
    data: { expiresAt },
  })
  return count > 0
}

/** Spends a refresh token; false when it was spent before. */
export async function spendRefreshToken(tx: Transaction, id: string, at: Date): Promise<boolean> {
  const { count } = await tx.prisma.refreshToken.updateMany({ where: { id, usedAt: null }, data: { usedAt: at } })
  return count > 0
}

/** Ends one session, or all of the viewer's but one; answers which were still going on. */
export async function endSessions(
  tx: Transaction,
  which: { readonly only: string } | { readonly except: string; readonly ownerId: string },
  reason: EndReason,
  at: Date,
): Promise<string[]> {
  const where = 'only' in which ? { id: which.only } : { ownerId: which.ownerId, id: { not: which.except } }
  const ended = await tx.prisma.session.updateManyAndReturn({
    where: { ...where, endedAt: null },
    data: { endedAt: at, endReason: reason },
    select: { id: true },
  })
  return ended.map(({ id }) => id)
}

export async function isLive(db: Database, id: string, at: Date): Promise<boolean> {
  const [row] = await db.query<{ live: boolean }>('SELECT users.session_is_live($1, $2) AS live', [id, at])
  return row?.live === true
}
