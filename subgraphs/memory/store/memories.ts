import type { Page } from '../../../lib/connection.ts'
import type { Database } from '../../../stores/postgres/postgres.ts'
import { given } from '../../given.ts'
import { memoryName, readable, type Stored } from '../../packed-rows.ts'
import type { MemoryFilter, MemoryRecord, MemoryTier, RevisionRecord } from '../records.ts'
import { charactersOf, compressionOf, originalBytesOf } from './compression.ts'
import { allOf, keyset, Values } from './keyset.ts'
import { countsUnder, type ListSource, pagesUnder } from './pages.ts'

/** What every list of memories needs: what is asked for most, and what policies judge by. */
const common = `memory.id, memory.owner_id AS "ownerId", memory.ordinal::float8 AS ordinal, memory.position, memory.version,
  memory.content, memory.content_packed AS packed, memory.tier, memory.visibility, memory.metadata,
  memory.occurred_at AS "occurredAt", memory.created_at AS "createdAt"`
const rare = `memory.session_id AS "sessionId", memory.message_id AS "messageId", memory.speaker,
  memory.external_id AS "externalId", ${compressionOf('memory')} AS compression, memory.time_inferred AS "timeInferred",
  memory.retention_until AS "retentionUntil", memory.updated_at AS "updatedAt"`
const rareFields = [
  'session',
  'source',
  'speaker',
  'externalId',
  'compressed',
  'compressionMetadata',
  'timeInferred',
  'retentionUntil',
  'updatedAt',
]
const fields = `${common}, ${rare}`
const notAsOf = 'NULL::timestamptz AS "asOf"'
const columns = `${fields}, ${notAsOf}`

/** Where memories are read as they are. */
export const current = 'memory.current_memories AS memory'

/** Memories as they read, however they are stored. */
export async function opened(db: Database, sql: string, values: readonly unknown[]): Promise<MemoryRecord[]> {
  return readable<MemoryRecord>(await db.query<Stored<MemoryRecord>>(sql, [...values]), memoryName)
}

export async function memoriesByIds(db: Database, ids: readonly string[]): Promise<MemoryRecord[]> {
  return opened(db, `SELECT ${columns} FROM ${current} WHERE memory.id = ANY (${given('$1')})`, [ids])
}

/** Where memories are read as they are, or as they were known at a moment: whoever may see one now sees what it said. */
export function memoriesAt(asOf: Date | null, values: Values): string {
  if (asOf === null) return current
  const then = values.add(asOf, 'timestamptz')
  return `(SELECT memories.id, memories.tenant_id, memories.owner_id, memories.ordinal, memories.session_id,
      memories.message_id, memories.position, memories.speaker, memories.external_id, revisions.version,
      memories.created_at, revisions.known_from AS updated_at, revisions.visibility, revisions.content, revisions.terms,
      revisions.content_packed, revisions.compression_metadata, revisions.tier, revisions.metadata, revisions.occurred_at, revisions.time_inferred, revisions.retention_until,
      revisions.known_until, memories.visibility AS visible_now, ${then} AS as_of
    FROM memory.memories
    JOIN memory.revisions ON revisions.memory_id = memories.id AND revisions.known_from <= ${then}
      AND (revisions.known_until IS NULL OR revisions.known_until > ${then})
    WHERE memories.forgotten_at IS NULL) AS memory`
}

export const columnsAt = (asOf: Date | null) => (asOf === null ? columns : `${fields}, memory.as_of AS "asOf"`)

/** Memories as they were known at a moment. */
export function memoriesAsOf(db: Database, ids: readonly string[], asOf: Date): Promise<MemoryRecord[]> {
  const values = new Values()
  const from = memoriesAt(asOf, values)
  const wanted = values.add(ids, 'uuid[]')
  return opened(db, `SELECT ${columnsAt(asOf)} FROM ${from} WHERE memory.id = ANY (${wanted})`, values.list)
}

/** What a filter asks of a row of `memory.current_memories`. */
export function filterConditions(filter: MemoryFilter, values: Values, table = 'memory'): string[] {
  const conditions: string[] = []
  if (filter.tiers) conditions.push(`${table}.tier = ANY (${values.add(filter.tiers, 'text[]')})`)
  if (filter.visibility) conditions.push(`${table}.visibility = ${values.add(filter.visibility)}`)
  if (filter.sessionId) conditions.push(`${table}.session_id = ${values.add(filter.sessionId, 'uuid')}`)
  if (filter.occurredFrom) conditions.push(`${table}.occurred_at >= ${values.add(filter.occurredFrom, 'timestamptz')}`)
  if (filter.occurredBefore) {
    conditions.push(`${table}.occurred_at < ${values.add(filter.occurredBefore, 'timestamptz')}`)
  }
  if (filter.metadata != null) {
    conditions.push(`${table}.metadata @> ${values.add(JSON.stringify(filter.metadata), 'jsonb')}`)
  }
  return conditions
}

/** A page of an owner's memories whose time is over at a moment, in the order they were made. */
export async function expiredMemories(db: Database, ownerId: string, at: Date, page: Page): Promise<MemoryRecord[]> {
  const values = new Values()
  const { bounds, direction, limit } = keyset(page, 'memory.ordinal', 'ASC', values)
  const own = `memory.owner_id = ${values.add(ownerId, 'uuid')}`
  const over = `memory.retention_until <= ${values.add(at, 'timestamptz')}`
  return opened(
    db,
    `SELECT ${columns} FROM ${current} WHERE ${allOf([own, over, ...bounds])} ORDER BY memory.ordinal ${direction} LIMIT ${limit}`,
    values.list,
  )
}

export const memoriesOfSession: ListSource = {
  columns: `${common}, ${notAsOf}`,
  rare: { columns: rare, fields: rareFields },
  from: current,
  parent: 'memory.session_id',
  key: 'memory.position',
  keyName: 'position',
  order: 'ASC',
}

/** Those made of a message, and those that said what it says already. */
export const memoriesOfMessage: ListSource = {
  columns: `${common}, ${notAsOf}`,
  rare: { columns: rare, fields: rareFields },
  from: `(SELECT current.*, current.message_id AS told_by FROM memory.current_memories AS current
    UNION ALL
    SELECT current.*, sources.message_id FROM memory.sources
    JOIN memory.current_memories AS current ON current.id = sources.memory_id
    WHERE sources.kind = 'MESSAGE') AS memory`,
  parent: 'memory.told_by',
  key: 'memory.ordinal',
  keyName: 'ordinal',
  order: 'ASC',
}

export async function memoryPages(db: Database, source: ListSource, parents: readonly string[], page: Page) {
  const pages = await pagesUnder<Stored<MemoryRecord>>(db, source, parents, page)
  return new Map([...pages].map(([parent, rows]) => [parent, readable<MemoryRecord>(rows, memoryName)]))
}

export function memoryCounts(db: Database, source: ListSource, parents: readonly string[]) {
  return countsUnder(db, source, parents)
}

export const revisions: ListSource = {
  columns: `revision.version, revision.content, revision.content_packed AS packed, revision.tier, revision.visibility,
    revision.metadata, revision.occurred_at AS "occurredAt"`,
  rare: {
    columns: `revision.time_inferred AS "timeInferred", revision.retention_until AS "retentionUntil",
      revision.context_analysis AS "contextAnalysis", revision.known_from AS "knownFrom", revision.known_until AS "knownUntil"`,
    fields: ['timeInferred', 'retentionUntil', 'contextAnalysis', 'knownFrom', 'knownUntil'],
  },
  from: 'memory.revisions AS revision',
  parent: 'revision.memory_id',
  key: 'revision.version',
  keyName: 'version',
  order: 'DESC',
}

const knownBy = (asOf: Date | null) => (values: Values) =>
  asOf ? [`revision.known_from <= ${values.add(asOf, 'timestamptz')}`] : []

/** The revisions of memories, the newest first, as far as they were known at a moment. */
export async function revisionPages(
  db: Database,
  source: ListSource,
  memoryIds: readonly string[],
  page: Page,
  asOf: Date | null,
) {
  const pages = await pagesUnder<Stored<RevisionRecord>>(db, source, memoryIds, page, knownBy(asOf))
  const named = (id: string) => (row: Stored<RevisionRecord>) => `${memoryName({ id })}, revision ${row.version}`
  return new Map([...pages].map(([id, rows]) => [id, readable<RevisionRecord>(rows, named(id))]))
}

export function revisionCounts(db: Database, memoryIds: readonly string[], asOf: Date | null) {
  return countsUnder(db, revisions, memoryIds, knownBy(asOf))
}

export interface MemoryStats {
  readonly count: number
  readonly revisions: number
  readonly characters: number
  /** How many are packed, and what they take plain and packed. */
  readonly compressed: { readonly count: number; readonly originalBytes: number; readonly storedBytes: number }
  readonly oldestAt: Date | null
  readonly newestAt: Date | null
  /** How many are over at the moment that was asked about. */
  readonly expired: number
}

/** Whether a memory's time is not over. */
const lasts = '(memory.retention_until IS NULL OR memory.retention_until > $2)'

/** What an owner's own memories come to. */
export async function memoryStats(
  db: Database,
  ownerId: string,
  tier: MemoryTier | null,
  now: Date,
): Promise<MemoryStats> {
  const own = 'memory.owner_id = $1 AND ($3::text IS NULL OR memory.tier = $3)'
  const [row] = await db.query<MemoryStats>(
    `SELECT count(*)::integer AS count, coalesce(sum(memory.version), 0)::integer AS revisions,
       coalesce(sum(${charactersOf('memory')}), 0)::float8 AS characters,
       json_build_object('count', count(memory.content_packed),
         'originalBytes', coalesce(sum(${originalBytesOf('memory')}), 0),
         'storedBytes', coalesce(sum(octet_length(memory.content_packed)), 0)) AS compressed,
       min(memory.created_at) AS "oldestAt", max(memory.created_at) AS "newestAt",
       (SELECT count(*) FROM ${current} WHERE ${own} AND NOT ${lasts})::integer AS expired
     FROM ${current} WHERE ${own} AND ${lasts}`,
    [ownerId, now, tier],
  )
  if (!row) throw new Error('an aggregate has one row')
  return row
}

export interface TierCount {
  readonly tier: MemoryTier
  readonly count: number
  readonly expired: number
}

export async function tierCounts(db: Database, ownerId: string, now: Date): Promise<Map<MemoryTier, TierCount>> {
  const rows = await db.query<TierCount>(
    `SELECT memory.tier, count(*) FILTER (WHERE ${lasts})::integer AS count,
       count(*) FILTER (WHERE NOT ${lasts})::integer AS expired
     FROM ${current} WHERE memory.owner_id = $1 GROUP BY memory.tier`,
    [ownerId, now],
  )
  return new Map(rows.map((row) => [row.tier, row]))
}

/** Whether the viewer can see the memory and its metadata contains this. */
export async function memoryFits(db: Database, id: string, metadata: unknown): Promise<boolean> {
  const rows = await db.query(`SELECT FROM ${current} WHERE memory.id = $1 AND memory.metadata @> $2::jsonb`, [
    id,
    JSON.stringify(metadata),
  ])
  return rows.length > 0
}

interface Said {
  readonly id: string
  readonly content: string
}

/** What memories said at a moment: of so many as have no more characters together than told, in the order of their ids. */
export async function contentsAt(db: Database, ids: readonly string[], asOf: Date, mostCharacters: number) {
  const values = new Values()
  const from = memoriesAt(asOf, values)
  const rows = await db.query<Stored<Said>>(
    `SELECT id, content, packed FROM (
       SELECT memory.id, memory.content, memory.content_packed AS packed, sum(${charactersOf('memory')}) OVER (ORDER BY asked.place) AS characters
       FROM unnest(${values.add(ids, 'uuid[]')}) WITH ORDINALITY AS asked (id, place)
       JOIN ${from} ON memory.id = asked.id) AS said
     WHERE characters <= ${values.add(mostCharacters, 'bigint')}`,
    values.list,
  )
  return readable<Said>(rows, memoryName)
}
