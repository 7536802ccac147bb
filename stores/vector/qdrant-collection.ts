import { createHash } from 'node:crypto'
import type { VectorCollection } from './port.ts'
import { type QdrantClient, QdrantError, type QdrantSettings } from './qdrant-client.ts'

/** The collection of one model, and the name by which operators find the one that is searched now. */
export interface CollectionNames {
  readonly collection: string
  readonly alias: string
}

/** Names that Qdrant takes, and that two models never share. */
export function namesOf(collection: VectorCollection, model: string, prefix = ''): CollectionNames {
  const alias = `${prefix}${collection.toLowerCase()}`
  const hash = createHash('sha256').update(model).digest('hex').slice(0, 8)
  return { alias, collection: `${alias}__${model.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}-${hash}` }
}

/** Fields that are filtered by. A search names the shelves: a user's own points lie together, so his are found fast. */
const payloadIndexes: readonly (readonly [string, unknown])[] = [
  ['shelf', { type: 'uuid', is_tenant: true }],
  ['owner', 'uuid'],
  ['item', 'uuid'],
  ['version', 'integer'],
]

/** Makes a collection with its indexes, or finds it; whoever makes it at the same time does no harm. */
export async function ensureCollection(
  client: QdrantClient,
  name: string,
  dimensions: number,
  quantization: QdrantSettings['quantization'] = 'int8',
): Promise<void> {
  const path = `/collections/${encodeURIComponent(name)}`
  const { exists } = await client.read<{ exists: boolean }>('GET', `${path}/exists`)
  if (!exists) {
    await client
      .write('PUT', path, {
        vectors: { size: dimensions, distance: 'Cosine' },
        sparse_vectors: { terms: { modifier: 'idf' } },
        hnsw_config: { m: 16, ef_construct: 100, payload_m: 16 },
        ...(quantization === 'none' ? {} : { quantization_config: quantizations[quantization] }),
      })
      .catch((error: unknown) => {
        if (!(error instanceof QdrantError && (error.status === 409 || error.status === 400))) throw error
      })
  }
  for (const [field, schema] of payloadIndexes) {
    await client.write('PUT', `${path}/index?wait=true`, { field_name: field, field_schema: schema })
  }
}

const quantizations = {
  int8: { scalar: { type: 'int8', quantile: 0.99, always_ram: true } },
  binary: { binary: { always_ram: true } },
} as const

/** Lets the alias name this collection, in one step with its taking leave of another. */
export async function pointAlias(client: QdrantClient, { collection, alias }: CollectionNames): Promise<void> {
  const { aliases } = await client.read<{ aliases: { alias_name: string }[] }>('GET', '/aliases')
  const isTaken = aliases.some(({ alias_name }) => alias_name === alias)
  await client.write('POST', '/collections/aliases', {
    actions: [
      ...(isTaken ? [{ delete_alias: { alias_name: alias } }] : []),
      { create_alias: { collection_name: collection, alias_name: alias } },
    ],
  })
}
