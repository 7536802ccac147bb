import type { Viewer } from '../../../lib/context.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import { given } from '../../given.ts'
import type { ChatMode, RouterHourRecord, RoutingRecord } from '../records.ts'
import type { PastDecision } from '../routing/similar.ts'
import type { Values } from './keyset.ts'
import type { ListSource } from './pages.ts'

/** The decisions under sessions, the newest first. */
export const decisions: ListSource = {
  columns: `decision.id, decision.session_id AS "sessionId", decision.ordinal::float8 AS ordinal, decision.request,
    decision.mode, decision.decision, decision.tools, decision.complexity, decision.confidence,
    decision.processing_time_ms AS "processingTimeMs", decision.tokens_used AS "tokensUsed", decision.model,
    decision.success, decision.error, decision.blackboard_event_id AS "blackboardEventId",
    decision.created_at AS "createdAt"`,
  from: 'memory.router_decisions AS decision',
  parent: 'decision.session_id',
  key: 'decision.ordinal',
  keyName: 'ordinal',
  order: 'DESC',
}

/** The same of an owner's sessions together. */
export const decisionsOfOwner: ListSource = { ...decisions, parent: 'decision.owner_id' }

export interface DecisionFilter {
  readonly success?: boolean | null
  readonly model?: string | null
  readonly mode?: ChatMode | null
}

export function decisionConditions({ success, model, mode }: DecisionFilter, values: Values): string[] {
  return [
    ...(success == null ? [] : [`decision.success = ${values.add(success)}`]),
    ...(model == null ? [] : [`decision.model = ${values.add(model)}`]),
    ...(mode == null ? [] : [`decision.mode = ${values.add(mode)}`]),
  ]
}

export function decisionsByIds(db: Database, ids: readonly string[]): Promise<RoutingRecord[]> {
  return db.query(`SELECT ${decisions.columns} FROM ${decisions.from} WHERE decision.id = ANY (${given('$1')})`, [ids])
}

/** How far back experience reaches. */
const mostPast = 2000

/** The owner's latest decisions, as far as requests are compared with them. */
export function pastDecisions(db: Database, { userId }: Viewer): Promise<PastDecision[]> {
  return db.query(
    `SELECT id, terms, tools, mode, success FROM memory.router_decisions
     WHERE owner_id = $1 ORDER BY ordinal DESC LIMIT ${mostPast}`,
    [userId],
  )
}

/** What the session's latest decision used. */
export async function lastToolsOf(db: Database, sessionId: string): Promise<readonly string[]> {
  const [row] = await db.query<{ tools: string[] }>(
    'SELECT tools FROM memory.router_decisions WHERE session_id = $1 ORDER BY ordinal DESC LIMIT 1',
    [sessionId],
  )
  return row?.tools ?? []
}

/** Whether the viewer's blackboards have an event of that id. */
export async function eventExists(db: Database, id: string): Promise<boolean> {
  const [row] = await db.query<{ found: boolean }>('SELECT agents.event_exists($1) AS found', [id])
  return row?.found ?? false
}

export interface DecisionDraft extends Omit<RoutingRecord, 'ordinal' | 'createdAt'> {
  readonly terms: readonly string[]
}

export async function insertDecision(tx: Transaction, viewer: Viewer, draft: DecisionDraft, now: Date): Promise<void> {
  await tx.query(
    `INSERT INTO memory.router_decisions (id, tenant_id, owner_id, session_id, request, terms, mode, decision, tools,
       complexity, confidence, processing_time_ms, tokens_used, model, success, error, blackboard_event_id, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
    [
      draft.id,
      viewer.tenantId,
      viewer.userId,
      draft.sessionId,
      draft.request,
      draft.terms,
      draft.mode,
      JSON.stringify(draft.decision),
      draft.tools,
      draft.complexity,
      draft.confidence,
      draft.processingTimeMs,
      draft.tokensUsed,
      draft.model,
      draft.success,
      draft.error === null ? null : JSON.stringify(draft.error),
      draft.blackboardEventId,
      now,
    ],
  )
}

/** @returns whether there was one of the viewer's. */
export async function removeDecision(tx: Transaction, id: string): Promise<boolean> {
  const rows = await tx.query('DELETE FROM memory.router_decisions WHERE id = $1 RETURNING id', [id])
  return rows.length > 0
}

/** The owner's decisions, hour by hour, up to the hour of a moment; hours without any too. */
export function routerHours(db: Database, { userId }: Viewer, hours: number, now: Date): Promise<RouterHourRecord[]> {
  return db.query(
    `WITH span AS (
       SELECT date_trunc('hour', $2::timestamptz, 'UTC') AS last,
              date_trunc('hour', $2::timestamptz, 'UTC') - make_interval(hours => $3 - 1) AS first
     ), counted AS (
       SELECT date_trunc('hour', created_at, 'UTC') AS hour, count(*)::integer AS requests,
              (count(*) FILTER (WHERE success))::integer AS succeeded, avg(processing_time_ms)::float8 AS time,
              avg(complexity) AS complexity, avg(confidence) AS confidence,
              least(sum(tokens_used), 2147483647)::integer AS tokens
       FROM memory.router_decisions, span
       WHERE owner_id = $1 AND created_at >= span.first AND created_at < span.last + interval '1 hour'
       GROUP BY 1
     )
     SELECT hour AS "startsAt", coalesce(requests, 0) AS requests, coalesce(succeeded, 0) AS succeeded,
            succeeded::float8 / requests AS "successRate", time AS "averageProcessingTimeMs",
            complexity AS "averageComplexity", confidence AS "averageConfidence", coalesce(tokens, 0) AS "tokensUsed"
     FROM span CROSS JOIN LATERAL generate_series(span.first, span.last, interval '1 hour') AS every (hour)
     LEFT JOIN counted USING (hour) ORDER BY hour`,
    [userId, now, hours],
  )
}
