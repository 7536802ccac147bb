import type { AgentModel } from '../../generated/prisma/models/Agent.ts'
import type { ToolModel } from '../../generated/prisma/models/Tool.ts'
import type { Database, Transaction } from '../../stores/postgres/postgres.ts'
import type { LinkPage } from './links.ts'

/** Who owns a new row. */
export interface Owned {
  readonly tenantId: string
  readonly ownerId: string
}

export interface AgentFilter {
  readonly capability: string | null
  readonly status: string | null
}

export interface NewAgent extends Owned {
  readonly id: string
  readonly agentId: string
  readonly name: string
  readonly type: string
  readonly role: string | null
  readonly description: string | null
  readonly capabilities: readonly string[]
  readonly metadata: unknown
}

export interface NewTool extends Owned {
  readonly id: string
  readonly name: string
  readonly capability: string | null
  readonly description: string | null
}

export function findAgents(db: Database, ids: readonly string[]): Promise<AgentModel[]> {
  return db.prisma.agent.findMany({ where: { id: { in: [...ids] } } })
}

export function findTools(db: Database, ids: readonly string[]): Promise<ToolModel[]> {
  return db.prisma.tool.findMany({ where: { id: { in: [...ids] } } })
}

export function listAgents(db: Database, ownerId: string, filter: AgentFilter, page: LinkPage): Promise<AgentModel[]> {
  return db.prisma.agent.findMany({ where: { ...agentsWhere(ownerId, filter), ...between(page) }, ...inOrder(page) })
}

export function countAgents(db: Database, ownerId: string, filter?: AgentFilter): Promise<number> {
  return db.prisma.agent.count({ where: filter ? agentsWhere(ownerId, filter) : { ownerId } })
}

export function listTools(db: Database, ownerId: string, page: LinkPage): Promise<ToolModel[]> {
  return db.prisma.tool.findMany({ where: { ownerId, ...between(page) }, ...inOrder(page) })
}

export function countTools(db: Database, ownerId: string): Promise<number> {
  return db.prisma.tool.count({ where: { ownerId } })
}

export function findAgentByName(tx: Transaction, ownerId: string, agentId: string): Promise<{ id: string } | null> {
  return tx.prisma.agent.findFirst({ where: { ownerId, agentId }, select: { id: true } })
}

export function findToolByName(tx: Transaction, ownerId: string, name: string): Promise<{ id: string } | null> {
  return tx.prisma.tool.findFirst({ where: { ownerId, name }, select: { id: true } })
}

export async function insertAgent(tx: Transaction, agent: NewAgent, at: Date): Promise<void> {
  const { metadata } = agent
  await tx.query(
    `INSERT INTO agents.agents (id, tenant_id, owner_id, agent_id, name, type, role, description, capabilities, metadata,
       created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, $11)`,
    [
      agent.id,
      agent.tenantId,
      agent.ownerId,
      agent.agentId,
      agent.name,
      agent.type,
      agent.role,
      agent.description,
      agent.capabilities,
      metadata === null ? null : JSON.stringify(metadata),
      at,
    ],
  )
}

export async function insertTool(tx: Transaction, tool: NewTool, at: Date): Promise<void> {
  await tx.prisma.tool.create({ data: { ...tool, createdAt: at }, select: { id: true } })
}

/** Sets an agent's status and answers its new version. */
export async function updateStatus(tx: Transaction, id: string, status: string, at: Date): Promise<number> {
  return (await tx.prisma.agent.update({ where: { id }, data: { status, ...touched(at) }, select: version })).version
}

/** Notes that something of an agent has changed and answers its new version. */
export async function touchAgent(tx: Transaction, id: string, at: Date): Promise<number> {
  return (await tx.prisma.agent.update({ where: { id }, data: touched(at), select: version })).version
}

export async function hasGrant(tx: Transaction, agentId: string, toolId: string): Promise<boolean> {
  return (await tx.prisma.toolGrant.count({ where: { agentId, toolId } })) > 0
}

export async function insertGrant(
  tx: Transaction,
  owned: Owned,
  id: string,
  agentId: string,
  toolId: string,
  at: Date,
) {
  await tx.prisma.toolGrant.create({ data: { id, ...owned, agentId, toolId, createdAt: at }, select: { id: true } })
}

export async function takesPart(tx: Transaction, agentId: string, sessionId: string): Promise<boolean> {
  return (await tx.prisma.participation.count({ where: { agentId, sessionId } })) > 0
}

export async function insertParticipation(
  tx: Transaction,
  owned: Owned,
  id: string,
  agentId: string,
  sessionId: string,
  at: Date,
) {
  await tx.prisma.participation.create({
    data: { id, ...owned, agentId, sessionId, createdAt: at },
    select: { id: true },
  })
}

const version = { version: true } as const

function touched(at: Date) {
  return { version: { increment: 1 }, updatedAt: at }
}

function agentsWhere(ownerId: string, { capability, status }: AgentFilter) {
  return {
    ownerId,
    ...(capability === null ? {} : { capabilities: { has: capability } }),
    ...(status === null ? {} : { status }),
  }
}

function between({ after, before }: LinkPage) {
  return {
    ordinal: {
      ...(after === null ? {} : { gt: BigInt(after) }),
      ...(before === null ? {} : { lt: BigInt(before) }),
    },
  }
}

function inOrder({ limit, backwards }: LinkPage) {
  return { orderBy: { ordinal: backwards ? 'desc' : 'asc' }, take: limit } as const
}
