import { LRUCache } from 'lru-cache'
import type { Encoder } from '../encoder/port.ts'
import { projectorContext } from '../log/log.ts'
import type { Database, Postgres } from '../postgres/postgres.ts'
import {
  type EmbeddingIndex,
  latest,
  type VectorCollection,
  type VectorHit,
  type VectorIndex,
  type VectorIndexes,
  type VectorItem,
  type VectorPoint,
  vectorCollections,
} from './port.ts'

/** Up to so many vectors on the shelves are compared one by one, exactly; more are searched through the HNSW index. */
const exactUpTo = 20_000
/** For so long shelves that were found large are taken to be so. */
const largeForMs = 600_000

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
): Promise<VectorIndexes> {
  const [made] = await postgres.write(projectorContext('vectors'), (tx) =>
    tx.query<{ indexed: boolean }>('SELECT memory.ensure_embeddings($1, $2) AS indexed', [model, dimensions]),
  )
  const table = { model, dimensions, indexed: made?.indexed ?? false, exactly: options.exactUpTo ?? exactUpTo }
  const indexes = vectorCollections.map((collection) => [collection, indexOf(postgres, table, collection)] as const)
  return Object.fromEntries(indexes) as Record<VectorCollection, VectorIndex>
}

/** An encoder's vectors in PostgreSQL, as one of the indexes that can be searched. */
export async function pgvectorIndex(postgres: Postgres, encoder: Encoder): Promise<EmbeddingIndex> {
  const { model } = encoder
  return {
    name: `pgvector ${model}`,
    backend: 'pgvector',
    encoder,
    indexes: await openPgvector(postgres, encoder),
    async activate() {},
    async drop() {
      await postgres.write(projectorContext('vectors'), (tx) => tx.query('SELECT memory.drop_embeddings($1)', [model]))
    },
    close: () => encoder.close(),
  }
}

interface Table extends PgvectorModel {
  /** Whether it has a graph index. */
  readonly indexed: boolean
  readonly exactly: number
}

function indexOf(postgres: Postgres, table: Table, collection: VectorCollection): VectorIndex {
  const { model, dimensions } = table
  const context = projectorContext('vectors')
  const type = `halfvec(${dimensions})`
  const read = <T>(work: (db: Database) => Promise<T>, signal?: AbortSignal) =>
    postgres.read(signal ? { ...context, signal } : context, work)
  const write = (sql: string, values: unknown[]) => postgres.write(context, (tx) => tx.query(sql, values))
  // Counting so far costs as much as the search. Shelves that have shrunk since are read in full after all.
  const large = new LRUCache<string, true>({ max: 10_000, ttl: largeForMs })
  const isLarge = async (db: Database, shelves: readonly string[]) => {
    const key = shelves.join()
    if (large.has(key)) return true
    const [size] = await db.query<{ count: number }>(SIZE, [model, collection, shelves, table.exactly + 1])
    if ((size?.count ?? 0) <= table.exactly) return false
    large.set(key, true)
    return true
  }
  const exact = `WITH shelf AS MATERIALIZED (
      SELECT memory_id, embedding FROM memory.embeddings WHERE ${ON_SHELVES}
    )
    SELECT memory_id AS id, 1 - (embedding::${type} <=> $4::${type}) AS score FROM shelf`
  const neighboursExactly = `WITH shelf AS MATERIALIZED (
      SELECT memory_id, embedding::${type} AS embedding FROM memory.embeddings WHERE ${ON_SHELVES}
    )
    SELECT item.memory_id AS of, near.id, near.score FROM shelf AS item CROSS JOIN LATERAL (
      SELECT other.memory_id AS id, 1 - (other.embedding <=> item.embedding) AS score FROM shelf AS other
      WHERE other.memory_id <> item.memory_id ORDER BY score DESC, other.memory_id LIMIT $5
    ) AS near WHERE item.memory_id = ANY ($4::uuid[]) ORDER BY near.score DESC, near.id`

  return {
    model,
    dimensions,
    async put(items) {
      if (items.length > 0) await write(PUT, [model, collection, ...columns(latest(items))])
    },
    async remove(ids) {
      if (ids.length === 0) return
      await write(`DELETE FROM memory.embeddings WHERE ${OF_INDEX} AND memory_id = ANY ($3::uuid[])`, [
        model,
        collection,
        ids,
      ])
    },
    async removeOwner(ownerId) {
      await write(`DELETE FROM memory.embeddings WHERE ${OF_INDEX} AND owner_id = $3`, [model, collection, ownerId])
    },
    nearest(shelves, vector, limit, signal) {
      const query = toText(vector)
      return read(async (db) => {
        if (table.indexed && (await isLarge(db, shelves))) {
          const found = await db.query<VectorHit>(BY_INDEX, [model, dimensions, collection, shelves, query, limit])
          // The index gives up after a while; shelves that are a small part of all vectors are then read in full.
          if (found.length === limit) return found
        }
        const values = [model, collection, shelves, query, limit]
        return db.query<VectorHit>(`${exact} ORDER BY score DESC, memory_id LIMIT $5`, values)
      }, signal)
    },
    async neighbours(shelves, ids, limit, signal) {
      const found = await read(async (db) => {
        const exactly = (some: readonly string[]) =>
          db.query<Neighbour>(neighboursExactly, [model, collection, shelves, some, limit])
        if (!table.indexed || !(await isLarge(db, shelves))) return Map.groupBy(await exactly(ids), ({ of }) => of)
        const values = [model, collection, shelves, ids, limit + 1, dimensions]
        const near = Map.groupBy(await db.query<Neighbour>(NEIGHBOURS_BY_INDEX, values), ({ of }) => of)
        // The index gives up after a while.
        const few = ids.filter((id) => (near.get(id)?.length ?? 0) < limit)
        const rest = few.length === 0 ? [] : await exactly(few)
        return new Map([...near, ...Map.groupBy(rest, ({ of }) => of)])
      }, signal)
      return new Map([...found].map(([of, hits]) => [of, hits.slice(0, limit).map(({ id, score }) => ({ id, score }))]))
    },
    compare(shelves, vector, ids) {
      return read((db) =>
        db.query<VectorHit>(
          `SELECT memory_id AS id, 1 - (embedding::${type} <=> $4::${type}) AS score FROM memory.embeddings
           WHERE ${ON_SHELVES} AND memory_id = ANY ($5::uuid[])`,
          [model, collection, shelves, toText(vector), ids],
        ),
      )
    },
    async find(ids, withVectors) {
      const vector = withVectors ? 'embedding::real[]' : 'NULL'
      const rows = await read((db) =>
        db.query<Omit<VectorPoint, 'vector'> & { vector: number[] | null }>(
          `SELECT memory_id AS id, version, created_at AS "createdAt", ${vector} AS vector FROM memory.embeddings
           WHERE ${OF_INDEX} AND memory_id = ANY ($3::uuid[])`,
          [model, collection, ids],
        ),
      )
      return rows.map((row) => ({ ...row, vector: row.vector && Float32Array.from(row.vector) }))
    },
    async count(shelves) {
      const sql = `SELECT count(*)::integer AS count FROM memory.embeddings WHERE ${ON_SHELVES}`
      const [row] = await read((db) => db.query<{ count: number }>(sql, [model, collection, shelves]))
      return row?.count ?? 0
    },
    async size() {
      const sql = `SELECT count(*)::integer AS count FROM memory.embeddings WHERE ${OF_INDEX}`
      const [row] = await read((db) => db.query<{ count: number }>(sql, [model, collection]))
      return row?.count ?? 0
    },
    async clear() {
      await write(`DELETE FROM memory.embeddings WHERE ${OF_INDEX}`, [model, collection])
    },
    health: () =>
      read((db) => db.query('SELECT FROM memory.embeddings WHERE model = $1 LIMIT 1', [model])).then(
        () => true,
        () => false,
      ),
  }
}

const OF_INDEX = 'model = $1 AND collection = $2'
const ON_SHELVES = `${OF_INDEX} AND shelf_id = ANY ($3::uuid[])`

const PUT = `INSERT INTO memory.embeddings (model, collection, memory_id, shelf_id, tenant_id, owner_id, version, embedding)
  SELECT $1, $2, item.*
  FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::integer[], $8::halfvec[]) AS item
  ON CONFLICT (model, memory_id) DO UPDATE
  SET shelf_id = excluded.shelf_id, version = excluded.version, embedding = excluded.embedding, created_at = now()
  WHERE embeddings.version <= excluded.version`

const SIZE = `SELECT count(*)::integer AS count
  FROM (SELECT FROM memory.embeddings WHERE ${ON_SHELVES} LIMIT $4) AS part`

interface Neighbour extends VectorHit {
  readonly of: string
}

const NEIGHBOURS_BY_INDEX = `SELECT item.memory_id AS of, near.memory_id AS id, near.score
  FROM memory.embeddings AS item
  CROSS JOIN LATERAL memory.nearest_by_index($1, $6, $2, $3::uuid[], item.embedding::text, $5) AS near
  WHERE item.model = $1 AND item.collection = $2 AND item.shelf_id = ANY ($3::uuid[]) AND item.memory_id = ANY ($4::uuid[])
    AND near.memory_id <> item.memory_id
  ORDER BY near.score DESC, near.memory_id`

const BY_INDEX = `SELECT memory_id AS id, score
  FROM memory.nearest_by_index($1, $2, $3, $4::uuid[], $5, $6)`

function columns(items: readonly VectorItem[]): unknown[] {
  return [
    items.map((item) => item.id),
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
