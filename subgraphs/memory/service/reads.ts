import { type PageArguments, parsePage, toConnection } from '../../../lib/connection.ts'
import { codedError } from '../../../lib/errors.ts'
import { uuidOf } from '../../../lib/ids.ts'
import type { MemoryContext } from '../context.ts'
import { checkText, limits } from '../limits.ts'
import type { CountedConnection } from '../loaders.ts'
import { type MemoryListFilter, type MemoryRecord, type MemoryTier, memoryTiers } from '../records.ts'
import { memoryStats, tierCounts } from '../store/memories.ts'
import { countVisibleMemories, placeOfMemory, visibleMemories } from '../store/memory-lists.ts'

const orders = {
  NEWEST_FIRST: { key: 'MADE', order: 'DESC' },
  OLDEST_FIRST: { key: 'MADE', order: 'ASC' },
  RECENTLY_UPDATED_FIRST: { key: 'UPDATED', order: 'DESC' },
  LEAST_RECENTLY_UPDATED_FIRST: { key: 'UPDATED', order: 'ASC' },
} as const

export type MemoryOrder = keyof typeof orders

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
  filter: MemoryListFilter,
  orderBy: MemoryOrder,
  args: PageArguments,
  asOf: Date | null = null,
): Promise<CountedConnection<MemoryRecord>> {
  checkList(filter, orderBy, asOf)
  const page = parsePage(args, asOf === null ? ['memories', orderBy, filter] : ['memories', orderBy, filter, asOf])
  const { viewer } = context
  const order = orders[orderBy]
  const rows = await context.read((db) => visibleMemories(db, viewer, filter, order, page, asOf))
  const totalCount = () => context.read((db) => countVisibleMemories(db, viewer, filter, asOf))
  return { ...toConnection(rows, page, placeOfMemory(order.key)), totalCount }
}

function checkList({ speaker }: MemoryListFilter, orderBy: MemoryOrder, asOf: Date | null): void {
  const problem = checkText(speaker, limits.name, ['speaker'])
  if (problem) throw codedError('BAD_USER_INPUT', `\`speaker\`: ${problem.message}`)
  // No index has what was last revised at a moment that is past.
  if (asOf !== null && orders[orderBy].key === 'UPDATED') {
    throw codedError('BAD_USER_INPUT', 'With `asOf`, memories are ordered by when they were made.')
  }
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
