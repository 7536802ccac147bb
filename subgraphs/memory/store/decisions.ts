import type { Page } from '../../../lib/connection.ts'
import type { DecisionNote } from '../../../stores/notes.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import type { PolicyAction, PolicyKind } from '../policies/rules.ts'
import { allOf, keyset, Values } from './keyset.ts'
import type { ListSource } from './pages.ts'

export interface DecisionRecord {
  readonly ordinal: number
  readonly at: Date
  readonly actorId: string | null
  readonly memoryId: string
  readonly ruleId: string | null
  readonly ruleName: string
  readonly kind: PolicyKind
  readonly action: PolicyAction | 'EXPIRE'
  readonly phase: 'STORE' | 'RETRIEVE' | 'UPKEEP'
  readonly outcome: unknown
  readonly times: number
  readonly traceId: string | null
  readonly requestId: string | null
}

/** Writes decisions with the change that they are of: one statement, however many. */
export async function insertDecisions(tx: Transaction, decisions: readonly DecisionNote[]): Promise<void> {
  if (decisions.length === 0) return
  await tx.query(
    `INSERT INTO memory.policy_decisions (at, tenant_id, owner_id, actor_id, memory_id, rule_id, rule_name, kind, action, phase,
                                          outcome, times, trace_id, request_id)
     SELECT item.at, item."tenantId", item."ownerId", item."actorId", item."memoryId", item."ruleId", item."ruleName",
            item.kind, item.action, item.phase, item.outcome, 1, item."traceId", item."requestId"
     FROM jsonb_to_recordset($1::jsonb) AS item (at timestamptz, "tenantId" uuid, "ownerId" uuid, "actorId" uuid, "memoryId" uuid,
       "ruleId" uuid, "ruleName" text, kind text, action text, phase text, outcome jsonb, "traceId" text, "requestId" uuid)`,
    [JSON.stringify(decisions)],
  )
}

export interface DecisionFilter {
  /** A row id. */
  readonly memoryId: string | null
  readonly traceId: string | null
  readonly kind: PolicyKind | null
}

/** The decisions about memories, the latest first. */
export const decisions: ListSource = {
  columns: `decision.ordinal::float8 AS ordinal, decision.at, decision.actor_id AS "actorId",
    decision.memory_id AS "memoryId", decision.rule_id AS "ruleId", decision.rule_name AS "ruleName", decision.kind,
    decision.action, decision.phase, decision.outcome, decision.times, decision.trace_id AS "traceId",
    decision.request_id AS "requestId"`,
  from: 'memory.policy_decisions AS decision',
  parent: 'decision.memory_id',
  key: 'decision.ordinal',
  keyName: 'ordinal',
  order: 'DESC',
}

/** A page of decisions that the viewer may see, the latest first. */
export async function decisionPage(db: Database, filter: DecisionFilter, page: Page): Promise<DecisionRecord[]> {
  const values = new Values()
  const { bounds, direction, limit } = keyset(page, 'decision.ordinal', 'DESC', values)
  const where = allOf([...bounds, ...conditionsOf(filter, values)])
  return db.query(
    `SELECT ${decisions.columns} FROM ${decisions.from} WHERE ${where}
     ORDER BY decision.ordinal ${direction} LIMIT ${limit}`,
    values.list,
  )
}

export async function countDecisions(db: Database, filter: DecisionFilter): Promise<number> {
  const values = new Values()
  const where = allOf(conditionsOf(filter, values))
  const [row] = await db.query<{ count: number }>(
    `SELECT count(*)::integer AS count FROM ${decisions.from} WHERE ${where}`,
    values.list,
  )
  return row?.count ?? 0
}

function conditionsOf({ memoryId, traceId, kind }: DecisionFilter, values: Values): string[] {
  const conditions: string[] = []
  if (memoryId !== null) conditions.push(`decision.memory_id = ${values.add(memoryId, 'uuid')}`)
  if (traceId !== null) conditions.push(`decision.trace_id = ${values.add(traceId)}`)
  if (kind !== null) conditions.push(`decision.kind = ${values.add(kind)}`)
  return conditions
}
