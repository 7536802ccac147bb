import { createHash } from 'node:crypto'
import type { Encoder } from '../encoder/port.ts'
import {
  type EmbeddingIndex,
  latest,
  pointIdOf,
  type VectorCollection,
  type VectorHit,
  type VectorIndex,
  type VectorIndexes,
  type VectorItem,
  vectorCollections,
} from './port.ts'
import { QdrantClient, type QdrantSettings } from './qdrant-client.ts'
import { ensureCollection, namesOf, pointAlias } from './qdrant-collection.ts'

/** Points in one request to put or to look up. */
const atOnce = 500
/** Vectors in one request to search by: a model's may have thousands of numbers, and each is looked for by itself. */
const questionsAtOnce = 50

export interface Qdrant {
  readonly indexes: VectorIndexes
  /** Lets the collections' common names stand for those of this model. */
  activate(): Promise<void>
  /** Removes the collections of this model. */
  drop(): Promise<void>
  close(): Promise<void>
}

/**
 * Vectors in Qdrant: one collection for each of ours and each model, made when it is first used, so that a server that
 * is away hinders no start. Payloads hold ids and versions, and nothing that anybody said.
 */
export function openQdrant(
  settings: QdrantSettings,
  { model, dimensions }: { model: string; dimensions: number },
): Qdrant {
  const client = new QdrantClient(settings)
  const names = vectorCollections.map((collection) => namesOf(collection, model, settings.prefix))
  const indexes = vectorCollections.map(
    (collection) => [collection, indexOf(client, settings, { model, dimensions, collection })] as const,
  )
  return {
    indexes: Object.fromEntries(indexes) as Record<VectorCollection, VectorIndex>,
    async activate() {
      for (const each of names) {
        await ensureCollection(client, each.collection, dimensions, settings.quantization)
        await pointAlias(client, each)
      }
    },
    async drop() {
      for (const { collection } of names) {
        await client.write('DELETE', `/collections/${encodeURIComponent(collection)}`)
      }
    },
    close: () => client.close(),
  }
}

/** An encoder's vectors in Qdrant, as one of the indexes that can be searched. */
export function qdrantIndex(settings: QdrantSettings, encoder: Encoder): EmbeddingIndex {
  const { indexes, activate, drop, close } = openQdrant(settings, encoder)
  return {
    name: `qdrant ${encoder.model}`,
    backend: 'qdrant',
    encoder,
    indexes,
    activate,
    drop,
    async close() {
      await close()
      await encoder.close()
    },
  }
}

interface Which {
  readonly model: string
  readonly dimensions: number
  readonly collection: VectorCollection
}

interface Point {
  readonly id: string
  readonly score: number
  readonly payload: { readonly item: string; readonly version: number; readonly at: string }
  /** The text's own and its words'. */
  readonly vector?: readonly number[] | { readonly '': readonly number[] }
}

interface Answer {
  readonly points: readonly Point[]
}

function indexOf(
  client: QdrantClient,
  settings: QdrantSettings,
  { model, dimensions, collection }: Which,
): VectorIndex {
  const { collection: name } = namesOf(collection, model, settings.prefix)
  const path = `/collections/${encodeURIComponent(name)}`
  let making: Promise<void> | undefined
  /** Once for each process; a failure is tried again by whoever comes next. */
  function made(): Promise<void> {
    making ??= ensureCollection(client, name, dimensions, settings.quantization).catch((error: unknown) => {
      making = undefined
      throw error
    })
    return making
  }
  async function query(
    filter: unknown,
    vector: Float32Array,
    limit: number,
    signal?: AbortSignal,
  ): Promise<VectorHit[]> {
    await made()
    const body = nearestTo(vector, filter, limit)
    return hits(await client.read<Answer>('POST', `${path}/points/query`, body, signal))
  }

  /** The same for many vectors, in one request for so many. */
  async function queries(filter: unknown, vectors: readonly Float32Array[], limit: number, signal?: AbortSignal) {
    await made()
    const found: VectorHit[][] = []
    for (const part of chunks(vectors, questionsAtOnce)) {
      const body = { searches: part.map((vector) => nearestTo(vector, filter, limit)) }
      const answers = await client.read<Answer[]>('POST', `${path}/points/query/batch`, body, signal)
      found.push(...answers.map(hits))
    }
    return found
  }

  /** What is held of items that fit a filter. */
  async function held(filter: { readonly must: readonly unknown[] }, ids: readonly string[], withVectors: boolean) {
    await made()
    const found: Point[] = []
    for (const part of chunks(ids)) {
      const must = [...filter.must, ...ofItems(part).must]
      const body = { filter: { must }, limit: part.length, with_payload: true, with_vector: withVectors }
      const { points } = await client.read<{ points: Point[] }>('POST', `${path}/points/scroll`, body)
      found.push(...points)
    }
    return found.map(({ payload, vector }) => ({
      id: payload.item,
      version: payload.version,
      createdAt: new Date(payload.at),
      vector: vector ? Float32Array.from('' in vector ? vector[''] : vector) : null,
    }))
  }

  return {
    model,
    dimensions,
    async put(items) {
      await made()
      for (const [version, group] of Map.groupBy(latest(items), (item) => item.version)) {
        for (const points of chunks(group.map((item) => pointOf(item, model)))) {
          // A point that is there is changed only by one that is not older: replays may come in any order.
          const update_filter = { must: [{ key: 'version', range: { lte: version } }] }
          await client.write('PUT', `${path}/points?wait=true`, { points, update_filter })
        }
      }
    },
    async remove(ids) {
      if (ids.length === 0) return
      await made()
      for (const part of chunks(ids)) {
        await client.write('POST', `${path}/points/delete?wait=true`, { filter: ofItems(part) })
      }
    },
    async removeOwner(ownerId) {
      await made()
      const filter = { must: [{ key: 'owner', match: { value: ownerId } }] }
      await client.write('POST', `${path}/points/delete?wait=true`, { filter })
    },
    async nearest(shelves, vector, limit, signal) {
      signal?.throwIfAborted()
      return shelves.length === 0 ? [] : query({ must: [onShelves(shelves)] }, vector, limit, signal)
    },
    async neighbours(shelves, ids, limit, signal) {
      signal?.throwIfAborted()
      if (shelves.length === 0) return new Map()
      const shelved = { must: [onShelves(shelves)] }
      const items = (await held(shelved, ids, true)).flatMap(({ id, vector }) => (vector ? [{ id, vector }] : []))
      const vectors = items.map(({ vector }) => vector)
      // One more than is asked for, since each is its own nearest.
      const near = await queries(shelved, vectors, limit + 1, signal)
      return new Map(items.map(({ id }, at) => [id, (near[at] ?? []).filter((hit) => hit.id !== id).slice(0, limit)]))
    },
    async compare(shelves, vector, ids) {
      if (shelves.length === 0) return []
      const found: VectorHit[] = []
      for (const part of chunks(ids)) {
        found.push(...(await query({ must: [onShelves(shelves), ...ofItems(part).must] }, vector, part.length)))
      }
      return found
    },
    async hybrid({ vector, terms, shelves, ids }, limit, signal) {
      await made()
      const filter = { should: [onShelves(shelves), ...ofItems(ids).must] }
      const depth = limit * 4
      const prefetch = [
        { query: [...vector], filter, limit: depth, params: rescored },
        { query: sparse(terms), using: 'terms', filter, limit: depth },
      ]
      const body = { prefetch, query: { fusion: 'rrf' }, limit, with_payload: ['item'] }
      return hits(await client.read<Answer>('POST', `${path}/points/query`, body, signal)).map(({ id }) => id)
    },
    find: (ids, withVectors) => held({ must: [] }, ids, withVectors),
    async count(shelves) {
      if (shelves.length === 0) return 0
      await made()
      const body = { filter: { must: [onShelves(shelves)] }, exact: true }
      return (await client.read<{ count: number }>('POST', `${path}/points/count`, body)).count
    },
    async size() {
      await made()
      return (await client.read<{ count: number }>('POST', `${path}/points/count`, { exact: true })).count
    },
    async clear() {
      await made()
      await client.write('POST', `${path}/points/delete?wait=true`, { filter: {} })
    },
    health: () =>
      client.read('GET', '/collections').then(
        () => true,
        () => false,
      ),
  }
}

const nearestTo = (vector: Float32Array, filter: unknown, limit: number) => ({
  query: [...vector],
  filter,
  limit,
  with_payload: ['item'],
  params: rescored,
})

const hits = ({ points }: Answer): VectorHit[] => points.map(({ payload, score }) => ({ id: payload.item, score }))

/** What quantization loses is made good by comparing more of the whole vectors. */
const rescored = { quantization: { rescore: true, oversampling: 2 } }

const onShelves = (shelves: readonly string[]) => ({ key: 'shelf', match: { any: shelves } })
const ofItems = (ids: readonly string[]) => ({ must: [{ key: 'item', match: { any: ids } }] })

/** Words as a sparse vector: each at the place of its hash, a word that is said often counting less each time. */
function sparse(terms: ReadonlyMap<string, number>) {
  const places = new Map<number, number>()
  for (const [term, count] of terms) {
    const place = createHash('sha1').update(term).digest().readUInt32LE(0)
    places.set(place, (places.get(place) ?? 0) + (2.2 * count) / (count + 1.2))
  }
  return { indices: [...places.keys()], values: [...places.values()] }
}

function pointOf({ id, kind, shelfId, tenantId, ownerId, version, vector, terms }: VectorItem, model: string) {
  return {
    id: pointIdOf(id, kind, model),
    vector: terms === undefined ? [...vector] : { '': [...vector], terms: sparse(terms) },
    payload: {
      item: id,
      kind,
      shelf: shelfId,
      tenant: tenantId,
      owner: ownerId,
      version,
      at: new Date().toISOString(),
    },
  }
}

function* chunks<T>(items: readonly T[], size = atOnce): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size)
}
