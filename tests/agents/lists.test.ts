import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Viewer } from '../../lib/context.ts'
import { type AgentsWorld, openAgentsWorld, unknownId } from './board.ts'

let world: AgentsWorld
let anna: Viewer
let ben: Viewer

beforeAll(async () => {
  world = await openAgentsWorld()
}, 60_000)
afterAll(() => world.close())
beforeEach(() => {
  anna = world.member()
  ben = world.member()
})

const names = (connection: { nodes: { agentId?: string; name?: string }[] }) =>
  connection.nodes.map((node) => node.agentId ?? node.name)
const page = 'pageInfo { hasNextPage hasPreviousPage startCursor endCursor }'
const agentsQuery = `query ($first: Int, $after: String, $last: Int, $before: String, $capability: String, $status: AgentStatus) {
  agents(first: $first, after: $after, last: $last, before: $before, capability: $capability, status: $status) {
    nodes { agentId } edges { cursor node { agentId } } ${page} totalCount } }`

async function registered(viewer: Viewer, ...agentIds: string[]): Promise<string[]> {
  const ids: string[] = []
  for (const agentId of agentIds) ids.push(await world.agent(viewer, agentId))
  return ids
}

describe('agents', () => {
  const ask = async (args: object, viewer = anna) => (await world.run(viewer, agentsQuery, { ...args })).data.agents

  test('come in the order they were registered, page by page in both directions', async () => {
    await registered(anna, 'c', 'a', 'b', 'd', 'e')
    await registered(ben, 'x')
    expect(names(await ask({}))).toEqual(['c', 'a', 'b', 'd', 'e'])
    const first = await ask({ first: 2 })
    expect(first).toMatchObject({ pageInfo: { hasNextPage: true, hasPreviousPage: false }, totalCount: 5 })
    const second = await ask({ first: 2, after: first.pageInfo.endCursor })
    expect(names(second)).toEqual(['b', 'd'])
    await registered(anna, 'f')
    expect(names(await ask({ first: 5, after: second.pageInfo.endCursor }))).toEqual(['e', 'f'])
    const last = await ask({ last: 2 })
    expect(names(last)).toEqual(['e', 'f'])
    const before = await ask({ last: 3, before: last.pageInfo.startCursor })
    expect(names(before)).toEqual(['a', 'b', 'd'])
    expect(before.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: true })
    expect(names(await ask({}, ben))).toEqual(['x'])
  })

  test('are filtered by capability and status', async () => {
    const [one] = await registered(anna, 'one')
    await world.change(anna, 'registerAgent', { agentId: 'two', capabilities: ['code', 'talk'] })
    await world.change(anna, 'registerAgent', { agentId: 'three', capabilities: ['talk'] })
    await world.change(anna, 'setAgentStatus', { id: one, status: 'BUSY' })
    expect(names(await ask({ capability: 'talk' }))).toEqual(['two', 'three'])
    expect(await ask({ capability: 'code' })).toMatchObject({ totalCount: 1 })
    expect(names(await ask({ status: 'BUSY' }))).toEqual(['one'])
    expect(names(await ask({ status: 'OFFLINE', capability: 'talk' }))).toEqual(['two', 'three'])
  })

  test('refuse a cursor of another list, a forged one, and bounds beyond 1–100', async () => {
    await registered(anna, 'a', 'b')
    const { pageInfo } = await ask({ first: 1 })
    const scope = JSON.parse(Buffer.from(pageInfo.endCursor, 'base64url').toString())[0]
    const forged = Buffer.from(JSON.stringify([scope, "1'"])).toString('base64url')
    for (const args of [
      { status: 'BUSY', after: pageInfo.endCursor },
      { after: 'rubbish' },
      { after: forged },
      { first: 0 },
      { first: 101 },
      { first: 1, last: 1 },
      { capability: 'nul\0' },
    ]) {
      expect((await world.run(anna, agentsQuery, args)).errors).toMatchObject([{ code: 'BAD_USER_INPUT' }])
    }
    const { errors } = await world.run(ben, agentsQuery, { after: pageInfo.endCursor })
    expect(errors).toMatchObject([{ code: 'BAD_USER_INPUT' }])
  })

  test.each(['{ agents { totalCount } }', '{ tools { totalCount } }', '{ agent(id: "x") { id } }'])(
    '%s needs somebody signed in',
    async (source) => {
      expect((await world.run(null, source)).errors).toMatchObject([{ code: 'UNAUTHENTICATED' }])
    },
  )
})

test('agent(id) is there for its owner only', async () => {
  const [id] = await registered(anna, 'one')
  const ask = async (viewer: Viewer, of: string | undefined) =>
    (await world.run(viewer, 'query ($id: ID!) { agent(id: $id) { agentId } }', { id: of })).data.agent
  expect(await ask(anna, id)).toEqual({ agentId: 'one' })
  expect(await ask(ben, id)).toBeNull()
  expect(await ask(anna, unknownId('Agent'))).toBeNull()
  expect(await ask(anna, unknownId('Tool'))).toBeNull()
  expect(await ask(anna, 'rubbish')).toBeNull()
})

describe('what hangs on agents, tools and sessions', () => {
  const nested = `{ agents { nodes { agentId
    tools(first: 2) { nodes { name agents { nodes { agentId } totalCount } } totalCount ${page} }
    sessions { nodes { session { id } joinedAt agent { agentId } } totalCount } } } }`

  test('is listed in the order of its making; sessions the latest first', async () => {
    const [one, two] = await registered(anna, 'one', 'two')
    const [saw, axe, pin] = [
      await world.tool(anna, 'saw'),
      await world.tool(anna, 'axe'),
      await world.tool(anna, 'pin'),
    ]
    for (const toolId of [pin, saw, axe]) await world.change(anna, 'grantTool', { agentId: one, toolId })
    await world.change(anna, 'grantTool', { agentId: two, toolId: pin })
    const sessions = [await world.session(anna), await world.session(anna)]
    for (const sessionId of sessions) {
      await world.change(anna, 'joinSession', { agentId: one, sessionId })
      world.clock.advance(1000)
    }
    const { data, errors } = await world.run(anna, nested)
    expect(errors).toEqual([])
    expect(data.agents.nodes[0]).toEqual({
      agentId: 'one',
      tools: {
        nodes: [
          { name: 'pin', agents: { nodes: [{ agentId: 'one' }, { agentId: 'two' }], totalCount: 2 } },
          { name: 'saw', agents: { nodes: [{ agentId: 'one' }], totalCount: 1 } },
        ],
        totalCount: 3,
        pageInfo: {
          hasNextPage: true,
          hasPreviousPage: false,
          startCursor: expect.any(String),
          endCursor: expect.any(String),
        },
      },
      sessions: {
        nodes: [
          { session: { id: sessions[1] }, joinedAt: '2026-05-15T15:00:01.000Z', agent: { agentId: 'one' } },
          { session: { id: sessions[0] }, joinedAt: '2026-05-15T15:00:00.000Z', agent: { agentId: 'one' } },
        ],
        totalCount: 2,
      },
    })
    expect(data.agents.nodes[1]).toMatchObject({ tools: { totalCount: 1 }, sessions: { nodes: [], totalCount: 0 } })
    const { endCursor } = data.agents.nodes[0].tools.pageInfo
    const more = await world.run(
      anna,
      'query ($id: ID!, $after: String) { agent(id: $id) { tools(after: $after) { nodes { name } } } }',
      { id: one, after: endCursor },
    )
    expect(names(more.data.agent.tools)).toEqual(['axe'])
  })

  test('sessions page backwards and forwards', async () => {
    const [agentId] = await registered(anna, 'one')
    const ids: string[] = []
    for (let count = 0; count < 5; count += 1) ids.unshift(await world.session(anna))
    for (const sessionId of ids.toReversed()) await world.change(anna, 'joinSession', { agentId, sessionId })
    const ask = async (args: string) =>
      (await world.run(anna, `{ agents { nodes { sessions(${args}) { nodes { session { id } } ${page} } } } }`)).data
        .agents.nodes[0].sessions
    const of = (connection: { nodes: { session: { id: string } }[] }) =>
      connection.nodes.map(({ session }) => session.id)
    const first = await ask('first: 2')
    expect(of(first)).toEqual(ids.slice(0, 2))
    const next = await ask(`first: 2, after: "${first.pageInfo.endCursor}"`)
    expect(of(next)).toEqual(ids.slice(2, 4))
    expect(of(await ask(`last: 9, before: "${next.pageInfo.startCursor}"`))).toEqual(ids.slice(0, 2))
    expect(of(await ask('last: 1'))).toEqual(ids.slice(4))
  })

  test('is read in a fixed number of statements, however many there are', async () => {
    const counts: number[] = []
    for (const size of [1, 6, 20]) {
      const viewer = world.member()
      const tools = [await world.tool(viewer, 'saw'), await world.tool(viewer, 'axe')]
      const sessionId = await world.session(viewer)
      for (let index = 0; index < size; index += 1) {
        const agentId = await world.agent(viewer, `a${index}`)
        for (const toolId of tools) await world.change(viewer, 'grantTool', { agentId, toolId })
        await world.change(viewer, 'joinSession', { agentId, sessionId })
      }
      world.statements.length = 0
      const { data, errors } = await world.run(viewer, nested)
      expect(errors).toEqual([])
      expect(data.agents.nodes).toHaveLength(size)
      expect(names(data.agents.nodes[size - 1].tools.nodes[0].agents)).toHaveLength(size)
      counts.push(world.statements.length)
    }
    // agents; tools and sessions of agents, and their counts; the tools; agents of tools, their count, those agents.
    expect(counts).toEqual([9, 9, 9])
  })
})

describe('references of other rooms', () => {
  const entities = (viewer: Viewer | null, of: object[]) =>
    world.run(
      viewer,
      `query ($of: [_Any!]!) { _entities(representations: $of) { __typename
        ... on Agent { agentId } ... on Tool { name } ... on ChatSession { agents { nodes { agentId } totalCount } } } }`,
      { of },
    )

  test('by id and by nodeRef find the owner’s things and nobody else’s', async () => {
    const [agentId] = await registered(anna, 'one')
    const toolId = await world.tool(anna, 'hammer')
    const sessionId = await world.session(anna)
    await world.change(anna, 'joinSession', { agentId, sessionId })
    const of = [
      { __typename: 'Agent', id: agentId },
      { __typename: 'Agent', nodeRef: agentId },
      { __typename: 'Tool', nodeRef: toolId },
      { __typename: 'ChatSession', id: sessionId },
      { __typename: 'Agent', nodeRef: toolId },
      { __typename: 'Tool', id: 'rubbish' },
    ]
    expect((await entities(anna, of)).data._entities).toEqual([
      { __typename: 'Agent', agentId: 'one' },
      { __typename: 'Agent', agentId: 'one' },
      { __typename: 'Tool', name: 'hammer' },
      { __typename: 'ChatSession', agents: { nodes: [{ agentId: 'one' }], totalCount: 1 } },
      null,
      null,
    ])
    const none = [null, null, null, { __typename: 'ChatSession', agents: { nodes: [], totalCount: 0 } }, null, null]
    expect((await entities(ben, of)).data._entities).toEqual(none)
    expect((await entities(null, of)).data._entities).toEqual(none)
  })
})
