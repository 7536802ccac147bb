import { createHash } from 'node:crypto'
import type { Viewer } from '../../../lib/context.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import type { SourceKind } from '../relation-records.ts'
import type { MemoryDraft } from './drafts.ts'
import type { ListSource } from './pages.ts'

/** What memories were made from: their own first source, which their first revision tells, and then the others. */
export const sources: ListSource = {
  columns: `source.ordinal::float8 AS ordinal, source.kind, source.message_id AS "messageId",
    source.source_memory_id AS "sourceMemoryId", source.occurred_at AS "occurredAt", source.created_at AS "createdAt"`,
  from: `(SELECT memories.id AS memory_id, 0 AS ordinal,
      CASE WHEN memories.message_id IS NULL THEN 'STATEMENT' ELSE 'MESSAGE' END AS kind, memories.message_id,
      NULL::uuid AS source_memory_id, coalesce(first.occurred_at, memories.created_at) AS occurred_at, memories.created_at
    FROM memory.memories LEFT JOIN memory.revisions AS first ON first.memory_id = memories.id AND first.version = 1
    WHERE memories.forgotten_at IS NULL
    UNION ALL
    SELECT memory_id, ordinal, kind, message_id, source_memory_id, occurred_at, created_at FROM memory.sources) AS source`,
  parent: 'source.memory_id',
  key: 'source.ordinal',
  keyName: 'ordinal',
  order: 'ASC',
}

export interface SourceDraft {
  readonly id: string
  readonly memoryId: string
  readonly kind: SourceKind
  readonly messageId: string | null
  readonly sourceMemoryId: string | null
  readonly occurredAt: Date
}

export async function insertSources(
  tx: Transaction,
  { tenantId, userId }: Viewer,
  drafts: readonly SourceDraft[],
  now: Date,
): Promise<void> {
  if (drafts.length === 0) return
  await tx.query(
    `INSERT INTO memory.sources (id, tenant_id, owner_id, memory_id, kind, message_id, source_memory_id, occurred_at, created_at)
     SELECT id, $1, $2, "memoryId", kind, "messageId", "sourceMemoryId", "occurredAt", $3
     FROM json_to_recordset($4::json) AS item (id uuid, "memoryId" uuid, kind text, "messageId" uuid, "sourceMemoryId" uuid,
                                               "occurredAt" timestamptz)`,
    [tenantId, userId, now, JSON.stringify(drafts)],
  )
}

/**
 * The owner's memories that say exactly what drafts say: the same words of the same speaker in the same session, under
 * the same tier, visibility, metadata and retention. A draft that says when it happened is the same only as what happened then; a memory
 * that has a name of the client's is never merged with anything.
 * @returns by the draft's id
 */
export async function findTwins(
  db: Database,
  { userId }: Viewer,
  drafts: readonly MemoryDraft[],
): Promise<Map<string, string>> {
  if (drafts.length === 0) return new Map()
  const rows = drafts.map((draft) => ({
    id: draft.id,
    session_id: draft.sessionId,
    speaker: draft.speaker,
    content_hash: `\\x${createHash('sha256').update(draft.content).digest('hex')}`,
    tier: draft.tier,
    visibility: draft.visibility,
    metadata: draft.metadata ?? null,
    occurred_at: draft.timeInferred ? null : draft.occurredAt,
    retention_until: draft.retentionUntil,
  }))
  const found = await db.query<{ draft: string; id: string }>(TWINS, [userId, JSON.stringify(rows)])
  return new Map(found.map(({ draft, id }) => [draft, id]))
}

/** By its hash first, then each memory by its id: otherwise the planner may begin with all memories that have no external id. */
const TWINS = `SELECT given.id AS draft, twin.id
  FROM json_to_recordset($2::json) AS given (id uuid, session_id uuid, speaker text, content_hash bytea, tier text, visibility text,
    metadata jsonb, occurred_at timestamptz, retention_until timestamptz)
  CROSS JOIN LATERAL (
    SELECT memory.id FROM (
      SELECT memory_id FROM memory.revisions
      WHERE revisions.owner_id = $1 AND revisions.content_hash = given.content_hash
        AND revisions.known_until IS NULL AND revisions.tier = given.tier AND revisions.visibility = given.visibility
        AND revisions.metadata IS NOT DISTINCT FROM nullif(given.metadata, 'null')
        AND revisions.retention_asked IS NOT DISTINCT FROM given.retention_until
        AND (given.occurred_at IS NULL OR revisions.occurred_at = given.occurred_at)
      OFFSET 0
    ) AS said
    CROSS JOIN LATERAL (SELECT * FROM memory.memories WHERE memories.id = said.memory_id OFFSET 0) AS memory
    WHERE memory.forgotten_at IS NULL AND memory.external_id IS NULL
      AND memory.session_id IS NOT DISTINCT FROM given.session_id AND memory.speaker IS NOT DISTINCT FROM given.speaker
    ORDER BY memory.ordinal LIMIT 1
  ) AS twin`

/** What engines made of the contents of these revisions. */
export async function contextAnalyses(
  db: Database,
  keys: readonly string[],
): Promise<Map<string, { readonly analysis: unknown }>> {
  const rows = await db.query<{ key: string; analysis: unknown }>(
    `SELECT asked.key, revisions.context_analysis AS analysis
     FROM unnest($1::text[]) AS asked (key)
     JOIN memory.revisions ON revisions.memory_id = split_part(asked.key, ' ', 1)::uuid
       AND revisions.version = split_part(asked.key, ' ', 2)::integer
     WHERE revisions.context_analysis IS NOT NULL`,
    [keys],
  )
  return new Map(rows.map(({ key, analysis }) => [key, { analysis }]))
}
