import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RequestContext } from '../../lib/context.ts'
import { silentLog } from '../../lib/log.ts'
import { systemClock } from '../../lib/sources.ts'
import { runProjectors } from '../../stores/projector.ts'
import { MemoryContext } from '../../subgraphs/memory/context.ts'
import { room } from '../../subgraphs/memory/index.ts'
import type { MemoryFilter } from '../../subgraphs/memory/records.ts'
import { openRecallIndex } from '../../subgraphs/memory/store/recall-index.ts'
import { describeEachPostgres } from '../kit/postgres.ts'
import { type MemoryWorld, openMemoryWorld, verbs } from './world.ts'

const fruits = ['apple', 'pear', 'plum', 'cherry', 'quince', 'medlar', 'boat', 'harbour', 'violin'] as const
const tiers = ['WORKING', 'EPISODIC', 'SEMANTIC'] as const
const moods = ['calm', 'glad'] as const
const day = (n: number) => new Date(Date.UTC(2024, 0, 1 + n))
const count = 240

/** A memory as the test made it up. */
interface Made {
  readonly id: string
  readonly content: string
  readonly tier: (typeof tiers)[number]
  readonly session: number
  readonly day: number
  readonly mood: (typeof moods)[number]
}

/** A filter as the test thinks of it; null asks for nothing. */
interface Wanted {
  readonly tiers: readonly string[] | null
  readonly session: number | null
  readonly from: number | null
  readonly before: number | null
  readonly mood: string | null
}

const wanted: fc.Arbitrary<Wanted> = fc.record({
  tiers: fc.option(fc.subarray([...tiers], { minLength: 1 })),
  session: fc.option(fc.nat(2)),
  from: fc.option(fc.nat(40)),
  before: fc.option(fc.integer({ min: 5, max: 60 })),
  mood: fc.option(fc.constantFrom(...moods)),
})

const fits = (memory: Made, filter: Wanted) =>
  (filter.tiers === null || filter.tiers.includes(memory.tier)) &&
  (filter.session === null || filter.session === memory.session) &&
  (filter.from === null || memory.day >= filter.from) &&
  (filter.before === null || memory.day < filter.before) &&
  (filter.mood === null || filter.mood === memory.mood)

describeEachPostgres('a filtered recall', (database) => {
  let world: MemoryWorld
  let sessions: string[]
  let made: Made[]
  let vectors: Float32Array[]

  beforeAll(async () => {
    world = await openMemoryWorld({ database: database() })
    const own = verbs(world, world.owner)
    sessions = [await own.openSession(), await own.openSession(), await own.openSession()]
    const memories = Array.from({ length: count }, (_, n) => ({
      content: [0, 1, 2].map((k) => fruits[(n * (k + 2) + Math.floor(n / 7)) % fruits.length]).join(' '),
      tier: tiers[n % 3] ?? 'WORKING',
      session: Math.floor(n / 4) % 3,
      day: (n * 17) % 50,
      mood: moods[Math.floor(n / 5) % 2] ?? 'calm',
    }))
    await own.act('rememberMany', {
      items: memories.map((memory, n) => ({
        content: memory.content,
        tier: memory.tier,
        sessionId: sessions[memory.session],
        occurredAt: day(memory.day).toISOString(),
        metadata: { mood: memory.mood },
        externalId: `memory ${n}`,
      })),
    })
    const rows = await world.database.sql<{ id: string; name: string }>(
      'SELECT id, external_id AS name FROM memory.memories WHERE owner_id = $1',
      [world.owner.userId],
    )
    const ids = new Map(rows.map(({ id, name }) => [name, id]))
    made = memories.map((memory, n) => ({ ...memory, id: ids.get(`memory ${n}`) ?? '' }))
    vectors = await world.stores.encoder.encode(made.map(({ content }) => content))
    const projectors = await runProjectors(world.stores, room.projectors?.(world.stores) ?? [], silentLog())
    await projectors.caughtUp()
    await projectors.close()
  }, 120_000)
  afterAll(() => world.close())

  function open(filter: Wanted) {
    const request = { viewer: world.owner, deadline: Number.POSITIVE_INFINITY, signal: new AbortController().signal }
    const context = new MemoryContext(world.stores, {
      ...request,
      clock: systemClock,
      traceId: 'test',
    } as unknown as RequestContext)
    const asked: MemoryFilter = {
      tiers: filter.tiers as MemoryFilter['tiers'],
      sessionId: filter.session === null ? null : uuids()[filter.session],
      occurredFrom: filter.from === null ? null : day(filter.from),
      occurredBefore: filter.before === null ? null : day(filter.before),
      metadata: filter.mood === null ? null : { mood: filter.mood },
    } as MemoryFilter
    return openRecallIndex(context, asked)
  }
  const uuids = () => sessions.map((id) => Buffer.from(id, 'base64url').subarray(0, 16).toString('hex'))
  const everything: Wanted = { tiers: null, session: null, from: null, before: null, mood: null }

  test('by words finds the best of all that fit, as a search of every single memory does', async () => {
    const boosts = fc.dictionary(fc.constantFrom('appl', 'pear', 'plum', 'boat', 'violin'), fc.constantFrom(0.4, 1), {
      minKeys: 1,
    })
    await fc.assert(
      fc.asyncProperty(wanted, boosts, fc.integer({ min: 1, max: 30 }), async (filter, terms, limit) => {
        const asked = new Map(Object.entries(terms))
        const [found, all] = await Promise.all([
          open(filter).search(asked, limit),
          open(everything).search(asked, count),
        ])
        const fitting = new Set(made.filter((memory) => fits(memory, filter)).map(({ id }) => id))
        const best = all.hits.filter(({ id }) => fitting.has(id)).slice(0, limit)
        expect(found.hits.map(({ score }) => score.toFixed(9))).toEqual(best.map(({ score }) => score.toFixed(9)))
        for (const { id } of found.hits) expect(fitting.has(id)).toBe(true)
      }),
      { numRuns: 40 },
    )
  })

  test('by meaning finds the nearest of all that fit, as comparing every single vector does', async () => {
    await fc.assert(
      fc.asyncProperty(wanted, fc.nat(count - 1), fc.integer({ min: 1, max: 30 }), async (filter, n, limit) => {
        const question = vectors[n] ?? new Float32Array()
        const exact = made
          .flatMap((memory, i) => (fits(memory, filter) ? [{ id: memory.id, score: dot(question, vectors[i]) }] : []))
          .sort((a, b) => b.score - a.score)
        const index = open(filter)
        const found = await index.nearest(question, limit)
        expect(index.degraded).toBe(false)
        expect(found.length).toBe(Math.min(limit, exact.length))
        // Stored vectors are of half precision: what is nearer by more than that must not be missing.
        for (const [i, { score }] of found.entries())
          expect(Math.abs(score - (exact[i]?.score ?? 0))).toBeLessThan(0.01)
        const fitting = new Set(exact.map(({ id }) => id))
        for (const { id } of found) expect(fitting.has(id)).toBe(true)
      }),
      { numRuns: 40 },
    )
  })

  test('through the graph shows nothing else, and every one that says what is asked', async () => {
    await fc.assert(
      fc.asyncProperty(wanted, fc.constantFrom(...fruits), async (filter, fruit) => {
        const { recall } = await world.ask(
          world.owner,
          `query ($query: String!, $filter: MemoryFilter) { recall(query: $query, first: 100, filter: $filter) {
            hits { rank score memory { externalId } } } }`,
          {
            query: fruit,
            filter: {
              tiers: filter.tiers,
              sessionId: filter.session === null ? null : sessions[filter.session],
              occurredFrom: filter.from === null ? null : day(filter.from).toISOString(),
              occurredBefore: filter.before === null ? null : day(filter.before).toISOString(),
              metadata: filter.mood === null ? null : { mood: filter.mood },
            },
          },
        )
        const names: string[] = recall.hits.map((hit: { memory: { externalId: string } }) => hit.memory.externalId)
        const fitting = made.flatMap((memory, n) => (fits(memory, filter) ? [{ ...memory, name: `memory ${n}` }] : []))
        for (const name of names) expect(fitting.some((memory) => memory.name === name)).toBe(true)
        const saying = fitting.filter(({ content }) => content.includes(fruit))
        if (saying.length <= 50) for (const { name } of saying) expect(names).toContain(name)
      }),
      { numRuns: 20 },
    )
  })
})

function dot(a: Float32Array, b: Float32Array = new Float32Array()): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0)
}
