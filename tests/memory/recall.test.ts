import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { silentLog } from '../../lib/log.ts'
import { type Projectors, runProjectors } from '../../stores/projector.ts'
import type { VectorIndex } from '../../stores/vector/port.ts'
import { room } from '../../subgraphs/memory/index.ts'
import { type Data, type MemoryWorld, openMemoryWorld, verbs } from './world.ts'

let world: MemoryWorld
let mine: ReturnType<typeof verbs>
let theirs: ReturnType<typeof verbs>
let projectors: Projectors
let outage = false
/** Takes nothing in, but answers. */
let full = false

/** An index that can be away. */
function fragile(vectors: VectorIndex): VectorIndex {
  const away = () => Promise.reject(new Error('the vectors are away'))
  return {
    ...vectors,
    put: (items) => (outage || full ? away() : vectors.put(items)),
    nearest: (...args) => (outage ? away() : vectors.nearest(...args)),
    compare: (...args) => (outage ? away() : vectors.compare(...args)),
    count: (...args) => (outage ? away() : vectors.count(...args)),
  }
}

beforeAll(async () => {
  world = await openMemoryWorld({ vectors: fragile })
  mine = verbs(world, world.owner)
  theirs = verbs(world, world.stranger)
  projectors = await runProjectors(world.stores, room.projectors?.(world.stores) ?? [], silentLog())
})
afterEach(() => {
  outage = false
  full = false
})
afterAll(async () => {
  await projectors.close()
  await world.close()
})

const query = `query ($query: String!, $first: Int, $filter: MemoryFilter) {
  recall(query: $query, first: $first, filter: $filter) {
    hits { rank score memory { id content } why { part score } } tookMs model degraded pending } }`

async function recall(text: string, more: Record<string, unknown> = {}, viewer = world.owner): Promise<Data> {
  return (await world.ask(viewer, query, { query: text, ...more })).recall
}
const contents = ({ hits }: Data): string[] => hits.map((hit: Data) => hit.memory.content)

describe('recall', () => {
  test('finds by words at once, by meaning when the vectors have followed, and says what is pending', async () => {
    const id = await mine.remember('The invoice of the plumber was 240 euros.')
    await mine.remember('My daughter started at a new school in September.')
    outage = true
    await mine.remember('The kitchen sink leaks.')
    const early = await recall('What did the plumber charge?')
    expect(early.degraded).toEqual(['VECTORS'])
    expect(early.hits[0]).toMatchObject({ rank: 1, memory: { id } })
    outage = false
    await projectors.caughtUp()
    const late = await recall('Where do our kids go to class?')
    expect(late).toMatchObject({ degraded: [], pending: 0, model: world.stores.vectors.model })
    expect(contents(late)[0]).toBe('My daughter started at a new school in September.')
    expect(late.tookMs).toBeGreaterThan(0)
  })

  test('says what each score is made of', async () => {
    const { hits } = await recall('plumber invoice')
    expect(hits[0].why.map((part: Data) => part.part)).toEqual(expect.arrayContaining(['text', 'vector']))
    for (const { score, why } of hits) {
      expect(why.reduce((sum: number, part: Data) => sum + part.score, 0)).toBeCloseTo(score, 9)
    }
    expect(hits.map((hit: Data) => hit.rank)).toEqual(hits.map((_: Data, i: number) => i + 1))
    const scores = hits.map((hit: Data) => hit.score)
    expect(scores).toEqual([...scores].sort((a, b) => b - a))
  })

  test('finds a turn by what its neighbour says', async () => {
    const sessionId = await mine.openSession()
    const say = (role: string, content: string) => ({ role, content })
    const messages = [
      say('USER', 'Which instrument does Zoltan play?'),
      say('ASSISTANT', 'The cello, since he was nine.'),
      ...Array.from({ length: 6 }, (_, i) => say('USER', `Something about gardening, part ${i}.`)),
    ]
    await mine.act('append', { sessionId, messages, remember: true })
    const found = contents(await recall('Zoltan instrument', { first: 2 }))
    expect(new Set(found)).toEqual(new Set(messages.slice(0, 2).map(({ content }) => content)))
  })

  test('follows what is revised and what is forgotten', async () => {
    const id = await mine.remember('The ferry leaves from Palermo.')
    await projectors.caughtUp()
    await mine.act('revise', { id, content: 'The ferry leaves from Genoa.' })
    expect(contents(await recall('Palermo'))).not.toContain('The ferry leaves from Palermo.')
    expect(contents(await recall('ferry Genoa'))[0]).toBe('The ferry leaves from Genoa.')
    await projectors.caughtUp()
    await mine.act('forget', { id })
    expect(contents(await recall('ferry Genoa'))).not.toContain('The ferry leaves from Genoa.')
    await projectors.caughtUp()
    const left = await world.database.sql(
      'SELECT FROM memory.embeddings WHERE memory_id = any(SELECT id FROM memory.memories WHERE forgotten_at IS NOT NULL)',
    )
    expect(left).toEqual([])
  })

  test('shows others what is public and lets nothing else through, not even a count', async () => {
    await mine.remember('The xylograph is in the private safe.')
    await mine.remember('The xylograph is on public show.', { visibility: 'PUBLIC' })
    await projectors.caughtUp()
    const seen = await recall('xylograph', {}, world.stranger)
    expect(contents(seen)).toEqual(['The xylograph is on public show.'])
    const alone = await recall('xylograph', {}, { ...world.stranger, userId: crypto.randomUUID() })
    const text = ({ hits }: Data) => hits[0].why.find((part: Data) => part.part === 'text').score
    await mine.act('rememberMany', {
      items: Array.from({ length: 20 }, (_, i) => ({ content: `Private xylograph ${i}` })),
    })
    expect(text(await recall('xylograph', {}, { ...world.stranger, userId: crypto.randomUUID() }))).toBe(text(alone))
    await theirs.remember('My xylograph.')
    expect(contents(await recall('xylograph', {}, world.stranger))).toContain('My xylograph.')
  })

  test('refuses what it cannot search', async () => {
    const wrong = [{ query: '' }, { query: 'x'.repeat(2001) }, { query: 'a\u0000b' }, { query: 'x', first: 101 }]
    for (const variables of wrong) {
      expect((await world.run(world.owner, query, variables)).errors).toMatchObject([{ code: 'BAD_USER_INPUT' }])
    }
    expect((await recall('the of and')).hits).toEqual(expect.any(Array))
    expect((await recall("'); DROP TABLE x; --")).hits).toEqual(expect.any(Array))
  })
})

describe('a filter', () => {
  test('comes before the best are taken: nothing that fits is crowded out', async () => {
    const own = verbs(world, { ...world.owner, userId: crypto.randomUUID() })
    const me = own.viewer
    const sessionId = await own.openSession()
    const fits = { sessionId, tier: 'WORKING', occurredAt: '2024-05-01T00:00:00Z', metadata: { kind: 'note', n: 1 } }
    const crowd = Array.from({ length: 300 }, (_, i) => ({ content: `sailing sailing boat number ${i}` }))
    await own.act('rememberMany', { items: crowd })
    const wanted = 'Once we went sailing, with a lot of other words that make this text a weaker match than the crowd.'
    await own.remember(wanted, fits)
    await own.remember('A yacht.', fits)
    await projectors.caughtUp()
    const filters = [
      { tiers: ['WORKING'] },
      { sessionId },
      { occurredFrom: '2024-04-01T00:00:00Z', occurredBefore: '2024-06-01T00:00:00Z' },
      { metadata: { kind: 'note' } },
      { visibility: 'PRIVATE', metadata: { n: 1 }, tiers: ['WORKING', 'SHARED'] },
    ]
    for (const filter of filters) {
      const found = await recall('sailing boat', { filter, first: 5 }, me)
      expect(found).toMatchObject({ degraded: [], pending: 0 })
      expect(contents(found).sort()).toEqual(['A yacht.', wanted])
    }
    expect(contents(await recall('sailing boat', { filter: { tiers: ['SHARED'] } }, me))).toEqual([])
    expect((await world.run(me, query, { query: 'x', filter: { sessionId: 'rubbish' } })).errors).toMatchObject([
      { code: 'BAD_USER_INPUT' },
    ])
  })
})

describe('the vectors', () => {
  test('are behind while they are away, and catch up when they return', async () => {
    const own = verbs(world, { ...world.owner, userId: crypto.randomUUID() })
    await projectors.caughtUp()
    outage = true
    await own.remember('The kettle boils.')
    await expect.poll(() => projectors.status()[0]?.problem).toBe('the vectors are away')
    expect(await recall('kettle', {}, own.viewer)).toMatchObject({ degraded: ['VECTORS'], pending: 0 })
    outage = false
    await projectors.caughtUp()
    expect(projectors.status()[0]?.problem).toBeNull()
    expect(await recall('kettle', {}, own.viewer)).toMatchObject({ degraded: [], pending: 0 })
  })

  test('are made again from nothing', async () => {
    const before = contents(await recall('Where do our kids go to class?'))
    await projectors.rebuild('vectors')
    expect(contents(await recall('Where do our kids go to class?'))).toEqual(before)
  })

  test('that are not there yet are counted', async () => {
    const own = verbs(world, { ...world.owner, userId: crypto.randomUUID() })
    const tenantId = crypto.randomUUID()
    await world.database.sql('INSERT INTO app.tenants (id, name) VALUES ($1, $2)', [tenantId, 'another'])
    const viewer = { ...own.viewer, tenantId }
    await projectors.caughtUp()
    full = true
    await verbs(world, viewer).remember('The teapot whistles.')
    await verbs(world, viewer).remember('The teapot whistles again.', { tier: 'WORKING' })
    const early = await recall('teapot', {}, viewer)
    const filtered = await recall('teapot', { filter: { tiers: ['WORKING'] } }, viewer)
    expect([early.pending, filtered.pending]).toEqual([2, 1])
    expect(contents(early)).toHaveLength(2)
    full = false
    await projectors.caughtUp()
    expect((await recall('teapot', {}, viewer)).pending).toBe(0)
  })
})
