import type { Viewer } from '../../lib/context.ts'
import { defaultTenantId } from '../../lib/tenants.ts'
import type { Encoder, Thesaurus } from '../../stores/encoder/port.ts'
import { staticVectors } from '../../stores/encoder/static-vectors.ts'
import { type EmbeddingSettings, openConfiguredEmbeddings } from '../../stores/open-embeddings.ts'
import { openEmbeddings } from '../../stores/vector/embeddings.ts'
import { pgvectorIndex } from '../../stores/vector/pgvector.ts'
import type { Embeddings, VectorIndex } from '../../stores/vector/port.ts'
import { room } from '../../subgraphs/memory/index.ts'
import type { TestPostgres } from '../kit/postgres.ts'
import { openRoomWorld, type RoomWorld, viewerOf } from '../kit/room-world.ts'

// biome-ignore lint/suspicious/noExplicitAny: a test knows what it selected
export type Data = any

/** The memory room with vectors, and two people who know nothing of each other. */
export interface MemoryWorld extends RoomWorld {
  readonly owner: Viewer
  readonly stranger: Viewer
  /** The data of an operation that must succeed without errors. */
  ask(viewer: Viewer, source: string, variables?: Record<string, unknown>): Promise<Data>
}

export interface MemoryWorldOptions {
  /** Default: a new PGlite. */
  readonly database?: TestPostgres
  /** Changes the memories' index, of the encoder and in the database. */
  readonly vectors?: (vectors: VectorIndex) => VectorIndex
  readonly encoder?: Encoder & Thesaurus
  /** Default: the encoder's vectors, in the database. */
  readonly embeddings?: EmbeddingSettings
}

export async function openMemoryWorld(options: MemoryWorldOptions = {}): Promise<MemoryWorld> {
  const world = await openRoomWorld(room, options.database)
  await world.database.sql('INSERT INTO app.tenants (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
    defaultTenantId,
    'tests',
  ])
  const encoder = options.encoder ?? staticVectors()
  const { postgres, bus, logger } = world.stores
  const embeddings = options.vectors
    ? await openChanged(world, encoder, options.vectors)
    : await openConfiguredEmbeddings({ postgres, bus, logger, offline: encoder }, options.embeddings ?? {})
  const { collections } = embeddings
  Object.assign(world.stores, {
    embeddings,
    encoder: embeddings.encoder,
    thesaurus: encoder,
    vectors: collections.MEMORIES,
    collections,
  })
  await room.prepare?.(world.stores)
  return {
    ...world,
    owner: viewerOf(),
    stranger: viewerOf(),
    async ask(viewer, source, variables) {
      const { data, errors } = await world.run(viewer, source, variables)
      if (errors.length > 0) throw new Error(`the operation failed: ${JSON.stringify(errors)}`)
      return data
    },
    async close() {
      await embeddings.close()
      await encoder.close()
      await world.close()
    },
  }
}

async function openChanged(
  { stores: { postgres, bus, logger } }: RoomWorld,
  encoder: Encoder,
  change: (vectors: VectorIndex) => VectorIndex,
): Promise<Embeddings> {
  const index = await pgvectorIndex(postgres, encoder)
  const wanted = { ...index, indexes: { ...index.indexes, MEMORIES: change(index.indexes.MEMORIES) } }
  return openEmbeddings({ postgres, bus, logger, wanted, other: async () => null })
}

export const operations = {
  open: `mutation ($input: OpenChatSessionInput!) { openChatSession(input: $input) {
    ... on OpenChatSessionSuccess { session { id title mode active } } ... on Problem { code message path } } }`,
  end: `mutation ($input: EndChatSessionInput!) { endChatSession(input: $input) {
    ... on EndChatSessionSuccess { session { id active endedAt } } ... on Problem { code message path } } }`,
  append: `mutation ($input: AppendMessagesInput!) { appendMessages(input: $input) {
    ... on AppendMessagesSuccess { added remembered cursor session { id } messages { id position } }
    ... on BatchRejected { problems { code message path } } ... on Problem { code message path } } }`,
  remember: `mutation ($input: RememberInput!) { remember(input: $input) {
    ... on RememberSuccess { cursor memory { id content version } } ... on Problem { code message path } } }`,
  rememberMany: `mutation ($input: RememberManyInput!) { rememberMany(input: $input) {
    ... on RememberManySuccess { cursor memories { id content } }
    ... on BatchRejected { problems { __typename code message path } } ... on Problem { code message path } } }`,
  revise: `mutation ($input: ReviseMemoryInput!) { reviseMemory(input: $input) {
    ... on ReviseMemorySuccess { cursor memory { id content version tier visibility metadata } }
    ... on Problem { code message path } } }`,
  forget: `mutation ($input: ForgetMemoryInput!) { forgetMemory(input: $input) {
    ... on ForgetMemorySuccess { cursor memoryId } ... on Problem { code message path } } }`,
} as const

/** The people's verbs, in short. */
export function verbs(world: MemoryWorld, viewer: Viewer) {
  const act = async (name: keyof typeof operations, input: Record<string, unknown>): Promise<Data> => {
    const data = await world.ask(viewer, operations[name], { input })
    return Object.values(data)[0]
  }
  return {
    viewer,
    act,
    openSession: async (input: Record<string, unknown> = {}): Promise<string> => (await act('open', input)).session.id,
    remember: async (content: string, more: Record<string, unknown> = {}): Promise<string> =>
      (await act('remember', { content, ...more })).memory.id,
  }
}
