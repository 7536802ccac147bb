import { beforeAll, describe, expect, test } from 'vitest'
import { openAiCompatible } from '../../stores/summarizer/openai-compatible.ts'
import { summarize } from '../../subgraphs/memory/summary/extractive.ts'
import { completion, FakeService } from '../kit/fake-service.ts'
import { describeEachPostgres } from '../kit/postgres.ts'
import { type Data, type MemoryWorld, openMemoryWorld, verbs } from './world.ts'

const summarizing = `mutation ($input: SummarizeSessionInput!) { summarizeSession(input: $input) {
  ... on SummarizeSessionSuccess { cursor session { id } summary { text keyTopics model version current messageCount
    messages { content } } } ... on Problem { code message path } } }`
const read = `query ($id: ID!) { chatSession(id: $id) { summary { text version current } } }`

const talk = [
  { role: 'SYSTEM', content: 'You are the assistant of a garden centre and know everything of manure.' },
  { role: 'USER', content: 'Hello there! How are you today?' },
  { role: 'ASSISTANT', content: 'Hello! I am fine. How can I help you today?' },
  { role: 'USER', content: 'Thanks. My apple trees from order GC-1042 arrived with broken roots.' },
  { role: 'ASSISTANT', content: 'I am sorry that the apple trees of order GC-1042 arrived with broken roots.' },
  { role: 'TOOL', name: 'find_order', toolCallId: 'c', content: 'Warehouse seventeen, Hamburg, pallet ninety.' },
  { role: 'ASSISTANT', content: 'We can send new apple trees on Friday or refund 84 euros for the order.' },
  { role: 'USER', content: 'Please refund the 84 euros for the apple trees.' },
]

describe('a summary of sentences that were said', () => {
  const said = talk.flatMap(({ role, content }) =>
    role === 'USER' || role === 'ASSISTANT' ? [{ role: role as 'USER' | 'ASSISTANT', content }] : [],
  )

  test('holds what the talk is about, in order, within its length', () => {
    const { text, keyTopics, from } = summarize(said, { characters: 160, topics: 3 })
    expect(text.length).toBeLessThanOrEqual(160)
    expect(text).toContain('GC-1042')
    expect(text).toContain('84 euros')
    expect(text).not.toContain('How are you')
    expect(from).toEqual([...from].sort((a, b) => a - b))
    expect(keyTopics[0]).toBe('apple trees')
    expect(keyTopics).toHaveLength(3)
  })

  test('is the same each time, and empty of nothing', () => {
    const bounds = { characters: 200, topics: 5 }
    expect(summarize(said, bounds)).toEqual(summarize(said, bounds))
    expect(summarize([], bounds)).toEqual({ text: '', keyTopics: [], from: [] })
  })
})

describeEachPostgres('the summary of a session', (database) => {
  let world: MemoryWorld
  let session: string
  beforeAll(async () => {
    world = await openMemoryWorld({ database: database() })
    return () => world.close()
  })
  const mine = () => verbs(world, world.owner)
  const act = async (input: Data, who = world.owner): Promise<Data> =>
    (await world.ask(who, summarizing, { input })).summarizeSession
  const begin = async (messages: readonly Data[] = talk) => {
    session = await mine().openSession()
    if (messages.length > 0) await mine().act('append', { sessionId: session, messages })
  }

  test('quotes what user and assistant said, and neither prompts nor tools', async () => {
    await begin()
    expect(await world.ask(world.owner, read, { id: session })).toEqual({ chatSession: { summary: null } })
    const { cursor, summary } = await act({ sessionId: session, characters: 4000 })
    expect(cursor).toEqual(expect.any(String))
    expect(summary).toMatchObject({ model: 'extractive', version: 1, current: true, messageCount: talk.length })
    expect(summary.text).toContain('refund the 84 euros')
    expect(summary.text).not.toMatch(/manure|Warehouse/)
    for (const { content } of summary.messages) expect(talk.map((message) => message.content)).toContain(content)
    expect(summary.keyTopics).toContain('apple trees')
  })

  test('is made anew, and says when something was said since', async () => {
    await begin()
    await act({ sessionId: session })
    await mine().act('append', {
      sessionId: session,
      messages: [{ role: 'USER', content: 'And order GC-2000 of pears?' }],
    })
    const stale = (await world.ask(world.owner, read, { id: session })).chatSession.summary
    expect(stale).toMatchObject({ version: 1, current: false })
    await mine().act('end', { id: session })
    const { summary } = await act({ sessionId: session, characters: 4000, topics: 2 })
    expect(summary).toMatchObject({ version: 2, current: true })
    expect(summary.text).toContain('GC-2000')
    expect(summary.keyTopics).toHaveLength(2)
  })

  test('is refused of what is not there, of another’s, and of silence', async () => {
    await begin()
    expect(await act({ sessionId: session }, world.stranger)).toMatchObject({
      code: 'NOT_FOUND',
      path: ['input', 'sessionId'],
    })
    expect((await world.ask(world.owner, read, { id: session })).chatSession.summary).toBeNull()
    await begin([])
    expect(await act({ sessionId: session })).toMatchObject({ code: 'INVALID_INPUT', path: ['input', 'sessionId'] })
    for (const wrong of [{ characters: 99 }, { characters: 4001 }, { topics: 0 }, { topics: 21 }]) {
      expect(await act({ sessionId: session, ...wrong })).toMatchObject({
        code: 'INVALID_INPUT',
        path: ['input', ...Object.keys(wrong)],
      })
    }
  })

  test('gives the same answer to the same key', async () => {
    await begin()
    const input = { sessionId: session, clientMutationId: `once-${session}` }
    expect(await act(input)).toEqual(await act(input))
    expect(await act({ ...input, topics: 3 })).toMatchObject({ code: 'CONFLICT' })
  })

  test('of many sessions is read by the same statements as of one', async () => {
    const statements = async (count: number) => {
      const me = { ...world.owner, userId: crypto.randomUUID() }
      for (let n = 0; n < count; n++) {
        const sessionId = await verbs(world, me).openSession()
        await verbs(world, me).act('append', { sessionId, messages: talk })
        await act({ sessionId }, me)
      }
      world.statements.length = 0
      await world.ask(me, '{ chatSessions { nodes { summary { text current messages { content } } } } }')
      return world.statements.length
    }
    expect(await statements(4)).toBe(await statements(1))
  })

  test('is told by a model where there is one (a fake of one), and else of what was said', async () => {
    await using provider = await FakeService.start()
    provider.answer = { status: 200, body: completion('{"summary":"Broken trees.","topics":["trees"]}') }
    Object.assign(world.stores, {
      summarizer: openAiCompatible({ url: provider.url, key: 'secret', model: 'small-1' }),
    })
    try {
      await begin()
      expect((await act({ sessionId: session })).summary).toMatchObject({
        text: 'Broken trees.',
        keyTopics: ['trees'],
        model: 'small-1',
        messages: [],
      })
      const sent = JSON.stringify(provider.asked)
      expect(sent).toContain('GC-1042')
      expect(sent).not.toMatch(/manure|Warehouse/)
      provider.answer = { status: 503, body: 'away' }
      expect((await act({ sessionId: session })).summary).toMatchObject({ model: 'extractive', version: 2 })
      // Nobody's session is sent anywhere for another.
      provider.asked.length = 0
      expect(await act({ sessionId: session }, world.stranger)).toMatchObject({ code: 'NOT_FOUND' })
      expect(provider.asked).toEqual([])
    } finally {
      Object.assign(world.stores, { summarizer: undefined })
    }
  })
})
