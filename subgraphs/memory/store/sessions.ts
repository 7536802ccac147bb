import type { Page } from '../../../lib/connection.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import { given } from '../../given.ts'
import type { MessageRecord, SessionFilter, SessionRecord } from '../records.ts'
import type { Values } from './keyset.ts'
import { countsUnder, type ListSource, pagesUnder } from './pages.ts'

const sessionColumns = `session.id, session.owner_id AS "ownerId", session.ordinal::float8 AS ordinal, session.mode,
  session.title, session.parent_id AS "parentId", session.external_id AS "externalId", session.configuration,
  session.metadata, session.active, session.message_count - session.deleted_messages AS "messageCount", session.version,
  session.consensus_node_id AS "consensusNodeId",
  session.created_at AS "createdAt", session.updated_at AS "updatedAt", session.ended_at AS "endedAt"`

const sessions: ListSource = {
  columns: sessionColumns,
  from: 'memory.chat_sessions AS session',
  parent: 'session.owner_id',
  key: 'session.ordinal',
  keyName: 'ordinal',
  order: 'DESC',
}

/** The sessions that continue others. */
export const childSessions: ListSource = { ...sessions, parent: 'session.parent_id' }

export async function sessionsByIds(db: Database, ids: readonly string[]): Promise<SessionRecord[]> {
  const rows = await db.prisma.chatSession.findMany({ where: { id: { in: [...ids] } } })
  return rows.map(({ deletedMessages, ...row }) => {
    return { ...row, messageCount: row.messageCount - deletedMessages, ordinal: Number(row.ordinal) } as SessionRecord
  })
}

/** Puts what is said of a session in the place of what was. */
export async function updateSession(
  tx: Transaction,
  id: string,
  {
    mode,
    title,
    configuration,
    metadata,
    consensusNodeId,
    version,
  }: Pick<SessionRecord, 'mode' | 'title' | 'configuration' | 'metadata' | 'consensusNodeId' | 'version'>,
  now: Date,
): Promise<void> {
  await tx.query(
    `UPDATE memory.chat_sessions SET mode = $2, title = $3, configuration = $4, metadata = $5, version = $6, updated_at = $7,
       consensus_node_id = $8
     WHERE id = $1`,
    [
      id,
      mode,
      title,
      JSON.stringify(configuration),
      metadata == null ? null : JSON.stringify(metadata),
      version,
      now,
      consensusNodeId,
    ],
  )
}

export function sessionPages(db: Database, owners: readonly string[], filter: SessionFilter, page: Page) {
  return pagesUnder<SessionRecord>(db, sessions, owners, page, (values) => sessionConditions(filter, values))
}

export function sessionCounts(db: Database, owners: readonly string[], filter: SessionFilter) {
  return countsUnder(db, sessions, owners, (values) => sessionConditions(filter, values))
}

function sessionConditions({ mode, active }: SessionFilter, values: Values): string[] {
  const conditions: string[] = []
  if (mode != null) conditions.push(`session.mode = ${values.add(mode)}`)
  if (active != null) conditions.push(`session.active = ${values.add(active)}`)
  return conditions
}

const messages: ListSource = {
  columns: `message.id, message.session_id AS "sessionId", message.position, message.role, message.name,
    coalesce(message.content, prompt.content) AS content, message.tool_calls AS "toolCalls",
    message.tool_call_id AS "toolCallId", message.external_id AS "externalId", message.occurred_at AS "occurredAt",
    message.time_inferred AS "timeInferred"`,
  from: 'memory.messages AS message LEFT JOIN memory.prompts AS prompt ON prompt.id = message.prompt_id',
  parent: 'message.session_id',
  key: 'message.position',
  keyName: 'position',
  order: 'ASC',
}

export async function messagesByIds(db: Database, ids: readonly string[]): Promise<MessageRecord[]> {
  return db.query(`SELECT ${messages.columns} FROM ${messages.from} WHERE message.id = ANY (${given('$1')})`, [ids])
}

export function messagePages(db: Database, sessionIds: readonly string[], page: Page) {
  return pagesUnder<MessageRecord>(db, messages, sessionIds, page)
}
