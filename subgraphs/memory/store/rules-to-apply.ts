import type { Viewer } from '../../../lib/context.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'

/** Rules that have changed and are yet to be applied to what is stored: an owner's, or the tenant's for null. */
export interface RulesToApply {
  /** Of the last change. */
  readonly id: string
  readonly tenantId: string
  readonly ownerId: string | null
}

/** From now on, until they are applied, the database asks the scope's rules whether a memory's time is over. */
export async function putRulesToApply(
  tx: Transaction,
  { tenantId }: Viewer,
  ownerId: string | null,
  id: string,
): Promise<void> {
  await tx.query(
    `INSERT INTO memory.rules_to_apply (id, tenant_id, owner_id) VALUES ($1, $2, $3)
     ON CONFLICT (tenant_id, owner_id) DO UPDATE SET id = excluded.id`,
    [id, tenantId, ownerId],
  )
}

export function rulesToApply(db: Database): Promise<RulesToApply[]> {
  return db.query('SELECT id, tenant_id AS "tenantId", owner_id AS "ownerId" FROM memory.rules_to_apply ORDER BY id')
}

/** Says that they are applied, unless they have changed again. */
export async function removeRulesToApply(tx: Transaction, { id }: RulesToApply): Promise<void> {
  await tx.query('DELETE FROM memory.rules_to_apply WHERE id = $1', [id])
}
