import { afterAll, beforeAll, expect, test } from 'vitest'
import { expertGroup } from '../../examples/flows/expert-group.ts'
import { connect, type Graph, Refused, signIn } from '../../examples/flows/graph.ts'
import { allFlows } from '../../examples/flows/run.ts'
import { simpleChat } from '../../examples/flows/simple-chat.ts'
import { smartRouter } from '../../examples/flows/smart-router.ts'
import { type Data, type Product, startProduct } from '../kit/product.ts'

let product: Product
let graph: Graph
beforeAll(async () => {
  product = await startProduct()
  graph = connect(product.url, (await product.join('traveller')).token)
}, 60_000)
afterAll(() => product.close())

const sessionOf = async () => (await graph.act('openChatSession', {}, 'session { id }')).session.id
const train = {
  name: 'timetable',
  description: 'Looks up the timetable of trains, and their prices',
  run: async () => ({ leaves: '09:10' }) as unknown,
}
const request = 'Look up the timetable, find a train to Lisbon tomorrow, and then compare the prices.'

test('all of them run as the folder’s own program runs them', async () => {
  const signedIn = await signIn(product.url, 'traveller', 'traveller-secret')
  const { chat, router, group } = await allFlows(signedIn)
  expect(chat.knowledge).toMatchObject({ status: 'UNVALIDATED' })
  expect(router.sync.status).toBe('COMPLETED')
  expect(group).toMatchObject({ status: 'VALIDATED', memory: { content: expect.stringContaining('09:10') } })
})

test('a simple chat leaves a session with context, messages, memories, an event and knowledge', async () => {
  await graph.act('remember', { content: 'Breakfast is from seven at the harbour inn.' }, 'memory { id }')
  const done = await simpleChat(graph, {
    message: 'When is breakfast at the inn?',
    answer: 'From seven.',
    preference: 'early',
  })
  expect(done.turn.recalled[0].memory.content).toContain('from seven')
  const { chatSession, blackboard, consensusNode } = await graph.ask(
    `query ($id: ID!) {
      chatSession(id: $id) { mode context { key value } messages { nodes { role content } } memories { nodes { content } } }
      blackboard(sessionId: $id) { nodes { id payload } }
      consensusNode(type: "preference", key: "early") { id content session { id } }
    }`,
    { id: done.sessionId },
  )
  expect(chatSession).toMatchObject({
    mode: 'SIMPLE',
    context: [{ key: 'tone', value: 'short and friendly' }],
    messages: { nodes: [{ role: 'USER' }, { role: 'ASSISTANT', content: 'From seven.' }] },
    memories: { nodes: [{}, {}] },
  })
  expect(blackboard.nodes).toMatchObject([{ id: done.eventId, payload: { turn: done.turn.id } }])
  expect(consensusNode).toEqual({
    id: done.knowledge.id,
    content: { preference: 'early' },
    session: { id: done.sessionId },
  })
})

test('a smart router logs, learns, and hands over what it found', async () => {
  const sessionId = await sessionOf()
  const first = await smartRouter(graph, { sessionId, request, tools: [train] })
  const again = await smartRouter(graph, { sessionId, request, tools: [train] })
  expect(first.decision.success).toBe(true)
  expect(again.pattern.key).toBe(first.pattern.key)
  expect(again.pattern.usageCount).toBe(first.pattern.usageCount + 1)
  expect(again.pattern.confidence).toBeGreaterThan(first.pattern.confidence)
  expect(again.sync.transferred).toEqual([{ key: 'timetable', action: 'UNCHANGED' }])
  const { chatSession } = await graph.ask(
    'query ($id: ID!) { chatSession(id: $id) { context { key value } syncs { totalCount } } }',
    { id: sessionId },
  )
  expect(chatSession).toEqual({
    context: [{ key: 'timetable', value: { leaves: '09:10' } }],
    syncs: { totalCount: 2 },
  })
  const failing = {
    ...train,
    run: async () => {
      throw new Error('the line is closed')
    },
  }
  const failed = await smartRouter(graph, { sessionId, request, tools: [failing] })
  expect(failed.decision.success).toBe(false)
  expect(failed.pattern.confidence).toBeLessThan(again.pattern.confidence)
})

test('an expert group remembers what it agrees on, and nothing else', async () => {
  const sessionId = await sessionOf()
  const ask = (topic: string, choices: readonly ('FOR' | 'AGAINST')[]) =>
    expertGroup(graph, {
      sessionId,
      topic,
      finding: `The ${topic} is open.`,
      experts: choices.map((choice, i) => ({
        agentId: `${topic.replace(/\W/g, '-')}-${i}`,
        capabilities: [topic],
        judge: async () => ({ choice, confidence: 1, reason: 'seen' }),
      })),
    })
  const agreed = await ask('harbour bridge', ['FOR', 'FOR', 'AGAINST'])
  expect(agreed).toMatchObject({ status: 'VALIDATED', memory: { content: 'The harbour bridge is open.' } })
  const split = await ask('north gate', ['FOR', 'AGAINST'])
  expect(split).toMatchObject({ status: 'DISPUTED', score: 0.5, memory: null })
  const { chatSession, consensusNode, blackboard } = await graph.ask(
    `query ($id: ID!, $node: ID!, $group: ID!) {
      chatSession(id: $id) { memories { nodes { content tier } } }
      consensusNode(id: $node) { establishedAt votes { nodes { choice agent { agentId } } } }
      blackboard(sessionId: $group) { nodes { performative parent { id } } } }`,
    { id: sessionId, node: agreed.nodeId, group: agreed.groupSessionId },
  )
  expect(chatSession.memories.nodes).toEqual([{ content: 'The harbour bridge is open.', tier: 'SHARED' }])
  expect(consensusNode.establishedAt).not.toBeNull()
  expect(consensusNode.votes.nodes.map(({ agent }: Data) => agent.agentId)).toEqual(
    [0, 1, 2].map((i) => `harbour-bridge-${i}`),
  )
  expect(blackboard.nodes.map(({ performative }: Data) => performative).sort()).toEqual(
    ['ACCEPT', 'ACCEPT', 'PROPOSE', 'REJECT'].sort(),
  )
})

test('a problem comes as an exception that says which', async () => {
  const refused = graph.act('setContext', { sessionId: 'none', key: 'k', value: 1 }, 'entry { version }')
  await expect(refused).rejects.toBeInstanceOf(Refused)
  await expect(refused).rejects.toMatchObject({ code: 'NOT_FOUND' })
})
