import type { PageArguments } from '../../lib/connection.ts'
import { toGlobalId } from '../../lib/ids.ts'
import { follow } from '../follow.ts'
import { byReference, idFields } from '../references.ts'
import type { MemoryContext } from './context.ts'
import type { SessionRecord } from './records.ts'
import { mutation, named, shown } from './resolving.ts'
import { syncMemory } from './service/sync/request.ts'
import { type Slice, sliceOf } from './slice.ts'
import { type SyncFilter, syncConditions, syncsOfOwner, syncsOfSession } from './store/syncs.ts'
import type { SyncRecord, SyncStatus } from './sync-records.ts'

interface MemorySyncChange {
  readonly cursor: string
  readonly status: SyncStatus
  readonly syncId: string
  readonly at: Date
}

/** The steps of the viewer's handings-over; each is in the log as an event of its own. */
function memorySyncChanges({ stores, request }: MemoryContext, after: string | null | undefined) {
  return follow(stores, request, 'memory', after, async (event, cursor): Promise<MemorySyncChange | null> => {
    if (event.type !== 'MemorySync') return null
    const status = event.kind.slice('SYNC_'.length) as SyncStatus
    return { cursor, status, syncId: event.id, at: event.at }
  })
}

const memory = ({ memoryId }: { memoryId: string | null }, _: unknown, { loaders }: MemoryContext) =>
  memoryId === null ? null : loaders.memory.load(memoryId)

const syncOf = byReference('MemorySync', ({ loaders }: MemoryContext, id) => loaders.sync.load(id))

/** Resolvers of what sessions hand over to each other. */
export const syncResolvers = {
  Query: {
    memorySync: (_: unknown, args: { id: string }, context: MemoryContext) => syncOf(args, context),
    memorySyncs: (_: unknown, args: SyncFilter & PageArguments, { loaders, viewer }: MemoryContext) =>
      loaders.listUnder<SyncRecord>(
        ['syncs', args.status ?? null, args.type ?? null],
        syncsOfOwner,
        viewer.userId,
        args,
        (values) => syncConditions(args, values),
      ),
  },
  Mutation: { syncMemory: mutation(syncMemory) },
  Subscription: {
    memorySyncChanges: {
      subscribe: (_: unknown, { after }: { after?: string | null }, context: MemoryContext) =>
        memorySyncChanges(context, after),
      resolve: shown<MemorySyncChange>,
    },
  },
  ChatSession: {
    syncs: ({ id }: SessionRecord, args: PageArguments, { loaders }: MemoryContext) =>
      loaders.listUnder<SyncRecord>(['syncs of session'], syncsOfSession, id, args),
  },
  MemorySync: {
    ...idFields('MemorySync'),
    __resolveReference: syncOf,
    transferred: ({ transferred }: SyncRecord, slice: Slice) => sliceOf(transferred, slice),
    transferredCount: ({ transferred }: SyncRecord) => transferred.length,
    conflicts: ({ conflicts }: SyncRecord, slice: Slice) => sliceOf(conflicts, slice),
    conflictCount: ({ conflicts }: SyncRecord) => conflicts.length,
    source: ({ sourceId }: SyncRecord, _: unknown, { loaders }: MemoryContext) => loaders.session.load(sourceId),
    target: ({ targetId }: SyncRecord, _: unknown, { loaders }: MemoryContext) => loaders.session.load(targetId),
  },
  SyncedItem: { memory },
  SyncConflict: { memory },
  MemorySyncChange: {
    syncId: ({ syncId }: MemorySyncChange) => toGlobalId('MemorySync', syncId),
    sync: ({ syncId }: MemorySyncChange, _: unknown, { loaders }: MemoryContext) => loaders.sync.load(syncId),
  },
  SyncMemorySuccess: {
    sync: ({ syncId }: { syncId: string }, _: unknown, { loaders }: MemoryContext) => named(loaders.sync.load(syncId)),
  },
}
