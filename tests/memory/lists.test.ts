import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Viewer } from '../../lib/context.ts'
import { toGlobalId } from '../../lib/ids.ts'
import { type Data, type MemoryWorld, openMemoryWorld, verbs } from './world.ts'

let world: MemoryWorld

beforeAll(async () => {
  world = await openMemoryWorld()
})
afterAll(() => world.close())

/** Somebody new, in a tenant of his own unless told. */
async function somebody(given: Partial<Viewer> = {}) {
  const viewer = { ...world.owner, userId: crypto.randomUUID(), tenantId: crypto.randomUUID(), ...given }
  const sql = 'INSERT INTO app.tenants (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING'
  await world.database.sql(sql, [viewer.tenantId, 'another'])
  return verbs(world, viewer)
}

const list = `query ($filter: MemoryFilter, $ownerId: ID, $speaker: String, $retentionBefore: DateTime, $updatedFrom: DateTime,
  $updatedBefore: DateTime, $orderBy: MemoryOrder, $first: Int, $after: String, $last: Int, $before: String) {
  memories(filter: $filter, ownerId: $ownerId, speaker: $speaker, retentionBefore: $retentionBefore,
    updatedFrom: $updatedFrom, updatedBefore: $updatedBefore, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) {
    totalCount nodes { id content } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`

const listed = async (viewer: Viewer, variables: Record<string, unknown> = {}): Promise<Data> =>
  (await world.ask(viewer, list, variables)).memories
const contents = ({ nodes }: Data): string[] => nodes.map(({ content }: Data) => content)

describe('the list of memories', () => {
  test('is walked page by page from both ends, and stays right while memories are added', async () => {
    const { viewer, act, remember } = await somebody()
    await act('rememberMany', { items: Array.from({ length: 9 }, (_, i) => ({ content: `${i}` })) })
    const first = await listed(viewer, { first: 4 })
    expect(contents(first)).toEqual(['8', '7', '6', '5'])
    expect(first).toMatchObject({ totalCount: 9, pageInfo: { hasNextPage: true, hasPreviousPage: false } })
    await remember('new')
    const second = await listed(viewer, { first: 4, after: first.pageInfo.endCursor })
    expect(contents(second)).toEqual(['4', '3', '2', '1'])
    const back = await listed(viewer, { last: 4, before: second.pageInfo.startCursor })
    expect(contents(back)).toEqual(['8', '7', '6', '5'])
    expect(back.pageInfo).toMatchObject({ hasPreviousPage: true, hasNextPage: true })
    expect(contents(await listed(viewer, { last: 2 }))).toEqual(['1', '0'])
    expect(contents(await listed(viewer, { orderBy: 'OLDEST_FIRST', first: 3 }))).toEqual(['0', '1', '2'])
  })

  test('tells moments of any year to the millisecond', async () => {
    const { viewer, act } = await somebody()
    const moments = [
      '0044-03-15T10:00:00',
      '1066-10-14T09:00:00.5',
      '1969-12-31T23:59:59.999',
      '9999-12-31T23:59:59.01',
    ]
    const instants = moments.map((moment) => new Date(`${moment}Z`).toISOString())
    await act('rememberMany', { items: instants.map((occurredAt) => ({ content: occurredAt, occurredAt })) })
    const { memories } = await world.ask(viewer, '{ memories(orderBy: OLDEST_FIRST) { nodes { content occurredAt } } }')
    expect(contents(memories)).toEqual(instants)
    expect(memories.nodes.map(({ occurredAt }: Data) => occurredAt)).toEqual(instants)
  })

  test('refuses a cursor of another order, a bound out of range and rubbish', async () => {
    const { viewer, remember } = await somebody()
    await remember('one')
    const { pageInfo } = await listed(viewer)
    const wrong = [
      { after: pageInfo.endCursor, orderBy: 'OLDEST_FIRST' },
      { after: pageInfo.endCursor, filter: { tiers: ['WORKING'] } },
      { after: 'rubbish' },
      { after: Buffer.from(JSON.stringify([...decode(pageInfo.endCursor).slice(0, 1), 'x'])).toString('base64url') },
      { first: 0 },
      { first: 101 },
      { first: 1, last: 1 },
      { filter: { sessionId: 'rubbish' } },
    ]
    for (const variables of wrong) {
      expect((await world.run(viewer, list, variables)).errors).toMatchObject([{ code: 'BAD_USER_INPUT' }])
    }
  })

  test.each([
    ['RECENTLY_UPDATED_FIRST', ['0', '8', '7', '6', '5', '4', '3', '2', '1']],
    ['LEAST_RECENTLY_UPDATED_FIRST', ['1', '2', '3', '4', '5', '6', '7', '8', '0']],
  ])('is walked by when what it holds was last revised, from both ends, %s', async (orderBy, expected) => {
    const { viewer, act } = await somebody()
    // All of a batch are of one moment.
    const { memories } = await act('rememberMany', {
      items: Array.from({ length: 9 }, (_, i) => ({ content: `${i}` })),
    })
    world.clock.advance(1)
    await act('revise', { id: memories[0].id, tier: 'SEMANTIC' })
    for (const size of [1, 2, 4, 9]) {
      const [forwards, backwards]: string[][] = [[], []]
      for (let after: string | undefined, more = true; more; ) {
        const page = await listed(viewer, { orderBy, first: size, after })
        forwards?.push(...contents(page))
        ;({ endCursor: after, hasNextPage: more } = page.pageInfo)
      }
      for (let before: string | undefined, more = true; more; ) {
        const page = await listed(viewer, { orderBy, last: size, before })
        backwards?.unshift(...contents(page))
        ;({ startCursor: before, hasPreviousPage: more } = page.pageInfo)
      }
      expect([forwards, backwards]).toEqual([expected, expected])
    }
    const { pageInfo } = await listed(viewer, { orderBy, first: 1 })
    for (const wrong of [{ after: pageInfo.endCursor }, { orderBy, after: madeUp(pageInfo.endCursor, [1]) }]) {
      expect((await world.run(viewer, list, wrong)).errors).toMatchObject([{ code: 'BAD_USER_INPUT' }])
    }
  })

  test('what is revised while it is read comes at the end of what was revised longest ago', async () => {
    const { viewer, act } = await somebody()
    const { memories } = await act('rememberMany', { items: ['a', 'b', 'c'].map((content) => ({ content })) })
    const orderBy = 'LEAST_RECENTLY_UPDATED_FIRST'
    const first = await listed(viewer, { orderBy, first: 2 })
    world.clock.advance(1)
    await act('revise', { id: memories[0].id, tier: 'SEMANTIC' })
    expect(contents(await listed(viewer, { orderBy, first: 5, after: first.pageInfo.endCursor }))).toEqual(['c', 'a'])
  })

  test('is asked for by owner, speaker, retention and revision', async () => {
    const one = await somebody()
    const two = await somebody({ tenantId: one.viewer.tenantId })
    await one.remember('of Ann', { metadata: { speaker: 'Ann Lee' } })
    await one.remember('to go', { retentionUntil: new Date(world.clock.now().getTime() + 60_000).toISOString() })
    await two.remember('open', { visibility: 'PUBLIC' })
    const hidden = await two.remember('hidden')
    world.clock.advance(1000)
    const later = world.clock.now().toISOString()
    await one.remember('later')
    const ownerOf = ({ userId }: Viewer) => toGlobalId('User', userId)
    const retentionBefore = new Date(world.clock.now().getTime() + 120_000).toISOString()
    const cases: [Record<string, unknown>, string[]][] = [
      [{ ownerId: ownerOf(one.viewer) }, ['later', 'to go', 'of Ann']],
      [{ ownerId: ownerOf(two.viewer) }, ['open']],
      [{ speaker: 'ann lee' }, ['of Ann']],
      [{ speaker: 'Ann' }, []],
      [{ retentionBefore }, ['to go']],
      [{ retentionBefore: later }, []],
      [{ updatedFrom: later }, ['later']],
      [{ updatedBefore: later }, ['open', 'to go', 'of Ann']],
      [
        { ownerId: ownerOf(one.viewer), updatedBefore: later, filter: { metadata: { speaker: 'Ann Lee' } } },
        ['of Ann'],
      ],
    ]
    for (const [asked, expected] of cases) {
      const found = await listed(one.viewer, asked)
      expect([contents(found), found.totalCount]).toEqual([expected, expected.length])
    }
    expect((await listed(two.viewer, { ownerId: ownerOf(two.viewer) })).nodes.map(({ id }: Data) => id)).toContain(
      hidden,
    )
    const spoken = await world.ask(one.viewer, '{ memories(speaker: "ANN LEE") { nodes { speaker } } }')
    expect(spoken.memories.nodes).toEqual([{ speaker: 'Ann Lee' }])
    for (const wrong of [{ ownerId: 'rubbish' }, { speaker: 'x'.repeat(257) }]) {
      expect((await world.run(one.viewer, list, wrong)).errors).toMatchObject([{ code: 'BAD_USER_INPUT' }])
    }
    const then = `{ memories(asOf: "${later}", orderBy: RECENTLY_UPDATED_FIRST) { totalCount } }`
    expect((await world.run(one.viewer, then)).errors).toMatchObject([{ code: 'BAD_USER_INPUT' }])
  })

  test('holds what fits', async () => {
    const { viewer, remember, openSession } = await somebody()
    const sessionId = await openSession()
    await remember('working', { tier: 'WORKING', occurredAt: '2024-01-01T00:00:00Z' })
    await remember('public', { visibility: 'PUBLIC', occurredAt: '2024-02-01T00:00:00Z' })
    await remember('session', {
      sessionId,
      occurredAt: '2024-03-01T00:00:00Z',
      metadata: { a: { b: 1, c: 2 }, d: [1] },
    })
    const cases: [Record<string, unknown>, string[]][] = [
      [{}, ['session', 'public', 'working']],
      [{ tiers: ['WORKING', 'SHARED'] }, ['working']],
      [{ tiers: [] }, []],
      [{ visibility: 'PUBLIC' }, ['public']],
      [{ sessionId }, ['session']],
      [{ occurredFrom: '2024-02-01T00:00:00Z' }, ['session', 'public']],
      [{ occurredBefore: '2024-02-01T00:00:00Z' }, ['working']],
      [{ metadata: { a: { b: 1 } } }, ['session']],
      [{ metadata: { a: { b: 2 } } }, []],
      [{ tiers: ['EPISODIC'], visibility: 'PRIVATE' }, ['session']],
    ]
    for (const [filter, expected] of cases) {
      const found = await listed(viewer, { filter })
      expect(contents(found)).toEqual(expected)
      expect(found.totalCount).toBe(expected.length)
    }
  })

  test('shows the tenant what is public, another tenant nothing, and each memory once', async () => {
    const one = await somebody()
    const two = await somebody({ tenantId: one.viewer.tenantId })
    const stranger = await somebody()
    await one.remember('private of one')
    const open = await one.remember('public of one', { visibility: 'PUBLIC' })
    await two.remember('private of two')
    expect(contents(await listed(two.viewer))).toEqual(['private of two', 'public of one'])
    expect(contents(await listed(one.viewer))).toEqual(['public of one', 'private of one'])
    expect(contents(await listed(stranger.viewer))).toEqual([])
    const entity = `query ($them: [_Any!]!) { _entities(representations: $them) { ... on Memory { id content session { id } owner { id } } } }`
    const them = [
      { __typename: 'Memory', id: open },
      { __typename: 'Memory', nodeRef: open },
    ]
    expect((await world.ask(two.viewer, entity, { them }))._entities).toMatchObject([
      { id: open, content: 'public of one' },
      { id: open, content: 'public of one' },
    ])
    expect((await world.ask(stranger.viewer, entity, { them }))._entities).toEqual([null, null])
  })

  test('is counted by tier, for the owner alone', async () => {
    const { viewer, act, remember } = await somebody()
    const id = await remember('four')
    await remember('seven++', { tier: 'SEMANTIC', visibility: 'PUBLIC' })
    await act('revise', { id, content: 'sixsix' })
    const query =
      '{ memoryStats { count revisions characters oldestAt } working: memoryStats(tier: WORKING) { count oldestAt } memoryTierDistribution { tier count } }'
    const own = await world.ask(viewer, query)
    expect(own).toMatchObject({
      memoryStats: { count: 2, revisions: 3, characters: 13 },
      working: { count: 0, oldestAt: null },
      memoryTierDistribution: [
        { tier: 'WORKING', count: 0 },
        { tier: 'EPISODIC', count: 1 },
        { tier: 'SEMANTIC', count: 1 },
        { tier: 'SHARED', count: 0 },
      ],
    })
    const neighbour = await somebody({ tenantId: viewer.tenantId })
    expect((await world.ask(neighbour.viewer, query)).memoryStats.count).toBe(0)
  })
})

describe('a query over many parents', () => {
  const deep = `query ($first: Int) { chatSessions(first: $first) { totalCount nodes { title parent { id }
    messages(first: 3) { totalCount nodes { content session { title } memories(first: 2) { totalCount nodes {
      content source { role } session { title } revisions { nodes { version } } } } } }
    memories(first: 2) { totalCount nodes { content } } } } }`

  test('sends as many statements for fifty sessions as for one, and reads no more rows than it shows', async () => {
    const { viewer, act, openSession } = await somebody()
    for (let i = 0; i < 50; i++) {
      const sessionId = await openSession({ title: `Session ${i}` })
      const messages = Array.from({ length: 6 }, (_, j) => ({ role: 'USER', content: `Message ${j} of ${i}` }))
      await act('append', { sessionId, messages, remember: true })
    }
    const counts: number[] = []
    for (const first of [1, 10, 50]) {
      world.statements.length = 0
      const { chatSessions } = await world.ask(viewer, deep, { first })
      expect(chatSessions.nodes).toHaveLength(first)
      for (const { messages, memories } of chatSessions.nodes) {
        expect(messages.nodes.map(({ memories: made }: Data) => made.nodes.length)).toEqual([1, 1, 1])
        expect([messages.totalCount, memories.totalCount, memories.nodes.length]).toEqual([6, 6, 2])
      }
      counts.push(world.statements.length)
      const rows = world.statements.reduce((sum, statement) => sum + statement.rows, 0)
      expect(rows).toBeLessThan(first * 25 + 10)
    }
    expect(new Set(counts).size).toBe(1)
    expect(counts[0]).toBeLessThan(15)
  })

  const typed = 'kind ofType { kind ofType { kind ofType { kind } } }'

  /** Selections of every field of a type, by the names that their answers have. */
  async function fieldsOf(viewer: Viewer, type: string): Promise<[string, string][]> {
    const { __type } = await world.ask(viewer, `{ __type(name: "${type}") { fields { name type { ${typed} } } } }`)
    return __type.fields.map(({ name, type }: Data) => {
      const below = JSON.stringify(type).includes('"OBJECT"') ? '{ __typename }' : ''
      return [`asked_${name}`, `asked_${name}: ${name} ${below}`]
    })
  }

  test('tells of a field that is asked for alone what it tells of it among all', async () => {
    const { viewer, act, openSession, remember } = await somebody()
    const sessionId = await openSession()
    const told = { occurredAt: '2026-01-02T03:04:05.678Z', retentionUntil: '2999-01-01T00:00:00.000Z' }
    const more = { externalId: 'ours', metadata: { speaker: 'Ann' }, contextAnalysis: { mood: 'calm' }, ...told }
    const id = await remember('one', { sessionId, ...more })
    await act('revise', { id, content: 'two', contextAnalysis: { mood: 'glad' } })
    await act('append', { sessionId, messages: [{ role: 'USER', name: 'Ann', content: 'said' }], remember: true })
    const ask = async (fields: string, inner: string): Promise<Data[]> => {
      const list = `{ chatSessions { nodes { memories { ${inner} }
        messages { nodes { memories { ${inner} } } } } } }`
      const { chatSessions } = await world.ask(viewer, list.replaceAll('FIELDS', fields))
      return chatSessions.nodes
    }
    const ways = {
      Memory: ['nodes { FIELDS }', 'edges { node { ... on Node { ... on Memory { FIELDS } } } }'],
      MemoryRevision: ['nodes { revisions { nodes { FIELDS } } }'],
    }
    for (const [type, selections] of Object.entries(ways)) {
      const fields = await fieldsOf(viewer, type)
      for (const selection of selections) {
        const all = await ask(fields.map(([, field]) => field).join(' '), selection)
        for (const [name, field] of fields) {
          expect(valuesOf(await ask(field, selection), name), `${type}: ${field}`).toEqual(valuesOf(all, name))
        }
      }
    }
  })
})

/** Every value of that name in an answer, in order. */
function valuesOf(value: Data, name: string): unknown[] {
  if (value === null || typeof value !== 'object') return []
  return Object.entries(value).flatMap(([key, item]) => (key === name ? [item] : valuesOf(item, name)))
}

/** A cursor of the same list with another place. */
function madeUp(cursor: string, place: unknown[]): string {
  return Buffer.from(JSON.stringify([decode(cursor)[0], ...place])).toString('base64url')
}

function decode(cursor: string): unknown[] {
  return JSON.parse(Buffer.from(cursor, 'base64url').toString())
}
