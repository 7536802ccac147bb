import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import { given } from '../../given.ts'
import type { GrantKind, GrantRecord } from '../records.ts'

const columns = `id, memory_id AS "memoryId", owner_id AS "ownerId", subject_id AS "subjectId",
  subject_kind AS "subjectKind", grantee_id AS "granteeId", may_write AS "mayWrite", created_at AS "createdAt"`

/** What was given of each memory, the earliest first, as far as the viewer may know of it. */
export async function grantsOf(db: Database, memoryIds: readonly string[]): Promise<Map<string, GrantRecord[]>> {
  const rows = await db.query<GrantRecord>(
    `SELECT ${columns} FROM memory.grants WHERE memory_id = ANY (${given('$1')}) ORDER BY memory_id, created_at, id`,
    [memoryIds],
  )
  return Map.groupBy(rows, ({ memoryId }) => memoryId)
}

/** Users and teams that each memory was given to, each once, for whoever may change it. */
export async function grantedTo(tx: Transaction, memoryIds: readonly string[]): Promise<Map<string, string[]>> {
  const rows = await tx.query<{ id: string; ids: string[] }>(
    'SELECT id, memory.grantees(id)::text[] AS ids FROM unnest($1::uuid[]) AS memory (id)',
    [memoryIds],
  )
  return new Map(rows.map(({ id, ids }) => [id, ids]))
}

/** The user or team that a grant to a subject lets in; `null` when the viewer may not name it. */
export async function granteeOf(db: Database, kind: GrantKind, subjectId: string): Promise<string | null> {
  const [row] = await db.query<{ id: string | null }>('SELECT memory.grantee_of($1, $2) AS id', [kind, subjectId])
  return row?.id ?? null
}

/** Gives leave, or changes what was given to the subject. */
export async function putGrant(tx: Transaction, tenantId: string, grant: GrantRecord): Promise<void> {
  await tx.query(
    `INSERT INTO memory.grants (id, memory_id, subject_id, subject_kind, grantee_id, tenant_id, owner_id, may_write, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     ON CONFLICT (memory_id, subject_id) DO UPDATE SET may_write = excluded.may_write`,
    [
      grant.id,
      grant.memoryId,
      grant.subjectId,
      grant.subjectKind,
      grant.granteeId,
      tenantId,
      grant.ownerId,
      grant.mayWrite,
      grant.createdAt,
    ],
  )
}

export async function removeGrant(tx: Transaction, memoryId: string, subjectId: string): Promise<void> {
  await tx.query('DELETE FROM memory.grants WHERE memory_id = $1 AND subject_id = $2', [memoryId, subjectId])
}

/** Whether the viewer was given leave to change another's memory. */
export async function mayWrite(db: Database, memoryId: string, ownerId: string): Promise<boolean> {
  const [row] = await db.query<{ may: boolean }>('SELECT memory.may_write($1, $2) AS may', [memoryId, ownerId])
  return row?.may ?? false
}
