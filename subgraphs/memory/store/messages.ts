import type { Viewer } from '../../../lib/context.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import type { MessageRole, ToolCall } from '../records.ts'

/** A message about to be added. */
export interface MessageDraft {
  readonly id: string
  readonly position: number
  readonly role: MessageRole
  readonly name: string | null
  /** `null` too when the content is the prompt's. */
  readonly content: string | null
  readonly promptId: string | null
  readonly toolCalls: readonly ToolCall[]
  readonly toolCallId: string | null
  readonly externalId: string | null
  readonly occurredAt: Date
  readonly timeInferred: boolean
}

/** Where a session goes on. */
export interface SessionTail {
  readonly active: boolean
  /** Every message it has ever had: the next one's position. */
  readonly messageCount: number
  readonly memoryCount: number
  /** The time guessed for its last message, when it was guessed. */
  readonly lastInferredAt: Date | null
  /** Of the names asked for, the messages that have them. */
  readonly named: ReadonlyMap<string, string>
}

export async function readTail(
  db: Database,
  viewer: Viewer,
  sessionId: string,
  names: readonly string[],
): Promise<SessionTail | null> {
  const [row] = await db.query<Omit<SessionTail, 'named'> & { readonly named: [string, string][] | null }>(
    `SELECT session.active, session.message_count AS "messageCount", session.memory_count AS "memoryCount",
       (SELECT message.occurred_at FROM memory.messages AS message
        WHERE message.session_id = session.id AND message.position = session.message_count - 1
          AND message.time_inferred) AS "lastInferredAt",
       (SELECT json_agg(json_build_array(message.external_id, message.id)) FROM memory.messages AS message
        WHERE message.session_id = session.id AND message.external_id = ANY ($3::text[])) AS named
     FROM memory.chat_sessions AS session WHERE session.id = $1 AND session.owner_id = $2`,
    [sessionId, viewer.userId, names],
  )
  return row ? { ...row, named: new Map(row.named) } : null
}

/** A system prompt: long, and the same in many sessions, so stored once for its owner. */
export interface PromptDraft {
  readonly id: string
  /** SHA-256 of the content, in hexadecimal. */
  readonly hash: string
  readonly content: string
}

/** A prompt as it is stored, by its hash. */
export interface StoredPrompt {
  readonly id: string
  readonly hash: string
  /** Whether a memory has been made of it, even if it has been forgotten since. */
  readonly remembered: boolean
}

/** The owner's prompts among these, by their hashes; held, so that none is removed as one that nothing begins with. */
export async function findPrompts(
  tx: Transaction,
  { userId }: Viewer,
  prompts: readonly PromptDraft[],
): Promise<Map<string, StoredPrompt>> {
  if (prompts.length === 0) return new Map()
  const rows = await tx.query<StoredPrompt>(
    `SELECT id, encode(content_hash, 'hex') AS hash, memory_id IS NOT NULL AS remembered FROM memory.prompts
     WHERE owner_id = $1 AND content_hash IN (SELECT decode(hash, 'hex') FROM unnest($2::text[]) AS hash)
     FOR KEY SHARE`,
    [userId, prompts.map(({ hash }) => hash)],
  )
  return new Map(rows.map((row) => [row.hash, row]))
}

/** Stores the prompts that are not known yet; answers each by its hash. */
export async function keepPrompts(
  tx: Transaction,
  viewer: Viewer,
  prompts: readonly PromptDraft[],
  known: Map<string, StoredPrompt>,
  now: Date,
): Promise<Map<string, StoredPrompt>> {
  const unknown = prompts.filter(({ hash }) => !known.has(hash))
  if (unknown.length === 0) return known
  await tx.query(
    `INSERT INTO memory.prompts (id, tenant_id, owner_id, content_hash, content, created_at)
     SELECT id, $1, $2, decode(hash, 'hex'), content, $3
     FROM json_to_recordset($4::json) AS item (id uuid, hash text, content text) ORDER BY hash
     ON CONFLICT (owner_id, content_hash) DO NOTHING`,
    [viewer.tenantId, viewer.userId, now, JSON.stringify(unknown)],
  )
  // Another session may have brought the same prompt in the meantime: what is there now counts.
  return findPrompts(tx, viewer, prompts)
}

/**
 * Names the memory to be made of each prompt, where none was ever made.
 * @param claims the prompt's id to the id of its memory-to-be.
 * @returns the memories that are to be made.
 */
export async function claimPrompts(tx: Transaction, claims: ReadonlyMap<string, string>): Promise<Set<string>> {
  if (claims.size === 0) return new Set()
  const rows = await tx.query<{ memoryId: string }>(
    `UPDATE memory.prompts SET memory_id = claim.memory_id
     FROM unnest($1::uuid[], $2::uuid[]) AS claim (prompt_id, memory_id)
     WHERE prompts.id = claim.prompt_id AND prompts.memory_id IS NULL
     RETURNING prompts.memory_id AS "memoryId"`,
    [[...claims.keys()], [...claims.values()]],
  )
  return new Set(rows.map((row) => row.memoryId))
}

/** Adds messages to a session, which must be locked, and counts them and the memories to be made of them. */
export async function insertMessages(
  tx: Transaction,
  viewer: Viewer,
  sessionId: string,
  messages: readonly MessageDraft[],
  memories: number,
  now: Date,
): Promise<void> {
  if (messages.length === 0) return
  await tx.query(
    `WITH counted AS (
       UPDATE memory.chat_sessions
       SET message_count = message_count + $5, memory_count = memory_count + $6, updated_at = $4 WHERE id = $3
     )
     INSERT INTO memory.messages (id, tenant_id, owner_id, session_id, position, role, name, content, prompt_id, tool_calls,
                                  tool_call_id, external_id, occurred_at, time_inferred, created_at)
     SELECT id, $1, $2, $3, position, role, name, content, "promptId", "toolCalls", "toolCallId", "externalId",
            "occurredAt", "timeInferred", $4
     FROM json_to_recordset($7::json) AS item (id uuid, position integer, role text, name text, content text,
       "promptId" uuid, "toolCalls" jsonb, "toolCallId" text, "externalId" text, "occurredAt" timestamptz,
       "timeInferred" boolean)`,
    [viewer.tenantId, viewer.userId, sessionId, now, messages.length, memories, JSON.stringify(messages)],
  )
}
