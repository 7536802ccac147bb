import { randomUUID } from 'node:crypto'
import type { Viewer } from '../../lib/context.ts'
import { toGlobalId } from '../../lib/ids.ts'
import { room } from '../../subgraphs/agents/index.ts'
import type { TestPostgres } from '../kit/postgres.ts'
import { type Answer, openRoomWorld, type RoomWorld, viewerOf } from '../kit/room-world.ts'

const problem = '... on Problem { code message path }'
const agent = 'agent { id agentId name type role description capabilities status metadata createdAt }'
const tool = 'tool { id name capability description createdAt }'

/** Everything of an event but its identity and time, which no test can foresee. */
export const eventFields = `id cursor sequence type performative source { id agentId } target { id agentId } session { id }
  payload semanticContext parent { id } causalityChain logicalTimestamp createdAt at`

const mutation = (name: string, selection: string) => {
  const type = name.charAt(0).toUpperCase() + name.slice(1)
  return `mutation ($input: ${type}Input!) { ${name}(input: $input) { __typename ... on ${type}Success { ${selection} } ${problem} } }`
}

export const mutations = {
  registerAgent: mutation('registerAgent', agent),
  setAgentStatus: mutation('setAgentStatus', agent),
  registerTool: mutation('registerTool', tool),
  grantTool: mutation('grantTool', 'agent { id } tool { id }'),
  joinSession: mutation('joinSession', 'agent { id } session { id }'),
  postToBlackboard: mutation('postToBlackboard', `event { ${eventFields} } cursor`),
}

export interface AgentsWorld extends RoomWorld {
  /** Runs a mutation and answers its result, or fails on an error. */
  // biome-ignore lint/suspicious/noExplicitAny: a test knows what it selected
  change(viewer: Viewer, name: keyof typeof mutations, input: Record<string, unknown>): Promise<any>
  /** Registers an agent and answers its global id. */
  agent(viewer: Viewer, agentId: string): Promise<string>
  tool(viewer: Viewer, name: string): Promise<string>
  /** Opens a session as the memory room would, and answers its global id. */
  session(viewer: Viewer): Promise<string>
  /** The events of a viewer's log, as kind, type and payload. */
  log(viewer: Viewer): Promise<Record<string, unknown>[]>
  /** A new member of the tenant. */
  member(): Viewer
}

export async function openAgentsWorld(database?: TestPostgres): Promise<AgentsWorld> {
  const world = await openRoomWorld(room, database)
  const { tenantId } = viewerOf()
  await world.database.sql(`INSERT INTO app.tenants (id, name) VALUES ($1, 'default') ON CONFLICT DO NOTHING`, [
    tenantId,
  ])
  const change: AgentsWorld['change'] = async (viewer, name, input) => {
    const { data, errors } = await world.run(viewer, mutations[name], { input })
    if (errors.length > 0) throw new Error(JSON.stringify(errors))
    return data[name]
  }
  return {
    ...world,
    change,
    member: () => viewerOf(),
    agent: async (viewer, agentId) => (await change(viewer, 'registerAgent', { agentId })).agent.id,
    tool: async (viewer, name) => (await change(viewer, 'registerTool', { name })).tool.id,
    async session(viewer) {
      const id = randomUUID()
      await world.database.sql(
        `INSERT INTO memory.chat_sessions (id, tenant_id, owner_id, mode, created_at, updated_at)
         VALUES ($1, $2, $3, 'SIMPLE', now(), now())`,
        [id, viewer.tenantId, viewer.userId],
      )
      return toGlobalId('ChatSession', id)
    },
    log: (viewer) =>
      world.database.sql(
        `SELECT kind, aggregate_type AS type, version, payload FROM events.log WHERE owner_id = $1 ORDER BY xid, seq`,
        [viewer.userId],
      ),
  }
}

export function unknownId(type: string): string {
  return toGlobalId(type, '00000000-0000-4000-8000-00000000abcd')
}

/** Takes so many answers of a subscription. */
export async function take(events: AsyncIterableIterator<Answer>, count: number): Promise<Answer[]> {
  const taken: Answer[] = []
  while (taken.length < count) {
    const { done, value } = await events.next()
    if (done) throw new Error(`the subscription ended after ${taken.length} events`)
    taken.push(value)
  }
  return taken
}
