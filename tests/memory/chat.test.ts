import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toGlobalId } from '../../lib/ids.ts'
import { viewerOf } from '../kit/room-world.ts'
import { type Data, type MemoryWorld, openMemoryWorld, verbs } from './world.ts'

let world: MemoryWorld
let mine: ReturnType<typeof verbs>
let theirs: ReturnType<typeof verbs>

beforeAll(async () => {
  world = await openMemoryWorld()
  mine = verbs(world, world.owner)
  theirs = verbs(world, world.stranger)
})
afterAll(() => world.close())

const conversation = [
  { role: 'SYSTEM', content: 'You book flights.' },
  { role: 'USER', content: 'I need a flight to Lisbon.', name: 'Marta' },
  { role: 'ASSISTANT', toolCalls: [{ id: 'call-1', name: 'find_flights', arguments: '{"to":"LIS"}' }] },
  { role: 'TOOL', name: 'find_flights', toolCallId: 'call-1', content: '[{"flight":"TP 539"}]' },
  { role: 'ASSISTANT', content: 'TP 539 leaves at noon.' },
]

const session = `query ($id: ID!) { chatSession(id: $id) { title active mode owner { id } parent { id } configuration
  messages { totalCount nodes { position role name content toolCallId timeInferred occurredAt
    toolCalls { id name arguments } memories { nodes { tier metadata content } } } }
  memories { totalCount nodes { content tier metadata occurredAt timeInferred source { position } session { id } } } } }`

const read = async (id: string): Promise<Data> => (await world.ask(world.owner, session, { id })).chatSession

describe('a chat session', () => {
  test('is opened once under a name, with its parent, and ends once', async () => {
    const parentId = await mine.openSession()
    const input = { externalId: 'trip', title: 'Trip', mode: 'SOCRATIC', parentId, configuration: { tone: 'dry' } }
    const id = await mine.openSession(input)
    expect(await mine.openSession({ externalId: 'trip', title: 'Another' })).toBe(id)
    expect(await theirs.openSession({ externalId: 'trip' })).not.toBe(id)
    expect(await read(id)).toMatchObject({
      title: 'Trip',
      mode: 'SOCRATIC',
      active: true,
      parent: { id: parentId },
      configuration: { tone: 'dry' },
      owner: { id: toGlobalId('User', world.owner.userId) },
    })
    const ended = await mine.act('end', { id })
    expect(ended.session).toMatchObject({ id, active: false })
    world.clock.advance(1000)
    expect(await mine.act('end', { id })).toEqual(ended)
    expect(await mine.act('append', { sessionId: id, messages: [conversation[1]] })).toMatchObject({ code: 'CONFLICT' })
  })

  test('of another is not there for anything', async () => {
    const id = await mine.openSession({ title: 'Private' })
    await mine.act('append', { sessionId: id, messages: conversation, remember: true })
    expect(await world.ask(world.stranger, '{ chatSessions { totalCount nodes { title } } }')).toMatchObject({
      chatSessions: { nodes: expect.not.arrayContaining([{ title: 'Private' }]) },
    })
    expect(await world.ask(world.stranger, 'query ($id: ID!) { chatSession(id: $id) { id } }', { id })).toEqual({
      chatSession: null,
    })
    const absent = { code: 'NOT_FOUND' }
    expect(await theirs.act('append', { sessionId: id, messages: conversation })).toMatchObject(absent)
    expect(await theirs.act('end', { id })).toMatchObject(absent)
    expect(await theirs.act('open', { parentId: id })).toMatchObject({ ...absent, path: ['input', 'parentId'] })
    expect(await theirs.act('remember', { content: 'x', sessionId: id })).toMatchObject(absent)
    expect((await read(id)).active).toBe(true)
  })

  test('is listed for its owner alone, by mode and by whether it goes on', async () => {
    const me = { ...world.owner, userId: crypto.randomUUID() }
    const own = verbs(world, me)
    const ids: string[] = []
    for (const mode of ['SIMPLE', 'SMART_ROUTER', 'SIMPLE']) ids.push(await own.openSession({ mode }))
    await own.act('end', { id: ids[0] })
    const list = `query ($mode: ChatMode, $active: Boolean) { chatSessions(mode: $mode, active: $active) { totalCount nodes { id } } }`
    const listed = async (filter: Record<string, unknown>) => {
      const { chatSessions } = await world.ask(me, list, filter)
      expect(chatSessions.totalCount).toBe(chatSessions.nodes.length)
      return chatSessions.nodes.map(({ id }: Data) => ids.indexOf(id))
    }
    expect(await listed({})).toEqual([2, 1, 0])
    expect(await listed({ mode: 'SIMPLE' })).toEqual([2, 0])
    expect(await listed({ mode: 'SIMPLE', active: false })).toEqual([0])
    const entities = `query ($them: [_Any!]!) { _entities(representations: $them) { ... on User { id chatSessions { nodes { id } } } } }`
    const them = [world.stranger, me].map(({ userId }) => ({ __typename: 'User', id: toGlobalId('User', userId) }))
    const { _entities } = await world.ask(me, entities, { them })
    expect(_entities.map(({ chatSessions }: Data) => chatSessions.nodes.length)).toEqual([0, 3])
  })
})

describe('messages', () => {
  test('keep their order and make memories of what was said', async () => {
    const id = await mine.openSession()
    const input = { sessionId: id, messages: conversation.slice(1), remember: true }
    expect(await mine.act('append', input)).toMatchObject({ added: 4, remembered: 3, cursor: expect.any(String) })
    const { messages, memories } = await read(id)
    expect(messages.totalCount).toBe(4)
    expect(messages.nodes.map(({ position }: Data) => position)).toEqual([0, 1, 2, 3])
    expect(messages.nodes[1].toolCalls).toEqual([{ id: 'call-1', name: 'find_flights', arguments: { to: 'LIS' } }])
    expect(messages.nodes[2]).toMatchObject({
      toolCallId: 'call-1',
      memories: { nodes: [{ tier: 'EPISODIC', metadata: { role: 'TOOL', tool: 'find_flights' } }] },
    })
    expect(memories).toMatchObject({
      totalCount: 3,
      nodes: [
        {
          content: 'I need a flight to Lisbon.',
          tier: 'EPISODIC',
          metadata: { role: 'USER' },
          source: { position: 0 },
        },
        { content: '[{"flight":"TP 539"}]', source: { position: 2 }, session: { id } },
        { content: 'TP 539 leaves at noon.', source: { position: 3 } },
      ],
    })
  })

  test('without times follow one another, also over several calls; given times stay', async () => {
    const id = await mine.openSession()
    await mine.act('append', { sessionId: id, messages: conversation.slice(1, 3) })
    await mine.act('append', { sessionId: id, messages: conversation.slice(3) })
    const occurredAt = '2024-05-15T15:00:00.000Z'
    await mine.act('append', { sessionId: id, messages: [{ role: 'USER', content: 'Then.', occurredAt }] })
    const { nodes } = (await read(id)).messages
    const times = nodes.map((message: Data) => Date.parse(message.occurredAt) - world.clock.now().getTime())
    expect(times.slice(0, 4)).toEqual([0, 1, 2, 3])
    expect(nodes.map(({ timeInferred }: Data) => timeInferred)).toEqual([true, true, true, true, false])
    expect(nodes[4].occurredAt).toBe(occurredAt)
  })

  test('with names are added once, within a call and over calls', async () => {
    const id = await mine.openSession()
    const messages = ['a', 'b', 'a'].map((externalId) => ({ role: 'USER', content: externalId, externalId }))
    const first = await mine.act('append', { sessionId: id, messages, remember: true })
    expect(first).toMatchObject({ added: 2, remembered: 2 })
    expect(first.messages[2]).toEqual(first.messages[0])
    const again = await mine.act('append', { sessionId: id, messages, remember: true })
    expect(again).toMatchObject({ added: 0, remembered: 0, cursor: null, messages: first.messages })
  })

  describe('that say exactly the same', () => {
    const told = `query ($id: ID!) { chatSession(id: $id) {
      messages(first: 100) { nodes { id position content memories { totalCount nodes { id } } } }
      memories(first: 100) { totalCount nodes { id content version
        source { position } sources { totalCount nodes { kind occurredAt message { position } } } } } } }`
    const say = (sessionId: string, messages: Data[]) => mine.act('append', { sessionId, messages, remember: true })
    const user = (content: string, more: Data = {}) => ({ role: 'USER', content, ...more })
    const look = async (id: string) => (await world.ask(world.owner, told, { id })).chatSession

    test('are one memory where the first stood, which leads to all of them and they to it', async () => {
      const id = await mine.openSession()
      const first = [
        user('Late?'),
        user('Yes.'),
        { role: 'ASSISTANT', content: 'Yes.' },
        user('Yes.'),
        user('By much?'),
      ]
      expect(await say(id, first)).toMatchObject({ added: 5, remembered: 4 })
      const ann = user('Yes.', { name: 'Ann' })
      expect(await say(id, [user('Yes.', { externalId: 'n' }), ann])).toMatchObject({ added: 2, remembered: 1 })
      expect(await say(id, [user('Yes.', { externalId: 'n' })])).toMatchObject({
        added: 0,
        remembered: 0,
        cursor: null,
      })
      const { messages, memories } = await look(id)
      expect(messages.nodes.map(({ content }: Data) => content)).toEqual([
        'Late?',
        'Yes.',
        'Yes.',
        'Yes.',
        'By much?',
        'Yes.',
        'Yes.',
      ])
      const places = memories.nodes.map(({ sources }: Data) =>
        sources.nodes.map(({ message }: Data) => message.position),
      )
      expect(places).toEqual([[0], [1, 3, 5], [2], [4], [6]])
      for (const { id, version, source, sources } of memories.nodes) {
        expect([version, source.position]).toEqual([1, sources.nodes[0].message.position])
        for (const { kind, message } of sources.nodes) {
          expect(kind).toBe('MESSAGE')
          expect(messages.nodes[message.position].memories).toEqual({ totalCount: 1, nodes: [{ id }] })
        }
      }
      expect(await say(await mine.openSession(), [user('Yes.')])).toMatchObject({ remembered: 1 })
    })

    test('are one with what was told of the session in the same words, and made anew when that is forgotten', async () => {
      const sessionId = await mine.openSession()
      const id = await mine.remember('The pier is closed.', { sessionId, metadata: { role: 'USER' } })
      const sameWords = [user('The pier is closed.')]
      expect(await say(sessionId, sameWords)).toMatchObject({ added: 1, remembered: 0 })
      const { memories } = await look(sessionId)
      expect(memories.nodes).toMatchObject([
        {
          id,
          source: null,
          sources: { nodes: [{ kind: 'STATEMENT' }, { kind: 'MESSAGE', message: { position: 0 } }] },
        },
      ])
      await mine.act('forget', { id })
      expect((await look(sessionId)).messages.nodes[0].memories.totalCount).toBe(0)
      expect(await say(sessionId, sameWords)).toMatchObject({ added: 1, remembered: 1 })
    })

    test('at given times are the same only when the times are', async () => {
      const id = await mine.openSession()
      const at = (hour: string) => user('I went running.', { occurredAt: `2026-03-01T${hour}:00:00.000Z` })
      expect(await say(id, [at('08'), at('18'), at('08')])).toMatchObject({ added: 3, remembered: 2 })
      expect(await say(id, [at('18'), at('20')])).toMatchObject({ added: 2, remembered: 1 })
      const { memories } = await look(id)
      expect(memories.nodes.map(({ sources }: Data) => sources.totalCount)).toEqual([2, 2, 1])
    })

    test('cost no statement more, however many they are', async () => {
      const count = async (times: number) => {
        const id = await mine.openSession()
        await say(id, [user('Again.'), user('And again.')])
        world.statements.length = 0
        await say(
          id,
          Array.from({ length: times }, (_, n) => user(n % 2 ? 'Again.' : 'And again.')),
        )
        // Others may be at work beside it.
        const own = world.statements.find(({ text }) => text.includes('INSERT INTO memory.messages'))?.traceId
        return world.statements.filter(({ traceId }) => traceId === own).length
      }
      expect(await count(200)).toBe(await count(2))
    })
  })

  test('store a system prompt once for its owner and remember it once', async () => {
    const content = `You are an agent. ${'Be kind. '.repeat(500)}`
    const results: Data[] = []
    for (const remember of [false, true, true]) {
      const sessionId = await mine.openSession()
      const messages = [{ role: 'SYSTEM', content }]
      results.push(await mine.act('append', { sessionId, messages, remember }))
      expect((await read(sessionId)).messages.nodes[0]).toMatchObject({ role: 'SYSTEM', content })
    }
    expect(results.map(({ remembered }) => remembered)).toEqual([0, 1, 0])
    const stored = await world.database.sql(
      'SELECT count(*)::int FROM memory.prompts WHERE owner_id = $1 AND content = $2',
      [world.owner.userId, content],
    )
    expect(stored).toEqual([{ count: 1 }])
    const bodies = await world.database.sql('SELECT FROM memory.messages WHERE content = $1', [content])
    expect(bodies).toHaveLength(0)
    const { memories } = await world.ask(
      world.owner,
      '{ memories(filter: { tiers: [SEMANTIC] }) { nodes { content session { id } source { role } } } }',
    )
    expect(memories.nodes.filter((node: Data) => node.content === content)).toEqual([
      { content, session: null, source: { role: 'SYSTEM' } },
    ])
    const sessionId = await theirs.openSession()
    const other = await theirs.act('append', { sessionId, messages: [{ role: 'SYSTEM', content }], remember: true })
    expect(other.remembered).toBe(1)
  })

  test('longer than a memory are kept whole, and remembered in parts that say all of it', async () => {
    const mine = verbs(world, viewerOf())
    const sessionId = await mine.openSession()
    const line = `${'quay '.repeat(1_000)}\n`
    const content = `${line.repeat(26)}${'😀'.repeat(70_000)} farewell`
    const prompt = `Be kind. ${'x'.repeat(65_536)}`
    const messages = [
      { role: 'SYSTEM', content: prompt },
      { role: 'USER', content, name: 'Ann' },
      { role: 'USER', content: 'Short.' },
    ]
    expect(await mine.act('append', { sessionId, messages, remember: true })).toMatchObject({ added: 3, remembered: 7 })
    const read = `query ($id: ID!) { chatSession(id: $id) { messages { nodes { content memories { nodes { content metadata } } } } } }`
    const [system, long, short] = (await world.ask(mine.viewer, read, { id: sessionId })).chatSession.messages.nodes
    expect(long.content).toBe(content)
    const parts: Data[] = long.memories.nodes
    expect(parts.map((part) => part.content).join('')).toBe(content)
    expect(parts.map((part) => [...part.content].length <= 65_536)).toEqual([true, true, true, true])
    expect(parts.map(({ metadata }) => metadata)).toEqual(
      [1, 2, 3, 4].map((part) => ({ role: 'USER', part, parts: 4 })),
    )
    expect(parts[0].content.endsWith('\n')).toBe(true)
    expect(short.memories.nodes).toEqual([{ content: 'Short.', metadata: { role: 'USER' } }])
    expect(system.memories.nodes).toHaveLength(2)
    const again = { sessionId: await mine.openSession(), messages: [messages[0]], remember: true }
    expect(await mine.act('append', again)).toMatchObject({ added: 1, remembered: 0 })
    const { recall } = await world.ask(
      mine.viewer,
      '{ recall(query: "farewell", first: 1) { hits { memory { metadata } } } }',
    )
    expect(recall.hits).toMatchObject([{ memory: { metadata: { part: 4 } } }])
  })

  test('are refused together, each with its reason, and leave nothing', async () => {
    const id = await mine.openSession()
    const messages = [
      { role: 'USER', content: 'fine' },
      { role: 'USER', content: 'x'.repeat(262_145) },
      { role: 'USER', content: 'nul \u0000' },
      { role: 'ASSISTANT', toolCalls: [{ id: '', name: 'n' }] },
    ]
    expect(await mine.act('append', { sessionId: id, messages, remember: true })).toMatchObject({
      code: 'BATCH_REJECTED',
      path: ['input', 'messages'],
      problems: [
        { code: 'INVALID_INPUT', message: 'At most 262144 characters.', path: ['1', 'content'] },
        { code: 'INVALID_INPUT', path: ['2', 'content'] },
        { code: 'INVALID_INPUT', path: ['3', 'toolCalls', '0', 'id'] },
      ],
    })
    const many = Array.from({ length: 1001 }, () => ({ role: 'USER', content: 'x' }))
    for (const size of [0, 1001]) {
      const answer = await mine.act('append', { sessionId: id, messages: many.slice(0, size) })
      expect(answer).toMatchObject({ code: 'LIMIT_EXCEEDED', message: expect.stringContaining(`not ${size}`) })
    }
    expect((await read(id)).messages.totalCount).toBe(0)
  })
})
