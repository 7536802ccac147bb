import type { PageArguments } from '../../lib/connection.ts'
import { toGlobalId } from '../../lib/ids.ts'
import { byReference, idFields } from '../references.ts'
import type { MemoryContext } from './context.ts'
import type { MemoryRecord } from './records.ts'
import { mutation, named } from './resolving.ts'
import { linesOf, removeMemoryArchive } from './service/upkeep/archive.ts'
import { compressColdMemories } from './service/upkeep/compression.ts'
import { cleanUpExpired, listExpired } from './service/upkeep/expire.ts'
import { applyTierRules } from './service/upkeep/tiers.ts'
import type { Slice } from './slice.ts'
import { type ArchiveRecord, archives } from './store/archives.ts'

/** Resolvers of what has expired, and of what rules move and pack. */
export const upkeepResolvers = {
  Query: {
    expiredMemories: (_: unknown, args: PageArguments & { at?: Date | null }, context: MemoryContext) =>
      listExpired(context, args.at ?? null, args),
    memoryArchives: (_: unknown, args: PageArguments, { loaders, viewer }: MemoryContext) =>
      loaders.listUnder<ArchiveRecord>(['memory archives'], archives, viewer.userId, args),
  },
  Mutation: {
    applyTierRules: mutation(applyTierRules),
    cleanUpExpired: mutation(cleanUpExpired),
    compressColdMemories: mutation(compressColdMemories),
    removeMemoryArchive: mutation(removeMemoryArchive),
  },
  Memory: {
    compressed: ({ compression }: MemoryRecord) => compression !== null,
    // How long a content is would tell others of what is masked.
    compressionMetadata: ({ compression, ownerId }: MemoryRecord, _: unknown, { viewer }: MemoryContext) =>
      ownerId === viewer.userId && compression !== null
        ? { ...compression, compressedAt: new Date(compression.compressedAt) }
        : null,
  },
  MemoryArchive: {
    ...idFields('MemoryArchive'),
    __resolveReference: byReference('MemoryArchive', ({ loaders }: MemoryContext, id) =>
      loaders.memoryArchive.load(id),
    ),
    lines: (archive: ArchiveRecord, slice: Slice, context: MemoryContext) => linesOf(context, archive, slice),
  },
  CleanUpExpiredSuccess: {
    archive: ({ archiveId }: { archiveId: string | null }, _: unknown, { loaders }: MemoryContext) =>
      archiveId === null ? null : named(loaders.memoryArchive.load(archiveId)),
  },
  RemoveMemoryArchiveSuccess: {
    archiveId: ({ archiveId }: { archiveId: string }) => toGlobalId('MemoryArchive', archiveId),
  },
}
