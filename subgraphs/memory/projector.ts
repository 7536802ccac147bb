import type { Log } from '../../lib/log.ts'
import type { Sentinel } from '../../stores/audit/sentinel.ts'
import { type LogEvent, projectorContext } from '../../stores/log/log.ts'
import type { Postgres } from '../../stores/postgres/postgres.ts'
import type { Projector } from '../../stores/projector.ts'
import {
  type EmbeddingIndex,
  type Embeddings,
  type VectorCollection,
  type VectorItem,
  type VectorKind,
  vectorCollections,
} from '../../stores/vector/port.ts'
import { memoryName, readable, type Stored, undamaged } from '../packed-rows.ts'
import { analyze } from './recall/tokens.ts'
import type { Visibility } from './records.ts'
import { shelfOf } from './store/drafts.ts'

interface Source {
  readonly sentinel: Sentinel
  readonly postgres: Postgres
  readonly embeddings: Embeddings
  readonly logger: Log
}

interface Row {
  readonly id: string
  readonly ownerId: string
  readonly tenantId: string
  readonly version: number
  readonly visibility: Visibility
  readonly collection: VectorCollection
  readonly kind: VectorKind
  readonly content: string
}

/**
 * Gives every memory, and every text stored beside them, its vector in one index. An event only says what to look at: what it says
 * now is read when the event is taken in, so that batches may come again and in any size.
 */
export function vectorProjector({ postgres, embeddings, sentinel, logger }: Source, kept: EmbeddingIndex): Projector {
  const { encoder, indexes } = kept
  async function watched(operation: 'PUT' | 'REMOVE', amount: number, work: () => Promise<void>) {
    if (amount === 0) return
    const start = performance.now()
    await work()
    const tookMs = performance.now() - start
    const collection = encoder.model
    sentinel.report(projectorContext('vectors'), { kind: 'VECTORS', operation, collection, amount, tookMs })
  }
  return {
    name: `vectors ${kept.name}`,
    wants: ({ room, type }: LogEvent) => room === 'memory' && (type === 'Memory' || type === 'Vector'),
    async apply(events, signal) {
      // Another process has been started with other settings, and has removed it.
      if (!(await embeddings.keeps(kept))) return
      const wanted = { Memory: new Set<string>(), Vector: new Set<string>() }
      for (const { type, id } of events) wanted[type as keyof typeof wanted].add(id)
      const named = [[...wanted.Memory], [...wanted.Vector]]
      const found = await postgres.read({ ...projectorContext('vectors'), signal }, (db) =>
        db.query<Stored<Row>>(READ, named),
      )
      const rows = undamaged(readable<Row>(found, memoryName), logger)
      const texts = rows.map(({ content }) => content)
      const encoded = texts.length === 0 ? [] : await encoder.encode(texts, signal)
      const there = new Set(found.map(({ id }) => id))
      for (const collection of vectorCollections) {
        const index = indexes[collection]
        const items = rows.flatMap((row, i) =>
          row.collection === collection ? itemOf(row, encoded[i], index.hybrid !== undefined) : [],
        )
        // A vector that is gone no longer says which collection it was in.
        const named = collection === 'MEMORIES' ? wanted.Memory : wanted.Vector
        const gone = [...named].filter((id) => !there.has(id))
        await watched('PUT', items.length, () => index.put(items))
        await watched('REMOVE', gone.length, () => index.remove(gone))
      }
    },
    settled: () => embeddings.caughtUp(kept),
    async clear() {
      if (!(await embeddings.keeps(kept))) return
      for (const collection of vectorCollections) await indexes[collection].clear()
    },
  }
}

function itemOf(row: Row, vector: Float32Array | undefined, withWords: boolean): VectorItem[] {
  if (!vector) return []
  const { id, kind, ownerId, tenantId, version, visibility } = row
  const words = withWords ? { terms: analyze(row.content).terms } : {}
  const shelfId = shelfOf(visibility, ownerId, tenantId)
  return [{ id, kind, shelfId, tenantId, ownerId, version, vector, ...words }]
}

const READ = `SELECT id, owner_id AS "ownerId", tenant_id AS "tenantId", version, visibility, content,
    content_packed AS packed, 'MEMORIES' AS collection, 'CONTEXT' AS kind
  FROM memory.current_memories WHERE id = ANY ($1::uuid[])
  UNION ALL
  SELECT id, owner_id, tenant_id, 1, visibility, content, NULL, collection, kind
  FROM memory.vectors WHERE id = ANY ($2::uuid[])`
