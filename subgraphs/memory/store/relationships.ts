import type { Viewer } from '../../../lib/context.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import { given } from '../../given.ts'
import type { RelationshipRecord } from '../relation-records.ts'
import type { ListSource } from './pages.ts'

const columns = (link: string) => `${link}.id, ${link}.owner_id AS "ownerId", ${link}.ordinal::float8 AS ordinal,
  ${link}.source_id AS "fromId", ${link}.target_id AS "toId", ${link}.relationship_type AS type, ${link}.confidence,
  ${link}.metadata, ${link}.created_at AS "createdAt", ${link}.updated_at AS "updatedAt"`

/** The relationships of memories, from either end, the latest first. */
export const relationships: ListSource = {
  columns: columns('link'),
  from: `(SELECT *, source_id AS memory_id, 'OUTGOING' AS direction FROM memory.relationships
    UNION ALL SELECT *, target_id, 'INCOMING' FROM memory.relationships) AS link`,
  parent: 'link.memory_id',
  key: 'link.ordinal',
  keyName: 'ordinal',
  order: 'DESC',
}

export function relationshipsByIds(db: Database, ids: readonly string[]): Promise<RelationshipRecord[]> {
  return db.query(
    `SELECT ${columns('relationships')} FROM memory.relationships WHERE relationships.id = ANY (${given('$1')})`,
    [ids],
  )
}

export async function findRelationship(
  db: Database,
  { fromId, toId, type }: Pick<RelationshipRecord, 'fromId' | 'toId' | 'type'>,
): Promise<RelationshipRecord | null> {
  const [row] = await db.query<RelationshipRecord>(
    `SELECT ${columns('relationships')} FROM memory.relationships
     WHERE source_id = $1 AND target_id = $2 AND relationship_type = $3`,
    [fromId, toId, type],
  )
  return row ?? null
}

/** What the viewer himself says of how memories relate to others. */
export function ownRelationshipsFrom(db: Database, memoryIds: readonly string[]): Promise<RelationshipRecord[]> {
  return db.query(
    `SELECT ${columns('relationships')} FROM memory.relationships
     WHERE source_id = ANY ($1::uuid[]) AND owner_id = (SELECT app.current_user_id()) ORDER BY relationships.ordinal`,
    [memoryIds],
  )
}

/** How many lead from a memory to others. */
export async function countFrom(db: Database, memoryId: string): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    'SELECT count(*)::integer AS count FROM memory.relationships WHERE source_id = $1',
    [memoryId],
  )
  return row?.count ?? 0
}

export interface RelationshipDraft {
  readonly id: string
  readonly fromId: string
  readonly toId: string
  readonly type: string
  readonly confidence: number
  readonly metadata: unknown
}

/** Adds relationships; those that are said already stay as they are. */
export async function insertRelationships(
  tx: Transaction,
  { tenantId, userId }: Viewer,
  drafts: readonly RelationshipDraft[],
  now: Date,
): Promise<void> {
  if (drafts.length === 0) return
  await tx.query(
    `INSERT INTO memory.relationships (id, tenant_id, owner_id, source_id, target_id, relationship_type, confidence, metadata,
                                       created_at, updated_at)
     SELECT id, $1, $2, "fromId", "toId", type, confidence, nullif(metadata, 'null'), $3, $3
     FROM json_to_recordset($4::json) AS item (id uuid, "fromId" uuid, "toId" uuid, type text, confidence float8, metadata jsonb)
     ON CONFLICT (source_id, target_id, relationship_type) DO NOTHING`,
    [tenantId, userId, now, JSON.stringify(drafts)],
  )
}

export async function updateRelationship(
  tx: Transaction,
  id: string,
  { confidence, metadata }: Pick<RelationshipDraft, 'confidence' | 'metadata'>,
  now: Date,
): Promise<void> {
  await tx.query('UPDATE memory.relationships SET confidence = $2, metadata = $3, updated_at = $4 WHERE id = $1', [
    id,
    confidence,
    metadata == null ? null : JSON.stringify(metadata),
    now,
  ])
}

export async function removeRelationship(tx: Transaction, id: string): Promise<void> {
  await tx.query('DELETE FROM memory.relationships WHERE id = $1', [id])
}
