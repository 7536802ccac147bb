import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { uuidOf } from '../../lib/ids.ts'
import type { Postgres } from '../../stores/postgres/postgres.ts'
import { resumeSyncs } from '../../subgraphs/memory/service/sync/run.ts'
import { describeEachPostgres } from '../kit/postgres.ts'
import { type Data, type MemoryWorld, openMemoryWorld, verbs } from './world.ts'

const set = `mutation ($input: SetContextInput!) { setContext(input: $input) {
  ... on SetContextSuccess { entry { version } } ... on Problem { code message } } }`
const fields = `id type status strategy attempts problem completedAt source { id } target { id }
  transferred { key memory { content } action side sourceVersion targetVersion }
  conflicts { key memory { id } strategy winner sourceVersion targetVersion }`
const sync = `mutation ($input: SyncMemoryInput!) { syncMemory(input: $input) {
  ... on SyncMemorySuccess { cursor sync { ${fields} } } ... on Problem { code message path } } }`
const rule = `mutation ($input: SetPolicyRuleInput!) { setPolicyRule(input: $input) { ... on Problem { message } } }`
const read = `query ($id: ID!) { memorySync(id: $id) { ${fields} } }`
const context = `query ($id: ID!) { chatSession(id: $id) { context { key value type accessLevel version } } }`
const known = `query ($id: ID!) { memories(filter: { sessionId: $id }, orderBy: OLDEST_FIRST) {
  nodes { id content tier visibility version metadata } totalCount } }`
const changes = 'subscription ($after: Cursor) { memorySyncChanges(after: $after) { status syncId sync { status } } }'

describeEachPostgres('handing over between sessions', (database) => {
  let world: MemoryWorld
  const act = async (source: string, input: Data, who = world.owner): Promise<Data> =>
    Object.values(await world.ask(who, source, { input }))[0]
  const put = (sessionId: string, key: string, value: unknown, more: Data = {}) => {
    world.clock.advance(1000)
    return act(set, { sessionId, key, value, ...more })
  }
  const handOver = (type: string, sourceId: string, targetId: string, more: Data = {}) =>
    act(sync, { type, sourceId, targetId, ...more })
  const entries = async (id: string): Promise<Data> => {
    const { chatSession } = await world.ask(world.owner, context, { id })
    return Object.fromEntries(chatSession.context.map(({ key, value }: Data) => [key, value]))
  }
  const learned = async (id: string): Promise<Data[]> => (await world.ask(world.owner, known, { id })).memories.nodes
  const mine = () => verbs(world, world.owner)
  const pair = async () => [await mine().openSession(), await mine().openSession()] as const

  beforeAll(async () => {
    world = await openMemoryWorld({ database: database() })
  })
  afterAll(() => world.close())

  describe('of context', () => {
    test('brings what the target has not, and then what the source has changed', async () => {
      const [from, to] = await pair()
      await put(from, 'tone', 'dry', { type: 'PREFERENCE', priority: 7 })
      await put(from, 'step', { at: 3 }, { type: 'STATE' })
      await put(to, 'own', true)
      const first = await handOver('CONTEXT_TRANSFER', from, to)
      expect(first.sync).toMatchObject({
        status: 'COMPLETED',
        attempts: 1,
        conflicts: [],
        source: { id: from },
        target: { id: to },
      })
      expect(first.sync.transferred).toMatchObject([
        { key: 'tone', action: 'ADDED', side: 'TARGET', sourceVersion: 1, targetVersion: 1 },
        { key: 'step', action: 'ADDED', side: 'TARGET', sourceVersion: 1, targetVersion: 1 },
      ])
      expect(await entries(to)).toEqual({ tone: 'dry', step: { at: 3 }, own: true })
      expect(await entries(from)).toEqual({ tone: 'dry', step: { at: 3 } })
      await put(from, 'step', { at: 4 }, { type: 'STATE' })
      const again = await handOver('CONTEXT_TRANSFER', from, to, { strategy: 'TARGET' })
      expect(again.sync.conflicts).toEqual([])
      expect(again.sync.transferred).toMatchObject([
        { key: 'tone', action: 'UNCHANGED', side: null },
        { key: 'step', action: 'UPDATED', sourceVersion: 2, targetVersion: 2 },
      ])
      await put(to, 'step', { at: 9 }, { type: 'STATE' })
      const kept = await handOver('CONTEXT_TRANSFER', from, to, { strategy: 'SOURCE' })
      expect(kept.sync.transferred).toMatchObject([{ key: 'tone' }, { key: 'step', action: 'KEPT', side: null }])
      expect((await entries(to)).step).toEqual({ at: 9 })
    })

    test.each([
      ['NEWEST', 'TARGET', { a: 1, c: [2, 3] }],
      ['SOURCE', 'SOURCE', { a: 0, b: 0, c: [1, 2] }],
      ['TARGET', 'TARGET', { a: 1, c: [2, 3] }],
      ['MERGE', 'BOTH', { a: 1, b: 0, c: [1, 2, 3] }],
    ])('settles by %s what both have set', async (strategy, winner, value) => {
      const [from, to] = await pair()
      await put(from, 'plan', { a: 0, b: 0, c: [1, 2] }, { accessLevel: 'PUBLIC' })
      await put(to, 'plan', { a: 1, c: [2, 3] }, { accessLevel: 'PRIVATE' })
      const done = await handOver('CONTEXT_TRANSFER', from, to, { strategy })
      expect(done.sync.conflicts).toEqual([
        { key: 'plan', memory: null, strategy, winner, sourceVersion: 1, targetVersion: 1 },
      ])
      expect(await entries(to)).toEqual({ plan: value })
      expect(await entries(from)).toEqual({ plan: { a: 0, b: 0, c: [1, 2] } })
      if (strategy !== 'MERGE') return
      const { chatSession } = await world.ask(world.owner, context, { id: to })
      expect(chatSession.context).toMatchObject([{ accessLevel: 'PRIVATE', version: 2 }])
    })

    test('goes whatever its level between sessions of its owner’s, and to nobody else’s', async () => {
      const [from, to] = await pair()
      const levels = ['PRIVATE', 'SHARED', 'PUBLIC']
      for (const accessLevel of levels) await put(from, accessLevel, 1, { accessLevel })
      const theirs = await verbs(world, world.stranger).openSession()
      expect(await handOver('CONTEXT_TRANSFER', from, theirs)).toMatchObject({ code: 'NOT_FOUND' })
      const { chatSession } = await world.ask(world.stranger, context, { id: theirs })
      expect(chatSession.context).toEqual([])
      await handOver('CONTEXT_TRANSFER', from, to)
      const given = (await world.ask(world.owner, context, { id: to })).chatSession.context
      expect(given.map(({ key, accessLevel }: Data) => [key, accessLevel]).sort()).toEqual(
        levels.map((level) => [level, level]).sort(),
      )
    })

    test('takes only the keys that are named', async () => {
      const [from, to] = await pair()
      for (const key of ['a', 'b', 'c']) await put(from, key, key)
      await handOver('CONTEXT_TRANSFER', from, to, { keys: ['a', 'c', 'none'] })
      expect(await entries(to)).toEqual({ a: 'a', c: 'c' })
    })

    test('makes the state of both the same, and leaves the rest', async () => {
      const [one, other] = await pair()
      const state = { type: 'STATE' }
      await put(one, 'mine', 1, state)
      await put(one, 'both', { x: 1 }, state)
      await put(other, 'yours', 2, state)
      await put(other, 'both', { y: 2 }, state)
      await put(one, 'talk', 'stays')
      const done = await handOver('STATE_SYNC', one, other, { strategy: 'MERGE' })
      expect(done.sync.status).toBe('COMPLETED')
      const same = { mine: 1, yours: 2, both: { x: 1, y: 2 } }
      expect(await entries(other)).toEqual(same)
      expect(await entries(one)).toEqual({ ...same, talk: 'stays' })
      await put(other, 'mine', 5, state)
      const back = await handOver('STATE_SYNC', one, other, { strategy: 'SOURCE' })
      expect(back.sync).toMatchObject({ conflicts: [] })
      expect((await entries(one)).mine).toBe(5)
    })
  })

  describe('of knowledge', () => {
    test('gives the target memories of its own, and later what has become of them', async () => {
      const [from, to] = await pair()
      const fact = await mine().remember('The ferry leaves at nine.', {
        sessionId: from,
        tier: 'SEMANTIC',
        metadata: { v: 1 },
      })
      await mine().remember('Hello there.', { sessionId: from })
      await mine().remember('Shared by all.', { sessionId: from, tier: 'SHARED', visibility: 'PUBLIC' })
      const first = await handOver('KNOWLEDGE_SHARE', from, to)
      expect(first.sync.transferred).toMatchObject([
        { memory: { content: 'The ferry leaves at nine.' }, action: 'ADDED', side: 'TARGET' },
        { memory: { content: 'Shared by all.' }, action: 'ADDED' },
      ])
      const [copy] = await learned(to)
      expect(await learned(to)).toMatchObject([
        { content: 'The ferry leaves at nine.', tier: 'SEMANTIC', visibility: 'PRIVATE', metadata: { v: 1 } },
        { content: 'Shared by all.', tier: 'SHARED', visibility: 'PRIVATE' },
      ])
      expect(copy?.id).not.toBe(fact)
      world.clock.advance(1000)
      await mine().act('revise', { id: fact, content: 'The ferry leaves at ten.' })
      await handOver('KNOWLEDGE_SHARE', from, to, { strategy: 'TARGET' })
      expect(await learned(to)).toMatchObject([{ id: copy?.id, content: 'The ferry leaves at ten.', version: 2 }, {}])
      await mine().act('revise', { id: fact, content: 'The ferry leaves at ten.\nFrom pier two.' })
      world.clock.advance(1000)
      await mine().act('revise', { id: copy?.id, content: 'The ferry leaves at ten.\nNot on Sundays.' })
      const merged = await handOver('KNOWLEDGE_SHARE', from, to, { strategy: 'MERGE', memoryIds: [fact] })
      expect(merged.sync.conflicts).toMatchObject([{ winner: 'BOTH', memory: { id: copy?.id } }])
      expect((await learned(to))[0]?.content).toBe('The ferry leaves at ten.\nFrom pier two.\nNot on Sundays.')
      const { recall } = await world.ask(
        world.owner,
        'query ($id: ID!) { recall(query: "pier Sundays", filter: { sessionId: $id }) { hits { memory { id } } } }',
        { id: to },
      )
      expect(recall.hits[0].memory.id).toBe(copy?.id)
    })

    test('says of copies what they were made from, and takes along what engines made of them and what they relate to', async () => {
      const [from, to] = await pair()
      const more = { sessionId: from, tier: 'SEMANTIC' }
      const elsewhere = await mine().remember('The pier was built in 1890.')
      const ferry = await mine().remember('The ferry is called Ida.', { ...more, contextAnalysis: { topic: 'ferry' } })
      const crew = await mine().remember('Ida has a crew of four.', { ...more, relatedTo: [ferry, elsewhere] })
      await handOver('KNOWLEDGE_SHARE', from, to)
      const read = `query ($id: ID!) { chatSession(id: $id) { memories(first: 10) { nodes { id content contextAnalysis
        sources { nodes { kind memory { id } } }
        relationships { nodes { type from { id } to { id } } } } } } }`
      const copies = async () => (await world.ask(world.owner, read, { id: to })).chatSession.memories.nodes
      const [first, second] = await copies()
      expect(first).toMatchObject({ content: 'The ferry is called Ida.', contextAnalysis: { topic: 'ferry' } })
      const made = (id: string) => ({
        nodes: [
          { kind: 'STATEMENT', memory: null },
          { kind: 'MEMORY', memory: { id } },
        ],
      })
      expect([first.sources, second.sources]).toEqual([made(ferry), made(crew)])
      const ends = second.relationships.nodes.map(({ to, type }: Data) => [type, to.id])
      expect(new Set(ends.map(String))).toEqual(new Set([`RELATED_TO,${first.id}`, `RELATED_TO,${elsewhere}`]))
      world.clock.advance(1000)
      await mine().act('revise', { id: ferry, content: 'The ferry is called Eva.', contextAnalysis: { topic: 'boat' } })
      await handOver('KNOWLEDGE_SHARE', from, to)
      expect((await copies())[0]).toMatchObject({
        content: 'The ferry is called Eva.',
        contextAnalysis: { topic: 'boat' },
      })
    })

    test('asks of all that is changed at once what rules say of it and who sees it', async () => {
      const me = { ...world.owner, userId: crypto.randomUUID() }
      const own = verbs(world, me)
      await act(rule, { name: 'no notes', kind: 'SHARING', action: 'DENY', condition: { metadata: { secret: 1 } } }, me)
      const count = async (times: number) => {
        const [from, to] = [await own.openSession(), await own.openSession()]
        const facts: string[] = []
        for (let n = 0; n < times; n++) {
          facts.push(await own.remember(`Fact ${n}.`, { sessionId: from, tier: 'SEMANTIC' }))
        }
        await act(sync, { type: 'KNOWLEDGE_SHARE', sourceId: from, targetId: to }, me)
        world.clock.advance(1000)
        for (const id of facts) await own.act('revise', { id, content: `${id} is another.` })
        world.statements.length = 0
        const { sync: done } = await act(sync, { type: 'KNOWLEDGE_SHARE', sourceId: from, targetId: to }, me)
        expect(done.transferred.map(({ action }: Data) => action)).toEqual(facts.map(() => 'UPDATED'))
        expect(done.transferred.map(({ memory }: Data) => memory.content)).toEqual(
          facts.map((id) => `${id} is another.`),
        )
        const asked = /rules_of|circumstances|grantees|postings/
        return world.statements.filter(({ text }) => asked.test(text)).length
      }
      expect(await count(3)).toBe(await count(1))
    })

    test('does not say again what the target knows, or has forgotten', async () => {
      const [from, to] = await pair()
      await mine().remember('Known already.', { sessionId: from, tier: 'SEMANTIC' })
      await mine().remember('To be forgotten.', { sessionId: from, tier: 'SEMANTIC' })
      const twin = await mine().remember('Known already.', { sessionId: to, tier: 'SEMANTIC' })
      await handOver('KNOWLEDGE_SHARE', from, to)
      const [one, two] = await learned(to)
      expect([one?.id, two?.content]).toEqual([twin, 'To be forgotten.'])
      await mine().act('forget', { id: two?.id })
      const again = await handOver('KNOWLEDGE_SHARE', from, to)
      expect(again.sync.transferred).toMatchObject([{ action: 'UNCHANGED' }, { action: 'KEPT', memory: null }])
      expect(await learned(to)).toHaveLength(1)
      // And back: the target's copies are not new to the source.
      await handOver('KNOWLEDGE_SHARE', to, from)
      expect(await learned(from)).toHaveLength(2)
    })
  })

  describe('that is interrupted', () => {
    /** A process that ends when it has asked for so many transactions. */
    const dying = (postgres: Postgres, after: number): Postgres => {
      let asked = 0
      return {
        ...postgres,
        write: (...given) => (asked++ < after ? postgres.write(...given) : Promise.reject(new Error('gone'))),
      }
    }
    const within = async <T>(postgres: Postgres, work: () => Promise<T>): Promise<T> => {
      const whole = world.stores.postgres
      Object.assign(world.stores, { postgres })
      try {
        return await work()
      } finally {
        Object.assign(world.stores, { postgres: whole })
      }
    }

    test.each([
      ['before it began', 1, 'PENDING'],
      ['after it began', 2, 'IN_PROGRESS'],
    ])('%s is done once by whoever takes it up', async (_, after, status) => {
      const [from, to] = await pair()
      await put(from, 'count', 1)
      const once = { clientMutationId: `once ${status}` }
      const { sync: left } = await within(dying(world.stores.postgres, after), () =>
        handOver('CONTEXT_TRANSFER', from, to, once),
      )
      expect(left).toMatchObject({ status, transferred: [] })
      expect(await entries(to)).toEqual({})
      await resumeSyncs(world.stores)
      expect(await entries(to)).toEqual({})
      world.clock.advance(30_000)
      await Promise.all([resumeSyncs(world.stores), resumeSyncs(world.stores)])
      await resumeSyncs(world.stores)
      const { memorySync } = await world.ask(world.owner, read, { id: left.id })
      expect(memorySync).toMatchObject({ status: 'COMPLETED', transferred: [{ key: 'count', targetVersion: 1 }] })
      const { chatSession } = await world.ask(world.owner, context, { id: to })
      expect(chatSession.context).toMatchObject([{ key: 'count', value: 1, version: 1 }])
      const repeated = await handOver('CONTEXT_TRANSFER', from, to, once)
      expect(repeated.sync).toEqual(memorySync)
      const logged = await database().sql('SELECT FROM events.log WHERE aggregate_id = $1 AND kind = $2', [
        uuidOf('MemorySync', left.id),
        'SYNC_COMPLETED',
      ])
      expect(logged).toHaveLength(1)
    })

    test('too often is given up, with nothing done', async () => {
      const [from, to] = await pair()
      await put(from, 'count', 1)
      const { postgres } = world.stores
      const { sync: left } = await within(dying(postgres, 2), () => handOver('CONTEXT_TRANSFER', from, to))
      for (let attempt = 2; attempt <= 5; attempt++) {
        world.clock.advance(30_000)
        await within(dying(postgres, 1), () => resumeSyncs(world.stores))
      }
      world.clock.advance(30_000)
      await resumeSyncs(world.stores)
      expect((await world.ask(world.owner, read, { id: left.id })).memorySync).toMatchObject({
        status: 'FAILED',
        attempts: 5,
        problem: expect.stringContaining('5 times'),
      })
      expect(await entries(to)).toEqual({})
    })

    test('by a session’s end fails, and says so', async () => {
      const [from, to] = await pair()
      await put(from, 'count', 1, { type: 'STATE' })
      await mine().act('end', { id: from })
      const { sync: failed } = await handOver('STATE_SYNC', from, to)
      expect(failed).toMatchObject({ status: 'FAILED', problem: expect.stringContaining('ended'), transferred: [] })
      expect(await entries(to)).toEqual({})
    })
  })

  test('is told step by step, and again after a cursor', async () => {
    const [from, to] = await pair()
    await put(from, 'a', 1)
    const { cursor, sync: done } = await handOver('CONTEXT_TRANSFER', from, to)
    const ending = new AbortController()
    const events = await world.follow(world.owner, changes, { after: cursor }, ending.signal)
    const told: Data[] = []
    while (told.length < 2) told.push((await events.next()).value.data.memorySyncChanges)
    ending.abort()
    expect(told).toEqual(
      ['IN_PROGRESS', 'COMPLETED'].map((status) => ({ status, syncId: done.id, sync: { status: 'COMPLETED' } })),
    )
  })

  test('is listed with both sessions by as many statements for many as for one', async () => {
    const list = `{ chatSessions { nodes { syncs { totalCount nodes { status source { id } transferred { key } } } } } }`
    let me = world.owner
    const count = async (times: number) => {
      me = { ...world.owner, userId: crypto.randomUUID() }
      const open = () => verbs(world, me).openSession()
      for (let n = 0; n < times; n++) {
        await act(sync, { type: 'CONTEXT_TRANSFER', sourceId: await open(), targetId: await open() }, me)
      }
      world.statements.length = 0
      const { chatSessions } = await world.ask(me, list)
      expect(chatSessions.nodes).toHaveLength(2 * times)
      for (const { syncs } of chatSessions.nodes) expect(syncs).toMatchObject({ totalCount: 1, nodes: [{}] })
      // Whoever follows the log may be reading it meanwhile, and what was read is noted later.
      return world.statements.filter(({ text }) => /memory_syncs|chat_sessions/.test(text)).length
    }
    expect(await count(4)).toBe(await count(1))
    const filtered =
      'query ($status: SyncStatus) { memorySyncs(status: $status, type: CONTEXT_TRANSFER) { totalCount } }'
    const ofStatus = async (status: string) => (await world.ask(me, filtered, { status })).memorySyncs.totalCount
    expect([await ofStatus('FAILED'), await ofStatus('COMPLETED')]).toEqual([0, 1])
  })

  test('is the owner’s alone', async () => {
    const [from, to] = await pair()
    const theirs = await verbs(world, world.stranger).openSession()
    const { sync: own } = await handOver('CONTEXT_TRANSFER', from, to)
    expect(await world.ask(world.stranger, read, { id: own.id })).toEqual({ memorySync: null })
    const refused = { code: 'NOT_FOUND' }
    for (const [sourceId, targetId, path] of [
      [from, theirs, 'sourceId'],
      [theirs, to, 'targetId'],
    ] as const) {
      expect(await act(sync, { type: 'STATE_SYNC', sourceId, targetId }, world.stranger)).toMatchObject({
        ...refused,
        path: ['input', path],
      })
    }
    const other = await mine().remember('Elsewhere.', { sessionId: to })
    expect(await handOver('KNOWLEDGE_SHARE', from, to, { memoryIds: [other] })).toMatchObject(refused)
  })

  test.each([
    [{ targetId: 'source' }, 'INVALID_INPUT', ['input', 'targetId']],
    [{ keys: [] }, 'LIMIT_EXCEEDED', ['input', 'keys']],
    [{ keys: Array(101).fill('k') }, 'LIMIT_EXCEEDED', ['input', 'keys']],
    [{ keys: [''] }, 'INVALID_INPUT', ['input', 'keys', '0']],
    [{ memoryIds: ['x'] }, 'INVALID_INPUT', ['input', 'memoryIds']],
    [{ keys: ['k'], type: 'KNOWLEDGE_SHARE' }, 'INVALID_INPUT', ['input', 'keys']],
  ] as [Data, string, string[]][])('takes no %j', async (wrong, code, path) => {
    const [sourceId, targetId] = await pair()
    const input = { type: 'CONTEXT_TRANSFER', sourceId, targetId, ...wrong }
    if (input.targetId === 'source') input.targetId = sourceId
    expect(await act(sync, input)).toMatchObject({ code, path })
  })
})
