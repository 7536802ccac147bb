import type { Log } from '../../lib/log.ts'
import type { Sentinel } from '../../stores/audit/sentinel.ts'
import { type LogEvent, projectorContext } from '../../stores/log/log.ts'
import type { Postgres } from '../../stores/postgres/postgres.ts'
import type { Projector } from '../../stores/projector.ts'
import {
  conversationShelf,
  type EmbeddingIndex,
  type Embeddings,
  type VectorCollection,
  type VectorItem,
  type VectorKind,
  vectorCollections,
} from '../../stores/vector/port.ts'
import { given } from '../given.ts'
import { memoryName, readable, type Stored, undamaged } from '../packed-rows.ts'
import { sessionsIn } from './conversations.ts'
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
  /** What has the vector. */
  readonly of: 'MEMORY' | 'TEXT' | 'SESSION'
  readonly id: string
  readonly ownerId: string
  readonly tenantId: string
  readonly version: number
  readonly visibility: Visibility
  readonly collection: VectorCollection
  readonly kind: VectorKind
  readonly content: string
}

const types = ['Memory', 'Vector', 'ChatSession', 'Message']

/**
 * Gives every memory, every text stored beside them, and every conversation its vector in one index. An event only says what to
 * look at: what it says now is read when the event is taken in, so that batches may come again and in any size. However much
 * was said in a conversation meanwhile, its vector is made once.
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
    wants: ({ room, type }: LogEvent) => room === 'memory' && types.includes(type),
    async apply(events, signal) {
      // Another process has been started with other settings, and has removed it.
      if (!(await embeddings.keeps(kept))) return
      const idsOf = (wanted: string) => new Set(events.flatMap(({ type, id }) => (type === wanted ? id : [])))
      const [memories, texts] = [idsOf('Memory'), idsOf('Vector')]
      const sessions = await sessionsIn(events, indexes.CONVERSATION_CONTEXT)
      const named = [memories, texts, sessions].map((ids) => [...ids])
      const found = await postgres.read({ ...projectorContext('vectors'), signal }, (db) =>
        db.query<Stored<Row>>(READ, named),
      )
      const rows = undamaged(readable<Row>(found, memoryName), logger)
      const contents = rows.map(({ content }) => content)
      const encoded = contents.length === 0 ? [] : await encoder.encode(contents, signal)
      const there = new Set(found.map(({ id }) => id))
      for (const collection of vectorCollections) {
        const index = indexes[collection]
        const items = rows.flatMap((row, i) =>
          row.collection === collection ? itemOf(row, encoded[i], index.hybrid !== undefined) : [],
        )
        // A vector that is gone no longer says which collection it was in.
        const beside = collection === 'CONVERSATION_CONTEXT' ? [...texts, ...sessions] : texts
        const gone = [...(collection === 'MEMORIES' ? memories : beside)].filter((id) => !there.has(id))
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
  const isSession = row.of === 'SESSION'
  const words = withWords && !isSession ? { terms: analyze(row.content).terms } : {}
  const shelfId = isSession ? conversationShelf(ownerId) : shelfOf(visibility, ownerId, tenantId)
  return [{ id, kind, shelfId, tenantId, ownerId, version, vector, ...words }]
}

const READ = `SELECT 'MEMORY' AS of, id, owner_id AS "ownerId", tenant_id AS "tenantId", version, visibility, content,
    content_packed AS packed, 'MEMORIES' AS collection, 'CONTEXT' AS kind
  FROM memory.current_memories WHERE id = ANY (${given('$1')})
  UNION ALL
  SELECT 'TEXT', id, owner_id, tenant_id, 1, visibility, content, NULL, collection, kind
  FROM memory.vectors WHERE id = ANY (${given('$2')})
  UNION ALL
  SELECT 'SESSION', id, owner_id, tenant_id, version, 'PRIVATE', content, NULL, 'CONVERSATION_CONTEXT', 'CONTEXT'
  FROM memory.conversations WHERE id = ANY (${given('$3')})`
