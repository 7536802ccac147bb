import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import type { ContextRecord } from '../records.ts'
import { ancestorsOf } from './ancestors.ts'

const columns = `entry.session_id AS "sessionId", entry.key, entry.value, entry.type, entry.access AS "accessLevel", entry.priority,
  entry.version, entry.persistent, entry.expires_at AS "expiresAt", entry.created_at AS "createdAt", entry.updated_at AS "updatedAt"`

/** What is shown of a session at a moment: what has not expired, and after the session's end what persists. */
const shown = `FROM memory.session_context AS entry JOIN memory.chat_sessions AS session ON session.id = entry.session_id
  WHERE entry.session_id = ANY ($1::uuid[]) AND (entry.expires_at IS NULL OR entry.expires_at > $2)
    AND (entry.persistent OR session.active)`

/** The context of sessions, keyed by session; only some keys of it when they are given. */
export async function contextOf(
  db: Database,
  sessionIds: readonly string[],
  keys: readonly string[] | null,
  now: Date,
): Promise<Map<string, ContextRecord[]>> {
  const rows = await db.query<ContextRecord>(
    `SELECT ${columns} ${shown} AND ($3::text[] IS NULL OR entry.key = ANY ($3))
     ORDER BY entry.session_id, entry.priority DESC, entry.key`,
    [sessionIds, now, keys],
  )
  return Map.groupBy(rows, ({ sessionId }) => sessionId)
}

export async function contextCounts(
  db: Database,
  sessionIds: readonly string[],
  now: Date,
): Promise<Map<string, number>> {
  const rows = await db.query<{ id: string; count: number }>(
    `SELECT entry.session_id AS id, count(*)::integer AS count ${shown} GROUP BY 1`,
    [sessionIds, now],
  )
  return new Map(rows.map(({ id, count }) => [id, count]))
}

/** How many keys hold in sessions: their own, those of the sessions that they continue, and their owners'. */
export async function effectiveCounts(
  db: Database,
  sessionIds: readonly string[],
  now: Date,
): Promise<Map<string, number>> {
  const ancestors = await ancestorsOf(db, sessionIds)
  const links = sessionIds.flatMap((of) => [of, ...(ancestors.get(of) ?? [])].map((id) => ({ of, id })))
  const rows = await db.query<{ id: string; count: number }>(
    `WITH holding AS (
       SELECT link.of, held.key
       FROM unnest($3::uuid[], $4::uuid[]) AS link (of, id) JOIN (SELECT entry.session_id, entry.key ${shown}) AS held
         ON held.session_id = link.id
       UNION
       SELECT session.id, entry.key
       FROM memory.chat_sessions AS session JOIN memory.user_chat_context AS entry ON entry.owner_id = session.owner_id
       WHERE session.id = ANY ($5::uuid[]) AND (entry.expires_at IS NULL OR entry.expires_at > $2)
     )
     SELECT holding.of AS id, count(*)::integer AS count FROM holding GROUP BY 1`,
    [[...new Set(links.map(({ id }) => id))], now, links.map(({ of }) => of), links.map(({ id }) => id), sessionIds],
  )
  return new Map(rows.map(({ id, count }) => [id, count]))
}

/** The entry under a key as it stands, also when it is not shown any more. */
export async function findEntry(db: Database, sessionId: string, key: string): Promise<ContextRecord | null> {
  const [row] = await db.query<ContextRecord>(
    `SELECT ${columns} FROM memory.session_context AS entry WHERE entry.session_id = $1 AND entry.key = $2`,
    [sessionId, key],
  )
  return row ?? null
}

export async function countEntries(db: Database, sessionId: string): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    'SELECT count(*)::integer AS count FROM memory.session_context WHERE session_id = $1',
    [sessionId],
  )
  return row?.count ?? 0
}

export interface EntryDraft extends Omit<ContextRecord, 'createdAt' | 'updatedAt'> {
  readonly id: string
  readonly tenantId: string
  readonly ownerId: string
}

/** Puts entries in, or in the place of those under their keys. */
export async function putEntries(tx: Transaction, entries: readonly EntryDraft[], now: Date): Promise<void> {
  if (entries.length === 0) return
  await tx.query(
    `INSERT INTO memory.session_context (id, tenant_id, owner_id, session_id, key, value, type, access, priority, version,
                                         persistent, expires_at, created_at, updated_at)
     SELECT id, "tenantId", "ownerId", "sessionId", key, value, type, "accessLevel", priority, version, persistent, "expiresAt", $2, $2
     FROM json_to_recordset($1::json) AS item (id uuid, "tenantId" uuid, "ownerId" uuid, "sessionId" uuid, key text, value jsonb,
       type text, "accessLevel" text, priority integer, version integer, persistent boolean, "expiresAt" timestamptz)
     ON CONFLICT (session_id, key) DO UPDATE SET value = excluded.value, type = excluded.type, access = excluded.access,
       priority = excluded.priority, version = excluded.version, persistent = excluded.persistent,
       expires_at = excluded.expires_at, updated_at = excluded.updated_at`,
    [JSON.stringify(entries), now],
  )
}

/** @returns whether there was one. */
export async function removeEntry(tx: Transaction, sessionId: string, key: string): Promise<boolean> {
  const rows = await tx.query('DELETE FROM memory.session_context WHERE session_id = $1 AND key = $2 RETURNING id', [
    sessionId,
    key,
  ])
  return rows.length > 0
}
