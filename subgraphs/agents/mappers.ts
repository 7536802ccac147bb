import type { AgentModel } from '../../generated/prisma/models/Agent.ts'
import type { ToolModel } from '../../generated/prisma/models/Tool.ts'
import type { CursorCodec } from '../../lib/cursor.ts'
import { toGlobalId } from '../../lib/ids.ts'
import type { EventRecord } from './blackboard-store.ts'

/** `Agent` of the graph, with its row's id for what hangs on it. */
export interface Agent extends Pick<AgentModel, 'agentId' | 'name' | 'type' | 'role' | 'description' | 'capabilities'> {
  readonly __typename: 'Agent'
  readonly id: string
  readonly rowId: string
  readonly status: string
  readonly metadata: unknown
  readonly createdAt: Date
}

/** `Tool` of the graph, with its row's id for what hangs on it. */
export interface Tool extends Pick<ToolModel, 'name' | 'capability' | 'description' | 'createdAt'> {
  readonly __typename: 'Tool'
  readonly id: string
  readonly rowId: string
}

/** `BlackboardEvent` of the graph; what it points to is named by the row's id. */
export interface BlackboardEvent
  extends Omit<EventRecord, 'id' | 'position' | 'causalityChain' | 'sessionId' | 'ownerId'> {
  readonly __typename: 'BlackboardEvent'
  readonly id: string
  readonly cursor: string
  readonly session: SessionReference
  readonly causalityChain: readonly string[]
  readonly at: Date
}

/** A session, which is the memory room's to show. */
export interface SessionReference {
  readonly __typename: 'ChatSession'
  readonly id: string
}

export function toAgent(row: AgentModel): Agent {
  const { id, agentId, name, type, role, description, capabilities, status, metadata, createdAt } = row
  const shown = { agentId, name, type, role, description, capabilities, status, metadata, createdAt }
  return { __typename: 'Agent', id: toGlobalId('Agent', id), rowId: id, ...shown }
}

export function toTool({ id, name, capability, description, createdAt }: ToolModel): Tool {
  return { __typename: 'Tool', id: toGlobalId('Tool', id), rowId: id, name, capability, description, createdAt }
}

export function toBlackboardEvent(row: EventRecord, cursors: CursorCodec): BlackboardEvent {
  const { id, position, causalityChain, sessionId, ownerId, ...shown } = row
  return {
    __typename: 'BlackboardEvent',
    ...shown,
    id: toGlobalId('BlackboardEvent', id),
    cursor: cursors.encode(position, ownerId),
    session: toSession(sessionId),
    causalityChain: causalityChain.map((cause) => toGlobalId('BlackboardEvent', cause)),
    at: row.createdAt,
  }
}

export function toSession(id: string): SessionReference {
  return { __typename: 'ChatSession', id: toGlobalId('ChatSession', id) }
}
