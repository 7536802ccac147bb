import { beforeAll, expect, test, vi } from 'vitest'
import type { ContextEngine } from '../../stores/context-engine/port.ts'
import { describeEachPostgres } from '../kit/postgres.ts'
import { type Data, type MemoryWorld, openMemoryWorld } from './world.ts'

const remember = `mutation ($input: RememberInput!) { remember(input: $input) {
  ... on RememberSuccess { degraded cursor memory { id contextAnalysis } } ... on Problem { code message path } } }`
const rememberMany = `mutation ($input: RememberManyInput!) { rememberMany(input: $input) {
  ... on RememberManySuccess { degraded memories { id contextAnalysis } }
  ... on BatchRejected { problems { code path } } ... on Problem { code message path } } }`
const whole = `query ($content: String!) { contextAnalysis(content: $content) { result engineVersion createdAt degraded } }`
const analysisOf = 'query ($id: ID!) { memory(id: $id) { content contextAnalysis } }'

describeEachPostgres('what is analysed as it is remembered', (database) => {
  let world: MemoryWorld
  beforeAll(async () => {
    world = await openMemoryWorld({ database: database() })
    return () => world.close()
  })
  const one = async (input: Record<string, unknown>, viewer = world.owner): Promise<Data> =>
    (await world.ask(viewer, remember, { input })).remember
  const many = async (input: Record<string, unknown>): Promise<Data> =>
    (await world.ask(world.owner, rememberMany, { input })).rememberMany
  const ask = async (content: string, viewer = world.owner): Promise<Data> =>
    (await world.ask(viewer, whole, { content })).contextAnalysis
  const kept = async (viewer = world.owner) => {
    const sql = 'SELECT count(*)::integer AS count FROM memory.context_analysis_cache WHERE owner_id = $1'
    return (await world.database.sql<{ count: number }>(sql, [viewer.userId]))[0]?.count
  }
  /** With another engine for a while. */
  async function withEngine(analyze: ContextEngine['analyze'], work: () => Promise<void>): Promise<void> {
    Object.assign(world.stores, { contextEngine: { version: 'model-1', analyze } satisfies ContextEngine })
    try {
      await work()
    } finally {
      Object.assign(world.stores, { contextEngine: undefined })
    }
  }

  test('is analysed whatever its words are like', async () => {
    const { memory, degraded } = await one({ content: `A key: ${'0f'.repeat(10_000)}.`, analyze: true })
    expect([degraded, memory.contextAnalysis.topics.at(-1)]).toEqual([[], '0f'.repeat(32)])
  })

  test('has its analysis, which is found again without being made', async () => {
    const content = 'The ferry to Lisbon was late, Ann.'
    const before = await kept()
    const { memory, degraded } = await one({ content, analyze: true })
    expect(degraded).toEqual([])
    expect(memory.contextAnalysis).toMatchObject({ entities: ['lisbon', 'ann'], sentences: 1, question: false })
    expect(await kept()).toBe((before ?? 0) + 1)
    const made = world.clock.now().toISOString()
    world.clock.advance(60_000)
    expect(await ask(content)).toMatchObject({ result: memory.contextAnalysis, createdAt: made, degraded: [] })
    const said = await one({ content: 'Nothing is asked for.', analyze: false })
    expect(said).toMatchObject({ degraded: [], memory: { contextAnalysis: null } })
    expect(await kept()).toBe((before ?? 0) + 1)
  })

  test('is its owner’s alone in what is kept, and masked for others as the content is', async () => {
    const content = 'Call Berta at 555-123-4567 about the harbour.'
    const { memory } = await one({ content, visibility: 'PUBLIC', analyze: true })
    const before = await kept(world.stranger)
    expect((await world.ask(world.stranger, analysisOf, { id: memory.id })).memory.contextAnalysis).toEqual(
      memory.contextAnalysis,
    )
    expect(await kept(world.stranger)).toBe(before)
    world.clock.advance(1000)
    const [mine, theirs] = [await ask(content), await ask(content, world.stranger)]
    expect([theirs.result, theirs.createdAt === mine.createdAt]).toEqual([mine.result, false])
    const rule = `mutation { setPolicyRule(input: { scope: OWNER, name: "hide", kind: REDACTION, action: MASK,
      mask: WORDS, words: ["harbour"] }) { ... on Problem { code message } } }`
    expect((await world.ask(world.owner, rule)).setPolicyRule).toEqual({})
    const masked = (await world.ask(world.stranger, analysisOf, { id: memory.id })).memory
    expect(JSON.stringify(masked)).not.toContain('harbour')
    expect((await world.ask(world.owner, analysisOf, { id: memory.id })).memory.contextAnalysis).toEqual(
      memory.contextAnalysis,
    )
  })

  test('asks the engine once about each content of a batch, and again about none that comes again', async () => {
    const analyze = vi.fn(async (content: string) => ({ result: { length: content.length }, confidence: 1 }))
    await withEngine(analyze, async () => {
      const before = (await kept()) ?? 0
      const items = [
        ...Array.from({ length: 99 }, (_, n) => ({
          content: `Buoy ${n % 33}.`,
          externalId: `buoy ${n}`,
          analyze: true,
        })),
        { content: 'Left alone.' },
      ]
      const input = { items, clientMutationId: 'buoys' }
      const first = await many(input)
      expect(first.memories.map((memory: Data) => memory.contextAnalysis?.length ?? null)).toEqual(
        items.map(({ content }) => (content.startsWith('Buoy') ? content.length : null)),
      )
      expect(analyze).toHaveBeenCalledTimes(33)
      expect(await many(input)).toEqual(first)
      await ask('Buoy 3.')
      expect([analyze.mock.calls.length, await kept()]).toEqual([33, before + 33])
    })
  })

  test('takes as many statements for many items as for two', async () => {
    const batch = (name: string, size: number) => ({
      items: Array.from({ length: size }, (_, n) => ({ content: `${name} ${n}.`, analyze: true })),
    })
    const counted = async (name: string, size: number) => {
      world.statements.length = 0
      await many(batch(name, size))
      return world.statements.length
    }
    expect(await counted('Many', 60)).toBe(await counted('Few', 2))
  })

  test('counts words where the engine fails, for that content alone, and says so', async () => {
    const engine: ContextEngine['analyze'] = async (content) => {
      if (content.includes('storm')) throw new Error('overloaded')
      return { result: { mood: 'calm' }, confidence: 1 }
    }
    await withEngine(engine, async () => {
      const items = ['A calm sea.', 'A storm is coming.'].map((content) => ({ content, analyze: true }))
      const { degraded, memories } = await many({ items })
      expect(degraded).toEqual(['CONTEXT_ENGINE'])
      expect(memories[0].contextAnalysis).toEqual({ mood: 'calm' })
      expect(memories[1].contextAnalysis).toMatchObject({ topics: ['storm', 'coming'] })
      expect(await ask('A calm sea.')).toMatchObject({ engineVersion: 'model-1', degraded: [] })
      expect(await ask('A storm is coming.')).toMatchObject({
        engineVersion: 'offline-1',
        degraded: ['CONTEXT_ENGINE'],
      })
    })
  })

  test('leaves nothing behind when it is refused', async () => {
    const before = await kept()
    const absent = { content: 'Refused once.', analyze: true, sessionId: 'Q2hhdFNlc3Npb246bm9uZQ' }
    expect(await one(absent)).toMatchObject({ code: 'NOT_FOUND' })
    expect(await many({ items: [{ content: 'Refused twice.', analyze: true }, absent] })).toMatchObject({
      problems: [{ code: 'NOT_FOUND', path: ['1', 'sessionId'] }],
    })
    expect(await one({ content: 'Both.', analyze: true, contextAnalysis: { own: true } })).toMatchObject({
      code: 'INVALID_INPUT',
      path: ['input', 'analyze'],
    })
    const tooMany = Array.from({ length: 101 }, (_, n) => ({ content: `Too many ${n}.`, analyze: true }))
    expect(await many({ items: tooMany })).toMatchObject({ code: 'LIMIT_EXCEEDED', path: ['input', 'items'] })
    expect(await kept()).toBe(before)
    expect(await one({ content: 'Own.', contextAnalysis: { own: true } })).toMatchObject({
      memory: { contextAnalysis: { own: true } },
    })
  })
})
