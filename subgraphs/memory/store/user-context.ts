import type { Viewer } from '../../../lib/context.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import type { ContextRecord } from '../records.ts'

/** An entry of a user's: it stays whatever session ends. */
export type UserContextRecord = Omit<ContextRecord, 'sessionId'> & { readonly id: string; readonly ownerId: string }

const columns = `entry.id, entry.owner_id AS "ownerId", entry.key, entry.value, entry.type, entry.access AS "accessLevel",
  entry.priority, entry.version, true AS persistent, entry.expires_at AS "expiresAt", entry.created_at AS "createdAt",
  entry.updated_at AS "updatedAt"`

/** The context of users, keyed by user; only some keys of it when they are given. */
export async function userContextOf(
  db: Database,
  ownerIds: readonly string[],
  keys: readonly string[] | null,
  now: Date,
): Promise<Map<string, UserContextRecord[]>> {
  const rows = await db.query<UserContextRecord>(
    `SELECT ${columns} FROM memory.user_chat_context AS entry
     WHERE entry.owner_id = ANY ($1::uuid[]) AND (entry.expires_at IS NULL OR entry.expires_at > $2)
       AND ($3::text[] IS NULL OR entry.key = ANY ($3))
     ORDER BY entry.priority DESC, entry.key`,
    [ownerIds, now, keys],
  )
  return Map.groupBy(rows, ({ ownerId }) => ownerId)
}

/** How many entries users have that have not expired. */
export async function userContextCounts(
  db: Database,
  ownerIds: readonly string[],
  now: Date,
): Promise<Map<string, number>> {
  const rows = await db.query<{ id: string; count: number }>(
    `SELECT entry.owner_id AS id, count(*)::integer AS count FROM memory.user_chat_context AS entry
     WHERE entry.owner_id = ANY ($1::uuid[]) AND (entry.expires_at IS NULL OR entry.expires_at > $2) GROUP BY 1`,
    [ownerIds, now],
  )
  return new Map(rows.map(({ id, count }) => [id, count]))
}

/** The entry under a key as it stands, also when it has expired. */
export async function findUserEntry(db: Database, { userId }: Viewer, key: string): Promise<UserContextRecord | null> {
  const [row] = await db.query<UserContextRecord>(
    `SELECT ${columns} FROM memory.user_chat_context AS entry WHERE entry.owner_id = $1 AND entry.key = $2`,
    [userId, key],
  )
  return row ?? null
}

export async function countUserEntries(db: Database, { userId }: Viewer): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    'SELECT count(*)::integer AS count FROM memory.user_chat_context WHERE owner_id = $1',
    [userId],
  )
  return row?.count ?? 0
}

export type UserEntryDraft = Omit<UserContextRecord, 'ownerId' | 'persistent' | 'createdAt' | 'updatedAt'>

/** Puts an entry in, or in the place of the one under its key. */
export async function putUserEntry(tx: Transaction, viewer: Viewer, entry: UserEntryDraft, now: Date): Promise<void> {
  await tx.query(
    `INSERT INTO memory.user_chat_context (id, tenant_id, owner_id, key, value, type, access, priority, version, expires_at,
                                           created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
     ON CONFLICT (owner_id, key) DO UPDATE SET value = excluded.value, type = excluded.type, access = excluded.access,
       priority = excluded.priority, version = excluded.version, expires_at = excluded.expires_at,
       updated_at = excluded.updated_at`,
    [
      entry.id,
      viewer.tenantId,
      viewer.userId,
      entry.key,
      JSON.stringify(entry.value),
      entry.type,
      entry.accessLevel,
      entry.priority,
      entry.version,
      entry.expiresAt,
      now,
    ],
  )
}

export async function removeUserEntry(tx: Transaction, id: string): Promise<void> {
  await tx.query('DELETE FROM memory.user_chat_context WHERE id = $1', [id])
}
