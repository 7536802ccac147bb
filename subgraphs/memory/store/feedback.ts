import type { Viewer } from '../../../lib/context.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import { given } from '../../given.ts'
import type { FeedbackRecord } from '../records.ts'
import type { ListSource } from './pages.ts'

/** The feedback on messages, the earliest first. */
export const feedback: ListSource = {
  columns: `feedback.id, feedback.message_id AS "messageId", feedback.owner_id AS "ownerId", feedback.ordinal::float8 AS ordinal,
    feedback.type, feedback.rating, feedback.comment, feedback.version, feedback.created_at AS "createdAt",
    feedback.updated_at AS "updatedAt"`,
  from: 'memory.message_feedback AS feedback',
  parent: 'feedback.message_id',
  key: 'feedback.ordinal',
  keyName: 'ordinal',
  order: 'ASC',
}

export function feedbackByIds(db: Database, ids: readonly string[]): Promise<FeedbackRecord[]> {
  return db.query(`SELECT ${feedback.columns} FROM ${feedback.from} WHERE feedback.id = ANY (${given('$1')})`, [ids])
}

/** Whether the viewer may see a message of that id. */
export async function messageVisible(db: Database, id: string): Promise<boolean> {
  const rows = await db.query('SELECT 1 FROM memory.messages WHERE id = $1', [id])
  return rows.length > 0
}

export type FeedbackDraft = Pick<FeedbackRecord, 'id' | 'messageId' | 'type' | 'rating' | 'comment'>

/** Puts the viewer's feedback in, or in the place of what he said before, which keeps its id. */
export async function putFeedback(
  tx: Transaction,
  viewer: Viewer,
  draft: FeedbackDraft,
  now: Date,
): Promise<Pick<FeedbackRecord, 'id' | 'version'>> {
  const [row] = await tx.query<Pick<FeedbackRecord, 'id' | 'version'>>(
    `INSERT INTO memory.message_feedback AS old (id, tenant_id, owner_id, message_id, type, rating, comment, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
     ON CONFLICT (message_id, owner_id) DO UPDATE SET type = excluded.type, rating = excluded.rating,
       comment = excluded.comment, version = old.version + 1, updated_at = excluded.updated_at
     RETURNING id, version`,
    [draft.id, viewer.tenantId, viewer.userId, draft.messageId, draft.type, draft.rating, draft.comment, now],
  )
  if (!row) throw new Error('what is put in is there')
  return row
}

/** Takes the viewer's feedback away; answers its last version, or null when there is none. */
export async function removeFeedback(tx: Transaction, { userId }: Viewer, messageId: string): Promise<number | null> {
  const [row] = await tx.query<{ version: number }>(
    'DELETE FROM memory.message_feedback WHERE message_id = $1 AND owner_id = $2 RETURNING version',
    [messageId, userId],
  )
  return row?.version ?? null
}
