import type { Viewer } from '../../../lib/context.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'

/** An object that no row wants any more. */
export interface ObjectToRemove {
  readonly tenantId: string
  readonly ownerId: string
  readonly name: string
}

export async function insertObjectToRemove(tx: Transaction, viewer: Viewer, name: string, now: Date): Promise<void> {
  await tx.query(
    `INSERT INTO memory.objects_to_remove (owner_id, name, tenant_id, created_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT DO NOTHING`,
    [viewer.userId, name, viewer.tenantId, now],
  )
}

/** @returns whether it was to be removed; nobody else takes it until the transaction ends */
export async function takeObjectToRemove(tx: Transaction, viewer: Viewer, name: string): Promise<boolean> {
  const rows = await tx.query('DELETE FROM memory.objects_to_remove WHERE owner_id = $1 AND name = $2 RETURNING name', [
    viewer.userId,
    name,
  ])
  return rows.length > 0
}

/** Those that have waited longest. */
export function objectsToRemove(db: Database, before: Date, most: number): Promise<ObjectToRemove[]> {
  return db.query(
    `SELECT tenant_id AS "tenantId", owner_id AS "ownerId", name FROM memory.objects_to_remove
     WHERE created_at <= $1 ORDER BY created_at, owner_id, name LIMIT $2`,
    [before, most],
  )
}
