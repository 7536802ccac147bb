import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type MemoryWorld, openMemoryWorld, verbs } from './world.ts'

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
  {
    role: 'ASSISTANT',
    toolCalls: [{ id: 'call-1', name: 'find_flights', arguments: '{"to":"LIS"}' }],
  },
  { role: 'TOOL', name: 'find_flights', toolCallId: 'call-1', content: '[{"flight":"TP 539"}]' },
  { role: 'ASSISTANT', content: 'TP 539 leaves at noon.' },
]

const session = `query ($id: ID!) { chatSession(id: $id) { title active owner { id }
  messages { totalCount nodes { position role name content toolCallId timeInferred occurredAt toolCalls { id name arguments }
    memories { nodes { tier metadata content } } } }
  memories { totalCount nodes { content tier metadata occurredAt timeInferred source { position } session { id } } } } }`

describe('a chat session', () => {
  test('keeps messages in order and makes memories of what was said', async () => {
    const id = await mine.openSession({ title: 'Trip' })
    const answer = await mine.act('append', { sessionId: id, messages: conversation, remember: true })
    expect(answer).toMatchObject({ added: 5, remembered: 4, cursor: expect.any(String) })
    const { chatSession } = await world.ask(world.owner, session, { id })
    expect(chatSession.messages.totalCount).toBe(5)
    expect(chatSession.messages.nodes.map(({ content }: { content: string }) => content)).toEqual(
      conversation.map(({ content }) => content ?? null),
    )
    expect(chatSession.messages.nodes[2].toolCalls).toEqual([
      { id: 'call-1', name: 'find_flights', arguments: { to: 'LIS' } },
    ])
    expect(chatSession.messages.nodes[3]).toMatchObject({
      toolCallId: 'call-1',
      memories: { nodes: [{ tier: 'EPISODIC', metadata: { role: 'TOOL', tool: 'find_flights' } }] },
    })
    expect(chatSession.memories.nodes).toMatchObject([
      { content: 'I need a flight to Lisbon.', tier: 'EPISODIC', metadata: { role: 'USER' }, source: { position: 1 } },
      { content: '[{"flight":"TP 539"}]', source: { position: 3 }, session: { id } },
      { content: 'TP 539 leaves at noon.', source: { position: 4 } },
    ])
    const times = chatSession.messages.nodes.map(({ occurredAt }: { occurredAt: string }) => Date.parse(occurredAt))
    expect(times.map((time: number) => time - times[0])).toEqual([0, 1, 2, 3, 4])
    expect(chatSession.messages.nodes.every(({ timeInferred }: { timeInferred: boolean }) => timeInferred)).toBe(true)
  })
})
