import type { Page } from '../../../lib/connection.ts'
import type { Viewer } from '../../../lib/context.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import type { VectorCollection, VectorKind } from '../../../stores/vector/port.ts'
import { given } from '../../given.ts'
import { memoryName, readable, type Stored } from '../../packed-rows.ts'
import type { Visibility } from '../records.ts'
import { allOf, keyset, Values } from './keyset.ts'
import { countsUnder, type ListSource, pagesUnder } from './pages.ts'

/** A text that is found by its meaning: a stored one, or a memory as the vector store sees it. */
export interface VectorRecord {
  readonly id: string
  readonly ownerId: string
  /** Its place among those stored; 0 for a memory's own. */
  readonly ordinal: number
  readonly collection: VectorCollection
  readonly kind: VectorKind
  readonly visibility: Visibility
  readonly memoryId: string | null
  readonly sessionId: string | null
  /** Another room's. */
  readonly consensusNodeId: string | null
  readonly content: string
  readonly metadata: unknown
  readonly relevanceScore: number | null
  readonly createdAt: Date
}

/** Which of them fit; all that is given must hold. */
export interface VectorFilter {
  readonly kinds?: readonly VectorKind[] | null
  readonly sessionId?: string | null
  readonly memoryId?: string | null
}

const columns = `vector.id, vector.owner_id AS "ownerId", vector.ordinal::float8 AS ordinal, vector.collection, vector.kind,
  vector.visibility, vector.memory_id AS "memoryId", vector.session_id AS "sessionId", vector.content, vector.metadata,
  vector.relevance_score AS "relevanceScore", vector.consensus_node_id AS "consensusNodeId", vector.created_at AS "createdAt"`
const packable = `${columns}, vector.content_packed AS packed`

const memories = `SELECT id, tenant_id, owner_id, 0::bigint AS ordinal, 'MEMORIES'::text AS collection, 'CONTEXT'::text AS kind,
  visibility, id AS memory_id, session_id, content, NULL::jsonb AS metadata, NULL::double precision AS relevance_score,
  NULL::uuid AS consensus_node_id, created_at, content_packed
  FROM memory.current_memories`
const stored = `SELECT id, tenant_id, owner_id, ordinal, collection, kind, visibility, memory_id, session_id, content, metadata,
  relevance_score, consensus_node_id, created_at, NULL::bytea AS content_packed FROM memory.vectors`
const both = `(${memories} UNION ALL ${stored}) AS vector`

export async function vectorsByIds(db: Database, ids: readonly string[]): Promise<VectorRecord[]> {
  const sql = `SELECT ${packable} FROM ${both} WHERE vector.id = ANY (${given('$1')})`
  return readable<VectorRecord>(await db.query<Stored<VectorRecord>>(sql, [ids]), memoryName)
}

const order = { key: 'vector.ordinal', keyName: 'ordinal', order: 'ASC' } as const
const ofMemory: ListSource = { ...order, columns: packable, from: both, parent: 'vector.memory_id' }
const ofSession: ListSource = { ...order, columns, from: 'memory.vectors AS vector', parent: 'vector.session_id' }

export async function vectorsOfMemories(db: Database, parents: readonly string[], page: Page) {
  const pages = await pagesUnder<Stored<VectorRecord>>(db, ofMemory, parents, page)
  return new Map([...pages].map(([parent, rows]) => [parent, readable<VectorRecord>(rows, memoryName)]))
}

export function countVectorsOfMemories(db: Database, parents: readonly string[]) {
  return countsUnder(db, ofMemory, parents)
}

export function countVectorsOfSessions(db: Database, parents: readonly string[]) {
  return countsUnder(db, ofSession, parents)
}

export function vectorsOfSessions(db: Database, parents: readonly string[], page: Page) {
  return pagesUnder<VectorRecord>(db, ofSession, parents, page)
}

/** The stored ones that the viewer may read, the newest first. */
export function readableVectors(
  db: Database,
  viewer: Viewer,
  owners: readonly string[],
  filter: VectorFilter & { readonly collection: VectorCollection | null },
  page: Page,
): Promise<VectorRecord[]> {
  const values = new Values()
  const conditions = conditionsFor(viewer, owners, filter, values)
  const { bounds, direction, limit } = keyset(page, 'vector.ordinal', 'DESC', values)
  return db.query<VectorRecord>(
    `SELECT ${columns} FROM memory.vectors AS vector WHERE ${allOf([...conditions, ...bounds])}
     ORDER BY vector.ordinal ${direction} LIMIT ${limit}`,
    values.list,
  )
}

/** How many stored ones the viewer may read. */
export async function countReadableVectors(
  db: Database,
  viewer: Viewer,
  owners: readonly string[],
  filter: VectorFilter & { readonly collection: VectorCollection | null },
): Promise<number> {
  const values = new Values()
  const [row] = await db.query<{ count: number }>(
    `SELECT count(*)::integer AS count FROM memory.vectors AS vector WHERE ${allOf(conditionsFor(viewer, owners, filter, values))}`,
    values.list,
  )
  return row?.count ?? 0
}

function conditionsFor(
  viewer: Viewer,
  owners: readonly string[],
  filter: VectorFilter & { readonly collection: VectorCollection | null },
  values: Values,
): string[] {
  const conditions = [ownedOrPublic(viewer, owners, values), ...conditionsOf(filter, values)]
  return filter.collection ? [...conditions, `vector.collection = ${values.add(filter.collection)}`] : conditions
}

/** Those of a collection that fit and that the viewer may read, of these owners or public. */
export async function fittingVectors(
  db: Database,
  viewer: Viewer,
  collection: VectorCollection,
  owners: readonly string[],
  filter: VectorFilter,
): Promise<string[]> {
  const values = new Values()
  const from = collection === 'MEMORIES' ? memories : stored
  const rows = await db.query<{ id: string }>(
    `SELECT vector.id FROM (${from}) AS vector WHERE ${allOf([
      ownedOrPublic(viewer, owners, values),
      `vector.collection = ${values.add(collection)}`,
      ...conditionsOf(filter, values),
    ])}`,
    values.list,
  )
  return rows.map(({ id }) => id)
}

/** Those of a collection that the viewer may read because of these owners' leave alone; what is public has its shelf. */
export async function givenVectors(
  db: Database,
  collection: VectorCollection,
  owners: readonly string[],
): Promise<string[]> {
  if (owners.length === 0) return []
  const from = collection === 'MEMORIES' ? memories : stored
  const rows = await db.query<{ id: string }>(
    `SELECT vector.id FROM (${from}) AS vector
     WHERE vector.owner_id = ANY ($1::uuid[]) AND vector.collection = $2 AND vector.visibility <> 'PUBLIC'`,
    [owners, collection],
  )
  return rows.map(({ id }) => id)
}

/** Row-level security lets no more than this through; said here, so that an index is used. */
function ownedOrPublic({ tenantId }: Viewer, owners: readonly string[], values: Values): string {
  return `(vector.owner_id = ANY (${values.add(owners, 'uuid[]')})
    OR (vector.tenant_id = ${values.add(tenantId, 'uuid')} AND vector.visibility = 'PUBLIC'))`
}

function conditionsOf({ kinds, sessionId, memoryId }: VectorFilter, values: Values): string[] {
  return [
    ...(kinds ? [`vector.kind = ANY (${values.add(kinds, 'text[]')})`] : []),
    ...(sessionId ? [`vector.session_id = ${values.add(sessionId, 'uuid')}`] : []),
    ...(memoryId ? [`vector.memory_id = ${values.add(memoryId, 'uuid')}`] : []),
  ]
}

/** Whose collection the viewer was given leave to search. */
export async function grantedOwners(db: Database, collection: VectorCollection): Promise<string[]> {
  const [row] = await db.query<{ owners: string[] }>('SELECT app.granted_shelves($1)::text[] AS owners', [collection])
  return row?.owners ?? []
}

export type VectorDraft = Omit<VectorRecord, 'ordinal' | 'ownerId' | 'createdAt'>

/** Stores texts of the viewer's: one statement, however many. */
export async function insertVectors(
  tx: Transaction,
  viewer: Viewer,
  drafts: readonly VectorDraft[],
  now: Date,
): Promise<void> {
  if (drafts.length === 0) return
  await tx.query(
    `INSERT INTO memory.vectors (id, tenant_id, owner_id, collection, kind, visibility, memory_id, session_id, content, metadata,
                                 relevance_score, consensus_node_id, created_at)
     SELECT item.id, $1, $2, item.collection, item.kind, item.visibility, item."memoryId", item."sessionId", item.content,
            item.metadata, item."relevanceScore", item."consensusNodeId", $3
     FROM ROWS FROM (json_to_recordset($4::json) AS (id uuid, collection text, kind text, visibility text, "memoryId" uuid,
       "sessionId" uuid, content text, metadata jsonb, "relevanceScore" double precision,
       "consensusNodeId" uuid)) WITH ORDINALITY AS item
     ORDER BY item.ordinality`,
    [viewer.tenantId, viewer.userId, now, JSON.stringify(drafts)],
  )
}

/** Removes the viewer's texts in a collection that are of a thing; answers which. */
export async function deleteTextsOf(
  tx: Transaction,
  { userId }: Viewer,
  collection: VectorCollection,
  of: Readonly<Record<string, string>>,
): Promise<string[]> {
  const rows = await tx.query<{ id: string }>(
    'DELETE FROM memory.vectors WHERE owner_id = $1 AND collection = $2 AND metadata @> $3::jsonb RETURNING id',
    [userId, collection, JSON.stringify(of)],
  )
  return rows.map(({ id }) => id)
}

/** Removes texts of the viewer's; answers which were there. */
export async function deleteVectors(tx: Transaction, viewer: Viewer, ids: readonly string[]): Promise<Set<string>> {
  const rows = await tx.query<{ id: string }>(
    'DELETE FROM memory.vectors WHERE id = ANY ($1::uuid[]) AND owner_id = $2 RETURNING id',
    [ids, viewer.userId],
  )
  return new Set(rows.map(({ id }) => id))
}
