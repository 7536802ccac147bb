import { type PageArguments, parsePage, toConnection } from '../../../lib/connection.ts'
import { uuidOf } from '../../../lib/ids.ts'
import type { MemoryContext } from '../context.ts'
import type { CountedConnection } from '../loaders.ts'
import { type MemoryFilter, type MemoryRecord, type MemoryTier, memoryTiers } from '../records.ts'
import { countVisibleMemories, memoryStats, tierCounts, visibleMemories } from '../store/memories.ts'

export type MemoryOrder = 'NEWEST_FIRST' | 'OLDEST_FIRST'

/** One memory as it is, or as it was known at a moment. */
export async function findMemory(context: MemoryContext, id: string, asOf: Date | null): Promise<MemoryRecord | null> {
  const uuid = uuidOf('Memory', id)
  if (uuid === null) return null
  const { loaders } = context
  const found = await (asOf === null ? loaders.memory.load(uuid) : loaders.memoryAsOf(uuid, asOf))
  context.noteRead(found)
  return found
}

/** The memories that the viewer may see, as they are or as they were known at a moment. */
export async function listMemories(
  context: MemoryContext,
  filter: MemoryFilter,
  order: MemoryOrder,
  args: PageArguments,
  asOf: Date | null = null,
): Promise<CountedConnection<MemoryRecord>> {
  const page = parsePage(args, asOf === null ? ['memories', order, filter] : ['memories', order, filter, asOf])
  const { viewer } = context
  const direction = order === 'OLDEST_FIRST' ? 'ASC' : 'DESC'
  const rows = await context.read((db) => visibleMemories(db, viewer, filter, direction, page, asOf))
  const totalCount = () => context.read((db) => countVisibleMemories(db, viewer, filter, asOf))
  return { ...toConnection(rows, page, (row) => [row.ordinal]), totalCount }
}

/** The viewer's own memories in figures: those that are there, and how many besides are over. */
export function ownStats(context: MemoryContext, tier: MemoryTier | null) {
  const { viewer } = context
  return context.readAll((db) => memoryStats(db, viewer.userId, tier, context.stores.clock.now()))
}

/** How the viewer's own memories spread over the tiers. */
export async function tierDistribution(context: MemoryContext) {
  const { viewer } = context
  const counts = await context.readAll((db) => tierCounts(db, viewer.userId, context.stores.clock.now()))
  return memoryTiers.map((tier) => counts.get(tier) ?? { tier, count: 0, expired: 0 })
}
