import { afterAll, beforeAll, expect, test } from 'vitest'
import { uuidOf } from '../../lib/ids.ts'
import { type Data, type Person, type Product, startProduct } from '../kit/product.ts'
import { viewerOfPerson } from '../security/matrix/people.ts'

const turn = `turn { id answeredBy question { content } answer { content role } memoryIds
  recalled { score memory { id content } } questionVector { kind content } answerVector { kind content } }`
const problem = '... on Problem { code problem: message path }'
const answer = `mutation ($input: AnswerChatInput!) { answer: answerChat(input: $input) {
  ... on AnswerChatSuccess { cursor ${turn} } ${problem} } }`
const complete = `mutation ($input: CompleteChatTurnInput!) { answer: completeChatTurn(input: $input) {
  ... on CompleteChatTurnSuccess { cursor ${turn} } ${problem} } }`
const session = `query ($id: ID!) { chatSession(id: $id) { messages { totalCount nodes { role content } }
  memories { nodes { content } } turns { totalCount nodes { id } } chatState { turnId question answer cached } } }`

let product: Product
let owner: Person
let other: Person
const act = async (source: string, input: Data, who = owner): Promise<Data> => (await who.ask(source, { input })).answer
const openSession = async (who = owner): Promise<string> =>
  (await who.ask('mutation { openChatSession(input: {}) { ... on OpenChatSessionSuccess { session { id } } } }'))
    .openChatSession.session.id
const look = async (id: string): Promise<Data> => (await owner.ask(session, { id })).chatSession

beforeAll(async () => {
  product = await startProduct()
  owner = await product.join()
  other = await product.join()
  const items = [
    'Ada Lovelace keeps the harbour ferry timetable in Lisbon.',
    'The ferry to Lisbon leaves at nine from pier two.',
    'Bread is best on the day it is baked.',
    'Lovelace met Babbage.',
    'Lovelace wrote to Babbage.',
  ].map((content) => ({ content }))
  await owner.ask('mutation ($input: RememberManyInput!) { rememberMany(input: $input) { __typename } }', {
    input: { items },
  })
  await product.settled()
}, 60_000)
afterAll(() => product.close())

test('a turn recalls, says, stores and remembers in one call', async () => {
  const sessionId = await openSession()
  const input = {
    sessionId,
    message: 'When does the ferry to Lisbon leave?',
    answer: 'At nine.',
    first: 2,
    clientMutationId: 'turn one',
  }
  const done = await act(answer, input)
  expect(done.turn).toMatchObject({
    answeredBy: 'CLIENT',
    question: { content: input.message },
    answer: { content: 'At nine.', role: 'ASSISTANT' },
    questionVector: { kind: 'QUERY', content: input.message },
    answerVector: { kind: 'RESPONSE', content: 'At nine.' },
  })
  expect(done.turn.recalled).toHaveLength(2)
  expect(done.turn.recalled[0].memory.content).toContain('leaves at nine')
  expect(done.turn.recalled[0].score).toBeGreaterThan(done.turn.recalled[1].score)
  expect(done.turn.memoryIds).toEqual(done.turn.recalled.map(({ memory }: Data) => memory.id))
  expect(await act(answer, input)).toEqual(done)
  expect(await look(sessionId)).toMatchObject({
    messages: { totalCount: 2, nodes: [{ role: 'USER' }, { role: 'ASSISTANT' }] },
    memories: { nodes: [{ content: input.message }, { content: 'At nine.' }] },
    turns: { totalCount: 1, nodes: [{ id: done.turn.id }] },
    chatState: { turnId: done.turn.id, question: input.message, answer: 'At nine.', cached: true },
  })
})

test('a turn’s concepts are those of its memories, and what they are related to', async () => {
  const { turn: asked } = await act(answer, {
    sessionId: await openSession(),
    message: 'Who keeps the harbour timetable?',
    first: 1,
    remember: false,
  })
  const read =
    'query ($id: ID!, $first: Int) { chatTurn(id: $id) { concepts(first: $first) { mentions score concept { name } } } }'
  const { concepts } = (await owner.ask(read, { id: asked.id })).chatTurn
  expect(concepts[0]).toMatchObject({ mentions: 1, score: 1 })
  const names = concepts.map(({ concept }: Data) => concept.name)
  expect(names).toEqual(expect.arrayContaining(['Lovelace', 'Lisbon', 'Babbage']))
  expect(concepts.find(({ concept }: Data) => concept.name === 'Babbage')).toMatchObject({ mentions: 0 })
  for (const { mentions, score } of concepts) expect(mentions > 0 ? score === 1 : score < 1).toBe(true)
  expect((await owner.ask(read, { id: asked.id, first: 1 })).chatTurn.concepts).toHaveLength(1)
  const { errors } = await owner.send(read, { id: asked.id, first: 51 })
  expect(errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT')
})

test('an open turn gets its answer, once', async () => {
  const sessionId = await openSession()
  const asked = await act(answer, { sessionId, message: 'Which pier?' })
  expect(asked.turn).toMatchObject({ answer: null, answeredBy: null, answerVector: null })
  expect((await look(sessionId)).chatState).toMatchObject({ question: 'Which pier?', answer: null })
  const [one, two] = await Promise.all(
    ['Pier two.', 'Pier three.'].map((text) => act(complete, { turnId: asked.turn.id, answer: text })),
  )
  expect([one, two].filter(({ code }) => code === 'CONFLICT')).toHaveLength(1)
  const done = one.turn ?? two.turn
  expect(done).toMatchObject({ id: asked.turn.id, answeredBy: 'CLIENT', answer: { role: 'ASSISTANT' } })
  expect((await look(sessionId)).chatState).toMatchObject({ answer: done.answer.content, cached: true })
})

test('a turn may be answered in the words of a memory, which are not remembered twice', async () => {
  const sessionId = await openSession()
  const { turn: done } = await act(answer, { sessionId, message: 'When is bread best?', fromMemory: true })
  expect(done).toMatchObject({ answeredBy: 'MEMORY', answer: { content: 'Bread is best on the day it is baked.' } })
  expect((await look(sessionId)).memories.nodes).toEqual([{ content: 'When is bread best?' }])
})

test('a turn is answered in another’s words as far as he lets them be read, and that is noted', async () => {
  const giver = await product.join()
  const rule = 'mutation ($input: SetPolicyRuleInput!) { setPolicyRule(input: $input) { __typename } }'
  const item = { content: 'The gondola ticket desk is at desk@example.org today.', visibility: 'PUBLIC' }
  await giver.ask(rule, { input: { name: 'mail', kind: 'REDACTION', action: 'MASK', mask: 'EMAILS' } })
  const { remember } = await giver.ask(
    'mutation ($input: RememberInput!) { remember(input: $input) { ... on RememberSuccess { memory { id } } } }',
    { input: item },
  )
  await product.settled()
  const asked = async (who: Person): Promise<Data> => {
    const message = 'Where is the gondola ticket desk?'
    const input = { sessionId: await openSession(who), message, fromMemory: true, remember: false }
    return (await act(answer, input, who)).turn
  }
  const masked = 'The gondola ticket desk is at ▒▒▒ today.'
  expect(await asked(owner)).toMatchObject({ answer: { content: masked }, answerVector: { content: masked } })
  expect(await asked(giver)).toMatchObject({ answer: { content: item.content } })
  const noted = async () => {
    await product.server.stores.notes.idle()
    const read = 'query ($id: ID!) { policyAudit(memoryId: $id) { nodes { ruleName phase } } }'
    return (await giver.ask(read, { id: remember.memory.id })).policyAudit.nodes
  }
  expect(await noted()).toContainEqual({ ruleName: 'mail', phase: 'RETRIEVE' })
  // What is withheld whole says nothing: the next best answers, or nobody does.
  await giver.ask(rule, { input: { name: 'ours', kind: 'SHARING', action: 'DENY' } })
  const withheld = await asked(owner)
  expect(withheld.recalled[0].memory).toMatchObject({ id: remember.memory.id, content: '▒▒▒' })
  expect(withheld.answer?.content).not.toContain('gondola')
  expect(withheld.answer?.content).not.toContain('▒')
  expect(await asked(giver)).toMatchObject({ answer: { content: item.content } })
})

test('turns are found again by the meaning of their questions', async () => {
  const sessionId = await openSession()
  const asked = await act(answer, { sessionId, message: 'How warm is the sea in winter?', remember: false })
  await product.settled()
  const { similarTurns } = await owner.ask(
    '{ similarTurns(query: "temperature of the sea during winter", first: 1) { score turn { id } } }',
  )
  expect(similarTurns).toMatchObject([{ turn: { id: asked.turn.id } }])
  expect(await other.ask('{ similarTurns(query: "sea in winter") { score } }')).toEqual({ similarTurns: [] })
})

test('where a chat stands is read from its turns when the cache has lost it', async () => {
  const sessionId = await openSession()
  expect((await look(sessionId)).chatState).toBeNull()
  await act(answer, { sessionId, message: 'Still there?', answer: 'Yes.', remember: false })
  const { tenantId, userId } = await viewerOfPerson(product, owner)
  await product.server.stores.cache.delete(tenantId, `chat:${userId}:${uuidOf('ChatSession', sessionId)}`)
  // Whatever the gateway keeps is forgotten when something is written.
  await openSession()
  expect((await look(sessionId)).chatState).toMatchObject({ question: 'Still there?', answer: 'Yes.', cached: false })
})

test('a forgotten memory is recalled no more, whatever a turn recalled', async () => {
  const sessionId = await openSession()
  const { remember } = await owner.ask(
    'mutation { remember(input: { content: "The vault code is kept by Quentin." }) { ... on RememberSuccess { memory { id } } } }',
  )
  const { turn: asked } = await act(answer, {
    sessionId,
    message: 'Who keeps the vault code?',
    first: 1,
    remember: false,
  })
  expect(asked.recalled[0].memory.id).toBe(remember.memory.id)
  await owner.ask('mutation ($input: ForgetMemoryInput!) { forgetMemory(input: $input) { __typename } }', {
    input: { id: remember.memory.id },
  })
  const { chatTurn } = await owner.ask('query ($id: ID!) { chatTurn(id: $id) { recalled { score } } }', {
    id: asked.id,
  })
  expect(chatTurn.recalled).toEqual([])
})

test('a turn that a rule forbids to remember is refused by name, with nothing done', async () => {
  const who = await product.join()
  const sessionId = await openSession(who)
  const { turn: open } = await act(answer, { sessionId, message: 'Open?', remember: false }, who)
  const held = async (): Promise<Data> => {
    const source = `query ($id: ID!) { memoryStats { count } chatSession(id: $id) {
      messages { totalCount } turns { totalCount } vectors { nodes { content } } } }`
    return who.ask(source, { id: sessionId })
  }
  const before = await held()
  await who.ask('mutation ($input: SetPolicyRuleInput!) { setPolicyRule(input: $input) { __typename } }', {
    input: { name: 'none', kind: 'TIER', action: 'DENY', toTier: 'EPISODIC' },
  })
  const refused = { code: 'FORBIDDEN', path: ['input', 'remember', 'tier'] }
  expect(await act(answer, { sessionId, message: 'Why?', answer: 'So.' }, who)).toMatchObject(refused)
  expect(await act(complete, { turnId: open.id, answer: 'So.' }, who)).toMatchObject(refused)
  expect(await held()).toEqual(before)
  // What nobody remembers, the rule is not about.
  const done = await act(complete, { turnId: open.id, answer: 'So.', remember: false }, who)
  expect(done.turn.answer.content).toBe('So.')
})

test('turns are their owner’s alone, and refuse wrong input with nothing done', async () => {
  const sessionId = await openSession()
  const { turn: mine } = await act(answer, { sessionId, message: 'Mine?', answer: null, remember: false })
  expect(await other.ask('query ($id: ID!) { chatTurn(id: $id) { id } }', { id: mine.id })).toEqual({ chatTurn: null })
  expect(await act(answer, { sessionId, message: 'Theirs?' }, other)).toMatchObject({
    code: 'NOT_FOUND',
    path: ['input', 'sessionId'],
  })
  expect(await act(complete, { turnId: mine.id, answer: 'No.' }, other)).toMatchObject({ code: 'NOT_FOUND' })
  for (const [wrong, path] of [
    [{ message: '' }, 'message'],
    [{ message: '  ' }, 'message'],
    [{ first: 21 }, 'first'],
    [{ answer: '' }, 'answer'],
  ] as const) {
    expect(await act(answer, { sessionId, message: 'm', ...wrong })).toMatchObject({
      code: 'INVALID_INPUT',
      path: ['input', path],
    })
  }
  await owner.ask('mutation ($input: EndChatSessionInput!) { endChatSession(input: $input) { __typename } }', {
    input: { id: sessionId },
  })
  expect(await act(answer, { sessionId, message: 'Too late?' })).toMatchObject({ code: 'CONFLICT' })
  expect((await look(sessionId)).messages.totalCount).toBe(1)
})
