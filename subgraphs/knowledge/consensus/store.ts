import type { Page } from '../../../lib/connection.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import { given } from '../../given.ts'
import { type KeyColumn, keyset } from '../../keyset.ts'
import type { Cast, ValidationStatus } from './verdict.ts'

export interface NodeRecord {
  readonly id: string
  readonly ordinal: number
  readonly type: string
  readonly key: string
  readonly title: string
  readonly content: unknown
  readonly status: ValidationStatus
  readonly score: number
  readonly quorum: number
  readonly tags: readonly string[]
  readonly sessionId: string | null
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly establishedAt: Date | null
}

export interface VoteRecord extends Cast {
  readonly nodeId: string
  readonly ordinal: number
  readonly voterId: string
  readonly ownerId: string
  readonly reason: string | null
  readonly createdAt: Date
  readonly updatedAt: Date
}

export interface Owner {
  readonly tenantId: string
  readonly userId: string
}

const columns = `id, ordinal::float8 AS ordinal, node_type AS type, node_key AS key, title_content AS title,
  node_content AS content, validation_status AS status, consensus_score AS score, quorum, semantic_tags AS tags,
  session_id AS "sessionId", version, created_at AS "createdAt", updated_at AS "updatedAt", established_at AS "establishedAt"`

const newest: readonly KeyColumn[] = [{ sql: 'ordinal', type: 'bigint', descending: true }]

export function nodesByIds(db: Database, ids: readonly string[]): Promise<NodeRecord[]> {
  return db.query(`SELECT ${columns} FROM knowledge.consensus_nodes WHERE id = ANY (${given('$1')})`, [ids])
}

export async function nodeByKey(db: Database, userId: string, type: string, key: string): Promise<NodeRecord | null> {
  const [row] = await db.query<NodeRecord>(
    `SELECT ${columns} FROM knowledge.consensus_nodes WHERE owner_id = $1 AND node_type = $2 AND node_key = $3`,
    [userId, type, key],
  )
  return row ?? null
}

export interface NodeFilter {
  readonly type: string | null
  readonly status: ValidationStatus | null
}

export function nodePage(db: Database, userId: string, filter: NodeFilter, page: Page): Promise<NodeRecord[]> {
  const { where, orderBy, limit, values } = keyset(newest, page, 3)
  return db.query(
    `SELECT ${columns} FROM knowledge.consensus_nodes
     WHERE owner_id = $1 AND ($2::text IS NULL OR node_type = $2) AND ($3::text IS NULL OR validation_status = $3) AND ${where}
     ORDER BY ${orderBy} LIMIT ${limit}`,
    [userId, filter.type, filter.status, ...values],
  )
}

export type NodeDraft = Pick<NodeRecord, 'id' | 'type' | 'key' | 'title' | 'content' | 'quorum' | 'tags' | 'sessionId'>

export async function insertNode(tx: Transaction, owner: Owner, draft: NodeDraft, now: Date): Promise<void> {
  await tx.query(
    `INSERT INTO knowledge.consensus_nodes (id, tenant_id, owner_id, node_type, node_key, title_content, node_content, quorum,
                                            semantic_tags, session_id, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)`,
    [draft.id, owner.tenantId, owner.userId, draft.type, draft.key, ...contentOf(draft), now],
  )
}

/** New content under an old key: nobody has voted on it yet. */
export async function replaceNode(tx: Transaction, draft: NodeDraft, version: number, now: Date): Promise<void> {
  await tx.query('DELETE FROM knowledge.votes WHERE node_id = $1', [draft.id])
  await tx.query(
    `UPDATE knowledge.consensus_nodes SET title_content = $2, node_content = $3, quorum = $4, semantic_tags = $5, session_id = $6,
       version = $7, updated_at = $8, validation_status = 'UNVALIDATED', consensus_score = 0 WHERE id = $1`,
    [draft.id, ...contentOf(draft), version, now],
  )
}

const contentOf = ({ title, content, quorum, tags, sessionId }: NodeDraft) => [
  title,
  JSON.stringify(content),
  quorum,
  tags,
  sessionId,
]

export interface VoteDraft extends Cast {
  readonly id: string
  readonly nodeId: string
  readonly voterId: string
  readonly reason: string | null
}

export async function putVote(tx: Transaction, owner: Owner, vote: VoteDraft, now: Date): Promise<void> {
  await tx.query(
    `INSERT INTO knowledge.votes (id, tenant_id, owner_id, node_id, voter_id, choice, confidence, reason_content, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
     ON CONFLICT (node_id, voter_id) DO UPDATE SET choice = excluded.choice, confidence = excluded.confidence,
       reason_content = excluded.reason_content, updated_at = excluded.updated_at`,
    [vote.id, owner.tenantId, owner.userId, vote.nodeId, vote.voterId, vote.choice, vote.confidence, vote.reason, now],
  )
}

export function castVotes(tx: Transaction, nodeId: string): Promise<Cast[]> {
  return tx.query('SELECT choice, confidence FROM knowledge.votes WHERE node_id = $1', [nodeId])
}

export async function putVerdict(
  tx: Transaction,
  nodeId: string,
  { score, status }: { readonly score: number; readonly status: ValidationStatus },
  now: Date,
): Promise<void> {
  await tx.query(
    `UPDATE knowledge.consensus_nodes SET consensus_score = $2, validation_status = $3::text, updated_at = $4,
       established_at = CASE WHEN $3::text = 'VALIDATED' THEN coalesce(established_at, $4) ELSE established_at END
     WHERE id = $1`,
    [nodeId, score, status, now],
  )
}

const earliest: readonly KeyColumn[] = [{ sql: 'vote.ordinal', type: 'bigint' }]

export function votePages(db: Database, nodeIds: readonly string[], page: Page): Promise<VoteRecord[]> {
  const { where, orderBy, limit, values } = keyset(earliest, page, 1)
  return db.query(
    `SELECT found.* FROM unnest($1::uuid[]) AS wanted (id) CROSS JOIN LATERAL (
       SELECT vote.node_id AS "nodeId", vote.ordinal::float8 AS ordinal, vote.voter_id AS "voterId", vote.owner_id AS "ownerId",
              vote.choice, vote.confidence, vote.reason_content AS reason, vote.created_at AS "createdAt",
              vote.updated_at AS "updatedAt"
       FROM knowledge.votes AS vote WHERE vote.node_id = wanted.id AND ${where} ORDER BY ${orderBy} LIMIT ${limit}
     ) AS found`,
    [nodeIds, ...values],
  )
}

/** Whether the viewer has a session, or an agent, of that id; both are other rooms'. */
export async function exists(db: Database, what: 'memory.session_exists' | 'agents.agent_exists', id: string) {
  const [row] = await db.query<{ found: boolean }>(`SELECT ${what}($1) AS found`, [id])
  return row?.found === true
}
