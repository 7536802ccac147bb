import type { Viewer } from '../../../lib/context.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'

/** An analysis as it is kept. */
export interface AnalysisRecord {
  /** SHA-256 of the content. */
  readonly contentHash: Buffer
  readonly engineVersion: string
  readonly result: unknown
  readonly confidence: number
  readonly createdAt: Date
  readonly expiresAt: Date
}

const columns = `content_hash AS "contentHash", engine_version AS "engineVersion", analysis_result AS result, confidence,
  created_at AS "createdAt", expires_at AS "expiresAt"`

/** What the owner has of contents, unless it is over. */
export function findAnalyses(
  db: Database,
  { userId }: Viewer,
  contentHashes: readonly Buffer[],
  engineVersion: string,
  now: Date,
): Promise<AnalysisRecord[]> {
  return db.query(
    `SELECT ${columns} FROM memory.context_analysis_cache
     WHERE owner_id = $1 AND content_hash = ANY ($2::bytea[]) AND engine_version = $3 AND expires_at > $4`,
    [userId, contentHashes, engineVersion, now],
  )
}

/**
 * Keeps analyses in place of those that are over; of two that come at once the later is kept. One statement, in the order
 * of their hashes, so that two batches do not wait for each other crosswise. Answers them as they are kept.
 */
export function putAnalyses(
  tx: Transaction,
  { tenantId, userId }: Viewer,
  drafts: readonly (AnalysisRecord & { readonly id: string })[],
): Promise<AnalysisRecord[]> {
  const items = drafts.map((draft) => ({ ...draft, contentHash: `\\x${draft.contentHash.toString('hex')}` }))
  return tx.query(
    `INSERT INTO memory.context_analysis_cache (id, tenant_id, owner_id, content_hash, engine_version, analysis_result, confidence,
                                                created_at, expires_at)
     SELECT item.id, $1, $2, item."contentHash", item."engineVersion", item.result, item.confidence, item."createdAt",
            item."expiresAt"
     FROM json_to_recordset($3::json) AS item (id uuid, "contentHash" bytea, "engineVersion" text, result jsonb,
       confidence double precision, "createdAt" timestamptz, "expiresAt" timestamptz)
     ORDER BY item."contentHash", item."engineVersion"
     ON CONFLICT (owner_id, content_hash, engine_version) DO UPDATE
     SET analysis_result = excluded.analysis_result, confidence = excluded.confidence, created_at = excluded.created_at,
         expires_at = excluded.expires_at
     RETURNING ${columns}`,
    [tenantId, userId, JSON.stringify(items)],
  )
}

/** Removes what an owner has beyond so many, the oldest; a few at a time, since each that comes asks for it again. */
export async function removeOldest(tx: Transaction, { userId }: Viewer, most: number): Promise<void> {
  await tx.query(
    `DELETE FROM memory.context_analysis_cache WHERE id IN (
       SELECT id FROM memory.context_analysis_cache WHERE owner_id = $1
       ORDER BY created_at DESC, id DESC OFFSET $2 LIMIT 100)`,
    [userId, most],
  )
}
