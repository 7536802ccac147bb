import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { housekeeping } from '../../stores/jobs.ts'
import { describeEachPostgres } from '../kit/postgres.ts'
import { type Data, type MemoryWorld, openMemoryWorld, verbs } from './world.ts'

const set = `mutation ($input: SetUserContextInput!) { setUserContext(input: $input) {
  ... on SetUserContextSuccess { cursor entry { key value type accessLevel priority version persistent expiresAt } }
  ... on Problem { code message path } } }`
const remove = `mutation ($input: DeleteUserContextInput!) { deleteUserContext(input: $input) {
  ... on DeleteUserContextSuccess { cursor key } ... on Problem { code path } } }`
const setInSession = `mutation ($input: SetContextInput!) { setContext(input: $input) {
  ... on SetContextSuccess { entry { key } } ... on Problem { code } } }`
const holds = `query ($id: ID!, $keys: [String!]) { chatSession(id: $id) { effectiveContext(keys: $keys) {
  origin session { id } entry { key value } } } }`
const line = `query ($id: ID!) { chatSession(id: $id) { parent { id } ancestors { id } children { totalCount nodes { id } } } }`

describeEachPostgres('what goes on from session to session', (database) => {
  let world: MemoryWorld
  let me: MemoryWorld['owner']
  beforeAll(async () => {
    world = await openMemoryWorld({ database: database() })
    return () => world.close()
  })
  const begin = () => {
    me = { ...world.owner, userId: randomUUID() }
    return verbs(world, me)
  }
  const act = async (source: string, input: Data, who = me): Promise<Data> =>
    Object.values(await world.ask(who, source, { input }))[0]
  const shown = async (keys: string[] | null = null): Promise<Data[]> =>
    (await world.ask(me, 'query ($keys: [String!]) { chatContext(keys: $keys) { key value version } }', { keys }))
      .chatContext
  const effective = async (id: string, keys: string[] | null = null): Promise<Data[]> =>
    (await world.ask(me, holds, { id, keys })).chatSession.effectiveContext

  test('a user’s context holds one value a key, each setting a new version', async () => {
    begin()
    expect(await act(set, { key: 'tone', value: { dry: true }, priority: 5 })).toMatchObject({
      cursor: expect.any(String),
      entry: {
        key: 'tone',
        value: { dry: true },
        type: 'PREFERENCE',
        accessLevel: 'PRIVATE',
        priority: 5,
        version: 1,
        persistent: true,
        expiresAt: null,
      },
    })
    await act(set, { key: 'city', value: 'Oslo' })
    expect((await act(set, { key: 'tone', value: 'warm', priority: 5 })).entry.version).toBe(2)
    expect(await shown()).toEqual([
      { key: 'tone', value: 'warm', version: 2 },
      { key: 'city', value: 'Oslo', version: 1 },
    ])
    expect(await shown(['city', 'none'])).toMatchObject([{ key: 'city' }])
    const counted = '{ chatContext(first: 1) { key } chatContextCount }'
    expect(await world.ask(me, counted)).toEqual({ chatContext: [{ key: 'tone' }], chatContextCount: 2 })
    expect(await world.ask(world.stranger, '{ chatContextCount }')).toEqual({ chatContextCount: 0 })
    const { errors } = await world.run(me, '{ chatContext(keys: []) { key } }')
    expect(errors).toEqual([])
  })

  test('is written on the version that it rests on, by one of two who write at once', async () => {
    begin()
    const write = (expectedVersion: number) => act(set, { key: 'step', value: 1, expectedVersion })
    const both = await Promise.all([write(0), write(0)])
    expect(both.filter(({ entry }) => entry !== undefined)).toHaveLength(1)
    expect(both.filter(({ code }) => code === 'CONFLICT')).toMatchObject([
      { message: 'The entry is at version 1, not 0.', path: ['input', 'expectedVersion'] },
    ])
  })

  test('expires, is cleaned up, and is deleted once', async () => {
    begin()
    const expiresAt = new Date(world.clock.now().getTime() + 60_000).toISOString()
    await act(set, { key: 'code', value: 1, expiresAt })
    world.clock.advance(60_000)
    expect(await shown()).toEqual([])
    await world.database.sql('UPDATE memory.user_chat_context SET expires_at = $1 WHERE owner_id = $2', [
      new Date(Date.now() - 1000),
      me.userId,
    ])
    await act(set, { key: 'stays', value: 1 })
    await housekeeping(world.stores.postgres, 30)
      .find(({ name }) => name === 'expired context')
      ?.run()
    const rows = await world.database.sql('SELECT key FROM memory.user_chat_context WHERE owner_id = $1', [me.userId])
    expect(rows).toEqual([{ key: 'stays' }])
    const told = `SELECT kind FROM events.log WHERE owner_id = $1 ORDER BY xid DESC, seq DESC LIMIT 1`
    expect(await world.database.sql(told, [me.userId])).toEqual([{ kind: 'USER_CONTEXT_EXPIRED' }])
    expect(await act(remove, { key: 'stays' })).toMatchObject({ key: 'stays' })
    expect(await act(remove, { key: 'stays' })).toEqual({ code: 'NOT_FOUND', path: ['input', 'key'] })
  })

  test('is its user’s alone', async () => {
    begin()
    await act(set, { key: 'mine', value: 'mine', accessLevel: 'PUBLIC' })
    expect(await world.ask(world.stranger, '{ chatContext { key } }')).toEqual({ chatContext: [] })
    expect(await act(remove, { key: 'mine' }, world.stranger)).toMatchObject({ code: 'NOT_FOUND' })
    await act(set, { key: 'mine', value: 'theirs' }, world.stranger)
    expect(await shown()).toMatchObject([{ value: 'mine', version: 1 }])
  })

  test.each([
    [{ key: '' }, 'key'],
    [{ value: 'x'.repeat(16_384) }, 'value'],
    [{ priority: 1001 }, 'priority'],
    [{ expiresAt: '2000-01-01T00:00:00Z' }, 'expiresAt'],
  ] as [Data, string][])('takes nothing wrong (%#)', async (wrong, field) => {
    begin()
    expect(await act(set, { key: 'k', value: 1, ...wrong })).toMatchObject({
      code: 'INVALID_INPUT',
      path: ['input', field],
    })
    expect(await shown()).toEqual([])
  })

  test('a session knows the sessions that it continues and those that continue it', async () => {
    const mine = begin()
    const first = await mine.openSession()
    const second = await mine.openSession({ parentId: first })
    const third = await mine.openSession({ parentId: second })
    const beside = await mine.openSession({ parentId: second })
    const of = async (id: string, who = me) => (await world.ask(who, line, { id })).chatSession
    expect(await of(third)).toEqual({
      parent: { id: second },
      ancestors: [{ id: second }, { id: first }],
      children: { totalCount: 0, nodes: [] },
    })
    expect(await of(second)).toMatchObject({ children: { totalCount: 2, nodes: [{ id: beside }, { id: third }] } })
    expect(await of(first)).toMatchObject({ parent: null, ancestors: [] })
    expect(await of(third, world.stranger)).toBeNull()
    expect(await verbs(world, world.stranger).act('open', { parentId: first })).toMatchObject({ code: 'NOT_FOUND' })
  })

  test('in a session holds the nearest of each key: its own, its ancestors’, the user’s', async () => {
    const mine = begin()
    const first = await mine.openSession()
    await act(set, { key: 'a', value: 'user' })
    await act(set, { key: 'b', value: 'user' })
    await act(set, { key: 'c', value: 'user', priority: 9 })
    for (const key of ['a', 'b']) await act(setInSession, { sessionId: first, key, value: 'first', persistent: true })
    await act(setInSession, { sessionId: first, key: 'passing', value: 'first' })
    const second = await mine.openSession({ parentId: first })
    await act(setInSession, { sessionId: second, key: 'a', value: 'second' })
    expect(await effective(second)).toEqual([
      { origin: 'USER', session: null, entry: { key: 'c', value: 'user' } },
      { origin: 'SESSION', session: { id: second }, entry: { key: 'a', value: 'second' } },
      { origin: 'ANCESTOR', session: { id: first }, entry: { key: 'b', value: 'first' } },
      { origin: 'ANCESTOR', session: { id: first }, entry: { key: 'passing', value: 'first' } },
    ])
    const counted =
      'query ($id: ID!) { chatSession(id: $id) { effectiveContext(first: 1) { origin } effectiveContextCount } }'
    expect((await world.ask(me, counted, { id: second })).chatSession).toEqual({
      effectiveContext: [{ origin: 'USER' }],
      effectiveContextCount: 4,
    })
    // What does not persist ends with its session.
    await mine.act('end', { id: first })
    expect((await effective(second)).map(({ entry }) => entry.key)).toEqual(['c', 'a', 'b'])
    const count = 'query ($id: ID!) { chatSession(id: $id) { effectiveContextCount } }'
    expect(await world.ask(me, count, { id: second })).toEqual({ chatSession: { effectiveContextCount: 3 } })
    expect(await world.ask(me, count, { id: first })).toEqual({ chatSession: { effectiveContextCount: 3 } })
    expect(await effective(second, ['b'])).toMatchObject([{ entry: { value: 'first' } }])
    const keys = Array.from({ length: 101 }, (_, n) => `${n}`)
    expect((await world.run(me, holds, { id: second, keys })).errors).toMatchObject([{ code: 'BAD_USER_INPUT' }])
  })

  test('of many sessions is read by the same statements as of one', async () => {
    const statements = async (count: number) => {
      const mine = begin()
      await act(set, { key: 'u', value: 1 })
      const parentId = await mine.openSession()
      for (let n = 0; n < count; n++) await mine.openSession({ parentId })
      world.statements.length = 0
      await world.ask(
        me,
        `{ chatSessions(first: ${count}) { nodes { ancestors { id } children { nodes { id } totalCount }
          effectiveContext { origin entry { value } session { id } } effectiveContextCount } } }`,
      )
      return world.statements.length
    }
    expect(await statements(6)).toBe(await statements(1))
  })
})
