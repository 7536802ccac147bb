import type { Viewer } from '../../../lib/context.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import { given } from '../../given.ts'
import type { ListSource } from './pages.ts'

/** One turn of a chat, as the room's store reads it. */
export interface TurnRecord {
  readonly id: string
  readonly ownerId: string
  readonly ordinal: number
  readonly sessionId: string
  readonly questionId: string
  readonly answerId: string | null
  readonly answeredBy: 'CLIENT' | 'MEMORY' | null
  readonly recalled: readonly Recalled[]
  readonly questionVectorId: string | null
  readonly answerVectorId: string | null
  readonly createdAt: Date
  readonly updatedAt: Date
}

export interface Recalled {
  readonly id: string
  readonly score: number
}

const columns = `turn.id, turn.owner_id AS "ownerId", turn.ordinal::float8 AS ordinal, turn.session_id AS "sessionId",
  turn.question_id AS "questionId", turn.answer_id AS "answerId", turn.answered_by AS "answeredBy", turn.recalled,
  turn.question_vector_id AS "questionVectorId", turn.answer_vector_id AS "answerVectorId",
  turn.created_at AS "createdAt", turn.updated_at AS "updatedAt"`

const from = 'memory.chat_turns AS turn'

export const turnsOfSession: ListSource = {
  columns,
  from,
  parent: 'turn.session_id',
  key: 'turn.ordinal',
  keyName: 'ordinal',
  order: 'DESC',
}

export function turnsByIds(db: Database, ids: readonly string[]): Promise<TurnRecord[]> {
  return db.query(`SELECT ${columns} FROM ${from} WHERE turn.id = ANY (${given('$1')})`, [ids])
}

/** The turns whose questions these vectors are of, by the vector. */
export async function turnsByVectors(db: Database, vectorIds: readonly string[]): Promise<Map<string, TurnRecord>> {
  const rows = await db.query<TurnRecord>(
    `SELECT ${columns} FROM ${from} WHERE turn.question_vector_id = ANY ($1::uuid[])`,
    [vectorIds],
  )
  return new Map(rows.map((row) => [row.questionVectorId ?? '', row]))
}

export type TurnDraft = Omit<TurnRecord, 'ownerId' | 'ordinal' | 'createdAt' | 'updatedAt'>

export async function insertTurn(tx: Transaction, viewer: Viewer, draft: TurnDraft, now: Date): Promise<void> {
  await tx.query(
    `INSERT INTO memory.chat_turns (id, tenant_id, owner_id, session_id, question_id, answer_id, answered_by, recalled,
                                    question_vector_id, answer_vector_id, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)`,
    [
      draft.id,
      viewer.tenantId,
      viewer.userId,
      draft.sessionId,
      draft.questionId,
      draft.answerId,
      draft.answeredBy,
      JSON.stringify(draft.recalled),
      draft.questionVectorId,
      draft.answerVectorId,
      now,
    ],
  )
}

export async function answerTurn(
  tx: Transaction,
  id: string,
  answer: { readonly messageId: string; readonly vectorId: string },
  now: Date,
): Promise<void> {
  await tx.query(
    `UPDATE memory.chat_turns SET answer_id = $2, answered_by = 'CLIENT', answer_vector_id = $3, updated_at = $4 WHERE id = $1`,
    [id, answer.messageId, answer.vectorId, now],
  )
}
