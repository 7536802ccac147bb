import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Data, type MemoryWorld, openMemoryWorld, verbs } from './world.ts'

let world: MemoryWorld
let mine: ReturnType<typeof verbs>
let session: string

beforeAll(async () => {
  world = await openMemoryWorld()
  mine = verbs(world, world.owner)
})
afterAll(() => world.close())

const set = `mutation ($input: SetContextInput!) { setContext(input: $input) {
  ... on SetContextSuccess { cursor entry { key value type accessLevel priority version persistent expiresAt } session { id contextCount } }
  ... on Problem { code message path } } }`
const remove = `mutation ($input: DeleteContextInput!) { deleteContext(input: $input) {
  ... on DeleteContextSuccess { cursor key session { contextCount } } ... on Problem { code path } } }`
const read = `query ($id: ID!, $keys: [String!]) { chatSession(id: $id) { contextCount context(keys: $keys) { key value version } } }`

const act = async (source: string, input: Data, who = world.owner): Promise<Data> =>
  Object.values(await world.ask(who, source, { input }))[0]
const shown = async (id = session, keys: string[] | null = null): Promise<Data> =>
  (await world.ask(world.owner, read, { id, keys })).chatSession
const keysOf = ({ context }: Data) => context.map(({ key }: Data) => key)

describe('the context of a session', () => {
  test('holds one value a key, each setting a new version', async () => {
    session = await mine.openSession()
    const first = await act(set, {
      sessionId: session,
      key: 'theme',
      value: { dark: true },
      type: 'PREFERENCE',
      priority: 5,
    })
    expect(first).toMatchObject({
      cursor: expect.any(String),
      session: { id: session, contextCount: 1 },
      entry: {
        key: 'theme',
        value: { dark: true },
        type: 'PREFERENCE',
        accessLevel: 'PRIVATE',
        priority: 5,
        version: 1,
        persistent: false,
        expiresAt: null,
      },
    })
    expect((await act(set, { sessionId: session, key: 'theme', value: 'light' })).entry).toMatchObject({
      value: 'light',
      version: 2,
    })
    expect(await shown()).toEqual({ contextCount: 1, context: [{ key: 'theme', value: 'light', version: 2 }] })
  })

  test('comes the most important first, or by key when some are asked for', async () => {
    session = await mine.openSession()
    for (const [key, priority] of [
      ['low', -1],
      ['b', 3],
      ['a', 3],
      ['top', 1000],
    ] as const) {
      await act(set, { sessionId: session, key, value: priority, priority })
    }
    expect(keysOf(await shown())).toEqual(['top', 'a', 'b', 'low'])
    expect(keysOf(await shown(session, ['low', 'a', 'none']))).toEqual(['a', 'low'])
    const many = Array.from({ length: 101 }, (_, n) => `${n}`)
    const { errors } = await world.run(world.owner, read, { id: session, keys: many })
    expect(errors).toMatchObject([{ code: 'BAD_USER_INPUT' }])
  })

  test('is written on the version that it rests on, by one of two who write at once', async () => {
    session = await mine.openSession()
    const write = (expectedVersion: number, value: string) =>
      act(set, { sessionId: session, key: 'step', value, expectedVersion })
    expect(await write(1, 'early')).toMatchObject({ code: 'CONFLICT', message: 'There is no such entry yet.' })
    const both = await Promise.all([write(0, 'one'), write(0, 'two')])
    expect(both.filter(({ entry }) => entry?.version === 1)).toHaveLength(1)
    expect(both.filter(({ code }) => code === 'CONFLICT')).toMatchObject([
      { message: 'The entry is at version 1, not 0.', path: ['input', 'expectedVersion'] },
    ])
    expect((await write(1, 'next')).entry.version).toBe(2)
  })

  test('forgets what has expired, and lets its key begin anew', async () => {
    session = await mine.openSession()
    const expiresAt = new Date(world.clock.now().getTime() + 60_000).toISOString()
    await act(set, { sessionId: session, key: 'code', value: 1, expiresAt })
    await act(set, { sessionId: session, key: 'code', value: 2, expiresAt })
    expect((await shown()).contextCount).toBe(1)
    world.clock.advance(60_000)
    expect(await shown()).toEqual({ contextCount: 0, context: [] })
    expect(await act(set, { sessionId: session, key: 'code', value: 3, expiresAt })).toMatchObject({
      code: 'INVALID_INPUT',
    })
    expect((await act(set, { sessionId: session, key: 'code', value: 3, expectedVersion: 0 })).entry.version).toBe(1)
  })

  test('keeps after the session’s end what persists, and takes no more', async () => {
    session = await mine.openSession()
    await act(set, { sessionId: session, key: 'passing', value: 1 })
    await act(set, { sessionId: session, key: 'lasting', value: 2, persistent: true })
    await mine.act('end', { id: session })
    expect(await shown()).toMatchObject({ contextCount: 1, context: [{ key: 'lasting' }] })
    expect(await act(set, { sessionId: session, key: 'late', value: 3 })).toMatchObject({ code: 'CONFLICT' })
  })

  test('loses an entry that is deleted, once', async () => {
    session = await mine.openSession()
    await act(set, { sessionId: session, key: 'a', value: 1 })
    expect(await act(remove, { sessionId: session, key: 'a' })).toMatchObject({
      key: 'a',
      session: { contextCount: 0 },
    })
    expect(await act(remove, { sessionId: session, key: 'a' })).toEqual({ code: 'NOT_FOUND', path: ['input', 'key'] })
  })

  test('is its owner’s alone', async () => {
    session = await mine.openSession()
    await act(set, { sessionId: session, key: 'a', value: 'mine', accessLevel: 'PUBLIC' })
    expect(await world.ask(world.stranger, read, { id: session })).toEqual({ chatSession: null })
    const theirs = (source: string, input: Data) =>
      act(source, { sessionId: session, key: 'a', ...input }, world.stranger)
    expect(await theirs(set, { value: 'theirs' })).toMatchObject({ code: 'NOT_FOUND', path: ['input', 'sessionId'] })
    expect(await theirs(remove, {})).toMatchObject({ code: 'NOT_FOUND', path: ['input', 'sessionId'] })
    expect((await shown()).context).toMatchObject([{ value: 'mine', version: 1 }])
  })

  test.each([
    [{ key: '' }, ['input', 'key']],
    [{ key: 'k'.repeat(257) }, ['input', 'key']],
    [{ value: null }, ['input', 'value']],
    [{ value: 'x'.repeat(16_384) }, ['input', 'value']],
    [{ priority: 1001 }, ['input', 'priority']],
  ] as [Data, string[]][])('takes no %j', async (wrong, path) => {
    session = await mine.openSession()
    const input = { sessionId: session, key: 'k', value: 1, ...wrong }
    const { data, errors } = await world.run(world.owner, set, { input })
    if (wrong.value === null) expect(errors).not.toEqual([])
    else expect(data.setContext).toMatchObject({ code: 'INVALID_INPUT', path })
    expect((await shown()).contextCount).toBe(0)
  })

  test('of many sessions is read by the same statements as of one', async () => {
    const read = async (count: number) => {
      const me = { ...world.owner, userId: crypto.randomUUID() }
      for (let n = 0; n < count; n++) {
        const sessionId = await verbs(world, me).openSession()
        await act(set, { sessionId, key: 'k', value: n }, me)
      }
      world.statements.length = 0
      const { chatSessions } = await world.ask(me, '{ chatSessions { nodes { contextCount context { value } } } }')
      expect(chatSessions.nodes).toHaveLength(count)
      expect(chatSessions.nodes[0]).toEqual({ contextCount: 1, context: [{ value: count - 1 }] })
      return world.statements.length
    }
    expect(await read(8)).toBe(await read(1))
  })
})
