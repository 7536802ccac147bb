import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import { contentIfUndamaged, memoryName, readable, type Stored } from '../../packed-rows.ts'
import { packForward } from '../recall/forward.ts'
import { analyze } from '../recall/tokens.ts'

/** What the forward index is made of. */
export interface Told {
  readonly content: string
  readonly occurredAt: Date
}

/** A memory that has no entry in the forward index yet. */
export interface Unpacked extends Told {
  readonly id: string
  readonly version: number
}

/** The entry of what is stored; of what is damaged one without words, so that nobody asks again. */
export function forwardOf(told: Told): Buffer {
  const content = contentIfUndamaged(told)
  return packForward(content, told.occurredAt, analyze(content))
}

/** Owners of memories that lack their entry. */
export function ownersOfUnpacked(db: Database, most: number): Promise<{ tenantId: string; ownerId: string }[]> {
  return db.query(
    `SELECT DISTINCT tenant_id AS "tenantId", owner_id AS "ownerId" FROM memory.memories
     WHERE forward IS NULL AND forgotten_at IS NULL LIMIT $1`,
    [most],
  )
}

/** Memories of an owner's that lack their entry. */
export async function unpackedMemories(db: Database, ownerId: string, most: number): Promise<Unpacked[]> {
  const rows = await db.query<Stored<Unpacked>>(
    `SELECT memory.id, memory.version, memory.content, memory.content_packed AS packed, memory.occurred_at AS "occurredAt"
     FROM memory.current_memories AS memory
     WHERE memory.id IN (SELECT id FROM memory.memories
       WHERE owner_id = $1 AND forward IS NULL AND forgotten_at IS NULL ORDER BY ordinal LIMIT $2)`,
    [ownerId, most],
  )
  return readable<Unpacked>(rows, memoryName)
}

/** Gives memories their entries, unless they have been written again since. */
export async function insertForward(
  tx: Transaction,
  entries: readonly { readonly memory: Unpacked; readonly forward: Buffer }[],
): Promise<void> {
  await tx.query(
    `UPDATE memory.memories SET forward = item.forward
     FROM unnest($1::uuid[], $2::integer[], $3::bytea[]) AS item (id, version, forward)
     WHERE memories.id = item.id AND memories.version = item.version AND memories.forward IS NULL
       AND memories.forgotten_at IS NULL`,
    [
      entries.map(({ memory }) => memory.id),
      entries.map(({ memory }) => memory.version),
      entries.map(({ forward }) => forward),
    ],
  )
}
