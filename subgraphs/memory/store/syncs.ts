import type { Viewer } from '../../../lib/context.ts'
import type { IdSource } from '../../../lib/sources.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import { given } from '../../given.ts'
import type { Mark } from '../service/sync/decide.ts'
import type { SyncConflict, SyncedItem, SyncRecord } from '../sync-records.ts'
import type { Values } from './keyset.ts'
import type { ListSource } from './pages.ts'

const columns = `sync.id, sync.owner_id AS "ownerId", sync.ordinal::float8 AS ordinal, sync.source_session_id AS "sourceId",
  sync.target_session_id AS "targetId", sync.type, sync.strategy, sync.keys, sync.status, sync.attempts,
  sync.data_transferred AS transferred, sync.conflict_resolution AS conflicts, sync.problem,
  sync.created_at AS "createdAt", sync.started_at AS "startedAt", sync.completed_at AS "completedAt"`

const list = { columns, key: 'sync.ordinal', keyName: 'ordinal', order: 'DESC' } as const

export const syncsOfOwner: ListSource = { ...list, from: 'memory.memory_syncs AS sync', parent: 'sync.owner_id' }

/** What a session gave and what it got. */
export const syncsOfSession: ListSource = {
  ...list,
  from: `(SELECT *, source_session_id AS session_id FROM memory.memory_syncs
    UNION ALL SELECT *, target_session_id FROM memory.memory_syncs) AS sync`,
  parent: 'sync.session_id',
}

export interface SyncFilter {
  readonly status?: SyncRecord['status'] | null
  readonly type?: SyncRecord['type'] | null
}

export function syncConditions({ status, type }: SyncFilter, values: Values): string[] {
  const conditions: string[] = []
  if (status != null) conditions.push(`sync.status = ${values.add(status)}`)
  if (type != null) conditions.push(`sync.type = ${values.add(type)}`)
  return conditions
}

export function syncsByIds(db: Database, ids: readonly string[]): Promise<SyncRecord[]> {
  return db.query(`SELECT ${columns} FROM memory.memory_syncs AS sync WHERE sync.id = ANY (${given('$1')})`, [ids])
}

export type SyncDraft = Pick<SyncRecord, 'id' | 'sourceId' | 'targetId' | 'type' | 'strategy' | 'keys'>

export async function insertSync(tx: Transaction, viewer: Viewer, draft: SyncDraft, now: Date): Promise<void> {
  await tx.query(
    `INSERT INTO memory.memory_syncs (id, tenant_id, owner_id, source_session_id, target_session_id, type, strategy, keys, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      draft.id,
      viewer.tenantId,
      viewer.userId,
      draft.sourceId,
      draft.targetId,
      draft.type,
      draft.strategy,
      draft.keys,
      now,
    ],
  )
}

export async function beginSync(tx: Transaction, id: string, now: Date): Promise<void> {
  await tx.query(
    `UPDATE memory.memory_syncs SET status = 'IN_PROGRESS', attempts = attempts + 1, started_at = $2 WHERE id = $1`,
    [id, now],
  )
}

export interface Outcome {
  readonly transferred: readonly SyncedItem[]
  readonly conflicts: readonly SyncConflict[]
}

export async function completeSync(tx: Transaction, id: string, outcome: Outcome, now: Date): Promise<void> {
  await tx.query(
    `UPDATE memory.memory_syncs SET status = 'COMPLETED', completed_at = $2, data_transferred = $3, conflict_resolution = $4
     WHERE id = $1`,
    [id, now, JSON.stringify(outcome.transferred), JSON.stringify(outcome.conflicts)],
  )
}

export async function failSync(tx: Transaction, id: string, problem: string, now: Date): Promise<void> {
  await tx.query(`UPDATE memory.memory_syncs SET status = 'FAILED', completed_at = $2, problem = $3 WHERE id = $1`, [
    id,
    now,
    problem,
  ])
}

export interface OpenSync {
  readonly id: string
  readonly tenantId: string
  readonly ownerId: string
}

/** What was asked for, or begun, before a moment and is not done: whoever was at it is gone. */
export function openSyncs(db: Database, before: Date, most: number): Promise<OpenSync[]> {
  return db.query(
    `SELECT id, tenant_id AS "tenantId", owner_id AS "ownerId" FROM memory.memory_syncs
     WHERE status IN ('PENDING', 'IN_PROGRESS') AND coalesce(started_at, created_at) <= $1 ORDER BY created_at LIMIT $2`,
    [before, most],
  )
}

export type SyncKind = 'CONTEXT' | 'MEMORY'

/** Two sessions and what they compare, from the source's side. */
export interface Pair {
  readonly sourceId: string
  readonly targetId: string
  readonly kind: SyncKind
}

export interface MarkRecord extends Mark {
  readonly sourceKey: string
  readonly targetKey: string
}

/** The session with the smaller id stands first in a mark. */
const inOrder = ({ sourceId, targetId }: Pair) => sourceId < targetId

interface MarkRow {
  readonly first_key: string
  readonly second_key: string
  readonly first_version: number
  readonly first_at: Date
  readonly second_version: number
  readonly second_at: Date
}

/** What two sessions last agreed on, by the source's key. */
export async function marksOf(db: Database, pair: Pair): Promise<Map<string, MarkRecord>> {
  const [first, second] = [pair.sourceId, pair.targetId].sort()
  const rows = await db.query<MarkRow>(
    `SELECT first_key, second_key, first_version, first_at, second_version, second_at FROM memory.sync_marks
     WHERE first_session_id = $1 AND second_session_id = $2 AND kind = $3`,
    [first, second, pair.kind],
  )
  const marks = rows.map((row) => {
    const one = { key: row.first_key, version: row.first_version, at: row.first_at }
    const two = { key: row.second_key, version: row.second_version, at: row.second_at }
    const [source, target] = inOrder(pair) ? [one, two] : [two, one]
    return { source, target, sourceKey: source.key, targetKey: target.key }
  })
  return new Map(marks.map((mark) => [mark.sourceKey, mark]))
}

export async function putMarks(
  tx: Transaction,
  viewer: Viewer,
  pair: Pair,
  marks: readonly MarkRecord[],
  ids: IdSource,
): Promise<void> {
  if (marks.length === 0) return
  const rows = marks.map(({ source, target, sourceKey, targetKey }) => {
    const one = { key: sourceKey, ...source }
    const two = { key: targetKey, ...target }
    const [first, second] = inOrder(pair) ? [one, two] : [two, one]
    return {
      id: ids.next(),
      first_key: first.key,
      second_key: second.key,
      first_version: first.version,
      first_at: first.at,
      second_version: second.version,
      second_at: second.at,
    }
  })
  await tx.query(
    `INSERT INTO memory.sync_marks (id, tenant_id, owner_id, first_session_id, second_session_id, kind, first_key, second_key,
                                    first_version, first_at, second_version, second_at)
     SELECT id, $1, $2, $3, $4, $5, first_key, second_key, first_version, first_at, second_version, second_at
     FROM json_to_recordset($6::json) AS item (id uuid, first_key text, second_key text, first_version integer,
       first_at timestamptz, second_version integer, second_at timestamptz)
     ON CONFLICT (first_session_id, second_session_id, kind, first_key) DO UPDATE SET second_key = excluded.second_key,
       first_version = excluded.first_version, first_at = excluded.first_at, second_version = excluded.second_version,
       second_at = excluded.second_at`,
    [viewer.tenantId, viewer.userId, ...[pair.sourceId, pair.targetId].sort(), pair.kind, JSON.stringify(rows)],
  )
}
