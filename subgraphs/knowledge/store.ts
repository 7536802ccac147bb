import type { Page } from '../../lib/connection.ts'
import type { Database } from '../../stores/postgres/postgres.ts'
import { given } from '../given.ts'
import { type KeyColumn, keyset } from '../keyset.ts'

/** A concept's row. */
export interface ConceptRecord {
  readonly id: string
  readonly ordinal: string
  readonly name: string
  readonly category: string | null
  readonly mentionCount: number
  readonly createdAt: Date
}

export interface MentionRecord {
  readonly conceptId: string
  readonly memoryId: string
  readonly sessionId: string | null
  readonly ordinal: string
  readonly count: number
  readonly occurredAt: Date
}

/** A concept as one memory mentions it. */
export interface NamedConcept extends ConceptRecord {
  readonly memoryId: string
  readonly count: number
}

export interface ConceptFilter {
  /** The beginning of the concept's key. */
  readonly prefix: string | null
  readonly category: string | null
}

export interface RelationFilter {
  readonly minStrength: number
  readonly type: string | null
}

const conceptColumns = `concepts.id, concepts.ordinal, concepts.name, concepts.category,
  concepts.mention_count AS "mentionCount", concepts.created_at AS "createdAt"`

/** Comparisons by byte, which row-level security trusts and the index serves; LIKE is neither. */
const conceptFilter = `($1::text IS NULL OR key ~>=~ $1 AND key ~<~ ($1 || chr(1114111))) AND ($2::text IS NULL OR category = $2)`

export function findConcepts(db: Database, ids: readonly string[]): Promise<ConceptRecord[]> {
  return db.query(`SELECT ${conceptColumns} FROM knowledge.concepts WHERE id = ANY (${given('$1')})`, [ids])
}

export function findConceptsByKey(db: Database, keys: readonly string[]): Promise<(ConceptRecord & { key: string })[]> {
  return db.query(`SELECT ${conceptColumns}, concepts.key FROM knowledge.concepts WHERE key = ANY ($1::text[])`, [keys])
}

const foundFirst: readonly KeyColumn[] = [{ sql: 'ordinal', type: 'bigint' }]
const mentionedMost: readonly KeyColumn[] = [{ sql: 'mention_count', type: 'integer', descending: true }, ...foundFirst]

/** A page of the viewer's concepts: the most mentioned first when searched, else in the order they were found. */
export function listConcepts(db: Database, filter: ConceptFilter, page: Page): Promise<ConceptRecord[]> {
  const { where, orderBy, limit, values } = keyset(filter.prefix === null ? foundFirst : mentionedMost, page, 2)
  return db.query(
    `SELECT ${conceptColumns} FROM knowledge.concepts WHERE ${conceptFilter} AND ${where} ORDER BY ${orderBy} LIMIT ${limit}`,
    [filter.prefix, filter.category, ...values],
  )
}

export async function countConcepts(db: Database, filter: ConceptFilter): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    `SELECT count(*)::integer AS count FROM knowledge.concepts WHERE ${conceptFilter}`,
    [filter.prefix, filter.category],
  )
  return row?.count ?? 0
}

const latest: readonly KeyColumn[] = [{ sql: 'ordinal', type: 'bigint', descending: true }]

/** A page of each concept's mentions, the latest first. */
export function listMentions(db: Database, conceptIds: readonly string[], page: Page): Promise<MentionRecord[]> {
  const { where, orderBy, limit, values } = keyset(latest, page, 1)
  return db.query(
    `SELECT found.* FROM unnest($1::uuid[]) WITH ORDINALITY AS wanted (id, place) CROSS JOIN LATERAL (
       SELECT concept_id AS "conceptId", memory_id AS "memoryId", session_id AS "sessionId", ordinal, count,
              occurred_at AS "occurredAt"
       FROM knowledge.mentions WHERE concept_id = wanted.id AND ${where} ORDER BY ${orderBy} LIMIT ${limit}
     ) AS found`,
    [conceptIds, ...values],
  )
}

const namedMost: readonly KeyColumn[] = [
  { sql: 'mentions.count', type: 'integer', descending: true },
  { sql: 'concepts.ordinal', type: 'bigint' },
]

/** A page of each memory's concepts, the most often named first. */
export function listConceptsOfMemories(
  db: Database,
  memoryIds: readonly string[],
  page: Page,
): Promise<NamedConcept[]> {
  const { where, orderBy, limit, values } = keyset(namedMost, page, 1)
  return db.query(
    `SELECT found.* FROM unnest($1::uuid[]) AS wanted (id) CROSS JOIN LATERAL (
       SELECT ${conceptColumns}, mentions.memory_id AS "memoryId", mentions.count
       FROM knowledge.mentions JOIN knowledge.concepts ON concepts.id = mentions.concept_id
       WHERE mentions.memory_id = wanted.id AND ${where} ORDER BY ${orderBy} LIMIT ${limit}
     ) AS found`,
    [memoryIds, ...values],
  )
}

/** How many concepts each memory mentions; a memory without any is left out. */
export function countConceptsOfMemories(db: Database, memoryIds: readonly string[]): Promise<Counted[]> {
  return db.query(
    `SELECT memory_id AS id, count(*)::integer AS count FROM knowledge.mentions WHERE memory_id = ANY ($1::uuid[])
     GROUP BY memory_id`,
    [memoryIds],
  )
}

/** How many relations each concept has; a concept without any is left out. */
export function countRelated(db: Database, ids: readonly string[], filter: RelationFilter): Promise<Counted[]> {
  return db.query(
    `SELECT source_id AS id, count(*)::integer AS count FROM knowledge.strengths
     WHERE source_id = ANY ($1::uuid[]) AND strength > 0 AND strength >= $2 AND ($3::text IS NULL OR type = $3)
     GROUP BY source_id`,
    [ids, filter.minStrength, filter.type],
  )
}

export interface Counted {
  readonly id: string
  readonly count: number
}
