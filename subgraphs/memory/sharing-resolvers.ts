import { toGlobalId } from '../../lib/ids.ts'
import type { MemoryContext } from './context.ts'
import { userOf } from './mappers.ts'
import type { GrantRecord, MemoryRecord } from './records.ts'
import { mutation, named } from './resolving.ts'
import { shareMemory, subjectTypes, unshareMemory } from './service/share.ts'

/** Resolvers of whom memories were given to. */
export const sharingResolvers = {
  Mutation: { shareMemory: mutation(shareMemory), unshareMemory: mutation(unshareMemory) },
  Memory: {
    grants: ({ id, ownerId }: MemoryRecord, _: unknown, { loaders, viewer }: MemoryContext) =>
      ownerId === viewer.userId ? loaders.grantsOf(id) : [],
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
