import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { viewerOf } from '../kit/room-world.ts'
import { type KnowledgeWorld, memoryId, openKnowledgeWorld } from './world.ts'

let world: KnowledgeWorld
beforeAll(async () => {
  world = await openKnowledgeWorld()
})
afterAll(() => world.close())

const byName = 'query ($name: String!) { concept(name: $name) { id name category mentionCount createdAt } }'
const names = (connection: { nodes: { name: string }[] }) => connection.nodes.map(({ name }) => name)

describe('a concept', () => {
  test('is found by its name in any case, and by its id', async () => {
    const viewer = viewerOf()
    await world.remember(viewer, 'Yesterday we asked Oksana about it.', 'I will write to Oksana and to Bohdan.')
    const { concept } = await world.ask(viewer, byName, { name: '  oKSANA ' })
    expect(concept).toMatchObject({ name: 'Oksana', mentionCount: 2, createdAt: '2026-05-15T15:00:00.000Z' })
    const again = await world.ask(viewer, 'query ($id: ID!) { concept(id: $id) { name } }', { id: concept.id })
    expect(again.concept).toEqual({ name: 'Oksana' })
  })

  test('is called as most memories write it', async () => {
    const viewer = viewerOf()
    await world.remember(viewer, 'We ask GRAPHQL now.', 'We use GraphQL here.', 'We like GraphQL a lot.')
    expect((await world.ask(viewer, byName, { name: 'graphql' })).concept).toMatchObject({ name: 'GraphQL' })
  })

  test('is of one owner: of another’s there is no trace, and a name that both use is two concepts', async () => {
    const [anna, ben] = [viewerOf(), viewerOf()]
    await world.remember(anna, 'Then we met Oksana in Kharkiv.')
    await world.remember(ben, 'Later I met Oksana myself.', 'Today I met Oksana again.')
    const [hers, his] = [
      await world.ask(anna, byName, { name: 'Oksana' }),
      await world.ask(ben, byName, { name: 'Oksana' }),
    ]
    expect(hers.concept.mentionCount).toBe(1)
    expect(his.concept.mentionCount).toBe(2)
    expect(hers.concept.id).not.toBe(his.concept.id)
    expect((await world.ask(ben, byName, { name: 'Kharkiv' })).concept).toBeNull()
    const everything = `query ($id: ID!, $own: ID!) { concept(id: $id) { name }
      neighborhood(id: $id) { concepts { name } relations { type } }
      there: knowledgePath(from: $own, to: $id) { length } back: knowledgePath(from: $id, to: $own) { length }
      concepts { nodes { name } totalCount } }`
    expect(await world.ask(ben, everything, { id: hers.concept.id, own: his.concept.id })).toEqual({
      concept: null,
      neighborhood: { concepts: [], relations: [] },
      there: null,
      back: null,
      concepts: { nodes: [{ name: 'Oksana' }], totalCount: 1 },
    })
  })

  test('needs somebody signed in, and one way to name it', async () => {
    expect((await world.run(null, byName, { name: 'x' })).errors).toMatchObject([{ code: 'UNAUTHENTICATED' }])
    const both = 'query ($id: ID, $name: String) { concept(id: $id, name: $name) { name } }'
    for (const variables of [{}, { id: 'x', name: 'x' }]) {
      expect((await world.run(viewerOf(), both, variables)).errors).toMatchObject([{ code: 'BAD_USER_INPUT' }])
    }
    expect(await world.ask(viewerOf(), both, { id: memoryId(randomUUID()) })).toEqual({ concept: null })
    expect(await world.ask(viewerOf(), both, { id: 'rubbish' })).toEqual({ concept: null })
  })
})

describe('references', () => {
  const entities = `query ($of: [_Any!]!) { _entities(representations: $of) {
    ... on Concept { id name } ... on Memory { id concepts(first: 2) { nodes { name } totalCount pageInfo { hasNextPage } } } } }`

  test('find a concept by either key for its owner, and nothing for others', async () => {
    const [owner, stranger] = [viewerOf(), viewerOf()]
    await world.remember(owner, 'Then we met Oksana.')
    const { id } = (await world.ask(owner, byName, { name: 'oksana' })).concept
    const of = [
      { __typename: 'Concept', id },
      { __typename: 'Concept', nodeRef: id },
      { __typename: 'Concept', nodeRef: memoryId(randomUUID()) },
    ]
    const found = { id, name: 'Oksana' }
    expect((await world.ask(owner, entities, { of }))._entities).toEqual([found, found, null])
    expect((await world.ask(stranger, entities, { of }))._entities).toEqual([null, null, null])
  })

  test('give a memory its concepts, the most often named first, for its owner alone', async () => {
    const [owner, stranger] = [viewerOf(), viewerOf()]
    const [memory = ''] = await world.remember(owner, 'We met Bohdan, then Oksana, and later Oksana and Marta.')
    const id = memoryId(memory)
    const of = [{ __typename: 'Memory', id }]
    const [mine] = (await world.ask(owner, entities, { of }))._entities
    expect(mine.id).toBe(id)
    expect(mine.concepts).toMatchObject({ totalCount: 3, pageInfo: { hasNextPage: true } })
    expect(names(mine.concepts)).toEqual(['Oksana', 'Bohdan'])
    const [theirs] = (await world.ask(stranger, entities, { of }))._entities
    expect(theirs.concepts).toEqual({ nodes: [], totalCount: 0, pageInfo: { hasNextPage: false } })
  })
})

describe('the list of concepts', () => {
  const list = `query ($search: String, $category: String, $first: Int, $after: String, $last: Int, $before: String) {
    concepts(search: $search, category: $category, first: $first, after: $after, last: $last, before: $before) {
      nodes { name } totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`
  const viewer = viewerOf()
  beforeAll(async () => {
    await world.remember(
      viewer,
      'We met Oksana and then Olena.',
      'Yesterday Olena met Bohdan.',
      'Later Olena met Olha, and she met Marta.',
    )
  })
  const ask = async (variables: Record<string, unknown>) => (await world.ask(viewer, list, variables)).concepts

  test('is in the order of finding, and pages either way', async () => {
    const all = names(await ask({}))
    expect(all).toHaveLength((await ask({})).totalCount)
    expect(all.indexOf('Oksana')).toBeLessThan(all.indexOf('Bohdan'))
    const forwards: string[] = []
    for (let after = null; ; ) {
      const page = await ask({ first: 2, after })
      forwards.push(...names(page))
      after = page.pageInfo.endCursor
      if (!page.pageInfo.hasNextPage) break
    }
    expect(forwards).toEqual(all)
    const last = await ask({ last: 2 })
    expect(names(last)).toEqual(all.slice(-2))
    expect(names(await ask({ last: 2, before: last.pageInfo.startCursor }))).toEqual(all.slice(-4, -2))
  })

  test('searches by the beginning of the name, the most mentioned first', async () => {
    expect(names(await ask({ search: 'OL' }))).toEqual(['Olena', 'Olha'])
    const first = await ask({ search: 'o', first: 1 })
    expect(names(first)).toEqual(['Olena'])
    expect(first.totalCount).toBe(3)
    expect(names(await ask({ search: 'o', after: first.pageInfo.endCursor }))).toEqual(['Oksana', 'Olha'])
    expect(names(await ask({ search: '%' }))).toEqual([])
  })

  test('filters by category, and refuses the cursor of another filter, a long search and a wide page', async () => {
    const { category } = (await world.ask(viewer, byName, { name: 'Olena' })).concept
    expect(names(await ask({ category }))).toContain('Olena')
    expect(names(await ask({ category: 'NONE' }))).toEqual([])
    const { endCursor } = (await ask({ first: 1 })).pageInfo
    for (const wrong of [{ search: 'o', after: endCursor }, { search: 'x'.repeat(201) }, { first: 101 }]) {
      expect((await world.run(viewer, list, wrong)).errors).toMatchObject([{ code: 'BAD_USER_INPUT' }])
    }
  })
})

describe('where a concept appears', () => {
  const appears = `query ($name: String!, $first: Int, $after: String) { concept(name: $name) {
    appearsIn(first: $first, after: $after) {
      nodes { memory { id } session { id } count occurredAt concept { name } } totalCount pageInfo { endCursor } } } }`

  test('tells each memory, the latest first, with its session, and goes on where it stopped', async () => {
    const viewer = viewerOf()
    const sessionId = randomUUID()
    const at = new Date('2025-01-02T03:04:05Z')
    const [older = '', newer = ''] = await world.remember(
      viewer,
      { content: 'We met Oksana, only Oksana.', sessionId, occurredAt: at },
      'Then we met Oksana.',
    )
    const first = (await world.ask(viewer, appears, { name: 'oksana', first: 1 })).concept.appearsIn
    expect(first).toMatchObject({
      totalCount: 2,
      nodes: [{ memory: { id: memoryId(newer) }, session: null, count: 1, concept: { name: 'Oksana' } }],
    })
    const [added = ''] = await world.remember(viewer, 'At last we met Oksana.')
    const after = first.pageInfo.endCursor
    const rest = (await world.ask(viewer, appears, { name: 'oksana', after })).concept.appearsIn
    expect(rest.nodes).toMatchObject([{ memory: { id: memoryId(older) }, count: 2, occurredAt: at.toISOString() }])
    expect(rest.nodes[0].session.id).toMatch(/./)
    const latest = (await world.ask(viewer, appears, { name: 'oksana', first: 1 })).concept.appearsIn
    expect(latest.nodes[0].memory.id).toBe(memoryId(added))
  })
})
