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

/** What the owner has of a content, unless it is over. */
export async function findAnalysis(
  db: Database,
  { userId }: Viewer,
  contentHash: Buffer,
  engineVersion: string,
  now: Date,
): Promise<AnalysisRecord | null> {
  const [row] = await db.query<AnalysisRecord>(
    `SELECT ${columns} FROM memory.context_analysis_cache
     WHERE owner_id = $1 AND content_hash = $2 AND engine_version = $3 AND expires_at > $4`,
    [userId, contentHash, engineVersion, now],
  )
  return row ?? null
}

/** Keeps an analysis in place of one that is over; of two that come at once the later is kept. Answers it as it is kept. */
export async function putAnalysis(
  tx: Transaction,
  { tenantId, userId }: Viewer,
  id: string,
  analysis: AnalysisRecord,
): Promise<AnalysisRecord> {
  const [row] = await tx.query<AnalysisRecord>(
    `INSERT INTO memory.context_analysis_cache (id, tenant_id, owner_id, content_hash, engine_version, analysis_result, confidence,
                                                created_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     ON CONFLICT (owner_id, content_hash, engine_version) DO UPDATE
     SET analysis_result = excluded.analysis_result, confidence = excluded.confidence, created_at = excluded.created_at,
         expires_at = excluded.expires_at
     RETURNING ${columns}`,
    [
      id,
      tenantId,
      userId,
      analysis.contentHash,
      analysis.engineVersion,
      JSON.stringify(analysis.result),
      analysis.confidence,
      analysis.createdAt,
      analysis.expiresAt,
    ],
  )
  if (row === undefined) throw new Error('what is kept is answered')
  return row
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
