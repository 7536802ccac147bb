import { createHash } from 'node:crypto'
import type { Database } from '../postgres/postgres.ts'

/** A link of the chain: the digest of a month's entries between two places, and the hash of the link before. */
export interface Seal {
  readonly number: string
  readonly kind: 'ENTRIES' | 'DROPPED'
  /** The month's first day, `2026-05-01`. */
  readonly month: string
  readonly afterXid: string
  readonly afterId: string
  readonly untilXid: string
  readonly untilId: string
  readonly entries: string
  readonly digest: Buffer
  readonly previousHash: Buffer
  readonly hash: Buffer
  readonly signature: Buffer
}

/** What the first link follows on. */
export const chainStart = {
  number: '0',
  untilXid: '0',
  untilId: '0',
  hash: Buffer.alloc(32),
} as const

/** What a link's hash is of: all it says, and the link before. */
export function hashOf(seal: Omit<Seal, 'hash' | 'signature'>): Buffer {
  const { number, kind, month, afterXid, afterId, untilXid, untilId, entries, digest, previousHash } = seal
  const said = [number, kind, month, afterXid, afterId, untilXid, untilId, entries]
  const bytes = [digest.toString('hex'), previousHash.toString('hex')]
  return createHash('sha256')
    .update(JSON.stringify(['mnemograph audit seal', ...said, ...bytes]))
    .digest()
}

const columns = `number::text, kind, month::text, after_xid::text AS "afterXid", after_id::text AS "afterId",
  until_xid::text AS "untilXid", until_id::text AS "untilId", entries::text, digest, previous_hash AS "previousHash",
  hash, signature`

/** The newest link; null before the first. */
export async function lastSeal(db: Database): Promise<Seal | null> {
  const [row] = await db.query<Seal>(`SELECT ${columns} FROM audit.seals ORDER BY seals.number DESC LIMIT 1`)
  return row ?? null
}

/** Links in their order. */
export function sealsAfter(db: Database, number: string, limit: number): Promise<Seal[]> {
  return db.query<Seal>(`SELECT ${columns} FROM audit.seals WHERE seals.number > $1 ORDER BY seals.number LIMIT $2`, [
    number,
    limit,
  ])
}

/** The digest of a month's entries between two places, as they are now. */
export async function digestOf(
  db: Database,
  of: Pick<Seal, 'month' | 'afterXid' | 'afterId' | 'untilXid' | 'untilId'>,
): Promise<{ readonly entries: string; readonly digest: Buffer }> {
  const [row] = await db.query<{ entries: string; digest: Buffer }>(
    'SELECT entries::text, digest FROM audit.digest($1, $2::text::xid8, $3, $4::text::xid8, $5)',
    [of.month, of.afterXid, of.afterId, of.untilXid, of.untilId],
  )
  if (!row) throw new Error('the database gave no digest')
  return row
}
