import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import { given } from '../../given.ts'
import { packForward } from '../recall/forward.ts'
import type { Analysis } from '../recall/tokens.ts'
import type { MemoryTier, Owner, Visibility } from '../records.ts'
import { removePostings } from './postings.ts'

/** What is known of a memory from now on. */
export interface RevisionDraft {
  readonly id: string
  readonly memoryId: string
  readonly version: number
  readonly content: string
  readonly analysis: Analysis
  readonly tier: MemoryTier
  readonly visibility: Visibility
  readonly metadata: unknown
  /** What the client's engine made of the content; left out, it stays as long as the content does. */
  readonly contextAnalysis?: unknown
  readonly speaker: string | null
  readonly occurredAt: Date
  readonly timeInferred: boolean
  readonly retentionUntil: Date | null
  /** What its owner asked for, where rules keep it for less. */
  readonly retentionAsked?: Date | null
  readonly knownFrom: Date
}

/** From when on the next revision of a memory is known. Clocks may stand still or step back; what is known next is never known earlier. */
export function nextKnownFrom({ updatedAt }: { readonly updatedAt: Date }, now: Date): Date {
  return now > updatedAt ? now : updatedAt
}

/** Until when owners asked for memories to be kept, where they did. */
export async function askedRetentions(db: Database, ids: readonly string[]): Promise<Map<string, Date>> {
  const rows = await db.query<{ id: string; asked: Date }>(
    `SELECT memory_id AS id, retention_asked AS asked FROM memory.revisions
     WHERE memory_id = ANY (${given('$1')}) AND known_until IS NULL AND retention_asked IS NOT NULL`,
    [ids],
  )
  return new Map(rows.map(({ id, asked }) => [id, asked]))
}

/** Closes the present revision and begins the next; the memory must be locked. */
export async function insertRevision(tx: Transaction, owner: Owner, revision: RevisionDraft): Promise<void> {
  const { memoryId, version, visibility, knownFrom } = revision
  const closed = tx.query('UPDATE memory.revisions SET known_until = $2 WHERE memory_id = $1 AND known_until IS NULL', [
    memoryId,
    knownFrom,
  ])
  const begun = tx.query(
    `INSERT INTO memory.revisions (id, memory_id, version, tenant_id, owner_id, content, content_hash, terms, tier, visibility,
                                   metadata, occurred_at, time_inferred, retention_until, known_from, context_analysis, retention_asked)
     VALUES ($1, $2, $3, $4, $5, $6, sha256(convert_to($6::text, 'UTF8')), $7, $8, $9, $10, $11, $12, $13, $14,
       CASE WHEN $15 THEN $16::jsonb ELSE (
         SELECT earlier.context_analysis FROM memory.revisions AS earlier
         WHERE earlier.memory_id = $2 AND earlier.version = $3 - 1
           AND earlier.content_hash = sha256(convert_to($6::text, 'UTF8'))) END, $17)`,
    [
      revision.id,
      memoryId,
      version,
      owner.tenantId,
      owner.userId,
      revision.content,
      JSON.stringify(Object.fromEntries(revision.analysis.terms)),
      revision.tier,
      visibility,
      revision.metadata == null ? null : JSON.stringify(revision.metadata),
      revision.occurredAt,
      revision.timeInferred,
      revision.retentionUntil,
      knownFrom,
      revision.contextAnalysis !== undefined,
      revision.contextAnalysis == null ? null : JSON.stringify(revision.contextAnalysis),
      revision.retentionAsked === undefined ? revision.retentionUntil : revision.retentionAsked,
    ],
  )
  // Who said it stays what a message told; free data tells it only where there is no message.
  const named = tx.query(
    `UPDATE memory.memories SET version = $2, visibility = $3, updated_at = $4, forward = $6, retention_until = $7,
       speaker = CASE WHEN message_id IS NULL THEN $5 ELSE speaker END
     WHERE id = $1`,
    [
      memoryId,
      version,
      visibility,
      knownFrom,
      revision.speaker,
      packForward(revision.content, revision.occurredAt, revision.analysis),
      revision.retentionUntil,
    ],
  )
  // Sent in this order; none waits here for the answer to the one before.
  await Promise.all([closed, begun, named])
}

/** Holds a memory's present revision until the transaction ends. @returns whether there is one */
export async function holdRevision(tx: Transaction, memoryId: string): Promise<boolean> {
  const rows = await tx.query('SELECT FROM memory.revisions WHERE memory_id = $1 AND known_until IS NULL FOR UPDATE', [
    memoryId,
  ])
  return rows.length > 0
}

/** What hangs on a memory and goes with it. */
const hanging = ['embeddings', 'grants', 'accesses']

/** Takes away all that memories said, were named and were found by. The empty rows stay, so that no id is used twice. */
export async function eraseMemories(tx: Transaction, owner: Owner, ids: readonly string[], now: Date): Promise<void> {
  // Sent in this order; none waits for the answer to the one before. Who changes a shelf holds up all who write to it: as
  // late as can be, which is before the revisions that it is counted by go.
  const remove = (table: string) => tx.query(`DELETE FROM memory.${table} WHERE memory_id = ANY ($1::uuid[])`, [ids])
  await Promise.all([
    ...hanging.map(remove),
    tx.query(
      'UPDATE memory.memories SET forgotten_at = $2, external_id = NULL, speaker = NULL, forward = NULL WHERE id = ANY ($1::uuid[])',
      [ids, now],
    ),
    removePostings(tx, owner, ids),
    remove('revisions'),
  ])
}
