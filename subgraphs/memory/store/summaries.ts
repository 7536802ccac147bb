import type { Viewer } from '../../../lib/context.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import { given } from '../../given.ts'
import type { SummaryRecord } from '../records.ts'

/** The summaries of sessions, each under its session's id. */
export function summariesOf(db: Database, sessionIds: readonly string[]): Promise<SummaryRecord[]> {
  return db.query(
    `SELECT summary.session_id AS id, summary.summary AS text, summary.key_topics AS "keyTopics",
       summary.source_ids AS "sourceIds", summary.model, summary.message_count AS "messageCount", summary.version,
       summary.created_at AS "createdAt", summary.updated_at AS "updatedAt"
     FROM memory.session_summaries AS summary WHERE summary.session_id = ANY (${given('$1')})`,
    [sessionIds],
  )
}

export interface TalkMessage {
  readonly id: string
  readonly role: 'USER' | 'ASSISTANT'
  readonly content: string
}

const latest = 1_000
const charactersEach = 8_000

/** What user and assistant said last in a session, in order; of a long message its beginning. */
export async function talkOf(db: Database, sessionId: string): Promise<TalkMessage[]> {
  const rows = await db.query<TalkMessage>(
    `SELECT id, role, left(content, ${charactersEach}) AS content FROM memory.messages
     WHERE session_id = $1 AND role IN ('USER', 'ASSISTANT') AND content <> '' ORDER BY position DESC LIMIT ${latest}`,
    [sessionId],
  )
  return rows.reverse()
}

export interface SummaryDraft
  extends Omit<SummaryRecord, 'id' | 'version' | 'messageCount' | 'createdAt' | 'updatedAt'> {
  readonly id: string
  readonly sessionId: string
}

/** Takes a session's summary away; answers its last version, or null when there is none. */
export async function removeSummary(tx: Transaction, sessionId: string): Promise<number | null> {
  const [row] = await tx.query<{ version: number }>(
    'DELETE FROM memory.session_summaries WHERE session_id = $1 RETURNING version',
    [sessionId],
  )
  return row?.version ?? null
}

/** Puts a session's summary in, or in the place of the one before; answers its version. */
export async function putSummary(tx: Transaction, viewer: Viewer, draft: SummaryDraft, now: Date): Promise<number> {
  const [row] = await tx.query<{ version: number }>(
    `INSERT INTO memory.session_summaries AS old (id, tenant_id, owner_id, session_id, summary, key_topics, source_ids,
       message_count, model, created_at, updated_at)
     SELECT $1, $2, $3, session.id, $5, $6, $7, session.message_count - session.deleted_messages, $8, $9, $9
     FROM memory.chat_sessions AS session WHERE session.id = $4
     ON CONFLICT (session_id) DO UPDATE SET summary = excluded.summary, key_topics = excluded.key_topics,
       source_ids = excluded.source_ids, message_count = excluded.message_count, model = excluded.model,
       version = old.version + 1, updated_at = excluded.updated_at
     RETURNING version`,
    [
      draft.id,
      viewer.tenantId,
      viewer.userId,
      draft.sessionId,
      draft.text,
      draft.keyTopics,
      draft.sourceIds,
      draft.model,
      now,
    ],
  )
  return row?.version ?? 1
}
