import { toGlobalId } from '../../lib/ids.ts'
import type { MemoryContext } from './context.ts'
import { userOf } from './mappers.ts'
import type { GrantRecord, MemoryRecord } from './records.ts'
import { mutation, named } from './resolving.ts'
import { shareMemory, subjectTypes, unshareMemory } from './service/share.ts'
import { type Slice, sliceOf } from './slice.ts'

/** Resolvers of whom memories were given to. */
export const sharingResolvers = {
  Mutation: { shareMemory: mutation(shareMemory), unshareMemory: mutation(unshareMemory) },
  Memory: {
    grants: async ({ id, ownerId }: MemoryRecord, slice: Slice, { loaders, viewer }: MemoryContext) =>
      sliceOf(ownerId === viewer.userId ? await loaders.grantsOf(id) : [], slice),
  },
  MemoryGrant: {
    subjectId: ({ subjectKind, subjectId }: GrantRecord) => toGlobalId(subjectTypes[subjectKind], subjectId),
    user: ({ subjectKind, granteeId }: GrantRecord) => (subjectKind === 'TEAM' ? null : userOf(granteeId)),
    permission: ({ mayWrite }: GrantRecord) => (mayWrite ? 'WRITE' : 'READ'),
  },
  ShareMemorySuccess: { memory: namedMemory },
  UnshareMemorySuccess: { memory: namedMemory },
}

function namedMemory({ memoryId }: { memoryId: string }, _: unknown, { loaders }: MemoryContext) {
  return named(loaders.memory.load(memoryId))
}
