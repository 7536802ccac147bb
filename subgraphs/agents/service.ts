import type { Viewer } from '../../lib/context.ts'
import { uuidOf } from '../../lib/ids.ts'
import { limitExceeded, notFound, ProblemError } from '../../lib/problems.ts'
import type { EventDraft } from '../../stores/log/log.ts'
import type { Transaction } from '../../stores/postgres/postgres.ts'
import { mutate } from '../mutate.ts'
import { requireViewer } from '../security.ts'
import { sessionExists } from './blackboard-store.ts'
import type { AgentsContext } from './context.ts'
import { checkAgentId, checkCapabilities, checkObject, checkText } from './rules.ts'
import {
  countAgents,
  countTools,
  findAgentByName,
  findAgents,
  findToolByName,
  findTools,
  hasGrant,
  insertAgent,
  insertGrant,
  insertParticipation,
  insertTool,
  type Owned,
  takesPart,
  touchAgent,
  updateStatus,
} from './store.ts'

/** How many agents, and how many tools, a user may have. */
const mostOfEach = 10_000

interface Keyed {
  readonly clientMutationId?: string | null
}

export interface RegisterAgentInput extends Keyed {
  readonly agentId: string
  readonly name?: string | null
  readonly type?: string | null
  readonly role?: string | null
  readonly description?: string | null
  readonly capabilities?: readonly string[] | null
  readonly metadata?: unknown
}

/** Registers an agent; one of that name that the viewer has is answered as it is. */
export function registerAgent({ stores, request }: AgentsContext, input: RegisterAgentInput) {
  const viewer = requireViewer(request)
  const success = (agent: string) => ({ __typename: 'RegisterAgentSuccess', agent })
  return mutate(stores, request, { name: 'registerAgent', input, room: 'agents' }, async ({ tx, append }) => {
    const agent = checkAgent(input)
    await tx.lock(`Agent:${viewer.userId}:${agent.agentId}`)
    const earlier = await findAgentByName(tx, viewer.userId, agent.agentId)
    if (earlier !== null) return success(earlier.id)
    requireRoom('agents', await countAgents(tx, viewer.userId))
    const id = request.ids.next()
    await insertAgent(tx, { id, ...ownedBy(viewer), ...agent }, request.clock.now())
    await append([changed(viewer, 'REGISTERED', 'Agent', id)])
    return success(id)
  })
}

/** Says what state an agent is in; a state that it is in already is no change. */
export function setAgentStatus({ stores, request }: AgentsContext, input: Keyed & { id: string; status: string }) {
  const viewer = requireViewer(request)
  return mutate(stores, request, { name: 'setAgentStatus', input, room: 'agents' }, async ({ tx, append }) => {
    const id = await requireAgent(tx, input.id, 'id')
    const [agent] = await findAgents(tx, [id])
    if (agent?.status !== input.status) {
      const version = await updateStatus(tx, id, input.status, request.clock.now())
      await append([changed(viewer, 'STATUS_CHANGED', 'Agent', id, { status: input.status }, version)])
    }
    return { __typename: 'SetAgentStatusSuccess', agent: id }
  })
}

export interface RegisterToolInput extends Keyed {
  readonly name: string
  readonly capability?: string | null
  readonly description?: string | null
}

/** Registers a tool; one of that name that the viewer has is answered as it is. */
export function registerTool({ stores, request }: AgentsContext, input: RegisterToolInput) {
  const viewer = requireViewer(request)
  const success = (tool: string) => ({ __typename: 'RegisterToolSuccess', tool })
  return mutate(stores, request, { name: 'registerTool', input, room: 'agents' }, async ({ tx, append }) => {
    const tool = checkTool(input)
    await tx.lock(`Tool:${viewer.userId}:${tool.name}`)
    const earlier = await findToolByName(tx, viewer.userId, tool.name)
    if (earlier !== null) return success(earlier.id)
    requireRoom('tools', await countTools(tx, viewer.userId))
    const id = request.ids.next()
    await insertTool(tx, { id, ...ownedBy(viewer), ...tool }, request.clock.now())
    await append([changed(viewer, 'REGISTERED', 'Tool', id)])
    return success(id)
  })
}

/** Lets an agent use a tool; once granted, it is left as it is. */
export function grantTool({ stores, request }: AgentsContext, input: Keyed & { agentId: string; toolId: string }) {
  const viewer = requireViewer(request)
  return mutate(stores, request, { name: 'grantTool', input, room: 'agents' }, async ({ tx, append }) => {
    const agent = await requireAgent(tx, input.agentId, 'agentId')
    const tool = await requireTool(tx, input.toolId)
    if (!(await hasGrant(tx, agent, tool))) {
      const at = request.clock.now()
      await insertGrant(tx, ownedBy(viewer), request.ids.next(), agent, tool, at)
      const version = await touchAgent(tx, agent, at)
      await append([changed(viewer, 'TOOL_GRANTED', 'Agent', agent, { toolId: tool }, version)])
    }
    return { __typename: 'GrantToolSuccess', agent, tool }
  })
}

/** Notes that an agent takes part in a session; once noted, it is left as it is. */
export function joinSession({ stores, request }: AgentsContext, input: Keyed & { agentId: string; sessionId: string }) {
  const viewer = requireViewer(request)
  return mutate(stores, request, { name: 'joinSession', input, room: 'agents' }, async ({ tx, append }) => {
    // Sent together and done in this order: the transaction holds a connection for every trip.
    const [agent, session] = await Promise.all([
      requireAgent(tx, input.agentId, 'agentId'),
      requireSession(tx, input.sessionId),
    ])
    if (!(await takesPart(tx, agent, session))) {
      const at = request.clock.now()
      const [version] = await Promise.all([
        touchAgent(tx, agent, at),
        insertParticipation(tx, ownedBy(viewer), request.ids.next(), agent, session, at),
      ])
      await append([changed(viewer, 'SESSION_JOINED', 'Agent', agent, { sessionId: session }, version)])
    }
    return { __typename: 'JoinSessionSuccess', agent, session }
  })
}

/**
 * The row of an agent of the viewer's, locked: its changes, and so their events, come one after the other.
 * @throws ProblemError when there is none
 */
async function requireAgent(tx: Transaction, id: string, field: string): Promise<string> {
  const rowId = uuidOf('Agent', id)
  if (rowId !== null) {
    const [, [agent]] = await Promise.all([tx.lock(`Agent:${rowId}`), findAgents(tx, [rowId])])
    if (agent) return rowId
  }
  throw new ProblemError(notFound('agent', 'input', field))
}

async function requireTool(tx: Transaction, id: string): Promise<string> {
  const rowId = uuidOf('Tool', id)
  const [tool] = rowId === null ? [] : await findTools(tx, [rowId])
  if (!tool) throw new ProblemError(notFound('tool', 'input', 'toolId'))
  return tool.id
}

/** @throws ProblemError when the viewer has no such session */
export async function requireSession(tx: Transaction, id: string): Promise<string> {
  const rowId = uuidOf('ChatSession', id)
  if (rowId !== null && (await sessionExists(tx, rowId))) return rowId
  throw new ProblemError(notFound('session', 'input', 'sessionId'))
}

function checkAgent(input: RegisterAgentInput) {
  const agentId = checkAgentId(input.agentId)
  return {
    agentId,
    name: checkText(input.name, 'name', 100) ?? agentId,
    type: checkText(input.type, 'type', 50) ?? 'assistant',
    role: checkText(input.role, 'role', 100),
    description: checkText(input.description, 'description', 4096),
    capabilities: checkCapabilities(input.capabilities ?? []),
    metadata: checkObject(input.metadata, 'metadata'),
  }
}

function checkTool(input: RegisterToolInput) {
  checkText(input.name, 'name', 100)
  return {
    name: input.name,
    capability: checkText(input.capability, 'capability', 200),
    description: checkText(input.description, 'description', 4096),
  }
}

function requireRoom(what: string, count: number): void {
  if (count < mostOfEach) return
  throw new ProblemError(limitExceeded(`You may have at most ${mostOfEach.toLocaleString('en')} ${what}.`, 'input'))
}

export function ownedBy({ tenantId, userId }: Viewer): Owned {
  return { tenantId, ownerId: userId }
}

/** An event that only the owner sees. */
function changed(
  viewer: Viewer,
  kind: string,
  type: 'Agent' | 'Tool',
  id: string,
  payload: Readonly<Record<string, unknown>> = {},
  version = 1,
): EventDraft {
  const before = version === 1 ? [] : [viewer.userId]
  return { kind, type, id, version, before, after: [viewer.userId], payload }
}
