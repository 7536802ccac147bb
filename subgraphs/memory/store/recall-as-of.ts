import type { Database } from '../../../stores/postgres/postgres.ts'
import type { VectorHit } from '../../../stores/vector/port.ts'
import { undamaged } from '../../packed-rows.ts'
import type { MemoryContext } from '../context.ts'
import type { TextAnswer } from '../recall/port.ts'
import type { MemoryFilter } from '../records.ts'
import { contentsAt } from './memories.ts'
import { fittingAt } from './memory-lists.ts'
import { neighbourhoodsAsOf } from './neighbourhoods.ts'
import { filterValues, type ObservedIndex, toTextAnswer } from './recall-index.ts'
import { VectorOutage } from './vector-outage.ts'

/** How much of what was revised since is given vectors for one question, the last revised first. */
const mostRevised = 1_000
const mostCharacters = 1_000_000
/** How long that may take, so that a slow provider costs the search by meaning and not the search. Milliseconds. */
const mostMs = 5_000

/**
 * What the viewer could have found at a moment, by the words that were known then and by meaning. Old revisions have no
 * vectors: those of what was revised since are made for the question. What is more than that is found by its words
 * alone, and counted as pending.
 */
export function openPastIndex(context: MemoryContext, filter: MemoryFilter, asOf: Date): ObservedIndex {
  const { stores, viewer, request } = context
  const outage = new VectorOutage(context)
  let pending = 0

  async function nearest(vector: Float32Array, limit: number) {
    const { present, revised } = await context.read((db) => fittingAt(db, viewer, filter, asOf))
    const [now, then] = await Promise.all([
      outage.orElse<readonly VectorHit[]>([], () =>
        stores.vectors.compare([viewer.userId, viewer.tenantId], vector, present),
      ),
      outage.orElse<readonly VectorHit[]>([], () => compareRevised(vector, revised.slice(0, mostRevised))),
    ])
    pending = present.length - now.length + revised.length - then.length
    return [...now, ...then].sort((a, b) => b.score - a.score).slice(0, limit)
  }

  /** By vectors of the model that is searched now, as the question's is. */
  async function compareRevised(vector: Float32Array, ids: readonly string[]): Promise<readonly VectorHit[]> {
    if (ids.length === 0) return []
    const found = await context.read((db) => contentsAt(db, ids, asOf, mostCharacters))
    const said = undamaged(found, stores.logger)
    const texts = said.map(({ content }) => content)
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(mostMs)])
    const vectors = texts.length === 0 ? [] : await stores.encoder.encode(texts, signal)
    return said.flatMap(({ id }, i) => (vectors[i] ? [{ id, score: cosine(vector, vectors[i]) }] : []))
  }

  return {
    get degraded() {
      return outage.hasBegun
    },
    search: (boosts, limit) => context.read((db) => searchAt(db, boosts, limit, filter, asOf)),
    nearest,
    context: (ids, radius, asked) => context.read((db) => neighbourhoodsAsOf(db, ids, radius, asked, filter, asOf)),
    pending: async () => (outage.hasBegun ? 0 : pending),
  }
}

/** Of vectors of length one. */
function cosine(one: Float32Array, other: Float32Array): number {
  return one.reduce((sum, value, i) => sum + value * (other[i] ?? 0), 0)
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
