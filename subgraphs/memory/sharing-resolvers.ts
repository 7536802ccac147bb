import { toGlobalId } from '../../lib/ids.ts'
import type { MemoryContext } from './context.ts'
import { userOf } from './mappers.ts'
import type { GrantRecord, MemoryRecord } from './records.ts'
import { subjectTypes } from './service/share.ts'

/** Resolvers of whom memories were given to. */
export const sharingResolvers = {
  Memory: {
    grants: ({ id, ownerId }: MemoryRecord, _: unknown, { loaders, viewer }: MemoryContext) =>
      ownerId === viewer.userId ? loaders.grantsOf(id) : [],
  },
  MemoryGrant: {
    subjectId: ({ subjectKind, subjectId }: GrantRecord) => toGlobalId(subjectTypes[subjectKind], subjectId),
    user: ({ subjectKind, granteeId }: GrantRecord) => (subjectKind === 'TEAM' ? null : userOf(granteeId)),
    permission: ({ mayWrite }: GrantRecord) => (mayWrite ? 'WRITE' : 'READ'),
  },
}
