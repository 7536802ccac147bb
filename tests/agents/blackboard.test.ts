import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Viewer } from '../../lib/context.ts'
import { uuidOf } from '../../lib/ids.ts'
import { describeEachPostgres } from '../kit/postgres.ts'
import { type AgentsWorld, eventFields, mutations, openAgentsWorld, take, unknownId } from './board.ts'

let world: AgentsWorld
let anna: Viewer
let ben: Viewer
/** A session of Anna's and an agent that posts to it. */
let board: { sessionId: string; sourceId: string }

beforeAll(async () => {
  world = await openAgentsWorld()
}, 60_000)
afterAll(() => world.close())
beforeEach(async () => {
  anna = world.member()
  ben = world.member()
  board = { sessionId: await world.session(anna), sourceId: await world.agent(anna, 'one') }
})

const boardQuery = `query ($sessionId: ID!, $after: Cursor, $first: Int) { blackboard(sessionId: $sessionId, after: $after, first: $first) {
  nodes { ${eventFields} } edges { cursor node { sequence } }
  pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount } }`
const subscription = `subscription ($sessionId: ID!, $after: Cursor) {
  blackboardEvents(sessionId: $sessionId, after: $after) { id cursor sequence payload source { agentId status } } }`

const post = (input: object, viewer = anna) =>
  world.change(viewer, 'postToBlackboard', { ...board, type: 'OBSERVATION', payload: 'seen', ...input })
const posted = async (input: object = {}) => (await post(input)).event
const read = async (args: object = {}, viewer = anna) =>
  (await world.run(viewer, boardQuery, { sessionId: board.sessionId, ...args })).data.blackboard

describe('postToBlackboard', () => {
  test('keeps all of an event and numbers it', async () => {
    const targetId = await world.agent(anna, 'two')
    const cause = await posted()
    const semanticContext = { ontology: 'work', terms: ['saw'] }
    const payload = { list: [1, null, { deep: 'ü' }], __proto__x: 1 }
    const answer = await post({
      targetId,
      type: 'TASK',
      performative: 'REQUEST',
      payload,
      semanticContext,
      parentId: cause.id,
      seenTimestamp: 41,
    })
    expect(answer.event).toEqual({
      id: expect.any(String),
      cursor: answer.cursor,
      sequence: 2,
      type: 'TASK',
      performative: 'REQUEST',
      source: { id: board.sourceId, agentId: 'one' },
      target: { id: targetId, agentId: 'two' },
      session: { id: board.sessionId },
      payload,
      semanticContext,
      parent: { id: cause.id },
      causalityChain: [cause.id],
      logicalTimestamp: 42,
      createdAt: '2026-05-15T15:00:00.000Z',
      at: '2026-05-15T15:00:00.000Z',
    })
    expect((await read()).nodes).toEqual([cause, answer.event])
    expect(cause).toMatchObject({
      sequence: 1,
      performative: 'INFORM',
      target: null,
      parent: null,
      causalityChain: [],
      logicalTimestamp: 1,
      semanticContext: null,
    })
    expect(await world.log(anna)).toContainEqual({
      kind: 'POSTED',
      type: 'BlackboardEvent',
      version: 1,
      payload: { sessionId: uuidOf('ChatSession', board.sessionId), sequence: 2 },
    })
  })

  test('follows the chain of causes, the first cause first', async () => {
    const chain: string[] = []
    for (let length = 0; length < 4; length += 1) {
      const event = await posted({ parentId: chain.at(-1) })
      expect(event.causalityChain).toEqual(chain)
      chain.push(event.id)
    }
    const aside = await posted({ parentId: chain[1] })
    expect(aside.causalityChain).toEqual(chain.slice(0, 2))
  })

  test('numbers each session from 1', async () => {
    await posted()
    await posted()
    const other = await posted({ sessionId: await world.session(anna) })
    expect(other).toMatchObject({ sequence: 1, logicalTimestamp: 1 })
    expect((await posted()).sequence).toBe(3)
  })

  test('gives sequences without gaps and times above all that was seen, whatever is posted', async () => {
    const step = fc.record({ parent: fc.option(fc.nat()), seen: fc.option(fc.nat(60)), refused: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        const sessionId = await world.session(anna)
        const events: { id: string; sequence: number; logicalTimestamp: number }[] = []
        for (const { parent, seen, refused } of steps) {
          if (refused) await post({ sessionId, sourceId: unknownId('Agent') })
          const cause = parent === null ? undefined : events[parent % Math.max(events.length, 1)]
          const event = await posted({ sessionId, parentId: cause?.id, seenTimestamp: seen })
          const before = Math.max(seen ?? 0, events.at(-1)?.logicalTimestamp ?? 0, cause?.logicalTimestamp ?? 0)
          expect(event).toMatchObject({ sequence: events.length + 1, logicalTimestamp: before + 1 })
          events.push(event)
        }
      }),
      { numRuns: 15 },
    )
  })

  test('answers a repeated key with the same event and posts nothing', async () => {
    const input = { payload: { once: true }, clientMutationId: 'key' }
    const first = await post(input)
    expect(await post(input)).toEqual(first)
    expect((await read()).totalCount).toBe(1)
    expect(await post({ ...input, payload: 'other' })).toMatchObject({ __typename: 'Conflict' })
  })

  test.each([
    ['sessionId', 'ChatSession', () => world.session(ben)],
    ['sourceId', 'Agent', () => world.agent(ben, 'theirs')],
    ['targetId', 'Agent', () => world.agent(ben, 'theirs')],
    ['parentId', 'BlackboardEvent', async () => (await posted({ sessionId: await world.session(anna) })).id],
  ])('finds no %s of another’s, nor an unknown one, and leaves no gap', async (field, type, foreign) => {
    const refused = await post({ [field]: await foreign() })
    expect(refused).toMatchObject({ __typename: 'NotFound', code: 'NOT_FOUND', path: ['input', field] })
    expect(await post({ [field]: unknownId(type) })).toEqual(refused)
    expect(await post({ [field]: 'rubbish' })).toEqual(refused)
    expect((await posted()).sequence).toBe(1)
  })

  const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)])

  test.each([
    ['InvalidInput', 'payload', { payload: { a: ['nul\0'] } }],
    ['InvalidInput', 'payload', { payload: 'half \ud800' }],
    ['LimitExceeded', 'payload', { payload: 'x'.repeat(64 * 1024 - 1) }],
    ['LimitExceeded', 'payload', { payload: nested(17) }],
    ['LimitExceeded', 'payload', { payload: nested(5000) }],
    ['InvalidInput', 'semanticContext', { semanticContext: [] }],
    ['LimitExceeded', 'semanticContext', { semanticContext: { a: 'x'.repeat(16 * 1024) } }],
    ['InvalidInput', 'seenTimestamp', { seenTimestamp: -1 }],
    ['InvalidInput', 'seenTimestamp', { seenTimestamp: 2 ** 31 - 1 }],
  ])('refuses with %s a wrong %s', async (type, field, wrong) => {
    expect(await post(wrong)).toMatchObject({ __typename: type, path: ['input', field] })
  })

  test.each([
    { payload: 'x'.repeat(64 * 1024 - 2) },
    { payload: nested(16) },
    { payload: false },
    { semanticContext: {} },
    { seenTimestamp: 2 ** 30 },
  ])('takes what is just within the bounds', async (input) => {
    expect((await post(input)).__typename).toBe('PostToBlackboardSuccess')
  })

  test('bounds the chain of causes', async () => {
    const event = await posted()
    await world.database.sql(
      `UPDATE agents.blackboard_events SET causality_chain = ARRAY(SELECT gen_random_uuid() FROM generate_series(1, $2))
       WHERE id = $1`,
      [uuidOf('BlackboardEvent', event.id), 999],
    )
    const last = await posted({ parentId: event.id })
    expect(last.causalityChain).toHaveLength(1000)
    expect(await post({ parentId: last.id })).toMatchObject({
      __typename: 'LimitExceeded',
      path: ['input', 'parentId'],
    })
  })
})

describe('blackboard', () => {
  test('pages by event cursors, which stay right while events are posted', async () => {
    for (let count = 0; count < 5; count += 1) await posted()
    const sequences = (page: { nodes: { sequence: number }[] }) => page.nodes.map(({ sequence }) => sequence)
    const first = await read({ first: 2 })
    expect(sequences(first)).toEqual([1, 2])
    expect(first.pageInfo).toEqual({
      hasNextPage: true,
      hasPreviousPage: false,
      startCursor: first.nodes[0].cursor,
      endCursor: first.nodes[1].cursor,
    })
    expect(first.edges.map(({ cursor }: { cursor: string }) => cursor)).toEqual(
      first.nodes.map(({ cursor }: { cursor: string }) => cursor),
    )
    await posted()
    const rest = await read({ after: first.pageInfo.endCursor })
    expect(sequences(rest)).toEqual([3, 4, 5, 6])
    expect(rest).toMatchObject({ pageInfo: { hasNextPage: false, hasPreviousPage: true }, totalCount: 6 })
    expect(await read({ after: rest.pageInfo.endCursor })).toMatchObject({ nodes: [], pageInfo: { endCursor: null } })
  })

  test('is empty to everyone but the owner', async () => {
    const event = await posted()
    expect(await read({}, ben)).toMatchObject({ nodes: [], totalCount: 0 })
    expect(await read({ sessionId: unknownId('ChatSession') })).toMatchObject({ nodes: [], totalCount: 0 })
    const ask = async (viewer: Viewer) =>
      (
        await world.run(
          viewer,
          'query ($of: [_Any!]!) { _entities(representations: $of) { ... on BlackboardEvent { sequence } } }',
          { of: [{ __typename: 'BlackboardEvent', nodeRef: event.id }] },
        )
      ).data._entities
    expect(await ask(anna)).toEqual([{ sequence: 1 }])
    expect(await ask(ben)).toEqual([null])
  })

  test('refuses a cursor of another viewer, rubbish, wrong bounds and what is no session', async () => {
    const { cursor } = await posted()
    const session = await world.session(ben)
    const code = async (viewer: Viewer, args: object) =>
      (await world.run(viewer, boardQuery, { sessionId: session, ...args })).errors[0]?.code
    expect(await code(anna, { after: cursor })).toBeUndefined()
    expect(await code(ben, { after: cursor })).toBe('BAD_USER_INPUT')
    expect(await code(anna, { after: 'rubbish' })).toBe('BAD_USER_INPUT')
    expect(await code(anna, { first: 0 })).toBe('BAD_USER_INPUT')
    expect(await code(anna, { first: 101 })).toBe('BAD_USER_INPUT')
    expect(await code(anna, { sessionId: board.sourceId })).toBe('BAD_USER_INPUT')
    expect((await world.run(null, boardQuery, { sessionId: session })).errors).toMatchObject([
      { code: 'UNAUTHENTICATED' },
    ])
  })

  test('reads events with their agents and causes in a fixed number of statements', async () => {
    const counts: number[] = []
    for (const size of [1, 10]) {
      const sessionId = await world.session(anna)
      let parentId: string | undefined
      for (let index = 0; index < size; index += 1) {
        const sourceId = await world.agent(anna, `agent${index}`)
        parentId = (await posted({ sessionId, sourceId, targetId: board.sourceId, parentId })).id
      }
      world.statements.length = 0
      const { data } = await world.run(
        anna,
        `query ($sessionId: ID!) { blackboard(sessionId: $sessionId) {
           nodes { source { name } target { name } parent { id source { name } } } } }`,
        { sessionId },
      )
      expect(data.blackboard.nodes).toHaveLength(size)
      counts.push(world.statements.length)
    }
    expect(counts[1]).toBeLessThanOrEqual(3)
    expect(counts[0]).toBeLessThanOrEqual(3)
  })
})

describe('blackboardEvents', () => {
  const follow = (args: object, signal: AbortSignal, viewer = anna) =>
    world.follow(viewer, subscription, { sessionId: board.sessionId, ...args }, signal)

  test('brings what was missed after a cursor, then what is posted, of this session alone', async () => {
    const [first, second] = [await posted({ payload: 1 }), await posted({ payload: 2 })]
    const stop = new AbortController()
    const events = await follow({ after: first.cursor }, stop.signal)
    const [missed] = await take(events, 1)
    expect(missed?.data.blackboardEvents).toMatchObject({ id: second.id, cursor: second.cursor, payload: 2 })
    expect(missed?.extensions).toEqual({ live: { cursor: second.cursor, resync: false, lagging: false } })
    await posted({ sessionId: await world.session(anna), payload: 'elsewhere' })
    await world.change(anna, 'setAgentStatus', { id: board.sourceId, status: 'BUSY' })
    const third = await posted({ payload: 3 })
    const [live] = await take(events, 1)
    expect(live?.data.blackboardEvents).toEqual({
      id: third.id,
      cursor: third.cursor,
      sequence: 3,
      payload: 3,
      // Read anew for each event: the agent's state has changed since the one before.
      source: { agentId: 'one', status: 'BUSY' },
    })
    stop.abort()
    expect((await events.next()).done).toBe(true)
  })

  test('without a cursor begins with what comes', async () => {
    await posted()
    const stop = new AbortController()
    const events = await follow({}, stop.signal)
    const next = await posted()
    expect((await take(events, 1))[0]?.data.blackboardEvents.id).toBe(next.id)
    stop.abort()
  })

  test('goes on from a page’s last cursor', async () => {
    for (let count = 0; count < 3; count += 1) await posted()
    const { pageInfo } = await read({ first: 2 })
    const stop = new AbortController()
    const events = await follow({ after: pageInfo.endCursor }, stop.signal)
    expect((await take(events, 1))[0]?.data.blackboardEvents.sequence).toBe(3)
    stop.abort()
  })

  test('refuses a session of another’s like an unknown one, foreign cursors, and nobody', async () => {
    const { cursor } = await posted()
    const { signal } = new AbortController()
    const theirs = follow({}, signal, ben)
    await expect(theirs).rejects.toThrow('There is no such session.')
    await expect(follow({ sessionId: unknownId('ChatSession') }, signal)).rejects.toThrow('There is no such session.')
    const session = await world.session(ben)
    await expect(follow({ sessionId: session, after: cursor }, signal, ben)).rejects.toThrow('BAD_USER_INPUT')
    const nobody = world.follow(null, subscription, { sessionId: board.sessionId }, signal)
    await expect(nobody).rejects.toThrow('UNAUTHENTICATED')
  })
})

describeEachPostgres('writers at once', (database) => {
  test('get sequences without gaps, in the order of the log and of the subscription', async () => {
    const shared = await openAgentsWorld(database())
    const viewer = shared.member()
    const sessionId = await shared.session(viewer)
    const sources = await Promise.all(Array.from({ length: 8 }, (_, index) => shared.agent(viewer, `writer${index}`)))
    const stop = new AbortController()
    const events = await shared.follow(viewer, subscription, { sessionId }, stop.signal)
    const each = 12
    const write = async (sourceId: string) => {
      const own: number[] = []
      for (let count = 0; count < each; count += 1) {
        const input = { sessionId, sourceId, type: 'RESULT', payload: count }
        own.push((await shared.change(viewer, 'postToBlackboard', input)).event.sequence)
      }
      return own
    }
    const [written, seen] = await Promise.all([Promise.all(sources.map(write)), take(events, 8 * each)])
    stop.abort()
    const expected = Array.from({ length: 8 * each }, (_, index) => index + 1)
    expect(written.flat().toSorted((a, b) => a - b)).toEqual(expected)
    for (const own of written) expect(own).toEqual(own.toSorted((a, b) => a - b))
    expect(seen.map(({ data }) => data.blackboardEvents.sequence)).toEqual(expected)
    const log = await shared.database.sql<{ sequence: number }>(
      `SELECT (payload ->> 'sequence')::int AS sequence FROM events.log
       WHERE kind = 'POSTED' AND owner_id = $1 ORDER BY xid, seq`,
      [viewer.userId],
    )
    expect(log.map(({ sequence }) => sequence)).toEqual(expected)
    const { data } = await shared.run(viewer, boardQuery, { sessionId, first: 100 })
    expect(data.blackboard.nodes.map((node: { logicalTimestamp: number }) => node.logicalTimestamp)).toEqual(expected)
    await shared.close()
  }, 60_000)

  test('register one agent, tool and grant when they all ask for the same', async () => {
    const shared = await openAgentsWorld(database())
    const viewer = shared.member()
    const eight = <T>(work: () => Promise<T>) => Promise.all(Array.from({ length: 8 }, work))
    const agentIds = await eight(() => shared.agent(viewer, 'one'))
    const toolIds = await eight(() => shared.tool(viewer, 'hammer'))
    expect(new Set([...agentIds, ...toolIds]).size).toBe(2)
    const [agentId, toolId] = [agentIds[0], toolIds[0]]
    await eight(() => shared.change(viewer, 'grantTool', { agentId, toolId }))
    expect((await shared.log(viewer)).map(({ kind }) => kind)).toEqual(['REGISTERED', 'REGISTERED', 'TOOL_GRANTED'])
    await shared.close()
  }, 60_000)
})

test('a mutation needs somebody signed in before it looks at anything', async () => {
  world.statements.length = 0
  const input = { ...board, type: 'TASK', payload: 1 }
  const { errors } = await world.run(null, mutations.postToBlackboard, { input })
  expect(errors).toMatchObject([{ code: 'UNAUTHENTICATED' }])
  expect(world.statements).toEqual([])
})
