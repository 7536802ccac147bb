import type { PageArguments } from '../../lib/connection.ts'
import { uuidOf } from '../../lib/ids.ts'
import type { Followed } from '../follow.ts'
import { byReference } from '../references.ts'
import { requireViewer } from '../security.ts'
import {
  type BlackboardArguments,
  blackboard,
  findEvent,
  followBlackboard,
  type PostToBlackboardInput,
  postToBlackboard,
} from './blackboard.ts'
import type { AgentsContext } from './context.ts'
import {
  type AgentsArguments,
  agentOf,
  agents,
  agentsOfSession,
  agentsOfTool,
  findAgent,
  findTool,
  sessionsOfAgent,
  toolOf,
  tools,
  toolsOfAgent,
} from './lists.ts'
import { type Agent, type BlackboardEvent, type SessionReference, type Tool, toSession } from './mappers.ts'
import {
  grantTool,
  joinSession,
  type RegisterAgentInput,
  type RegisterToolInput,
  registerAgent,
  registerTool,
  setAgentStatus,
} from './service.ts'

interface Input<T> {
  readonly input: T
}

/** A mutation's answer names what it made by the row's id. */
interface Made {
  readonly agent: string
  readonly tool: string
  readonly session: string
  readonly event: string
}

const agentByReference = byReference('Agent', findAgent)

export const resolvers = {
  Query: {
    agent: (_: unknown, { id }: { id: string }, context: AgentsContext) => ownAgent(context, id),
    agents: (_: unknown, args: AgentsArguments, context: AgentsContext) => agents(context, args),
    tools: (_: unknown, args: PageArguments, context: AgentsContext) => tools(context, args),
    blackboard: (_: unknown, args: BlackboardArguments, context: AgentsContext) => blackboard(context, args),
  },
  Mutation: {
    registerAgent: (_: unknown, { input }: Input<RegisterAgentInput>, context: AgentsContext) =>
      registerAgent(context, input),
    setAgentStatus: (_: unknown, { input }: Input<{ id: string; status: string }>, context: AgentsContext) =>
      setAgentStatus(context, input),
    registerTool: (_: unknown, { input }: Input<RegisterToolInput>, context: AgentsContext) =>
      registerTool(context, input),
    grantTool: (_: unknown, { input }: Input<{ agentId: string; toolId: string }>, context: AgentsContext) =>
      grantTool(context, input),
    joinSession: (_: unknown, { input }: Input<{ agentId: string; sessionId: string }>, context: AgentsContext) =>
      joinSession(context, input),
    postToBlackboard: (_: unknown, { input }: Input<PostToBlackboardInput>, context: AgentsContext) =>
      postToBlackboard(context, input),
  },
  Subscription: {
    blackboardEvents: {
      subscribe: (_: unknown, args: BlackboardArguments, context: AgentsContext) => followBlackboard(context, args),
      resolve: ({ value }: Followed<BlackboardEvent>) => value,
    },
  },
  RegisterAgentSuccess: { agent: madeAgent },
  SetAgentStatusSuccess: { agent: madeAgent },
  RegisterToolSuccess: { tool: madeTool },
  GrantToolSuccess: { agent: madeAgent, tool: madeTool },
  JoinSessionSuccess: { agent: madeAgent, session: ({ session }: Made) => toSession(session) },
  PostToBlackboardSuccess: {
    event: ({ event }: Made, _: unknown, context: AgentsContext) => findEvent(context, event),
  },
  Agent: {
    __resolveReference: agentByReference,
    tools: (agent: Agent, args: PageArguments, context: AgentsContext) => toolsOfAgent(context, agent, args),
    sessions: (agent: Agent, args: PageArguments, context: AgentsContext) => sessionsOfAgent(context, agent, args),
  },
  Tool: {
    __resolveReference: byReference('Tool', findTool),
    agents: (tool: Tool, args: PageArguments, context: AgentsContext) => agentsOfTool(context, tool, args),
  },
  ChatSession: {
    __resolveReference: byReference('ChatSession', (_: AgentsContext, id) => toSession(id)),
    agents: ({ id }: SessionReference, args: PageArguments, context: AgentsContext) =>
      agentsOfSession(context, uuidOf('ChatSession', id) as string, args),
  },
  BlackboardEvent: {
    __resolveReference: byReference('BlackboardEvent', findEvent),
    source: ({ sourceId }: BlackboardEvent, _: unknown, context: AgentsContext) => agentOf(context, sourceId),
    target: ({ targetId }: BlackboardEvent, _: unknown, context: AgentsContext) =>
      targetId === null ? null : agentOf(context, targetId),
    parent: ({ parentId }: BlackboardEvent, _: unknown, context: AgentsContext) =>
      parentId === null ? null : findEvent(context, parentId),
  },
}

function ownAgent(context: AgentsContext, id: string): Promise<Agent | null> | null {
  requireViewer(context.request)
  return agentByReference({ id }, context)
}

function madeAgent({ agent }: Made, _: unknown, context: AgentsContext) {
  return agentOf(context, agent)
}

function madeTool({ tool }: Made, _: unknown, context: AgentsContext) {
  return toolOf(context, tool)
}
