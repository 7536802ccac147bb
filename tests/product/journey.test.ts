import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { controlClient } from '../../cli/graph-client.ts'
import { readRecords } from '../../cli/import/read.ts'
import { runImport } from '../../cli/import/run.ts'
import { conversationLines, writeLines } from '../kit/conversations.ts'
import { type Person, type Product, startProduct } from '../kit/product.ts'

const walk = `{
  viewer { username
    chatSessions(first: 5) { totalCount nodes { title mode active
      messages(first: 10) { totalCount nodes { role content toolCalls { name arguments }
        memories(first: 2) { nodes { id content tier timeInferred owner { username }
          concepts(first: 10) { nodes { name mentionCount
            appearsIn(first: 3) { nodes {
              memory { id content }
              session { id title agents(first: 2) { nodes { agentId tools(first: 5) { nodes { name } } } } }
            } } } } } } } } } } } }`

describe('the whole product, from an import to a live view', () => {
  let product: Product
  let rosa: Person
  const directory = mkdtempSync(join(tmpdir(), 'mnemograph-journey-'))
  const file = writeLines(join(directory, 'garden.jsonl'), [
    ...conversationLines(5),
    '{"id": 7, "messages": "none"}',
    'not json',
  ])

  beforeAll(async () => {
    product = await startProduct()
    rosa = await product.join('rosa')
  })
  afterAll(async () => {
    await product.close()
    rmSync(directory, { recursive: true })
  })

  const bringIn = () =>
    runImport(controlClient(product.server.controlSocket, 'rosa'), readRecords(file, 'openai-jsonl'), {
      agent: 'garden-assistant',
      onProgress: () => {},
      signal: new AbortController().signal,
    })

  test('an import brings every message in and names the lines it cannot read', async () => {
    const counts = await bringIn()
    expect(counts).toMatchObject({ conversations: 5, messages: 30, tools: 1, known: 0 })
    expect(counts.refused.map(({ line }) => line)).toEqual([6, 7])
    expect(counts.refused[0]?.reason).toMatch(/messages/)
    expect(counts.refused[1]?.reason).toMatch(/JSON/)
  })

  test('a second import adds nothing', async () => {
    const before = await rosa.ask(
      '{ memoryStats { count revisions } agents(first: 10) { totalCount } tools(first: 10) { totalCount } }',
    )
    const counts = await bringIn()
    expect(counts).toMatchObject({ conversations: 5, messages: 0, memories: 0, known: 30 })
    const after = await rosa.ask(
      '{ memoryStats { count revisions } agents(first: 10) { totalCount } tools(first: 10) { totalCount } }',
    )
    expect(after).toEqual(before)
  })

  test('one query walks from the viewer to the agent, through every room', async () => {
    await product.settled()
    const { viewer } = await rosa.ask(walk)
    expect(viewer.chatSessions.totalCount).toBe(5)
    const titles = viewer.chatSessions.nodes.map((each: { title: string }) => each.title)
    expect(titles).toEqual(['garden-4', 'garden-3', 'garden-2', 'garden-1', 'garden-0'])
    const session = viewer.chatSessions.nodes[0]
    expect(session.messages.totalCount).toBe(6)
    expect(session.messages.nodes.map((message: { role: string }) => message.role)).toEqual([
      'SYSTEM',
      'USER',
      'ASSISTANT',
      'TOOL',
      'ASSISTANT',
      'USER',
    ])
    expect(session.messages.nodes[2].toolCalls).toEqual([
      { name: 'find_order', arguments: { order: expect.stringMatching(/^GC-/) } },
    ])
    const memory = session.messages.nodes[1].memories.nodes[0]
    expect(memory).toMatchObject({ tier: 'EPISODIC', timeInferred: true, owner: { username: 'rosa' } })
    const concept = memory.concepts.nodes.find((each: { name: string }) => each.name === 'Rosa Vidal')
    expect(concept.mentionCount).toBe(10)
    const mention = concept.appearsIn.nodes[0]
    expect(mention.memory.content).toContain('Rosa Vidal')
    expect(mention.session.agents.nodes[0]).toEqual({
      agentId: 'garden-assistant',
      tools: { nodes: [{ name: 'find_order' }] },
    })
  })

  test('the system prompt is stored once and every session still shows it', async () => {
    const { viewer, memories } = await rosa.ask(`{
      viewer { chatSessions(first: 5) { nodes { messages(first: 1) { nodes { content } } } } }
      memories(first: 10, filter: { tiers: [SEMANTIC] }) { nodes { content } } }`)
    const prompts = viewer.chatSessions.nodes.map(
      (session: Person & { messages: { nodes: { content: string }[] } }) => session.messages.nodes[0]?.content,
    )
    expect(new Set(prompts).size).toBe(1)
    expect(memories.nodes.map((memory: { content: string }) => memory.content)).toEqual([prompts[0]])
  })

  test('recall finds what was said, and its parts sum to the score', async () => {
    const { recall } = await rosa.ask(`{ recall(query: "Whose greenhouse was spoken of?", first: 5) {
      hits { rank score memory { content } why { part score } } degraded pending model } }`)
    expect(recall).toMatchObject({ degraded: [], pending: 0 })
    expect(recall.hits.map((hit: { rank: number }) => hit.rank)).toEqual([1, 2, 3, 4, 5])
    expect(
      recall.hits.every((hit: { memory: { content: string } }) => hit.memory.content.includes('Emil Krause')),
    ).toBe(true)
    for (const { score, why } of recall.hits) {
      expect(why.reduce((sum: number, part: { score: number }) => sum + part.score, 0)).toBeCloseTo(score, 6)
    }
  })

  test.each(['websocket', 'sse'] as const)(
    'a subscription over %s shows a new memory as it is written, and resumes',
    async (transport) => {
      const query =
        'subscription ($after: Cursor) { memoryChanges(after: $after) { kind cursor memory { content owner { username } } } }'
      const remember =
        'mutation ($input: RememberInput!) { remember(input: $input) { ... on RememberSuccess { memory { id } cursor } } }'
      const { remember: first } = await rosa.ask(remember, { input: { content: `first over ${transport}` } })
      const live = rosa.follow(transport, query, { after: first.cursor })
      await rosa.ask(remember, { input: { content: `second over ${transport}` } })
      const { value: second } = await live.next()
      expect(second.data.memoryChanges).toMatchObject({
        kind: 'CREATED',
        memory: { content: `second over ${transport}`, owner: { username: 'rosa' } },
      })
      expect(second.extensions.live).toEqual({
        cursor: second.data.memoryChanges.cursor,
        resync: false,
        lagging: false,
      })
      await live.return(undefined)
      await rosa.ask(remember, { input: { content: `third over ${transport}` } })
      const again = rosa.follow(transport, query, { after: second.data.memoryChanges.cursor })
      const { value: third } = await again.next()
      expect(third.data.memoryChanges.memory.content).toBe(`third over ${transport}`)
      await again.return(undefined)
    },
  )

  test('what is another’s does not exist, by whatever way it is asked for', async () => {
    const stranger = await product.join()
    const { memories, chatSessions, agents, concepts } = await rosa.ask(`{
      memories(first: 1) { nodes { id } } chatSessions(first: 1) { nodes { id messages(first: 1) { nodes { id } } } }
      agents(first: 1) { nodes { id tools(first: 1) { nodes { id } } } } concepts(first: 1) { nodes { id } } }`)
    const ids = [
      memories.nodes[0].id,
      chatSessions.nodes[0].id,
      chatSessions.nodes[0].messages.nodes[0].id,
      agents.nodes[0].id,
      agents.nodes[0].tools.nodes[0].id,
      concepts.nodes[0].id,
      rosa.id,
    ]
    const query = 'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }'
    expect((await rosa.ask(query, { ids })).nodes.map((node: { id: string }) => node.id)).toEqual(ids)
    expect((await stranger.ask(query, { ids })).nodes).toEqual(ids.map(() => null))
    const types = 'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename ... on Memory { metadata } } }'
    expect((await stranger.ask(types, { ids })).nodes).toEqual(ids.map(() => null))
    expect((await rosa.ask(types, { ids })).nodes.map((node: { __typename: string }) => node.__typename)).toEqual([
      'Memory',
      'ChatSession',
      'Message',
      'Agent',
      'Tool',
      'Concept',
      'User',
    ])
    const unknown = ids.map((id) => `${id.slice(0, 4)}${id[4] === 'A' ? 'B' : 'A'}${id.slice(5)}`)
    expect((await rosa.ask(query, { ids: [...unknown, 'rubbish', ''] })).nodes).toEqual([
      ...ids.map(() => null),
      null,
      null,
    ])
    const everything = await stranger.ask(`{ memories(first: 5) { totalCount } chatSessions(first: 5) { totalCount }
      agents(first: 5) { totalCount } concepts(first: 5) { totalCount } recall(query: "Rosa Vidal apple trees") { hits { rank } pending } }`)
    expect(everything).toEqual({
      memories: { totalCount: 0 },
      chatSessions: { totalCount: 0 },
      agents: { totalCount: 0 },
      concepts: { totalCount: 0 },
      recall: { hits: [], pending: 0 },
    })
  })
})
