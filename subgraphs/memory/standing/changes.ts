import { bulkhead } from 'cockatiel'
import { maximumPageSize } from '../../../lib/connection.ts'
import { codedError } from '../../../lib/errors.ts'
import type { Stores } from '../../../stores/stores.ts'
import { endable, type Followed } from '../../follow.ts'
import type { MemoryContext } from '../context.ts'
import { checkText, limits } from '../limits.ts'
import type { MemoryFilter } from '../records.ts'
import { type Difference, differenceOf, type StandingHit } from './difference.ts'
import { type StandingAnswer, StandingSearch } from './search.ts'

/** Searches that are evaluated at the same time; the others wait for their turn. */
const atOnce = 2
/** Different searches that may stand in one process. */
const mostSearches = 10_000

export interface RecallChange extends Difference {
  readonly cursor: string
  readonly at: Date
  readonly hits: readonly StandingHit[]
  readonly degraded: readonly string[]
  readonly pending: number
}

export interface RecallChangesArguments {
  readonly query: string
  readonly first: number
  readonly filter: MemoryFilter
  readonly after: string | null | undefined
}

interface Registry {
  readonly searches: Map<string, StandingSearch>
  readonly turns: ReturnType<typeof bulkhead>
}

const registries = new WeakMap<Stores, Registry>()

/**
 * How the answer to a search changes, from now on; after a cursor it begins with the answer as it is.
 * @throws BAD_USER_INPUT for a search that cannot be made, and for a cursor that is not the viewer's
 */
export async function recallChanges(context: MemoryContext, args: RecallChangesArguments) {
  const { stores, request, viewer } = context
  check(args)
  const cursor = request.resumeAfter ?? args.after ?? null
  const place = cursor === null ? null : stores.cursors.decode(cursor, viewer.userId)
  const { search, leave } = joinSearch(context, args)
  const ending = new AbortController()
  const signal = AbortSignal.any([request.signal, ending.signal])
  const end = () => {
    ending.abort()
    leave()
  }
  signal.addEventListener('abort', end, { once: true })
  const begun = await search.join(args.first).catch((error: unknown) => {
    end()
    throw error
  })
  const encode = ({ position }: StandingAnswer) => stores.cursors.encode(position, viewer.userId)

  async function* events(): AsyncGenerator<Followed<RecallChange>, undefined> {
    let shown: readonly StandingHit[] = begun.hits.slice(0, args.first)
    if (place !== null) yield followed([], begun, shown, { resync: place.epoch !== begun.position.epoch })
    for (let seen = begun; ; ) {
      const next = await search.after(seen, signal)
      if (next === null) return
      seen = next
      const hits = next.hits.slice(0, args.first)
      if (differenceOf(shown, hits) === null) continue
      yield followed(shown, next, hits)
      shown = hits
    }
  }

  function followed(
    before: readonly StandingHit[],
    answer: StandingAnswer,
    hits: readonly StandingHit[],
    { resync = false } = {},
  ): Followed<RecallChange> {
    const { degraded, pending } = answer
    const cursor = encode(answer)
    const difference = differenceOf(before, hits) ?? { entered: [], moved: [], revised: [], left: [] }
    const value = { cursor, at: stores.clock.now(), hits, degraded, pending, ...difference }
    return { value, extensions: { live: { cursor, resync, lagging: false } } }
  }

  return endable(events(), encode(begun), end)
}

function joinSearch(context: MemoryContext, { query, filter }: RecallChangesArguments) {
  const { stores, viewer } = context
  const registry = registries.get(stores) ?? { searches: new Map(), turns: bulkhead(atOnce, mostSearches) }
  registries.set(stores, registry)
  const { searches, turns } = registry
  const key = JSON.stringify([viewer.tenantId, viewer.userId, viewer.role, viewer.scopes, query, filter])
  let search = searches.get(key)
  if (search === undefined || search.isOver) {
    if (searches.size >= mostSearches) throw codedError('RATE_LIMITED', 'Too many searches stand already.')
    search = new StandingSearch(context, { query, filter }, turns)
    searches.set(key, search)
  }
  const joined = search
  let isIn = true
  const leave = () => {
    if (!isIn) return
    isIn = false
    if (joined.leave() && searches.get(key) === joined) searches.delete(key)
  }
  return { search: joined, leave }
}

function check({ query, first }: RecallChangesArguments): void {
  if (first < 1 || first > maximumPageSize) {
    throw codedError('BAD_USER_INPUT', `\`first\` must be 1–${maximumPageSize}, not ${first}.`)
  }
  const problem = checkText(query, limits.query, [], 1)
  if (problem) throw codedError('BAD_USER_INPUT', `\`query\`: ${problem.message}`)
}
