import type { Database } from '../../../stores/postgres/postgres.ts'
import type { VectorHit } from '../../../stores/vector/port.ts'
import type { MemoryContext } from '../context.ts'
import type { TextAnswer } from '../recall/port.ts'
import type { MemoryFilter } from '../records.ts'
import { fittingAt } from './memories.ts'
import { neighbourhoodsAsOf } from './neighbourhoods.ts'
import { filterValues, type ObservedIndex, toTextAnswer } from './recall-index.ts'
import { VectorOutage } from './vector-outage.ts'

/**
 * What the viewer could have found at a moment, by the words that were known then. Old revisions have no vectors: what
 * was revised since is found by its words alone, and counted as pending.
 */
export function openPastIndex(context: MemoryContext, filter: MemoryFilter, asOf: Date): ObservedIndex {
  const { stores, viewer } = context
  const outage = new VectorOutage(context)
  let pending = 0

  async function nearest(vector: Float32Array, limit: number) {
    const { present, revised } = await context.read((db) => fittingAt(db, viewer, filter, asOf))
    const hits = await stores.vectors.compare([viewer.userId, viewer.tenantId], vector, present)
    pending = revised + present.length - hits.length
    return [...hits].sort((a, b) => b.score - a.score).slice(0, limit)
  }

  return {
    get degraded() {
      return outage.hasBegun
    },
    search: (boosts, limit) => context.read((db) => searchAt(db, boosts, limit, filter, asOf)),
    nearest: (vector, limit) => outage.orElse<readonly VectorHit[]>([], () => nearest(vector, limit)),
    context: (ids, radius, asked) => context.read((db) => neighbourhoodsAsOf(db, ids, radius, asked, filter, asOf)),
    pending: async () => pending,
  }
}

async function searchAt(
  db: Database,
  boosts: ReadonlyMap<string, number>,
  limit: number,
  filter: MemoryFilter,
  asOf: Date,
): Promise<TextAnswer> {
  const terms = [...boosts.keys()]
  const [found] = await db.query<Parameters<typeof toTextAnswer>[1] & object>(
    'SELECT * FROM memory.search_as_of($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)',
    [terms, [...boosts.values()], limit, asOf, ...filterValues(filter)],
  )
  return toTextAnswer(terms, found)
}
