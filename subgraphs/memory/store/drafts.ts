import type { Viewer } from '../../../lib/context.ts'
import type { Transaction } from '../../../stores/postgres/postgres.ts'
import { packForward } from '../recall/forward.ts'
import type { Analysis } from '../recall/tokens.ts'
import type { MemoryTier, Visibility } from '../records.ts'
import { insertPostings } from './postings.ts'

/** A memory about to be made. */
export interface MemoryDraft {
  readonly id: string
  readonly revisionId: string
  readonly sessionId: string | null
  readonly messageId: string | null
  /** Its place among the memories of its session. */
  readonly position: number | null
  readonly externalId: string | null
  readonly speaker: string | null
  readonly content: string
  /** What it is found by; made of the content. */
  readonly analysis: Analysis
  readonly tier: MemoryTier
  readonly visibility: Visibility
  readonly metadata: unknown
  /** What the client's engine made of the content. */
  readonly contextAnalysis?: unknown
  readonly occurredAt: Date
  readonly timeInferred: boolean
  readonly retentionUntil: Date | null
  /** What its owner asked for, where rules keep it for less. */
  readonly retentionAsked?: Date | null
}

/** Which corpus a memory is searched in: its owner's, or everybody's in the tenant. */
export function shelfOf(visibility: Visibility, ownerId: string, tenantId: string): string {
  return visibility === 'PUBLIC' ? tenantId : ownerId
}

/**
 * Makes memories of the viewer's with their first revisions and what they are found by: two statements, however many.
 */
export async function insertMemories(
  tx: Transaction,
  viewer: Viewer,
  drafts: readonly MemoryDraft[],
  now: Date,
): Promise<void> {
  if (drafts.length === 0) return
  const rows = drafts.map((draft, n) => ({
    n,
    id: draft.id,
    revision_id: draft.revisionId,
    session_id: draft.sessionId,
    message_id: draft.messageId,
    position: draft.position,
    external_id: draft.externalId,
    speaker: draft.speaker,
    content: draft.content,
    terms: Object.fromEntries(draft.analysis.terms),
    forward: packForward(draft.content, draft.occurredAt, draft.analysis).toString('base64'),
    tier: draft.tier,
    visibility: draft.visibility,
    metadata: draft.metadata ?? null,
    context_analysis: draft.contextAnalysis ?? null,
    occurred_at: draft.occurredAt,
    time_inferred: draft.timeInferred,
    retention_until: draft.retentionUntil,
    retention_asked: draft.retentionAsked === undefined ? draft.retentionUntil : draft.retentionAsked,
  }))
  const entries = drafts.map(({ id, analysis, visibility }) => ({
    memoryId: id,
    shelfId: shelfOf(visibility, viewer.userId, viewer.tenantId),
    analysis,
  }))
  await Promise.all([
    tx.query(INSERT, [viewer.tenantId, viewer.userId, now, JSON.stringify(rows)]),
    insertPostings(tx, viewer, entries),
  ])
}

const INSERT = `WITH given AS (
    SELECT * FROM json_to_recordset($4::json) AS item (n integer, id uuid, revision_id uuid, session_id uuid,
      message_id uuid, position integer, external_id text, speaker text, content text, terms jsonb, forward text, tier text, visibility text,
      metadata jsonb, context_analysis jsonb, occurred_at timestamptz, time_inferred boolean, retention_until timestamptz,
      retention_asked timestamptz)
  ), made AS (
    INSERT INTO memory.memories (id, tenant_id, owner_id, session_id, message_id, position, speaker, external_id, visibility,
                                 retention_until, created_at, updated_at, forward)
    SELECT id, $1, $2, session_id, message_id, position, speaker, external_id, visibility, retention_until, $3, $3,
           decode(forward, 'base64') FROM given ORDER BY n
  )
  INSERT INTO memory.revisions (id, memory_id, version, tenant_id, owner_id, content, content_hash, terms, tier, visibility, metadata,
                                context_analysis, occurred_at, time_inferred, retention_until, retention_asked, known_from)
  SELECT revision_id, id, 1, $1, $2, content, sha256(convert_to(content, 'UTF8')), terms, tier, visibility,
         metadata, nullif(context_analysis, 'null'), occurred_at, time_inferred, retention_until, retention_asked, $3
  FROM given ORDER BY n`

/** Gives each draft its place among the memories of its session; the sessions must be locked. */
export async function takePositions(tx: Transaction, drafts: readonly MemoryDraft[]): Promise<MemoryDraft[]> {
  const wanted = new Map<string, number>()
  for (const { sessionId } of drafts) if (sessionId) wanted.set(sessionId, (wanted.get(sessionId) ?? 0) + 1)
  if (wanted.size === 0) return [...drafts]
  const rows = await tx.query<{ id: string; next: number }>(
    `UPDATE memory.chat_sessions SET memory_count = memory_count + wanted.count
     FROM unnest($1::uuid[], $2::integer[]) AS wanted (id, count)
     WHERE chat_sessions.id = wanted.id
     RETURNING chat_sessions.id, chat_sessions.memory_count - wanted.count AS next`,
    [[...wanted.keys()], [...wanted.values()]],
  )
  const next = new Map(rows.map((row) => [row.id, row.next]))
  return drafts.map((draft) => {
    if (draft.sessionId === null) return draft
    const position = next.get(draft.sessionId) ?? 0
    next.set(draft.sessionId, position + 1)
    return { ...draft, position }
  })
}
