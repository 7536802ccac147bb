import type { Key, Page } from '../../../lib/connection.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'

/** Leave to search another's vectors, as the database has it. */
export interface VectorAccessRecord {
  readonly id: string
  readonly ownerId: string
  readonly subjectId: string
  readonly ordinal: string
  readonly collection: string
  readonly permission: string
  readonly createdAt: Date
  readonly validUntil: Date | null
}

export interface NewVectorAccess {
  readonly id: string
  readonly tenantId: string
  readonly ownerId: string
  readonly subjectId: string
  readonly collection: string
  readonly permission: string
  readonly validUntil: Date | null
}

export interface PolicyRecord {
  readonly object: string
  readonly name: string
  readonly condition: string
  readonly satisfied: boolean
  /** Whether it lets nobody read by itself, but must hold beside one that does. */
  readonly restricts: boolean
}

const columns = `id, owner_id AS "ownerId", subject_id AS "subjectId", ordinal::text, collection, permission,
  created_at AS "createdAt", expires_at AS "validUntil"`

/** Grants; one that exists gets the new end. */
export async function putVectorAccess(tx: Transaction, access: NewVectorAccess, at: Date): Promise<string> {
  const [row] = await tx.query<{ id: string }>(
    `INSERT INTO app.qdrant_access_control
       (id, tenant_id, owner_id, subject_id, collection, permission, created_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (owner_id, subject_id, collection, permission) DO UPDATE SET expires_at = excluded.expires_at
     RETURNING id`,
    [
      access.id,
      access.tenantId,
      access.ownerId,
      access.subjectId,
      access.collection,
      access.permission,
      at,
      access.validUntil,
    ],
  )
  if (!row) throw new Error('the grant was not kept')
  return row.id
}

/** Takes a grant of the viewer's back; false when he has none of that id. */
export async function deleteVectorAccess(tx: Transaction, ownerId: string, id: string): Promise<boolean> {
  const rows = await tx.query('DELETE FROM app.qdrant_access_control WHERE id = $1 AND owner_id = $2 RETURNING id', [
    id,
    ownerId,
  ])
  return rows.length > 0
}

export async function findVectorAccess(db: Database, id: string): Promise<VectorAccessRecord | null> {
  const [row] = await db.query<VectorAccessRecord>(`SELECT ${columns} FROM app.qdrant_access_control WHERE id = $1`, [
    id,
  ])
  return row ?? null
}

/** Those given and received by the viewer: row-level security shows no others. */
export function listVectorAccess(db: Database, page: Page): Promise<VectorAccessRecord[]> {
  return db.query<VectorAccessRecord>(
    `SELECT ${columns} FROM app.qdrant_access_control
     WHERE ($1::bigint IS NULL OR ordinal > $1) AND ($2::bigint IS NULL OR ordinal < $2)
     ORDER BY qdrant_access_control.ordinal ${page.backwards ? 'DESC' : 'ASC'} LIMIT $3`,
    [ordinalOf(page.after), ordinalOf(page.before), page.limit + 1],
  )
}

/** The policies that judge whether a user may read a thing, each with whether it holds. */
export function explainPolicies(tx: Database, viewer: string, type: string, id: string): Promise<PolicyRecord[]> {
  return tx.query<PolicyRecord>(
    'SELECT object, rule AS name, condition, satisfied, restricts FROM app.explain_access($1, $2, $3)',
    [viewer, type, id],
  )
}

function ordinalOf(key: Key | null): string | null {
  const [ordinal] = key ?? []
  return typeof ordinal === 'string' && /^\d{1,18}$/.test(ordinal) ? ordinal : null
}
