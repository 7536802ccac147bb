import type { PageArguments } from '../../lib/connection.ts'
import { codedError } from '../../lib/errors.ts'
import { requireUuid } from '../../lib/ids.ts'
import { pointIdOf, type VectorCollection } from '../../stores/vector/port.ts'
import { byReference, idFields } from '../references.ts'
import type { MemoryContext } from './context.ts'
import { nodeOf, userOf } from './mappers.ts'
import { contentAbout, masksAbout, metadataAbout } from './policies/masks.ts'
import { searchVectors, type VectorRanking } from './service/search-vectors.ts'
import { listVectors } from './service/vectors.ts'
import type { VectorFilter, VectorRecord } from './store/vectors.ts'

interface Filtered {
  readonly filter?: VectorFilter | null
}

/** A filter with row ids for global ones. */
function toVectorFilter(filter: VectorFilter | null | undefined): VectorFilter {
  const { kinds, sessionId, memoryId } = filter ?? {}
  return {
    ...(kinds == null ? {} : { kinds }),
    ...(sessionId == null ? {} : { sessionId: requireUuid('ChatSession', sessionId, 'filter.sessionId') }),
    ...(memoryId == null ? {} : { memoryId: requireUuid('Memory', memoryId, 'filter.memoryId') }),
  }
}

const pointOf = ({ collection, id }: VectorRecord, { loaders }: MemoryContext) => loaders.pointOf(collection, id, false)

/** What an answer names; one that is given again may name what has gone since. */
async function namedVector(id: string, { loaders }: MemoryContext): Promise<VectorRecord> {
  const found = await loaders.vector.load(id)
  if (found === null) throw codedError('BAD_USER_INPUT', 'What this answer names has been removed since.')
  return found
}

/** Resolvers of what is found by its meaning. */
export const vectorResolvers = {
  Query: {
    searchVectors: (
      _: unknown,
      args: Filtered & {
        query: string
        collection: VectorCollection
        by?: VectorRanking | null
        first?: number | null
      },
      context: MemoryContext,
    ) =>
      searchVectors(context, {
        query: args.query,
        collection: args.collection,
        filter: toVectorFilter(args.filter),
        by: args.by ?? 'MEANING',
        first: args.first ?? 10,
      }),
    vectors: (
      _: unknown,
      args: Filtered & PageArguments & { collection?: VectorCollection | null },
      context: MemoryContext,
    ) => listVectors(context, args.collection ?? null, toVectorFilter(args.filter), args),
  },
  Memory: {
    vectors: ({ id }: { id: string }, args: PageArguments, { loaders }: MemoryContext) =>
      loaders.vectorsOfMemory(id, args),
  },
  ChatSession: {
    vectors: ({ id }: { id: string }, args: PageArguments, { loaders }: MemoryContext) =>
      loaders.vectorsOfSession(id, args),
  },
  Vector: {
    ...idFields('Vector'),
    __resolveReference: byReference('Vector', ({ loaders }: MemoryContext, id) => loaders.vector.load(id)),
    owner: ({ ownerId }: VectorRecord) => userOf(ownerId),
    memory: ({ memoryId }: VectorRecord, _: unknown, { loaders }: MemoryContext) =>
      memoryId === null ? null : loaders.memory.load(memoryId),
    session: ({ sessionId }: VectorRecord, _: unknown, { loaders }: MemoryContext) =>
      sessionId === null ? null : loaders.session.load(sessionId),
    content: (vector: VectorRecord, _: unknown, context: MemoryContext) => contentAbout(context, vector),
    metadata: (vector: VectorRecord, _: unknown, context: MemoryContext) => metadataAbout(context, vector),
    consensusNode: ({ consensusNodeId }: VectorRecord) => nodeOf(consensusNodeId),
    model: async (vector: VectorRecord, _: unknown, context: MemoryContext) =>
      (await pointOf(vector, context)) && context.stores.collections[vector.collection].model,
    dimensions: async (vector: VectorRecord, _: unknown, context: MemoryContext) =>
      (await pointOf(vector, context)) && context.stores.collections[vector.collection].dimensions,
    pointId: async (vector: VectorRecord, _: unknown, context: MemoryContext) => {
      const { model } = context.stores.collections[vector.collection]
      return (await pointOf(vector, context)) && pointIdOf(vector.id, vector.kind, model)
    },
    embeddedAt: async (vector: VectorRecord, _: unknown, context: MemoryContext) =>
      (await pointOf(vector, context))?.createdAt ?? null,
    embedding: async (vector: VectorRecord, _: unknown, context: MemoryContext) => {
      // Numbers tell of a text as its words do.
      const rules = await masksAbout(context, vector)
      if (rules?.length !== 0) return []
      const point = await context.loaders.pointOf(vector.collection, vector.id, true)
      return [...(point?.vector ?? [])]
    },
  },
  StoreVectorsSuccess: {
    vectors: ({ vectorIds }: { vectorIds: readonly string[] }, _: unknown, context: MemoryContext) =>
      vectorIds.map((id) => namedVector(id, context)),
  },
}
