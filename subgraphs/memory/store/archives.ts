import type { Viewer } from '../../../lib/context.ts'
import { unpackText } from '../../../lib/packed-text.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import { given } from '../../given.ts'
import type { ListSource } from './pages.ts'

export interface ArchiveRecord {
  readonly id: string
  readonly ownerId: string
  readonly ordinal: number
  readonly memories: number
  readonly bytes: number
  readonly plainBytes: number
  readonly createdAt: Date
}

/** Owners' archives, the latest first. */
export const archives: ListSource = {
  columns: `archive.id, archive.owner_id AS "ownerId", archive.ordinal::float8 AS ordinal, archive.memories, archive.bytes,
    archive.plain_bytes AS "plainBytes", archive.created_at AS "createdAt"`,
  from: 'memory.memory_archives AS archive',
  parent: 'archive.owner_id',
  key: 'archive.ordinal',
  keyName: 'ordinal',
  order: 'DESC',
}

export async function archivesByIds(db: Database, ids: readonly string[]): Promise<ArchiveRecord[]> {
  return db.query(`SELECT ${archives.columns} FROM ${archives.from} WHERE archive.id = ANY (${given('$1')})`, [ids])
}

export async function insertArchive(
  tx: Transaction,
  { tenantId, userId }: Viewer,
  archive: Omit<ArchiveRecord, 'ordinal' | 'ownerId'>,
): Promise<void> {
  const { id, memories, bytes, plainBytes, createdAt } = archive
  await tx.query(
    `INSERT INTO memory.memory_archives (id, tenant_id, owner_id, memories, bytes, plain_bytes, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [id, tenantId, userId, memories, bytes, plainBytes, createdAt],
  )
}

/** @returns whether there was one. */
export async function removeArchive(tx: Transaction, id: string): Promise<boolean> {
  const rows = await tx.query('DELETE FROM memory.memory_archives WHERE id = $1 RETURNING id', [id])
  return rows.length > 0
}

/** Those of these ids under which the viewer has no archive. */
export async function namingNoArchive(db: Database, ids: readonly string[]): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    `SELECT given.id FROM unnest($1::uuid[]) AS given (id)
     WHERE NOT EXISTS (SELECT FROM memory.memory_archives AS archive WHERE archive.id = given.id)`,
    [ids],
  )
  return rows.map(({ id }) => id)
}

/** A memory as an archive keeps it: its revisions with all that they said. */
export interface ArchivedMemory {
  readonly id: string
  readonly revisions: readonly unknown[]
}

/** Memories whole, for an archive, in the order of their ids. */
export async function wholeMemories(tx: Transaction, ids: readonly string[]): Promise<ArchivedMemory[]> {
  const found = await tx.query<Omit<ArchivedMemory, 'revisions'> & { readonly revisions: readonly StoredRevision[] }>(
    `SELECT memory.id, memory.session_id AS "sessionId", memory.external_id AS "externalId", memory.created_at AS "createdAt",
       (SELECT jsonb_agg(jsonb_build_object('version', revision.version, 'content', revision.content,
          'packed', encode(revision.content_packed, 'base64'), 'tier', revision.tier,
          'visibility', revision.visibility, 'metadata', revision.metadata,
          'contextAnalysis', revision.context_analysis, 'occurredAt', revision.occurred_at,
          'retentionUntil', revision.retention_until, 'knownFrom', revision.known_from, 'knownUntil', revision.known_until)
          ORDER BY revision.version)
        FROM memory.revisions AS revision WHERE revision.memory_id = memory.id) AS revisions
     FROM memory.memories AS memory WHERE memory.id = ANY ($1::uuid[]) ORDER BY memory.id`,
    [ids],
  )
  return found.map((memory) => ({ ...memory, revisions: memory.revisions.map(said) }))
}

interface StoredRevision {
  readonly content: string | null
  /** In base64. */
  readonly packed: string | null
}

/** A revision with what it said; one that is damaged stays as it is, for whoever might mend it. */
function said({ packed, ...revision }: StoredRevision): unknown {
  if (packed === null) return revision
  const content = unpackText(Buffer.from(packed, 'base64'))
  return content === null ? { ...revision, packed } : { ...revision, content }
}
