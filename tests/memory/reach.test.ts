import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Data, type Person, type Product, startProduct } from '../kit/product.ts'
import { must } from '../security/matrix/plant.ts'

// Columns and lengths of lists that are reached through the graph, over all rooms.

let product: Product
let owner: Person
let other: Person
const ahead = '2090-01-01T00:00:00.000Z'

beforeAll(async () => {
  product = await startProduct()
  owner = await product.join()
  other = await product.join()
}, 60_000)
afterAll(() => product.close())

test('a revision tells all that it knew', async () => {
  const given = { content: 'Nine.', occurredAt: '2026-01-01T09:00:00.000Z', retentionUntil: ahead }
  const first = { ...given, contextAnalysis: { topic: 'ferry' } }
  const { memory } = await must(owner, 'remember', first, 'memory { id }')
  await must(owner, 'reviseMemory', { id: memory.id, content: 'Ten.', retentionUntil: null }, 'cursor')
  const read = `query ($id: ID!) { memory(id: $id) { revisions { totalCount nodes {
    version timeInferred retentionUntil contextAnalysis } } } }`
  expect((await owner.ask(read, { id: memory.id })).memory.revisions).toEqual({
    totalCount: 2,
    nodes: [
      { version: 2, timeInferred: false, retentionUntil: null, contextAnalysis: null },
      { version: 1, timeInferred: false, retentionUntil: ahead, contextAnalysis: { topic: 'ferry' } },
    ],
  })
})

test('a memory tells what rules decided of it, and lists tell how long they are', async () => {
  const rule = {
    name: 'keep',
    kind: 'RETENTION',
    action: 'KEEP',
    keepDays: 30,
    condition: { metadata: { kept: true } },
  }
  await must(owner, 'setPolicyRule', rule, 'cursor')
  const ids: string[] = []
  for (const content of ['One.', 'Two.']) {
    const { memory } = await must(owner, 'remember', { content, metadata: { kept: true } }, 'memory { id }')
    ids.push(memory.id)
  }
  const read = `query ($ids: [ID!]!, $one: ID!) {
    nodes(ids: $ids) { ... on Memory { policyDecisions(kind: RETENTION) { totalCount nodes { memoryId ruleName action } } } }
    policyRules { totalCount } policyAudit(memoryId: $one) { totalCount } memoryArchives { totalCount } }`
  const found = await owner.ask(read, { ids, one: ids[0] })
  expect(found.nodes.map(({ policyDecisions }: Data) => policyDecisions)).toEqual(
    ids.map((memoryId) => ({ totalCount: 1, nodes: [{ memoryId, ruleName: 'keep', action: 'KEEP' }] })),
  )
  expect(found).toMatchObject({
    policyRules: { totalCount: 1 },
    policyAudit: { totalCount: 1 },
    memoryArchives: { totalCount: 0 },
  })
})

test('a session and a text of knowledge name what is held to be known, of their owner alone', async () => {
  const proposed = { type: 'fact', key: 'ferry', title: 'The ferry', content: { leaves: 'at nine' } }
  const { node } = await must(owner, 'proposeKnowledge', proposed, 'node { id }')
  const open = { title: 'Ferries', consensusNodeId: node.id }
  const { session } = await must(owner, 'openChatSession', open, 'session { id consensusNode { title } }')
  expect(session.consensusNode).toEqual({ title: 'The ferry' })
  const item = { collection: 'REASONING_KNOWLEDGE', kind: 'KNOWLEDGE', content: 'It leaves at nine.' }
  const stored = { items: [{ ...item, consensusNodeId: node.id, sessionId: session.id }] }
  const { vectors } = await must(owner, 'storeVectors', stored, 'vectors { consensusNode { title } session { id } }')
  expect(vectors).toEqual([{ consensusNode: { title: 'The ferry' }, session: { id: session.id } }])
  const lists = `query ($id: ID!) { vectors { totalCount } chatSession(id: $id) { vectors { totalCount } } }`
  expect(await owner.ask(lists, { id: session.id })).toEqual({
    vectors: { totalCount: 1 },
    chatSession: { vectors: { totalCount: 1 } },
  })
  const opened =
    'mutation ($input: OpenChatSessionInput!) { it: openChatSession(input: $input) { ... on Problem { code path } } }'
  expect((await other.ask(opened, { input: open })).it).toEqual({
    code: 'NOT_FOUND',
    path: ['input', 'consensusNodeId'],
  })
  const store = `mutation ($input: StoreVectorsInput!) { it: storeVectors(input: $input) {
    ... on BatchRejected { problems { code path } } } }`
  const wrong = { items: [{ ...item, kind: 'CONTEXT', consensusNodeId: node.id }] }
  expect((await owner.ask(store, { input: wrong })).it.problems).toEqual([
    { code: 'INVALID_INPUT', path: ['0', 'consensusNodeId'] },
  ])
  const cleared = { id: session.id, consensusNodeId: null }
  expect((await must(owner, 'updateChatSession', cleared, 'session { consensusNode { id } }')).session).toEqual({
    consensusNode: null,
  })
})

test('voice settings tell when they were set', async () => {
  const read = '{ voiceSettings { version createdAt updatedAt } }'
  expect((await owner.ask(read)).voiceSettings).toEqual({ version: 0, createdAt: null, updatedAt: null })
  await must(owner, 'setVoiceSettings', { language: 'de' }, 'cursor')
  await must(owner, 'setVoiceSettings', { language: 'pt' }, 'cursor')
  const { createdAt, updatedAt } = (await owner.ask(read)).voiceSettings
  expect(Date.parse(updatedAt)).toBeGreaterThanOrEqual(Date.parse(createdAt))
})

test('that an archive was removed is told', async () => {
  const input = { content: 'Over soon.', retentionUntil: new Date(Date.now() + 1_500).toISOString() }
  await must(owner, 'remember', input, 'cursor')
  let archive: Data = null
  while (archive === null) ({ archive } = await must(owner, 'cleanUpExpired', { archive: true }, 'archive { id }'))
  const { cursor } = await must(owner, 'removeMemoryArchive', { id: archive.id }, 'cursor')
  expect(cursor).toEqual(expect.any(String))
})

test('what is kept at hand is read part by part', async () => {
  const { session } = await must(owner, 'openChatSession', {}, 'session { id }')
  const keys = Array.from({ length: 5 }, (_, n) => `part ${n}`)
  for (const key of keys) {
    await must(owner, 'setContext', { sessionId: session.id, key, value: 1 }, 'cursor')
    await must(owner, 'setUserContext', { key: `of user ${key}`, value: 1 }, 'cursor')
  }
  const { session: target } = await must(owner, 'openChatSession', {}, 'session { id }')
  const handOver = { type: 'CONTEXT_TRANSFER', sourceId: session.id, targetId: target.id }
  const select = 'sync { transferredCount conflictCount transferred(from: 4, first: 2) { key } }'
  const { sync } = await must(owner, 'syncMemory', handOver, select)
  expect(sync).toMatchObject({ transferredCount: 5, conflictCount: 0, transferred: [{ key: 'part 4' }] })
  const read = `query ($id: ID!, $from: Int, $first: Int) { chatContext(from: $from, first: $first) { key }
    chatSession(id: $id) { contextCount context(from: $from, first: $first) { key }
      effectiveContext(from: $from, first: $first) { entry { key } } } }`
  const { chatContext, chatSession } = await owner.ask(read, { id: session.id, from: 3, first: 3 })
  expect(chatSession.context).toEqual([{ key: 'part 3' }, { key: 'part 4' }])
  expect(chatContext.map(({ key }: Data) => key)).toEqual(['of user part 3', 'of user part 4'])
  expect(chatSession.effectiveContext).toHaveLength(3)
  for (const wrong of [{ from: -1 }, { first: 0 }, { first: 1001 }]) {
    const { errors } = await owner.send(read, { id: session.id, ...wrong })
    expect(errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT')
  }
})

test('decisions and chains are listed over all sessions, as they are asked for', async () => {
  const who = await product.join()
  const log = async (input: Data) => {
    const { session } = await must(who, 'openChatSession', {}, 'session { id }')
    await must(who, 'logRoutingDecision', { sessionId: session.id, request: 'Go.', ...input }, 'cursor')
    const chain = { sessionId: session.id, steps: [{ thought: 'Go.' }], confidence: input.success ? 0.9 : 0.1 }
    await must(who, 'recordReasoningChain', chain, 'cursor')
  }
  await log({ model: 'a', success: true, mode: 'SIMPLE' })
  await log({ model: 'b', success: true, mode: 'SOCRATIC' })
  await log({ model: 'b', success: false, mode: 'SIMPLE' })
  const read = `{ all: routingDecisions { totalCount nodes { model } } good: routingDecisions(success: true, model: "b") { totalCount }
    simple: routingDecisions(mode: SIMPLE, first: 1) { totalCount nodes { model success } }
    chains: reasoningChains { totalCount } sure: reasoningChains(minConfidence: 0.5) { totalCount nodes { confidence } } }`
  expect(await who.ask(read)).toEqual({
    all: { totalCount: 3, nodes: [{ model: 'b' }, { model: 'b' }, { model: 'a' }] },
    good: { totalCount: 1 },
    simple: { totalCount: 2, nodes: [{ model: 'b', success: false }] },
    chains: { totalCount: 3 },
    sure: { totalCount: 2, nodes: [{ confidence: 0.9 }, { confidence: 0.9 }] },
  })
})

describe('what is found by its meaning', () => {
  const found = async (collection: string, query: string): Promise<Data[]> => {
    await product.settled()
    const search = `query ($query: String!, $collection: VectorCollection!) {
      searchVectors(query: $query, collection: $collection) { hits { vector { kind content metadata session { id } } } } }`
    const { searchVectors } = await owner.ask(search, { query, collection })
    return searchVectors.hits.map(({ vector }: Data) => vector)
  }
  const openSession = async () => (await must(owner, 'openChatSession', {}, 'session { id }')).session.id

  test('are the thoughts of a reasoning chain, as long as it is there', async () => {
    const sessionId = await openSession()
    const steps = [{ thought: 'Tides turn at noon.' }, { thought: 'So the ferry waits.' }]
    const { chain } = await must(owner, 'recordReasoningChain', { sessionId, steps }, 'chain { id }')
    const [hit] = await found('REASONING_KNOWLEDGE', 'When do tides turn?')
    expect(hit).toEqual({
      kind: 'KNOWLEDGE',
      content: 'Tides turn at noon.\nSo the ferry waits.',
      metadata: { chain: chain.id },
      session: { id: sessionId },
    })
    await must(owner, 'deleteReasoningChain', { id: chain.id }, 'cursor')
    expect(
      (await found('REASONING_KNOWLEDGE', 'When do tides turn?')).map(({ metadata }) => metadata),
    ).not.toContainEqual(hit?.metadata)
  })

  test('is what was said into a microphone, as long as the sample is there', async () => {
    const sessionId = await openSession()
    const spoken = {
      audio: Buffer.from('hm').toString('base64'),
      mediaType: 'audio/ogg',
      transcript: 'The lighthouse blinks twice.',
      sessionId,
    }
    const { sample } = await must(owner, 'processVoice', spoken, 'sample { id }')
    const said = { kind: 'CONTEXT', content: spoken.transcript, metadata: { voiceSample: sample.id }, session: null }
    expect(await found('VOICE_PATTERNS', 'lighthouse')).toEqual([said])
    await must(owner, 'deleteChatSession', { id: sessionId }, 'cursor')
    expect(await found('VOICE_PATTERNS', 'lighthouse')).toEqual([said])
    await must(owner, 'deleteVoiceSample', { id: sample.id }, 'cursor')
    expect(await found('VOICE_PATTERNS', 'lighthouse')).toEqual([])
  })

  test('is a conversation by its summary, of which there is one', async () => {
    const sessionId = await openSession()
    const say = (content: string) =>
      must(owner, 'appendMessages', { sessionId, messages: [{ role: 'USER', content }] }, 'cursor')
    await say('The bakery sells rye bread on Mondays.')
    await must(owner, 'summarizeSession', { sessionId }, 'cursor')
    await say('On Tuesdays the bakery sells wheat bread.')
    const { summary } = await must(owner, 'summarizeSession', { sessionId }, 'summary { text }')
    const conversation = {
      kind: 'CONTEXT',
      content: summary.text,
      metadata: { summary: sessionId },
      session: { id: sessionId },
    }
    expect(await found('CONVERSATION_CONTEXT', 'Where is bread sold?')).toEqual([conversation])
    await must(owner, 'deleteSessionSummary', { sessionId }, 'cursor')
    expect(await found('CONVERSATION_CONTEXT', 'Where is bread sold?')).toEqual([])
  })
})
