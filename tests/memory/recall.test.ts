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

/** An index that can be away. */
function fragile(vectors: VectorIndex): VectorIndex {
  const away = () => Promise.reject(new Error('the vectors are away'))
  return {
    ...vectors,
    put: (items) => (outage ? away() : vectors.put(items)),
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
    expect(hits.map((hit: Data) => hit.score)).toEqual(
      hits.map((hit: Data) => hit.score).sort((a: number, b: number) => b - a),
    )
  })
})
