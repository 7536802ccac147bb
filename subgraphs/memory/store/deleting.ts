import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'

/** A message that is about to go, with what hangs on it. */
export interface Going {
  readonly id: string
  readonly sessionId: string
  readonly promptId: string | null
}

export async function messageOf(db: Database, id: string): Promise<Going | null> {
  const [row] = await db.query<Going>(
    `SELECT id, session_id AS "sessionId", prompt_id AS "promptId" FROM memory.messages
     WHERE id = $1 AND owner_id = (SELECT app.current_user_id())`,
    [id],
  )
  return row ?? null
}

/** A turn of a message that is about to go: one that asks goes with it, one that answers loses its answer. */
export interface GoingTurn {
  readonly id: string
  readonly goes: boolean
  readonly vectorIds: readonly string[]
}

export function turnsOfMessage(db: Database, messageId: string): Promise<GoingTurn[]> {
  return db.query(
    `SELECT id, question_id = $1 AS goes,
       array_remove(ARRAY[CASE WHEN question_id = $1 THEN question_vector_id END, answer_vector_id], NULL)::text[] AS "vectorIds"
     FROM memory.chat_turns WHERE question_id = $1 OR answer_id = $1`,
    [messageId],
  )
}

/** Removes a message; what hangs on it goes by its foreign keys. */
export async function removeMessage(tx: Transaction, { id, sessionId }: Going, now: Date): Promise<void> {
  await tx.query('DELETE FROM memory.messages WHERE id = $1', [id])
  await tx.query(
    'UPDATE memory.chat_sessions SET deleted_messages = deleted_messages + 1, updated_at = $2 WHERE id = $1',
    [sessionId, now],
  )
}

/** Removes a session; what hangs on it goes by its foreign keys. */
export async function removeSession(tx: Transaction, id: string): Promise<void> {
  await tx.query('DELETE FROM memory.chat_sessions WHERE id = $1', [id])
}

/** The prompts that a session's messages begin with. */
export async function promptsOfSession(db: Database, sessionId: string): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    'SELECT DISTINCT prompt_id AS id FROM memory.messages WHERE session_id = $1 AND prompt_id IS NOT NULL',
    [sessionId],
  )
  return rows.map(({ id }) => id)
}

/** The memories made of prompts that no message begins with any more. */
export async function memoriesOfPrompts(db: Database, promptIds: readonly string[]): Promise<string[]> {
  if (promptIds.length === 0) return []
  const rows = await db.query<{ id: string }>(
    `SELECT memory_id AS id FROM memory.prompts WHERE id = ANY ($1::uuid[]) AND memory_id IS NOT NULL
       AND NOT EXISTS (SELECT FROM memory.messages WHERE messages.prompt_id = prompts.id)`,
    [promptIds],
  )
  return rows.map(({ id }) => id)
}

/**
 * Removes those of these prompts that no message begins with any more. One that somebody is about to begin with is held
 * by him and stays; so does one whose memory is there, which is not to be made again.
 */
export async function removePrompts(tx: Transaction, promptIds: readonly string[]): Promise<void> {
  if (promptIds.length === 0) return
  await tx.query(
    `DELETE FROM memory.prompts WHERE id IN (
       SELECT id FROM memory.prompts AS prompt WHERE id = ANY ($1::uuid[])
         AND NOT EXISTS (SELECT FROM memory.memories WHERE memories.id = prompt.memory_id AND memories.forgotten_at IS NULL)
       FOR UPDATE SKIP LOCKED)
     AND NOT EXISTS (SELECT FROM memory.messages WHERE messages.prompt_id = prompts.id)`,
    [promptIds],
  )
}

/** Whether all of these messages are there. */
export async function allThere(db: Database, messageIds: readonly string[]): Promise<boolean> {
  const [row] = await db.query<{ count: number }>(
    'SELECT count(*)::integer AS count FROM memory.messages WHERE id = ANY ($1::uuid[])',
    [messageIds],
  )
  return row?.count === messageIds.length
}
