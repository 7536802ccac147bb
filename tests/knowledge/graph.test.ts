import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { viewerOf } from '../kit/room-world.ts'
import { type KnowledgeWorld, openKnowledgeWorld } from './world.ts'

let world: KnowledgeWorld
const viewer = viewerOf()
const idOf = async (name: string, who = viewer) =>
  (await world.ask(who, 'query ($name: String!) { concept(name: $name) { id } }', { name })).concept.id

beforeAll(async () => {
  world = await openKnowledgeWorld()
  // Oksana and Marta often together, Oksana and Bohdan seldom; Bohdan leads on to Taras; the others dilute chance.
  const met = (...names: string[]) => `then we met ${names.join(', and later met ')} and were glad.`
  await world.remember(
    viewer,
    ...[1, 2, 3].map(() => met('Oksana', 'Marta')),
    met('Oksana', 'Bohdan'),
    met('Bohdan', 'Taras'),
    met('Bohdan', 'Taras'),
    met('Olena'),
    ...Array.from({ length: 12 }, (_, i) => `and nothing at all happened then, for the ${i}th time.`),
  )
})
afterAll(() => world.close())

describe('what a concept relates to', () => {
  const related = `query ($name: String!, $first: Int = 10, $after: String, $minStrength: Float, $type: String) {
    concept(name: $name) { related(first: $first, after: $after, minStrength: $minStrength, type: $type) {
      nodes { concept { name } type strength support } totalCount pageInfo { hasNextPage endCursor } } } }`
  const ask = async (name: string, more: Record<string, unknown> = {}) =>
    (await world.ask(viewer, related, { name, ...more })).concept.related

  test('comes strongest first, with how many memories say so', async () => {
    const { nodes, totalCount } = await ask('oksana')
    expect(nodes).toMatchObject([
      { concept: { name: 'Marta' }, type: 'CO_OCCURS', support: 3 },
      { concept: { name: 'Bohdan' }, type: 'CO_OCCURS', support: 1 },
    ])
    expect(nodes[0].strength).toBeGreaterThan(nodes[1].strength)
    expect(totalCount).toBe(2)
    expect(await ask('olena')).toMatchObject({ nodes: [], totalCount: 0 })
  })

  test('pages, and keeps to a strength and a type', async () => {
    const first = await ask('oksana', { first: 1 })
    expect(first.pageInfo.hasNextPage).toBe(true)
    const rest = await ask('oksana', { first: 1, after: first.pageInfo.endCursor })
    expect(rest.nodes).toMatchObject([{ concept: { name: 'Bohdan' } }])
    expect(rest.pageInfo.hasNextPage).toBe(false)
    const minStrength = first.nodes[0].strength
    expect(await ask('oksana', { minStrength })).toMatchObject({ nodes: [{ support: 3 }], totalCount: 1 })
    expect(await ask('oksana', { type: 'CAUSES' })).toMatchObject({ nodes: [], totalCount: 0 })
  })

  test('refuses a bound that is none', async () => {
    for (const wrong of [{ minStrength: 2 }, { minStrength: -1 }, { first: 0 }, { after: 'rubbish' }]) {
      const { errors } = await world.run(viewer, related, { name: 'oksana', ...wrong })
      expect(errors).toMatchObject([{ code: 'BAD_USER_INPUT' }])
    }
  })
})

describe('a neighborhood', () => {
  const around = `query ($id: ID!, $depth: Int, $minStrength: Float, $first: Int) {
    neighborhood(id: $id, depth: $depth, minStrength: $minStrength, first: $first) {
      concepts { name } relations { from { name } to { name } type strength } } }`
  const ask = async (more: Record<string, unknown> = {}) =>
    (await world.ask(viewer, around, { id: await idOf('oksana'), ...more })).neighborhood
  const names = (found: { concepts: { name: string }[] }) => found.concepts.map(({ name }) => name)

  test('has the nearest and strongest first, and the relations among them', async () => {
    const found = await ask()
    expect(names(found)).toEqual(['Oksana', 'Marta', 'Bohdan', 'Taras'])
    const relations = found.relations.map((each: { from: { name: string }; to: { name: string } }) => [
      each.from.name,
      each.to.name,
    ])
    expect(relations).toEqual([
      ['Oksana', 'Marta'],
      ['Oksana', 'Bohdan'],
      ['Bohdan', 'Taras'],
    ])
    expect(names(await ask({ depth: 1 }))).toEqual(['Oksana', 'Marta', 'Bohdan'])
    expect(names(await ask({ first: 2 }))).toEqual(['Oksana', 'Marta'])
    expect(names(await ask({ minStrength: found.relations[0].strength }))).toEqual(['Oksana', 'Marta'])
  })

  test('refuses a bound that is none', async () => {
    for (const wrong of [{ depth: 0 }, { depth: 5 }, { first: 101 }, { minStrength: 1.1 }]) {
      const { errors } = await world.run(viewer, around, { id: await idOf('oksana'), ...wrong })
      expect(errors).toMatchObject([{ code: 'BAD_USER_INPUT' }])
    }
  })
})

describe('a path', () => {
  const path = `query ($from: ID!, $to: ID!, $maxDepth: Int) { knowledgePath(from: $from, to: $to, maxDepth: $maxDepth) {
    length concepts { name } relations { from { name } to { name } strength } } }`
  const ask = async (from: string, to: string, maxDepth?: number) =>
    (await world.ask(viewer, path, { from: await idOf(from), to: await idOf(to), maxDepth })).knowledgePath

  test('leads from one concept to another in order, or there is none', async () => {
    const found = await ask('marta', 'taras')
    expect(found.length).toBe(3)
    expect(found.concepts.map(({ name }: { name: string }) => name)).toEqual(['Marta', 'Oksana', 'Bohdan', 'Taras'])
    expect(found.relations[1]).toMatchObject({ from: { name: 'Oksana' }, to: { name: 'Bohdan' } })
    expect(await ask('marta', 'taras', 2)).toBeNull()
    expect(await ask('marta', 'olena', 6)).toBeNull()
    expect(await ask('marta', 'marta')).toEqual({ length: 0, concepts: [{ name: 'Marta' }], relations: [] })
  })

  test('refuses a depth that is none, and knows no way to what is not there', async () => {
    const [from, to] = [await idOf('marta'), await idOf('taras')]
    for (const maxDepth of [0, 7]) {
      const { errors } = await world.run(viewer, path, { from, to, maxDepth })
      expect(errors).toMatchObject([{ code: 'BAD_USER_INPUT' }])
    }
    expect(await world.ask(viewer, path, { from, to: 'rubbish' })).toEqual({ knowledgePath: null })
    expect(await world.ask(viewerOf(), path, { from, to })).toEqual({ knowledgePath: null })
  })
})
