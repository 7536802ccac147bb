import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Viewer } from '../../lib/context.ts'
import { staticVectors } from '../../stores/encoder/static-vectors.ts'
import { runProjectors } from '../../stores/projector.ts'
import { room } from '../../subgraphs/memory/index.ts'
import type { Answer } from '../kit/room-world.ts'
import { type Data, type MemoryWorld, openMemoryWorld, verbs } from './world.ts'

let world: MemoryWorld
let projectors: Awaited<ReturnType<typeof runProjectors>>
let mine: ReturnType<typeof verbs>
let theirs: ReturnType<typeof verbs>
/** How many questions have been encoded: each evaluation of a search encodes its question once. */
let evaluations = new Map<string, number>()

beforeAll(async () => {
  const encoder = staticVectors()
  const counting = {
    ...encoder,
    model: encoder.model,
    dimensions: encoder.dimensions,
    related: encoder.related.bind(encoder),
    close: () => encoder.close(),
    encode(texts: readonly string[], signal?: AbortSignal) {
      const [text = ''] = texts
      evaluations.set(text, (evaluations.get(text) ?? 0) + 1)
      return encoder.encode(texts, signal)
    },
  }
  world = await openMemoryWorld({ encoder: counting })
  projectors = await runProjectors(world.stores, room.projectors?.(world.stores) ?? [], world.stores.logger)
  mine = verbs(world, world.owner)
  theirs = verbs(world, world.stranger)
})
afterAll(async () => {
  await projectors.close()
  await world.close()
})

const subscription = `subscription ($query: String!, $first: Int, $filter: MemoryFilter, $after: Cursor) {
  recallChanges(query: $query, first: $first, filter: $filter, after: $after) {
    cursor at hits { rank score memory { id content version } why { part } }
    entered { memory { id } } moved { from hit { rank memory { id } } } revised { memory { id version } } left degraded pending } }`

async function standing(viewer: Viewer, variables: Record<string, unknown>) {
  const ending = new AbortController()
  const events = await world.follow(viewer, subscription, variables, ending.signal)
  const next = async (): Promise<Answer> => (await events.next()).value as Answer
  const change = async (): Promise<Data> => {
    const { data, errors } = await next()
    if (errors.length > 0) throw new Error(JSON.stringify(errors))
    return data.recallChanges
  }
  return {
    next,
    change,
    /** Reads changes until one fits. */
    async until(fits: (change: Data) => boolean): Promise<Data> {
      for (;;) {
        const told = await change()
        if (fits(told)) return told
      }
    },
    end: () => ending.abort(),
  }
}

const idsOf = (hits: Data[]) => hits.map(({ memory }) => memory.id)

describe('recallChanges', () => {
  test('tells when a memory enters, is revised, and leaves', async () => {
    const live = await standing(world.owner, { query: 'harbour crane inspection' })
    await mine.remember('Nothing about it: the cat sleeps.')
    const id = await mine.remember('The harbour crane inspection is due in May.')
    const entered = await live.until(({ entered }) => idsOf(entered).includes(id))
    expect(entered.hits[0]).toMatchObject({ rank: 1, memory: { id, version: 1 } })
    await mine.act('revise', { id, content: 'The harbour crane inspection was moved to June.' })
    const revised = await live.until(({ revised }) => idsOf(revised).includes(id))
    expect(revised.hits[0].memory).toMatchObject({ content: expect.stringContaining('June'), version: 2 })
    await mine.act('forget', { id })
    const left = await live.until(({ left }) => left.includes(id))
    expect(idsOf(left.hits)).not.toContain(id)
    live.end()
  })

  test('tells of hits that move, and keeps to so many as were asked for', async () => {
    const first = await mine.remember('Zeppelin landing.')
    const live = await standing(world.owner, { query: 'zeppelin landing field', first: 1 })
    const wide = await standing(world.owner, { query: 'zeppelin landing field', first: 5 })
    const better = await mine.remember('The zeppelin landing field is the landing field of the zeppelin.')
    const narrow = await live.until(({ entered }) => idsOf(entered).includes(better))
    expect([idsOf(narrow.hits), narrow.left]).toEqual([[better], [first]])
    const moved = await wide.until(({ moved }) => moved.length > 0)
    expect(moved.moved).toContainEqual({ from: 1, hit: { rank: 2, memory: { id: first } } })
    live.end()
    wide.end()
  })

  test('never tells of what is another’s, until it is shown to him', async () => {
    const query = 'submarine volcano survey'
    const [owner, stranger] = [await standing(world.owner, { query }), await standing(world.stranger, { query })]
    const secret = await mine.remember('The submarine volcano survey is secret.')
    await owner.until(({ entered }) => idsOf(entered).includes(secret))
    const own = await theirs.remember('A submarine volcano survey of my own.')
    const told = await stranger.until(({ entered }) => idsOf(entered).includes(own))
    expect(idsOf(told.hits)).not.toContain(secret)
    await mine.act('revise', { id: secret, visibility: 'PUBLIC' })
    await stranger.until(({ entered }) => idsOf(entered).includes(secret))
    await mine.act('revise', { id: secret, visibility: 'PRIVATE' })
    await stranger.until(({ left }) => left.includes(secret))
    owner.end()
    stranger.end()
  })

  test('begins with the hits as they are when it resumes, and only then', async () => {
    const query = 'glacier measurement campaign'
    const live = await standing(world.owner, { query })
    const seen = await mine.remember('The glacier measurement campaign begins.')
    const { cursor } = await live.until(({ entered }) => idsOf(entered).includes(seen))
    live.end()
    const missed = await mine.remember('The glacier measurement campaign found meltwater.')
    const resumed = await standing(world.owner, { query, after: cursor })
    const now = await resumed.next()
    expect(idsOf(now.data.recallChanges.hits)).toEqual(expect.arrayContaining([seen, missed]))
    expect(now.extensions).toEqual({
      live: { cursor: now.data.recallChanges.cursor, resync: false, lagging: false },
    })
    resumed.end()
  })

  test('tells when the time of a hit is over, before anybody has cleaned up', async () => {
    const search = await standing(world.owner, { query: 'glowworm cave', first: 3 })
    const until = new Date(world.clock.now().getTime() + 50)
    const id = await mine.remember('The glowworm cave closes.', { retentionUntil: until.toISOString() })
    await search.until(({ hits }) => idsOf(hits).includes(id))
    world.clock.advance(50)
    expect((await search.until(({ left }) => left.length > 0)).left).toEqual([id])
    search.end()
  })

  test('keeps to its filter', async () => {
    const live = await standing(world.owner, { query: 'lighthouse keeper rota', filter: { tiers: ['WORKING'] } })
    const other = await mine.remember('The lighthouse keeper rota of last year.')
    const id = await mine.remember('The lighthouse keeper rota of today.', { tier: 'WORKING' })
    const told = await live.until(({ entered }) => idsOf(entered).includes(id))
    expect(idsOf(told.hits)).not.toContain(other)
    live.end()
  })

  test('is evaluated once for each query and owner, however many read', async () => {
    const queries = ['orchid greenhouse temperature', 'violin workshop varnish']
    const readers = await Promise.all(
      Array.from({ length: 300 }, (_, n) =>
        standing(n % 3 === 0 ? world.stranger : world.owner, { query: queries[n % 2], first: 1 + (n % 5) }),
      ),
    )
    evaluations = new Map()
    const id = await mine.remember('Orchid greenhouse temperature and violin workshop varnish.')
    const told = await Promise.all(readers.filter((_, n) => n % 3 !== 0).map((reader) => reader.change()))
    for (const change of told) expect(idsOf(change.hits)).toContain(id)
    await projectors.caughtUp()
    // Once for the write and, for each query of the owner's, a few looks for the vector; not once for each reader.
    for (const query of queries) expect(evaluations.get(query) ?? 0).toBeLessThan(12)
    for (const reader of readers) reader.end()
  })

  test.each([
    ['an empty query', { query: '' }],
    ['too many hits', { query: 'x', first: 101 }],
    ['none', { query: 'x', first: 0 }],
    ['a cursor that is none', { query: 'x', after: 'rubbish' }],
  ])('refuses %s', async (_, variables) => {
    await expect(standing(world.owner, variables)).rejects.toThrow('BAD_USER_INPUT')
  })

  test('refuses nobody, and a cursor of another’s', async () => {
    const { signal } = new AbortController()
    await expect(world.follow(null, subscription, { query: 'x' }, signal)).rejects.toThrow('UNAUTHENTICATED')
    const { cursor } = await theirs.act('remember', { content: 'Theirs.' })
    await expect(standing(world.owner, { query: 'x', after: cursor })).rejects.toThrow('BAD_USER_INPUT')
  })

  test('says that it begins anew for a cursor of an earlier epoch', async () => {
    const { cursor } = await mine.act('remember', { content: 'Before the restore.' })
    await world.database.sql('UPDATE app.system SET epoch = epoch + 1')
    const restored = await standing(world.owner, { query: 'restore', after: cursor })
    expect((await restored.next()).extensions).toMatchObject({ live: { resync: true } })
    restored.end()
  })
})
