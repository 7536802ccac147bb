import type { IndexStatus } from '../../stores/vector/port.ts'
import type { Followed } from '../follow.ts'
import type { MemoryContext } from './context.ts'
import { type EmbeddingProgress, embeddingIndexes, embeddingProgress } from './service/embeddings.ts'

/** Resolvers of the indexes of vectors, as whoever runs the system sees them. */
export const embeddingResolvers = {
  Query: { embeddingIndexes: (_: unknown, __: unknown, context: MemoryContext) => embeddingIndexes(context) },
  Subscription: {
    embeddingProgress: {
      subscribe: (_: unknown, __: unknown, context: MemoryContext) => embeddingProgress(context),
      resolve: ({ value }: Followed<EmbeddingProgress>) => value,
    },
  },
  EmbeddingIndex: { backend: ({ backend }: IndexStatus) => backend.toUpperCase() },
}
