import { projectorContext } from '../log/log.ts'
import type { Database, Postgres } from '../postgres/postgres.ts'
import type { VectorHit, VectorIndex, VectorItem } from './port.ts'

/** Up to so many vectors on the shelves are compared one by one, exactly; more are searched through the HNSW index. */
const exactUpTo = 20_000

export interface PgvectorModel {
  readonly model: string
  readonly dimensions: number
}

export interface PgvectorOptions {
  /** For tests: how many vectors are still compared one by one. */
  readonly exactUpTo?: number
}

/**
 * Vectors in PostgreSQL, as half-precision numbers, in one partition of `memory.embeddings` for each model. It works as
 * the projector, for every owner: the shelves of a question are its fence.
 */
export async function openPgvector(
  postgres: Postgres,
  { model, dimensions }: PgvectorModel,
  options: PgvectorOptions = {},
): Promise<VectorIndex> {
  const context = projectorContext('vectors')
  const exactly = options.exactUpTo ?? exactUpTo
  const type = `halfvec(${dimensions})`
  const read = <T>(work: (db: Database) => Promise<T>, signal?: AbortSignal) =>
    postgres.read(signal ? { ...context, signal } : context, work)
  const write = (sql: string, values: unknown[]) => postgres.write(context, (tx) => tx.query(sql, values))
  const [made] = await postgres.write(context, (tx) =>
    tx.query<{ indexed: boolean }>('SELECT memory.ensure_embeddings($1, $2) AS indexed', [model, dimensions]),
  )

  const isLarge = async (db: Database, shelves: readonly string[]) => {
    const [size] = await db.query<{ count: number }>(SIZE, [model, shelves, exactly + 1])
    return (size?.count ?? 0) > exactly
  }
  const exact = `WITH shelf AS MATERIALIZED (
      SELECT memory_id, embedding FROM memory.embeddings WHERE model = $1 AND shelf_id = ANY ($2::uuid[])
    )
    SELECT memory_id AS "memoryId", 1 - (embedding::${type} <=> $3::${type}) AS score FROM shelf`

  return {
    model,
    async put(items) {
      if (items.length > 0) await write(PUT, [model, ...columns(latest(items))])
    },
    async remove(memoryIds) {
      if (memoryIds.length === 0) return
      await write('DELETE FROM memory.embeddings WHERE model = $1 AND memory_id = ANY ($2::uuid[])', [model, memoryIds])
    },
    nearest(shelves, vector, limit, signal) {
      const query = toText(vector)
      return read(async (db) => {
        if (made?.indexed && (await isLarge(db, shelves))) {
          const found = await db.query<VectorHit>(BY_INDEX, [model, dimensions, shelves, query, limit])
          // The index gives up after a while; shelves that are a small part of all vectors are then read in full.
          if (found.length === limit) return found
        }
        return db.query<VectorHit>(`${exact} ORDER BY score DESC, memory_id LIMIT $4`, [model, shelves, query, limit])
      }, signal)
    },
    compare(shelves, vector, memoryIds) {
      const values = [model, shelves, toText(vector), memoryIds]
      return read((db) =>
        db.query<VectorHit>(
          `SELECT memory_id AS "memoryId", 1 - (embedding::${type} <=> $3::${type}) AS score FROM memory.embeddings
           WHERE model = $1 AND shelf_id = ANY ($2::uuid[]) AND memory_id = ANY ($4::uuid[])`,
          values,
        ),
      )
    },
    async count(shelves) {
      const [row] = await read((db) => db.query<{ count: number }>(COUNT, [model, shelves]))
      return row?.count ?? 0
    },
    async clear() {
      await write('DELETE FROM memory.embeddings WHERE model = $1', [model])
    },
    health: () =>
      read((db) => db.query('SELECT FROM memory.embeddings WHERE model = $1 LIMIT 1', [model])).then(
        () => true,
        () => false,
      ),
  }
}

const PUT = `INSERT INTO memory.embeddings (model, memory_id, shelf_id, tenant_id, owner_id, version, embedding)
  SELECT $1, item.* FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::integer[], $7::halfvec[]) AS item
  ON CONFLICT (model, memory_id) DO UPDATE
  SET shelf_id = excluded.shelf_id, version = excluded.version, embedding = excluded.embedding
  WHERE embeddings.version <= excluded.version`

const COUNT =
  'SELECT count(*)::integer AS count FROM memory.embeddings WHERE model = $1 AND shelf_id = ANY ($2::uuid[])'

const SIZE = `SELECT count(*)::integer AS count
  FROM (SELECT FROM memory.embeddings WHERE model = $1 AND shelf_id = ANY ($2::uuid[]) LIMIT $3) AS part`

const BY_INDEX = `SELECT memory_id AS "memoryId", score
  FROM memory.nearest_by_index($1, $2, $3::uuid[], $4, $5)`

/** One statement may touch a row only once. */
function latest(items: readonly VectorItem[]): VectorItem[] {
  const kept = new Map<string, VectorItem>()
  for (const item of items) {
    if (item.version >= (kept.get(item.memoryId)?.version ?? 0)) kept.set(item.memoryId, item)
  }
  return [...kept.values()]
}

function columns(items: readonly VectorItem[]): unknown[] {
  return [
    items.map((item) => item.memoryId),
    items.map((item) => item.shelfId),
    items.map((item) => item.tenantId),
    items.map((item) => item.ownerId),
    items.map((item) => item.version),
    items.map((item) => toText(item.vector)),
  ]
}

function toText(vector: Float32Array): string {
  return `[${vector.join(',')}]`
}
