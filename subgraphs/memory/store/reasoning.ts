import type { Viewer } from '../../../lib/context.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import { given } from '../../given.ts'
import type { ChainRecord } from '../records.ts'
import type { ListSource } from './pages.ts'

/** The chains under sessions, the newest first. */
export const chains: ListSource = {
  columns: `chain.id, chain.session_id AS "sessionId", chain.ordinal::float8 AS ordinal, chain.data, chain.steps,
    chain.confidence, chain.created_at AS "createdAt"`,
  from: 'memory.reasoning_chains AS chain',
  parent: 'chain.session_id',
  key: 'chain.ordinal',
  keyName: 'ordinal',
  order: 'DESC',
}

/** The same of an owner's sessions together. */
export const chainsOfOwner: ListSource = { ...chains, parent: 'chain.owner_id' }

export function chainsByIds(db: Database, ids: readonly string[]): Promise<ChainRecord[]> {
  return db.query(`SELECT ${chains.columns} FROM ${chains.from} WHERE chain.id = ANY (${given('$1')})`, [ids])
}

export async function insertChain(
  tx: Transaction,
  viewer: Viewer,
  { id, sessionId, data, steps, confidence }: Omit<ChainRecord, 'ordinal' | 'createdAt'>,
  now: Date,
): Promise<void> {
  await tx.query(
    `INSERT INTO memory.reasoning_chains (id, tenant_id, owner_id, session_id, data, steps, confidence, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [id, viewer.tenantId, viewer.userId, sessionId, JSON.stringify(data), JSON.stringify(steps), confidence, now],
  )
}

/** @returns whether there was one of the viewer's. */
export async function removeChain(tx: Transaction, id: string): Promise<boolean> {
  const rows = await tx.query('DELETE FROM memory.reasoning_chains WHERE id = $1 RETURNING id', [id])
  return rows.length > 0
}
