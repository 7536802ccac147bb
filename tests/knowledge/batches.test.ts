import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { viewerOf } from '../kit/room-world.ts'
import { type KnowledgeWorld, memoryId, openKnowledgeWorld } from './world.ts'

const people = ['Oksana', 'Bohdan', 'Marta', 'Olena', 'Taras', 'Halyna', 'Ostap', 'Zoriana']
const perSession = 20
const sessions = 50

let world: KnowledgeWorld
const viewer = viewerOf()
const memories: string[] = []

beforeAll(async () => {
  world = await openKnowledgeWorld()
  for (let session = 0; session < sessions; session++) {
    const sessionId = randomUUID()
    const texts = Array.from({ length: perSession }, (_, i) => {
      const [a, b] = [people[(session + i) % people.length], people[(session * 3 + i * 5 + 1) % people.length]]
      return { content: `then we met ${a}, and later met ${b} for the ${i}th time.`, sessionId }
    })
    memories.push(...(await world.remember(viewer, ...texts)))
  }
  await world.caughtUp()
}, 120_000)
afterAll(() => world.close())

/** What the gateway asks of this room for memories of other rooms, every connection of the graph in it. */
const walk = `query ($of: [_Any!]!) { _entities(representations: $of) { ... on Memory {
  concepts(first: 3) { totalCount nodes {
    name
    related(first: 3) { totalCount nodes { strength concept { name appearsIn(first: 1) { nodes { memory { id } } } } } }
    appearsIn(first: 2) { totalCount nodes { concept { name } memory { id concepts(first: 1) { nodes { name } } } } }
  } } } } }`

describe('a walk over many memories', () => {
  test('takes the same statements for 1, 10 and 50 sessions of 20', async () => {
    const counts: number[] = []
    for (const size of [1, 10, 50]) {
      const of = memories.slice(0, size * perSession).map((id) => ({ __typename: 'Memory', id: memoryId(id) }))
      world.statements.length = 0
      const { data, errors } = await world.run(viewer, walk, { of })
      expect(errors).toEqual([])
      expect(data._entities).toHaveLength(size * perSession)
      const found = data._entities.flatMap((memory: { concepts: { nodes: object[] } }) => memory.concepts.nodes)
      expect(found.length).toBeGreaterThan(size * perSession)
      // Beside the walk's own there are those of the projector that looks whether the log has grown.
      const sent = world.statements.splice(0).filter(({ text }) => text.includes('knowledge.'))
      counts.push(sent.length)
      // Three concepts of each memory, three relations of each concept: nothing is read that the pages do not hold.
      expect(sent.reduce((sum, { rows }) => sum + rows, 0)).toBeLessThan(size * perSession * 6 + people.length * 40)
    }
    expect(counts).toEqual([counts[0], counts[0], counts[0]])
    expect(counts[0]).toBe(7)
  }, 60_000)
})
