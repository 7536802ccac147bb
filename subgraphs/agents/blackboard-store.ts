import type { Position } from '../../lib/cursor.ts'
import type { Database, Transaction } from '../../stores/postgres/postgres.ts'

/** What is posted to a blackboard, as its row holds it. */
export interface EventRecord {
  readonly id: string
  readonly ownerId: string
  readonly sessionId: string
  readonly sequence: number
  readonly type: string
  readonly performative: string
  readonly sourceId: string
  readonly targetId: string | null
  readonly payload: unknown
  readonly semanticContext: unknown
  readonly parentId: string | null
  readonly causalityChain: readonly string[]
  readonly logicalTimestamp: number
  readonly createdAt: Date
  /** Where the event stands in the log. */
  readonly position: Position
}

type Row = Omit<EventRecord, 'position'> & { epoch: number; xid: string; seq: string }

// Prisma cannot read the log's transaction ids, so the blackboard is read in SQL.
const columns = `id, owner_id AS "ownerId", session_id AS "sessionId", sequence, type, performative,
  source_id AS "sourceId", target_id AS "targetId", payload, semantic_context AS "semanticContext",
  parent_id AS "parentId", causality_chain::text[] AS "causalityChain", logical_timestamp AS "logicalTimestamp",
  created_at AS "createdAt", log_epoch AS epoch, log_xid::text AS xid, log_seq::text AS seq`

export async function findEvents(db: Database, ids: readonly string[]): Promise<EventRecord[]> {
  const sql = `SELECT ${columns} FROM agents.blackboard_events WHERE id = ANY ($1)`
  return (await db.query<Row>(sql, [ids])).map(toRecord)
}

/** A session's events after a place in the log. The log's order is the order of their sequence numbers. */
export async function listEvents(
  db: Database,
  sessionId: string,
  after: Position | null,
  limit: number,
): Promise<EventRecord[]> {
  const { epoch, xid, seq } = after ?? { epoch: 0, xid: 0n, seq: 0n }
  const rows = await db.query<Row>(
    `SELECT ${columns} FROM agents.blackboard_events
     WHERE session_id = $1 AND (log_epoch, log_xid, log_seq) > ($2, $3::text::xid8, $4::bigint)
     ORDER BY log_epoch, log_xid, log_seq LIMIT $5`,
    [sessionId, epoch, String(xid), String(seq), limit],
  )
  return rows.map(toRecord)
}

export async function countEvents(db: Database, sessionId: string): Promise<number> {
  return db.prisma.blackboardEvent.count({ where: { sessionId } })
}

/** Whether the viewer has such a session: the memory room's one answer to other rooms. */
export async function sessionExists(db: Database, sessionId: string): Promise<boolean> {
  const [row] = await db.query<{ found: boolean }>('SELECT memory.session_exists($1) AS found', [sessionId])
  return row?.found === true
}

/**
 * The next numbers of a session's blackboard: its sequence, and a Lamport time above all before and above what the
 * poster has seen. The row stays locked until the transaction ends, so no number is left out.
 */
export async function nextNumbers(
  tx: Transaction,
  board: { readonly sessionId: string; readonly tenantId: string; readonly ownerId: string },
  seen: number,
): Promise<{ readonly sequence: number; readonly logicalTimestamp: number }> {
  const [row] = await tx.query<{ sequence: number; logicalTimestamp: number }>(
    `INSERT INTO agents.blackboards (session_id, tenant_id, owner_id, sequence, logical_timestamp)
     VALUES ($1, $2, $3, 1, $4::integer + 1)
     ON CONFLICT (session_id) DO UPDATE SET sequence = blackboards.sequence + 1,
       logical_timestamp = greatest(blackboards.logical_timestamp, $4::integer) + 1
     RETURNING sequence, logical_timestamp AS "logicalTimestamp"`,
    [board.sessionId, board.tenantId, board.ownerId, seen],
  )
  if (!row) throw new Error('the blackboard gave no numbers')
  return row
}

export async function insertEvent(tx: Transaction, tenantId: string, event: EventRecord): Promise<void> {
  const { position, semanticContext } = event
  await tx.query(
    `INSERT INTO agents.blackboard_events (id, tenant_id, owner_id, session_id, sequence, type, performative, source_id,
       target_id, payload, semantic_context, parent_id, causality_chain, logical_timestamp, created_at,
       log_epoch, log_xid, log_seq)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11::jsonb, $12, $13, $14, $15, $16, $17::text::xid8, $18)`,
    [
      event.id,
      tenantId,
      event.ownerId,
      event.sessionId,
      event.sequence,
      event.type,
      event.performative,
      event.sourceId,
      event.targetId,
      JSON.stringify(event.payload),
      semanticContext === null ? null : JSON.stringify(semanticContext),
      event.parentId,
      event.causalityChain,
      event.logicalTimestamp,
      event.createdAt,
      position.epoch,
      String(position.xid),
      String(position.seq),
    ],
  )
}

function toRecord({ epoch, xid, seq, ...row }: Row): EventRecord {
  return { ...row, position: { epoch, xid: BigInt(xid), seq: BigInt(seq) } }
}
