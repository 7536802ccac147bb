import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Viewer } from '../../lib/context.ts'
import { uuidOf } from '../../lib/ids.ts'
import { type AgentsWorld, mutations, openAgentsWorld, unknownId } from './board.ts'

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

const everything = {
  agentId: 'coder:v1.2_x-y',
  name: 'The coder',
  type: 'worker',
  role: 'writes code',
  description: 'Писать код',
  capabilities: ['code', 'review', 'code'],
  metadata: { model: 'small', limits: { tokens: 100 } },
}

describe('registerAgent', () => {
  test('keeps what it is given and fills in what it is not', async () => {
    const full = await world.change(anna, 'registerAgent', everything)
    expect(full.agent).toEqual({
      ...everything,
      id: expect.any(String),
      capabilities: ['code', 'review'],
      status: 'OFFLINE',
      createdAt: '2026-05-15T15:00:00.000Z',
    })
    const bare = await world.change(anna, 'registerAgent', { agentId: 'bare', name: null, type: null, metadata: null })
    expect(bare.agent).toMatchObject({ name: 'bare', type: 'assistant', role: null, capabilities: [], metadata: null })
  })

  test('with a name used before answers that agent as it is and writes nothing', async () => {
    const first = await world.change(anna, 'registerAgent', everything)
    const again = await world.change(anna, 'registerAgent', { agentId: everything.agentId, name: 'Another' })
    expect(again).toEqual(first)
    expect(await world.log(anna)).toEqual([{ kind: 'REGISTERED', type: 'Agent', version: 1, payload: {} }])
    const others = await world.change(ben, 'registerAgent', { agentId: everything.agentId })
    expect(others.agent.id).not.toBe(first.agent.id)
  })

  test('answers a repeated key as before, and refuses it for another input', async () => {
    const input = { agentId: 'one', clientMutationId: 'key' }
    const first = await world.change(anna, 'registerAgent', input)
    expect(await world.change(anna, 'registerAgent', input)).toEqual(first)
    const other = await world.change(anna, 'registerAgent', { ...input, agentId: 'two' })
    expect(other).toMatchObject({ __typename: 'Conflict', path: ['input', 'clientMutationId'] })
    expect((await world.change(ben, 'registerAgent', { ...input, agentId: 'two' })).agent.agentId).toBe('two')
  })

  test.each([
    ['agentId', { agentId: '' }],
    ['agentId', { agentId: 'a'.repeat(51) }],
    ['agentId', { agentId: 'with space' }],
    ['name', { name: '' }],
    ['name', { name: 'n'.repeat(101) }],
    ['name', { name: 'nul\0' }],
    ['type', { type: 't'.repeat(51) }],
    ['role', { role: 'half \ud83d' }],
    ['description', { description: 'd'.repeat(4097) }],
    ['capabilities', { capabilities: Array.from({ length: 51 }, (_, index) => `c${index}`) }],
    ['capabilities', { capabilities: [''] }],
    ['metadata', { metadata: [1] }],
    ['metadata', { metadata: 'text' }],
    ['metadata', { metadata: { 'nul\0': 1 } }],
    ['metadata', { metadata: { deep: ['half \udc00'] } }],
  ])('names a wrong %s', async (field, wrong) => {
    const answer = await world.change(anna, 'registerAgent', { agentId: 'good', ...wrong })
    expect(answer).toMatchObject({ __typename: 'InvalidInput', code: 'INVALID_INPUT', path: ['input', field] })
    expect(await world.log(anna)).toEqual([])
  })

  test('takes metadata up to 16 KB', async () => {
    const metadata = (size: number) => ({ a: 'x'.repeat(size - 8) })
    const fits = await world.change(anna, 'registerAgent', { agentId: 'fits', metadata: metadata(16 * 1024) })
    expect(fits.__typename).toBe('RegisterAgentSuccess')
    const over = await world.change(anna, 'registerAgent', { agentId: 'over', metadata: metadata(16 * 1024 + 1) })
    expect(over).toMatchObject({ __typename: 'LimitExceeded', path: ['input', 'metadata'] })
  })

  test.each([
    [
      'registerAgent',
      'agents',
      'agent_id, type, updated_at',
      `'a' || i, 't', now()`,
      { agentId: 'a1' },
      { agentId: 'new' },
    ],
    ['registerTool', 'tools', 'capability, description', 'null, null', { name: 't1' }, { name: 'new' }],
  ] as const)('%s takes 10,000 and no more', async (name, table, columns, values, known, fresh) => {
    const fill = (from: number, to: number) =>
      world.database.sql(
        `INSERT INTO agents.${table} (id, tenant_id, owner_id, name, created_at, ${columns})
         SELECT gen_random_uuid(), $1, $2, 't' || i, now(), ${values} FROM generate_series($3::int, $4::int) AS i`,
        [anna.tenantId, anna.userId, from, to],
      )
    await fill(1, 9_999)
    expect((await world.change(anna, name, fresh)).__typename).toMatch(/Success$/)
    const over = await world.change(anna, name, Object.fromEntries(Object.keys(fresh).map((key) => [key, 'newer'])))
    expect(over).toMatchObject({ __typename: 'LimitExceeded', code: 'LIMIT_EXCEEDED' })
    expect((await world.change(anna, name, known)).__typename).toMatch(/Success$/)
    expect((await world.change(ben, name, fresh)).__typename).toMatch(/Success$/)
  })
})

describe('setAgentStatus', () => {
  test('changes the status, once', async () => {
    const id = await world.agent(anna, 'one')
    expect((await world.change(anna, 'setAgentStatus', { id, status: 'BUSY' })).agent.status).toBe('BUSY')
    expect((await world.change(anna, 'setAgentStatus', { id, status: 'BUSY' })).agent.status).toBe('BUSY')
    expect((await world.change(anna, 'setAgentStatus', { id, status: 'IDLE' })).agent.status).toBe('IDLE')
    expect((await world.log(anna)).slice(1)).toEqual([
      { kind: 'STATUS_CHANGED', type: 'Agent', version: 2, payload: { status: 'BUSY' } },
      { kind: 'STATUS_CHANGED', type: 'Agent', version: 3, payload: { status: 'IDLE' } },
    ])
  })

  test('finds no agent of another’s', async () => {
    const id = await world.agent(anna, 'one')
    const refused = await world.change(ben, 'setAgentStatus', { id, status: 'FAILED' })
    expect(refused).toMatchObject({ __typename: 'NotFound', code: 'NOT_FOUND', path: ['input', 'id'] })
    expect(await world.change(ben, 'setAgentStatus', { id: unknownId('Agent'), status: 'FAILED' })).toEqual(refused)
    expect(await world.change(ben, 'setAgentStatus', { id: 'rubbish', status: 'FAILED' })).toEqual(refused)
    const { data } = await world.run(anna, 'query ($id: ID!) { agent(id: $id) { status } }', { id })
    expect(data.agent.status).toBe('OFFLINE')
  })
})

describe('registerTool', () => {
  test('keeps a tool, and answers one of that name as it is', async () => {
    const input = { name: 'search the web', capability: 'finding', description: 'Finds pages' }
    const first = await world.change(anna, 'registerTool', input)
    expect(first.tool).toEqual({ ...input, id: expect.any(String), createdAt: '2026-05-15T15:00:00.000Z' })
    expect(await world.change(anna, 'registerTool', { name: input.name })).toEqual(first)
    expect(await world.log(anna)).toEqual([{ kind: 'REGISTERED', type: 'Tool', version: 1, payload: {} }])
  })

  test.each([
    ['name', { name: '' }],
    ['name', { name: 'n'.repeat(101) }],
    ['capability', { capability: 'c'.repeat(201) }],
    ['description', { description: 'nul\0' }],
  ])('names a wrong %s', async (field, wrong) => {
    const answer = await world.change(anna, 'registerTool', { name: 'good', ...wrong })
    expect(answer).toMatchObject({ __typename: 'InvalidInput', path: ['input', field] })
  })
})

describe('grantTool and joinSession', () => {
  test('tie an agent to a tool and to a session, once each', async () => {
    const [agentId, toolId, sessionId] = [
      await world.agent(anna, 'one'),
      await world.tool(anna, 'hammer'),
      await world.session(anna),
    ]
    for (let round = 0; round < 2; round += 1) {
      expect(await world.change(anna, 'grantTool', { agentId, toolId })).toEqual({
        __typename: 'GrantToolSuccess',
        agent: { id: agentId },
        tool: { id: toolId },
      })
      expect(await world.change(anna, 'joinSession', { agentId, sessionId })).toEqual({
        __typename: 'JoinSessionSuccess',
        agent: { id: agentId },
        session: { id: sessionId },
      })
    }
    expect((await world.log(anna)).slice(2)).toEqual([
      { kind: 'TOOL_GRANTED', type: 'Agent', version: 2, payload: { toolId: uuidOf('Tool', toolId) } },
      { kind: 'SESSION_JOINED', type: 'Agent', version: 3, payload: { sessionId: uuidOf('ChatSession', sessionId) } },
    ])
  })

  test.each([
    ['agentId', 'grantTool', 'Agent'],
    ['toolId', 'grantTool', 'Tool'],
    ['agentId', 'joinSession', 'Agent'],
    ['sessionId', 'joinSession', 'ChatSession'],
  ] as const)('find no %s of another’s in %s', async (field, name, type) => {
    const idsOf = async (viewer: Viewer) => ({
      agentId: await world.agent(viewer, 'one'),
      ...(name === 'grantTool'
        ? { toolId: await world.tool(viewer, 'hammer') }
        : { sessionId: await world.session(viewer) }),
    })
    const own: Record<string, string> = await idsOf(anna)
    const others: Record<string, string> = await idsOf(ben)
    const refused = await world.change(anna, name, { ...own, [field]: others[field] })
    expect(refused).toMatchObject({ __typename: 'NotFound', code: 'NOT_FOUND', path: ['input', field] })
    expect(await world.change(anna, name, { ...own, [field]: unknownId(type) })).toEqual(refused)
    expect(await world.change(anna, name, { ...own, [field]: 'rubbish' })).toEqual(refused)
    expect((await world.change(anna, name, own)).__typename).toMatch(/Success$/)
  })
})

test.each(Object.entries(mutations))('%s needs somebody signed in', async (name, source) => {
  const inputs: Record<string, Record<string, unknown>> = {
    registerAgent: { agentId: 'one' },
    setAgentStatus: { id: 'x', status: 'BUSY' },
    registerTool: { name: 'hammer' },
    grantTool: { agentId: 'x', toolId: 'x' },
    joinSession: { agentId: 'x', sessionId: 'x' },
    postToBlackboard: { sessionId: 'x', sourceId: 'x', type: 'TASK', payload: 1 },
  }
  expect((await world.run(null, source, { input: inputs[name] })).errors).toMatchObject([{ code: 'UNAUTHENTICATED' }])
})

test('every change is in the audit, with its actor', async () => {
  const id = await world.agent(anna, 'one')
  await world.change(anna, 'setAgentStatus', { id, status: 'IDLE' })
  const rows = await world.database.sql(
    `SELECT table_name, operation, service, actor_id FROM audit.audit_log WHERE row_id = $1 ORDER BY id`,
    [uuidOf('Agent', id)],
  )
  const entry = { table_name: 'agents.agents', service: 'agents', actor_id: anna.userId }
  expect(rows).toEqual([
    { ...entry, operation: 'INSERT' },
    { ...entry, operation: 'UPDATE' },
  ])
})
