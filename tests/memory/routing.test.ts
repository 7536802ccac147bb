import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { toGlobalId } from '../../lib/ids.ts'
import { describeEachPostgres } from '../kit/postgres.ts'
import { type Data, type MemoryWorld, openMemoryWorld, verbs } from './world.ts'

const route = `mutation ($input: RouteRequestInput!) { routeRequest(input: $input) {
  ... on RouteRequestSuccess { mode rule tools { name score } candidates { name } complexity confidence
    similar { similarity decision { request } } } ... on Problem { code message path } } }`
const log = `mutation ($input: LogRoutingDecisionInput!) { logRoutingDecision(input: $input) {
  ... on LogRoutingDecisionSuccess { cursor decision { id request mode decision tools complexity confidence
    processingTimeMs tokensUsed model success error session { id } blackboardEvent { id } createdAt } }
  ... on Problem { code message path } } }`
const hourly = `query ($hours: Int) { routerAnalytics(hours: $hours) { startsAt requests succeeded successRate
  averageProcessingTimeMs averageComplexity averageConfidence tokensUsed } }`

describeEachPostgres('the router', (database) => {
  let world: MemoryWorld
  let me: MemoryWorld['owner']
  let session: string
  beforeAll(async () => {
    world = await openMemoryWorld({ database: database() })
    return () => world.close()
  })
  const act = async (source: string, input: Data, who = me): Promise<Data> =>
    Object.values(await world.ask(who, source, { input }))[0]
  /** Somebody new, without experience. */
  const begin = async () => {
    me = { ...world.owner, userId: randomUUID() }
    session = await verbs(world, me).openSession({ mode: 'SMART_ROUTER' })
  }
  const logged = (request: string, tools: string[], more: Data = {}) =>
    act(log, { sessionId: session, request, tools, ...more })

  test('keeps what was decided, with all that is told of it', async () => {
    await begin()
    const input = {
      sessionId: session,
      request: 'Cancel my flight',
      mode: 'EXPERT_GROUP',
      decision: { route: 'direct', chosen: ['a'] },
      tools: ['find', 'cancel'],
      complexity: 0.25,
      confidence: 0.75,
      processingTimeMs: 120,
      tokensUsed: 900,
      model: 'small-1',
      success: false,
      error: { code: 'TIMEOUT' },
    }
    const answer = await act(log, input)
    const { sessionId, ...told } = input
    expect(answer).toMatchObject({
      cursor: expect.any(String),
      decision: { ...told, session: { id: sessionId }, blackboardEvent: null },
    })
    const { node } = await world.ask(
      me,
      'query ($id: ID!) { node: chatSession(id: $id) { routingDecisions { totalCount nodes { id } } } }',
      { id: session },
    )
    expect(node.routingDecisions).toEqual({ totalCount: 1, nodes: [{ id: answer.decision.id }] })
  })

  test('proposes the tools that succeeded for similar requests, and none where none were needed', async () => {
    await begin()
    for (const city of ['Lisbon', 'Oslo', 'Rome', 'Paris']) {
      await logged(`Please cancel my flight to ${city}`, ['cancel_booking'])
      await logged(`How is the weather in ${city} today?`, ['weather'])
      await logged(`Thank you, goodbye from ${city}`, [], { mode: 'SIMPLE' })
    }
    const proposal = await act(route, { request: 'I want to cancel the flight to Vienna' })
    expect(proposal.tools[0]).toMatchObject({ name: 'cancel_booking' })
    expect(proposal).toMatchObject({ mode: 'SMART_ROUTER', rule: 'similar-requests' })
    expect(proposal.similar[0].decision.request).toContain('cancel my flight')
    expect((await act(route, { request: 'weather in Vienna today?' })).tools[0]).toMatchObject({ name: 'weather' })
    expect(await act(route, { request: 'Thank you, goodbye' })).toMatchObject({ tools: [], mode: 'SIMPLE' })
    // What others did is nothing to go by.
    const stranger = await act(route, { request: 'I want to cancel the flight to Vienna' }, world.stranger)
    expect(stranger).toMatchObject({ tools: [], candidates: [], similar: [], confidence: 0, mode: 'SIMPLE' })
  })

  test('learns from failure: a tool that failed gives way to the one that succeeded', async () => {
    await begin()
    for (let n = 0; n < 4; n++) {
      await logged(`Translate letter ${n} into Danish`, ['old_translator'], { success: false })
      await logged(`Translate letter ${n} into Danish`, ['new_translator'])
    }
    const { candidates } = await act(route, { request: 'Translate a letter into Danish' })
    expect(candidates).toEqual([{ name: 'new_translator' }])
  })

  test('takes into account what the session did last', async () => {
    await begin()
    for (let n = 0; n < 4; n++) {
      session = await verbs(world, me).openSession()
      await logged(`Order ${n}`, ['find_order'])
      await logged('Yes please', ['ship_order'])
      session = await verbs(world, me).openSession()
      await logged(`Refund ${n}`, ['find_refund'])
      await logged('Yes please', ['pay_refund'])
    }
    session = await verbs(world, me).openSession()
    await logged('Refund', ['find_refund'])
    const inSession = await act(route, { request: 'Yes please', sessionId: session })
    expect(inSession.candidates[0]).toEqual({ name: 'pay_refund' })
  })

  test('without experience goes by the names of the tools and by rules', async () => {
    await begin()
    const tools = [
      { name: 'cancel_reservation', description: 'Cancels a booking.' },
      { name: 'search_flights', description: 'Finds flights between two cities.' },
    ]
    const proposal = await act(route, { request: 'Cancel the reservation of Mr. Li', tools })
    expect(proposal).toMatchObject({
      tools: [{ name: 'cancel_reservation' }],
      mode: 'SMART_ROUTER',
      rule: 'needs-tools',
    })
    expect(await act(route, { request: 'Teach me how tides work' })).toMatchObject({
      mode: 'SOCRATIC',
      rule: 'asks-to-be-taught',
    })
    expect(await act(route, { request: 'What are the pros and cons of both?' })).toMatchObject({
      mode: 'EXPERT_GROUP',
      rule: 'asks-for-views',
    })
    expect(await act(route, { request: 'Hello' })).toMatchObject({ mode: 'SIMPLE', rule: 'plain', tools: [] })
    const long = `${'First look at order A1 and then at B2, but if C3 is late, also tell D4? '.repeat(12)}`
    expect(await act(route, { request: long })).toMatchObject({ mode: 'EXPERT_GROUP', rule: 'hard' })
  })

  test('only proposes tools that there are', async () => {
    await begin()
    for (let n = 0; n < 6; n++) await logged(`Water the plants ${n}`, ['hose', 'bucket'])
    const { candidates } = await act(route, { request: 'Water the plants', tools: [{ name: 'bucket' }] })
    expect(candidates).toEqual([{ name: 'bucket' }])
  })

  test('is told hour by hour, hours without requests among them', async () => {
    await begin()
    const told = async (hours: number) => (await world.ask(me, hourly, { hours })).routerAnalytics
    await logged('One', [], { processingTimeMs: 100, tokensUsed: 10, complexity: 0.2, confidence: 0.5 })
    await logged('Two', [], { processingTimeMs: 300, success: false, complexity: 0.4, confidence: 1 })
    world.clock.advance(2 * 3_600_000)
    await logged('Three', [], { complexity: 0, confidence: 0 })
    const now = world.clock.now()
    const hour = (back: number) =>
      new Date(Math.floor(now.getTime() / 3_600_000) * 3_600_000 - back * 3_600_000).toISOString()
    const none = { requests: 0, succeeded: 0, successRate: null, averageProcessingTimeMs: null, tokensUsed: 0 }
    const [first, ...rest] = await told(3)
    expect(first).toMatchObject({ startsAt: hour(2), requests: 2, succeeded: 1, successRate: 0.5, tokensUsed: 10 })
    expect(first.averageProcessingTimeMs).toBe(200)
    expect(first.averageComplexity).toBeCloseTo(0.3)
    expect(first.averageConfidence).toBeCloseTo(0.75)
    expect(rest).toMatchObject([
      { startsAt: hour(1), ...none, averageComplexity: null, averageConfidence: null },
      { startsAt: hour(0), requests: 1, succeeded: 1, successRate: 1, averageProcessingTimeMs: null },
    ])
    expect((await world.ask(me, '{ routerAnalytics { requests } }')).routerAnalytics).toHaveLength(24)
    const mine = await told(744)
    expect(mine).toHaveLength(744)
    const theirs = (await world.ask(world.stranger, hourly, { hours: 3 })).routerAnalytics
    expect(theirs.every(({ requests }: Data) => requests === 0)).toBe(true)
    for (const hours of [0, 745]) {
      expect((await world.run(me, hourly, { hours })).errors).toMatchObject([{ code: 'BAD_USER_INPUT' }])
    }
  })

  test('lists the decisions of a session by pages that stay right, in one statement for many sessions', async () => {
    await begin()
    for (let n = 0; n < 5; n++) await logged(`Request ${n}`, [])
    const page = `query ($id: ID!, $after: String) { chatSession(id: $id) { routingDecisions(first: 2, after: $after) {
      nodes { request } pageInfo { endCursor hasNextPage } } } }`
    const read = async (after: string | null) =>
      (await world.ask(me, page, { id: session, after })).chatSession.routingDecisions
    const first = await read(null)
    expect(first.nodes).toEqual([{ request: 'Request 4' }, { request: 'Request 3' }])
    await logged('Request 5', [])
    expect((await read(first.pageInfo.endCursor)).nodes).toEqual([{ request: 'Request 2' }, { request: 'Request 1' }])
    const many = async () => {
      world.statements.length = 0
      await world.ask(
        me,
        '{ chatSessions { nodes { routingDecisions { totalCount nodes { tools session { id } } } } } }',
      )
      return world.statements.length
    }
    const one = await many()
    for (let n = 0; n < 5; n++) {
      session = await verbs(world, me).openSession()
      await logged('Another', ['x'])
    }
    expect(await many()).toBe(one)
  })

  test('is its owner’s alone, and of a session that goes on', async () => {
    await begin()
    const { decision } = await logged('Mine', [])
    const theirs = (source: string, input: Data) => act(source, input, world.stranger)
    const missing = { code: 'NOT_FOUND', path: ['input', 'sessionId'] }
    expect(await theirs(log, { sessionId: session, request: 'Theirs' })).toMatchObject(missing)
    expect(await theirs(route, { sessionId: session, request: 'Theirs' })).toMatchObject(missing)
    expect(await logged('Odd', [], { blackboardEventId: toGlobalId('BlackboardEvent', randomUUID()) })).toMatchObject({
      code: 'NOT_FOUND',
      path: ['input', 'blackboardEventId'],
    })
    const find = (who: Data) =>
      world.run(
        who,
        'query ($of: [_Any!]!) { _entities(representations: $of) { ... on RoutingDecision { request } } }',
        {
          of: [{ __typename: 'RoutingDecision', id: decision.id }],
        },
      )
    expect((await find(me)).data._entities).toEqual([{ request: 'Mine' }])
    expect((await find(world.stranger)).data._entities).toEqual([null])
    await verbs(world, me).act('end', { id: session })
    expect(await logged('Late', [])).toMatchObject({ code: 'CONFLICT' })
    expect(await act(route, { sessionId: session, request: 'Late' })).toMatchObject({ mode: expect.any(String) })
  })

  test('gives the same answer to the same key', async () => {
    await begin()
    const input = { sessionId: session, request: 'Once', clientMutationId: 'once' }
    const first = await act(log, input)
    expect(await act(log, input)).toEqual(first)
    expect(await act(log, { ...input, request: 'Twice' })).toMatchObject({ code: 'CONFLICT' })
  })

  test.each([
    [{ request: '' }, 'INVALID_INPUT', ['input', 'request']],
    [{ complexity: 1.1 }, 'INVALID_INPUT', ['input', 'complexity']],
    [{ confidence: -0.1 }, 'INVALID_INPUT', ['input', 'confidence']],
    [{ processingTimeMs: -1 }, 'INVALID_INPUT', ['input', 'processingTimeMs']],
    [{ tokensUsed: -1 }, 'INVALID_INPUT', ['input', 'tokensUsed']],
    [{ decision: [1] }, 'INVALID_INPUT', ['input', 'decision']],
    [{ error: 'text' }, 'INVALID_INPUT', ['input', 'error']],
    [{ model: 'm'.repeat(257) }, 'INVALID_INPUT', ['input', 'model']],
    [{ tools: [''] }, 'INVALID_INPUT', ['input', 'tools', '0']],
    [{ tools: Array(129).fill('t') }, 'LIMIT_EXCEEDED', ['input', 'tools']],
  ] as [Data, string, string[]][])('takes no %#', async (wrong, code, path) => {
    await begin()
    expect(await act(log, { sessionId: session, request: 'Right', ...wrong })).toMatchObject({ code, path })
    const { routerAnalytics } = await world.ask(me, '{ routerAnalytics(hours: 1) { requests } }')
    expect(routerAnalytics).toEqual([{ requests: 0 }])
  })
})
