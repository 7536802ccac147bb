import { maximumPageSize } from '../../../lib/connection.ts'
import { codedError } from '../../../lib/errors.ts'
import type { VectorCollection, VectorHit } from '../../../stores/vector/port.ts'
import { securityOf } from '../../security.ts'
import type { MemoryContext } from '../context.ts'
import { checkText, limits } from '../limits.ts'
import { analyze } from '../recall/tokens.ts'
import { fittingVectors, givenVectors, grantedOwners, type VectorFilter } from '../store/vectors.ts'

export type VectorRanking = 'MEANING' | 'MEANING_AND_WORDS'

export interface VectorQuestion {
  readonly query: string
  readonly collection: VectorCollection
  readonly filter: VectorFilter
  readonly by: VectorRanking
  readonly first: number
}

/** What of a collection is nearest to a question, of all that the viewer may read. */
export async function searchVectors(context: MemoryContext, question: VectorQuestion) {
  const { query, first, collection } = question
  if (first < 1 || first > maximumPageSize) throw bad(`\`first\` must be 1–${maximumPageSize}, not ${first}.`)
  const problem = checkText(query, limits.query, [], 1)
  if (problem) throw bad(`\`query\`: ${problem.message}`)
  const { stores, request } = context
  const start = performance.now()
  const found = await nearest(context, question)
  const best = (found?.hits ?? []).slice(0, first)
  const vectors = await Promise.all(best.map(({ id }) => context.loaders.vector.load(id)))
  const hits = best
    .flatMap(({ score }, i) => (vectors[i] ? [{ vector: vectors[i], score }] : []))
    .map((hit, i) => ({ ...hit, rank: i + 1 }))
  const tookMs = performance.now() - start
  stores.sentinel.report(securityOf(request, 'memory'), {
    kind: 'VECTORS',
    operation: 'SEARCH',
    collection,
    amount: hits.length,
    tookMs,
  })
  return {
    hits,
    by: found?.by ?? question.by,
    model: stores.encoder.model,
    tookMs,
    degraded: found === null ? ['VECTORS'] : [],
  }
}

interface Found {
  /** The best first. */
  readonly hits: readonly VectorHit[]
  readonly by: VectorRanking
}

/** Null when the vectors do not answer. */
async function nearest(context: MemoryContext, question: VectorQuestion): Promise<Found | null> {
  const { stores, request } = context
  try {
    return await compared(context, question)
  } catch (error) {
    request.signal.throwIfAborted()
    stores.logger.warn({ err: error, traceId: request.traceId }, 'Vectors did not answer; a search found nothing')
    return null
  }
}

async function compared(
  context: MemoryContext,
  { query, collection, filter, by, first }: VectorQuestion,
): Promise<Found> {
  const { stores, viewer, request } = context
  const index = stores.collections[collection]
  const shelves = [viewer.userId, viewer.tenantId]
  const [vector] = await stores.encoder.encode([query], request.signal)
  if (!vector) throw new Error('the encoder gave no vector')
  const others = await context.read((db) => grantedOwners(db, collection))
  // What fits is compared one by one: an index that is filtered afterwards would lose some of the best.
  const filtered = Object.values(filter).some((value) => value != null)
  const ids = await context.read((db) =>
    filtered
      ? fittingVectors(db, viewer, collection, [viewer.userId, ...others], filter)
      : givenVectors(db, collection, others),
  )
  if (by === 'MEANING_AND_WORDS' && index.hybrid) {
    const terms = analyze(query).terms
    const own = filtered ? [] : shelves
    const best = await index.hybrid({ vector, terms, shelves: own, ids }, first, request.signal)
    const cosines = await index.compare([...shelves, ...others], vector, best)
    const scores = new Map(cosines.map(({ id, score }) => [id, score]))
    return { by, hits: best.map((id) => ({ id, score: scores.get(id) ?? 0 })) }
  }
  const [own, given] = await Promise.all([
    filtered ? [] : index.nearest(shelves, vector, first, request.signal),
    ids.length === 0 ? [] : index.compare([...shelves, ...others], vector, ids),
  ])
  const known = new Set(own.map(({ id }) => id))
  const hits = [...own, ...given.filter(({ id }) => !known.has(id))]
  return { by: 'MEANING', hits: hits.sort((a, b) => b.score - a.score) }
}

function bad(message: string) {
  return codedError('BAD_USER_INPUT', message)
}
