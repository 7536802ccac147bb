import {
  type Connection,
  type Key,
  mapConnection,
  type Page,
  type PageArguments,
  parsePage,
  toConnection,
} from '../../lib/connection.ts'
import { codedError } from '../../lib/errors.ts'
import { isText } from '../checks.ts'
import { requireViewer } from '../security.ts'
import { type AgentsContext, read } from './context.ts'
import type { LinkList, LinkPage, LinkRecord } from './links.ts'
import { type Agent, type Tool, toAgent, toSession, toTool } from './mappers.ts'
import { type AgentFilter, countAgents, countTools, listAgents, listTools } from './store.ts'

/** A connection of the graph; the total is counted only when asked for. */
export type CountedConnection<T> = Connection<T> & { totalCount(): Promise<number> }

export interface AgentsArguments extends PageArguments {
  readonly capability?: string | null
  readonly status?: string | null
}

/** The viewer's agents, in the order they were registered. */
export async function agents(context: AgentsContext, args: AgentsArguments): Promise<CountedConnection<Agent>> {
  const { userId } = requireViewer(context.request)
  const filter: AgentFilter = { capability: args.capability ?? null, status: args.status ?? null }
  if (!isText(filter.capability ?? ''))
    throw codedError('BAD_USER_INPUT', '`capability` holds what is not a character.')
  const page = parsePage(args, ['agents', userId, filter])
  const rows = await read(context, (db) => listAgents(db, userId, filter, ordinals(page)))
  const connection = mapConnection(toConnection(rows, page, ordinalKey), toAgent)
  return { ...connection, totalCount: () => read(context, (db) => countAgents(db, userId, filter)) }
}

/** The viewer's tools, in the order they were registered. */
export async function tools(context: AgentsContext, args: PageArguments): Promise<CountedConnection<Tool>> {
  const { userId } = requireViewer(context.request)
  const page = parsePage(args, ['tools', userId])
  const rows = await read(context, (db) => listTools(db, userId, ordinals(page)))
  const connection = mapConnection(toConnection(rows, page, ordinalKey), toTool)
  return { ...connection, totalCount: () => read(context, (db) => countTools(db, userId)) }
}

export function toolsOfAgent(context: AgentsContext, agent: Agent, args: PageArguments) {
  return linked(context, 'toolsOfAgent', agent.rowId, args, ({ child }) => toolOf(context, child))
}

export function agentsOfTool(context: AgentsContext, tool: Tool, args: PageArguments) {
  return linked(context, 'agentsOfTool', tool.rowId, args, ({ child }) => agentOf(context, child))
}

export function agentsOfSession(context: AgentsContext, sessionId: string, args: PageArguments) {
  return linked(context, 'agentsOfSession', sessionId, args, ({ child }) => agentOf(context, child))
}

/** The agent's taking part in sessions, the latest first. */
export function sessionsOfAgent(context: AgentsContext, agent: Agent, args: PageArguments) {
  return linked(context, 'sessionsOfAgent', agent.rowId, args, async ({ child, createdAt }) => ({
    agent,
    session: toSession(child),
    joinedAt: createdAt,
  }))
}

/** The agent of a row's id, when it exists for the viewer. */
export async function findAgent({ loaders }: AgentsContext, id: string): Promise<Agent | null> {
  const row = await loaders.agents.load(id)
  return row && toAgent(row)
}

/** The tool of a row's id, when it exists for the viewer. */
export async function findTool({ loaders }: AgentsContext, id: string): Promise<Tool | null> {
  const row = await loaders.tools.load(id)
  return row && toTool(row)
}

/** The agent that a row of the viewer's own names: a foreign key keeps it there. */
export async function agentOf(context: AgentsContext, id: string): Promise<Agent> {
  return present(await findAgent(context, id), 'agent')
}

/** The tool that a row of the viewer's own names: a foreign key keeps it there. */
export async function toolOf(context: AgentsContext, id: string): Promise<Tool> {
  return present(await findTool(context, id), 'tool')
}

async function linked<T>(
  { loaders }: AgentsContext,
  list: LinkList,
  parent: string,
  args: PageArguments,
  load: (link: LinkRecord) => Promise<T>,
): Promise<CountedConnection<T>> {
  const page = parsePage(args, [list, parent])
  const rows = await loaders.links.load({ list, parent, page: ordinals(page) })
  const links = toConnection(rows, page, ordinalKey)
  const nodes = await Promise.all(links.nodes.map(load))
  const edges = links.edges.map(({ cursor }, index) => ({ cursor, node: nodes[index] as T }))
  return { edges, nodes, pageInfo: links.pageInfo, totalCount: () => loaders.linkCounts.load({ list, parent }) }
}

function ordinalKey({ ordinal }: { readonly ordinal: bigint | string }): Key {
  return [String(ordinal)]
}

/** One row more than the page holds tells whether there is more. */
function ordinals({ after, before, limit, backwards }: Page): LinkPage {
  return { after: ordinalOf(after), before: ordinalOf(before), limit: limit + 1, backwards }
}

function ordinalOf(key: Key | null): string | null {
  if (key === null) return null
  const [ordinal] = key
  if (typeof ordinal === 'string' && /^\d{1,18}$/.test(ordinal)) return ordinal
  throw codedError('BAD_USER_INPUT', 'That is not a page cursor.')
}

function present<T>(found: T | null, what: string): T {
  if (found === null) throw new Error(`a row names an ${what} that is not there`)
  return found
}
