import type { Sentinel } from '../../stores/audit/sentinel.ts'
import type { Encoder } from '../../stores/encoder/port.ts'
import { type LogEvent, projectorContext } from '../../stores/log/log.ts'
import type { Postgres } from '../../stores/postgres/postgres.ts'
import type { Projector } from '../../stores/projector.ts'
import type { VectorIndex, VectorItem } from '../../stores/vector/port.ts'
import type { Visibility } from './records.ts'
import { shelfOf } from './store/drafts.ts'

interface Source {
  readonly sentinel: Sentinel
  readonly postgres: Postgres
  readonly encoder: Encoder
  readonly vectors: VectorIndex
}

interface Row {
  readonly id: string
  readonly ownerId: string
  readonly tenantId: string
  readonly version: number
  readonly visibility: Visibility
  readonly content: string
}

/**
 * Gives every memory its vector. An event only says which memory to look at: what it says now is read when the event is
 * taken in, so that batches may come again and in any size.
 */
export function vectorProjector({ postgres, encoder, vectors, sentinel }: Source): Projector {
  return {
    name: 'vectors',
    wants: ({ room, type }: LogEvent) => room === 'memory' && type === 'Memory',
    async apply(events, signal) {
      const ids = [...new Set(events.map(({ id }) => id))]
      const rows = await postgres.read({ ...projectorContext('vectors'), signal }, (db) => db.query<Row>(READ, [ids]))
      const encoded = await encoder.encode(
        rows.map(({ content }) => content),
        signal,
      )
      const items = rows.flatMap((row, i): VectorItem[] => {
        const vector = encoded[i]
        if (!vector) return []
        const { id, ownerId, tenantId, version, visibility } = row
        return [{ memoryId: id, shelfId: shelfOf(visibility, ownerId, tenantId), tenantId, ownerId, version, vector }]
      })
      const there = new Set(rows.map(({ id }) => id))
      const gone = ids.filter((id) => !there.has(id))
      const watched = async (operation: 'PUT' | 'REMOVE', amount: number, work: () => Promise<void>) => {
        const start = performance.now()
        await work()
        if (amount === 0) return
        const tookMs = performance.now() - start
        const collection = vectors.model
        sentinel.report(projectorContext('vectors'), { kind: 'VECTORS', operation, collection, amount, tookMs })
      }
      await watched('PUT', items.length, () => vectors.put(items))
      await watched('REMOVE', gone.length, () => vectors.remove(gone))
    },
    clear: () => vectors.clear(),
  }
}

const READ = `SELECT id, owner_id AS "ownerId", tenant_id AS "tenantId", version, visibility, content
  FROM memory.current_memories WHERE id = ANY ($1::uuid[])`
