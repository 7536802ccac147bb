import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { uuidOf } from '../../lib/ids.ts'
import { inProcessCache } from '../../stores/cache/in-process.ts'
import { describeEachPostgres } from '../kit/postgres.ts'
import { type Data, type MemoryWorld, openMemoryWorld, verbs } from './world.ts'

const problem = '... on Problem { code problem: message path }'
const update = `mutation ($input: UpdateChatSessionInput!) { it: updateChatSession(input: $input) {
  ... on UpdateChatSessionSuccess { cursor session { title mode configuration metadata version } } ${problem} } }`
const remove = `mutation ($input: DeleteChatSessionInput!) { it: deleteChatSession(input: $input) {
  ... on DeleteChatSessionSuccess { sessionId messages forgotten cursor } ${problem} } }`
const removeMessage = `mutation ($input: DeleteMessageInput!) { it: deleteMessage(input: $input) {
  ... on DeleteMessageSuccess { messageId forgotten cursor session { messages { totalCount nodes { position content } } } }
  ${problem} } }`
const said = `query ($id: ID!) { chatSession(id: $id) { messages { totalCount nodes { id position content } }
  memories { nodes { id content } } summary { text } chatState { question } turns { totalCount } } }`
const changes = `subscription ($id: ID, $after: Cursor) { chatSessionChanges(sessionId: $id, after: $after) {
  kind sessionId messageId session { title } } }`
const prompt = { role: 'SYSTEM', content: 'You are the harbour’s voice.' }

describeEachPostgres('what is changed and deleted of chats', (database) => {
  let world: MemoryWorld
  let me: MemoryWorld['owner']
  const act = async (source: string, input: Data, who = me): Promise<Data> =>
    (await world.ask(who, source, { input })).it
  const mine = () => verbs(world, me)
  const chat = async (id: string): Promise<Data> => (await world.ask(me, said, { id })).chatSession
  const rows = async (table: string): Promise<number> => {
    const count = `SELECT count(*)::integer AS count FROM memory.${table} WHERE owner_id = $1`
    const [row] = await world.database.sql<{ count: number }>(count, [me.userId])
    return row?.count ?? Number.NaN
  }
  /** A session in which everything has happened that leaves a trace. */
  async function fill(): Promise<{ id: string; other: string; messages: Data[] }> {
    const [id, other] = [await mine().openSession({ title: 'Ferries' }), await mine().openSession({ parentId: null })]
    const talk = [prompt, { role: 'USER', content: 'The ferry leaves at nine.' }]
    await mine().act('append', { sessionId: id, messages: talk, remember: true })
    const ask = async (field: string, type: string, input: Data) => {
      const result = await world.ask(me, `mutation ($input: ${type}!) { it: ${field}(input: $input) { ${problem} } }`, {
        input,
      })
      expect(result.it).toEqual({})
    }
    await ask('answerChat', 'AnswerChatInput', { sessionId: id, message: 'When?', answer: 'At nine.' })
    await ask('summarizeSession', 'SummarizeSessionInput', { sessionId: id })
    await ask('setContext', 'SetContextInput', { sessionId: id, key: 'pier', value: 2 })
    await ask('logRoutingDecision', 'LogRoutingDecisionInput', { sessionId: id, request: 'When does it leave?' })
    await ask('recordReasoningChain', 'RecordReasoningChainInput', { sessionId: id, steps: [{ thought: 'Nine.' }] })
    await ask('syncMemory', 'SyncMemoryInput', { type: 'CONTEXT_TRANSFER', sourceId: id, targetId: other })
    const item = { collection: 'CONVERSATION_CONTEXT', kind: 'CONTEXT', content: 'A timetable.', sessionId: id }
    await ask('storeVectors', 'StoreVectorsInput', { items: [item] })
    const { messages } = await chat(id)
    await ask('leaveFeedback', 'LeaveFeedbackInput', { messageId: messages.nodes[1].id, type: 'HELPFUL' })
    return { id, other, messages: messages.nodes }
  }

  beforeAll(async () => {
    world = await openMemoryWorld({ database: database() })
    Object.assign(world.stores, { cache: inProcessCache() })
  })
  beforeEach(() => {
    me = { ...world.owner, userId: crypto.randomUUID() }
  })
  afterAll(() => world.close())

  test('a session is changed by whoever knows its version, and what is left out stays', async () => {
    const id = await mine().openSession({ title: 'Old', configuration: { a: 1 }, metadata: { b: 2 } })
    const first = await act(update, { id, title: 'New', mode: 'EXPERT_GROUP', expectedVersion: 1 })
    expect(first.session).toEqual({
      title: 'New',
      mode: 'EXPERT_GROUP',
      configuration: { a: 1 },
      metadata: { b: 2 },
      version: 2,
    })
    expect(await act(update, { id, title: 'Late', expectedVersion: 1 })).toEqual({
      code: 'CONFLICT',
      problem: 'The session is at version 2, not 1.',
      path: ['input', 'expectedVersion'],
    })
    const { session } = await act(update, { id, title: null, metadata: null, configuration: { c: 3 } })
    expect(session).toMatchObject({ title: null, metadata: null, configuration: { c: 3 }, version: 3 })
    expect(await act(update, { id, mode: null })).toMatchObject({ code: 'INVALID_INPUT', path: ['input'] })
    expect(await act(update, { id, title: 'x'.repeat(513) })).toMatchObject({ code: 'INVALID_INPUT' })
    expect(await act(update, { id, title: 'Mine' }, world.stranger)).toMatchObject({ code: 'NOT_FOUND' })
    await mine().act('end', { id })
    expect((await act(update, { id, title: 'Ended' })).session).toMatchObject({ title: 'Ended', version: 5 })
  })

  test('a session goes with all that was noted in it, and the memories made from it stay', async () => {
    const { id, other } = await fill()
    const child = await mine().openSession({ parentId: id })
    const kept = (await chat(id)).memories.nodes
    expect(kept.length).toBeGreaterThan(1)
    expect(await act(remove, { id }, world.stranger)).toMatchObject({ code: 'NOT_FOUND', path: ['input', 'id'] })
    const key = { id, clientMutationId: crypto.randomUUID() }
    const done = await act(remove, key)
    expect(done).toMatchObject({ sessionId: id, messages: 4, forgotten: 0 })
    expect(await act(remove, key)).toEqual(done)
    expect(await act(remove, { id })).toMatchObject({ code: 'NOT_FOUND' })
    expect(await chat(id)).toBeNull()
    for (const table of [
      'messages',
      'session_context',
      'session_summaries',
      'router_decisions',
      'reasoning_chains',
      'chat_turns',
      'vectors',
      'message_feedback',
      'memory_syncs',
      'sync_marks',
    ]) {
      const left = table === 'session_context' ? 1 : 0
      expect([table, await rows(table)]).toEqual([table, left])
    }
    // The other session has what it was handed; the prompt's memory is there, so the prompt is not to be made anew.
    expect(await rows('prompts')).toBe(1)
    const read =
      '{ memories(first: 20) { nodes { id content session { id } source { id } sources { nodes { kind } } } } }'
    const { nodes } = (await world.ask(me, read)).memories
    expect(nodes.map(({ id }: Data) => id)).toEqual(expect.arrayContaining(kept.map(({ id }: Data) => id)))
    for (const memory of nodes) expect(memory).toMatchObject({ session: null, source: null })
    const found = await world.ask(me, '{ recall(query: "ferry nine") { hits { memory { content } } } }')
    expect(JSON.stringify(found)).toContain('The ferry leaves at nine.')
    expect(await chat(other)).toMatchObject({ messages: { totalCount: 0 } })
    const parent = 'query ($id: ID!) { chatSession(id: $id) { parent { id } } }'
    expect((await world.ask(me, parent, { id: child })).chatSession).toEqual({ parent: null })
  })

  test('a session takes its memories along when asked, with its prompt', async () => {
    const { id } = await fill()
    const elsewhere = await mine().remember('The pier was built in 1890.')
    const again = await mine().openSession()
    await mine().act('append', { sessionId: again, messages: [prompt], remember: true })
    const first = await act(remove, { id, memories: 'FORGET' })
    expect(first.forgotten).toBe(3)
    const left = async () => (await world.ask(me, '{ memories(first: 20) { nodes { content } } }')).memories.nodes
    expect(await left()).toEqual([{ content: 'The pier was built in 1890.' }, { content: prompt.content }])
    expect(await rows('prompts')).toBe(1)
    expect(await act(remove, { id: again, memories: 'FORGET' })).toMatchObject({ messages: 1, forgotten: 1 })
    expect(await rows('prompts')).toBe(0)
    const found = await world.ask(me, '{ recall(query: "ferry nine pier") { hits { memory { id } } } }')
    expect(found.recall.hits.map(({ memory }: Data) => memory.id)).toEqual([elsewhere])
    await mine().act('append', { sessionId: await mine().openSession(), messages: [prompt], remember: true })
    expect(await left()).toHaveLength(2)
  })

  test('a message goes with what quotes it, and the next one gets a place of its own', async () => {
    const { id, messages } = await fill()
    const [, ferry, question, answer] = messages
    expect(await act(removeMessage, { id: ferry.id }, world.stranger)).toMatchObject({ code: 'NOT_FOUND' })
    const done = await act(removeMessage, { id: ferry.id })
    expect(done.forgotten).toBe(0)
    expect(done.session.messages.nodes.map(({ position }: Data) => position)).toEqual([0, 2, 3])
    expect(await rows('message_feedback')).toBe(0)
    expect(await chat(id)).toMatchObject({ summary: null, chatState: { question: 'When?' } })
    expect(await act(removeMessage, { id: question.id, memories: 'FORGET' })).toMatchObject({ forgotten: 1 })
    expect(await chat(id)).toMatchObject({ messages: { totalCount: 2 }, chatState: null, turns: { totalCount: 0 } })
    // What the client stored, and the thoughts of the chain.
    expect(await rows('vectors')).toBe(2)
    await act(removeMessage, { id: answer.id })
    const next = await mine().act('append', { sessionId: id, messages: [{ role: 'USER', content: 'And now?' }] })
    expect(next.messages).toMatchObject([{ position: 4 }])
    expect((await chat(id)).messages).toMatchObject({ totalCount: 2, nodes: [{ position: 0 }, { position: 4 }] })
    expect(await act(removeMessage, { id: ferry.id })).toMatchObject({ code: 'NOT_FOUND' })
  })

  test('nothing is forgotten while a memory is being changed', async ({ skip }) => {
    skip(database().backend === 'PGlite', 'has one connection, so nothing is changed meanwhile')
    const id = await mine().openSession()
    const memory = await mine().remember('Held.', { sessionId: id })
    const client = new pg.Client(database().admin)
    await client.connect()
    try {
      await client.query('BEGIN')
      await client.query('SELECT FROM memory.revisions WHERE memory_id = $1 FOR UPDATE', [uuidOf('Memory', memory)])
      expect(await act(remove, { id, memories: 'FORGET' })).toMatchObject({
        code: 'CONFLICT',
        path: ['input', 'memories'],
      })
    } finally {
      await client.end()
    }
    expect(await act(remove, { id, memories: 'FORGET' })).toMatchObject({ forgotten: 1 })
  })

  test.each([
    ['deleteRoutingDecision', 'DeleteRoutingDecisionInput', 'routingDecisions'],
    ['deleteReasoningChain', 'DeleteReasoningChainInput', 'reasoningChains'],
  ])('%s takes away what its owner noted', async (field, type, list) => {
    const { id } = await fill()
    const read = `query ($id: ID!) { chatSession(id: $id) { list: ${list} { nodes { id } } } }`
    const nodes = async () => (await world.ask(me, read, { id })).chatSession.list.nodes
    const [noted] = await nodes()
    const source = `mutation ($input: ${type}!) { it: ${field}(input: $input) { __typename ${problem} } }`
    expect(await act(source, { id: noted.id }, world.stranger)).toMatchObject({ code: 'NOT_FOUND' })
    expect((await act(source, { id: noted.id })).__typename).toContain('Success')
    expect(await act(source, { id: noted.id })).toMatchObject({ code: 'NOT_FOUND' })
    expect(await nodes()).toEqual([])
  })

  test('a summary is taken away, and made anew when asked', async () => {
    const { id } = await fill()
    const source = `mutation ($input: DeleteSessionSummaryInput!) { it: deleteSessionSummary(input: $input) {
      ... on DeleteSessionSummarySuccess { cursor session { summary { text } } } ${problem} } }`
    expect((await act(source, { sessionId: id })).session).toEqual({ summary: null })
    expect(await act(source, { sessionId: id })).toMatchObject({ code: 'NOT_FOUND', path: ['input', 'sessionId'] })
  })

  test('whoever follows sessions hears of every change, and of what is gone', async () => {
    const ending = new AbortController()
    const id = await mine().openSession({ title: 'Followed' })
    const other = await mine().openSession()
    const events = await world.follow(me, changes, { id }, ending.signal)
    const { messages } = await mine().act('append', { sessionId: id, messages: [{ role: 'USER', content: 'Hi.' }] })
    await act(update, { id: other, title: 'Not followed' })
    await act(update, { id, title: 'Renamed' })
    await act(removeMessage, { id: messages[0].id })
    await act(remove, { id })
    const heard: Data[] = []
    for await (const { data } of events) {
      // That it was opened may have been settled only after the following began.
      if (data.chatSessionChanges.kind !== 'OPENED') heard.push(data.chatSessionChanges)
      if (heard.length === 3) break
    }
    ending.abort()
    expect(heard).toMatchObject([
      { kind: 'UPDATED', sessionId: id, messageId: null },
      { kind: 'MESSAGE_DELETED', sessionId: id, messageId: messages[0].id },
      { kind: 'DELETED', sessionId: id, session: null },
    ])
  })
})
