import type { Log } from '../lib/log.ts'
import type { Bus } from './bus/port.ts'
import type { Encoder } from './encoder/port.ts'
import type { RemoteEncoderSettings } from './encoder/remote.ts'
import type { Postgres } from './postgres/postgres.ts'
import { openEmbeddings } from './vector/embeddings.ts'
import { pgvectorIndex } from './vector/pgvector.ts'
import type { EmbeddingIndex, Embeddings, IndexRow } from './vector/port.ts'
import type { QdrantSettings } from './vector/qdrant-client.ts'

/** Which model makes the vectors, and where they stand. */
export interface EmbeddingSettings {
  /** A provider's model; without it the offline encoder. */
  readonly encoder?: RemoteEncoderSettings | undefined
  /** Where the provider's model that served before is asked until the new one has taken over; by default as the new one. */
  readonly previous?: Pick<RemoteEncoderSettings, 'url' | 'key'> | undefined
  /** A Qdrant server; without it PostgreSQL. */
  readonly qdrant?: QdrantSettings | undefined
}

interface Source {
  readonly postgres: Postgres
  readonly bus: Bus
  readonly logger: Log
  /** Makes the vectors where no provider does; belongs to the caller. */
  readonly offline: Encoder
}

/** Opens the indexes of vectors that the settings name, and those that served before; what no setting names is not read. */
export async function openConfiguredEmbeddings(source: Source, settings: EmbeddingSettings): Promise<Embeddings> {
  const { postgres, bus, logger } = source
  const { model, dimensions } = source.offline
  const offline: Encoder = {
    model,
    dimensions,
    encode: (texts, signal) => source.offline.encode(texts, signal),
    close: async () => {},
  }
  const indexOf = async (backend: EmbeddingIndex['backend'], encoder: Encoder): Promise<EmbeddingIndex | null> => {
    if (backend === 'pgvector') return pgvectorIndex(postgres, encoder)
    if (settings.qdrant === undefined) return null
    const { qdrantIndex } = await import('./vector/qdrant.ts')
    return qdrantIndex(settings.qdrant, encoder)
  }
  const encoder = settings.encoder === undefined ? offline : (await remote()).remoteEncoder(settings.encoder)
  const wanted = await indexOf(settings.qdrant === undefined ? 'pgvector' : 'qdrant', encoder)
  if (wanted === null) throw new Error('the settings name a store of vectors')
  return openEmbeddings({
    postgres,
    bus,
    logger,
    wanted,
    async other(row) {
      const former = await formerEncoder(row, offline, settings)
      return former === null ? null : indexOf(row.backend, former)
    },
  })
}

const remote = () => import('./encoder/remote.ts')

/** The model that filled an index; null for a provider's when no provider is known. */
async function formerEncoder(
  { model, dimensions }: IndexRow,
  offline: Encoder,
  { encoder, previous = encoder }: EmbeddingSettings,
): Promise<Encoder | null> {
  if (model === offline.model) return offline
  const { remoteEncoder, remoteModel } = await remote()
  const name = model.replace(/@\d+$/, '')
  const isRemote = remoteModel({ model: name, dimensions }) === model
  return isRemote && previous ? remoteEncoder({ url: previous.url, key: previous.key, model: name, dimensions }) : null
}
