import type { Key, Page } from '../../../lib/connection.ts'
import type { Database } from '../../../stores/postgres/postgres.ts'
import type { MemoryFilter, MemoryListFilter, MemoryRecord } from '../records.ts'
import { allOf, type KeyColumn, keyset, momentColumn, type Order, Values } from './keyset.ts'
import { columnsAt, current, filterConditions, memoriesAt, opened } from './memories.ts'

/** Whom a list is made for: policies decide what he may see; these ways to it have an index each. */
export interface Reader {
  readonly userId: string
  readonly tenantId: string
}

/** What a reader sees, by the way to it: his own, what is public in his tenant, what others granted. Each memory once. */
function ways({ userId, tenantId }: Reader, values: Values, asOf: Date | null = null): string[] {
  const visibility = asOf === null ? 'memory.visibility' : 'memory.visible_now'
  const me = values.add(userId, 'uuid')
  const tenant = values.add(tenantId, 'uuid')
  return [
    `memory.owner_id = ${me}`,
    `memory.tenant_id = ${tenant} AND ${visibility} = 'PUBLIC' AND memory.owner_id <> ${me}`,
    `${visibility} = 'SHARED' AND memory.owner_id <> ${me} AND memory.id IN (SELECT memory_id FROM memory.grants
       WHERE grantee_id = ANY ((SELECT app.current_principals())::uuid[]))`,
  ]
}

/** What a list is ordered by, and where one of its rows stands in it. */
interface Place {
  readonly columns: readonly KeyColumn[]
  /** Read beside a row's own columns. */
  readonly also: string
  /** The same order among what was read. */
  readonly names: readonly string[]
  keyOf(row: ListedMemory): Key
}

export type MemoryListKey = 'MADE' | 'UPDATED'
type ListedMemory = MemoryRecord & { readonly updatedMicros?: number }

const ordinal: KeyColumn = { sql: 'memory.ordinal', told: (place) => place }
const updated = momentColumn('memory.updated_at')

const places: Readonly<Record<MemoryListKey, Place>> = {
  MADE: { columns: [ordinal], also: '', names: ['ordinal'], keyOf: (row) => [row.ordinal] },
  UPDATED: {
    columns: [updated, ordinal],
    also: ', (extract(epoch FROM memory.updated_at) * 1000000)::float8 AS "updatedMicros"',
    names: ['"updatedAt"', 'ordinal'],
    keyOf: (row) => [row.updatedMicros ?? 0, row.ordinal],
  },
}

export const placeOfMemory = (key: MemoryListKey) => places[key].keyOf

/** A page of what a reader may see. */
export async function visibleMemories(
  db: Database,
  reader: Reader,
  filter: MemoryListFilter,
  { key = 'MADE', order }: { readonly key?: MemoryListKey; readonly order: Order },
  page: Page,
  asOf: Date | null = null,
): Promise<ListedMemory[]> {
  const values = new Values()
  const from = memoriesAt(asOf, values)
  const { columns, also, names } = places[key]
  const { bounds, direction, limit } = keyset(page, columns, order, values)
  const conditions = [...bounds, ...listConditions(filter, values)]
  const inOrder = (by: readonly string[]) => by.map((name) => `${name} ${direction}`).join(', ')
  const branches = ways(reader, values, asOf).map(
    (way) => `(SELECT ${columnsAt(asOf)}${also} FROM ${from} WHERE ${allOf([way, ...conditions])}
      ORDER BY ${inOrder(columns.map(({ sql }) => sql))} LIMIT ${limit})`,
  )
  return opened(db, `${branches.join(' UNION ALL ')} ORDER BY ${inOrder(names)} LIMIT ${limit}`, values.list)
}

export async function countVisibleMemories(
  db: Database,
  reader: Reader,
  filter: MemoryListFilter,
  asOf: Date | null = null,
): Promise<number> {
  const values = new Values()
  const from = memoriesAt(asOf, values)
  const conditions = listConditions(filter, values)
  const counts = ways(reader, values, asOf).map(
    (way) => `(SELECT count(*) FROM ${from} WHERE ${allOf([way, ...conditions])})`,
  )
  const [row] = await db.query<{ count: number }>(`SELECT (${counts.join(' + ')})::integer AS count`, values.list)
  return row?.count ?? 0
}

/** What is asked of a list's rows besides what searches ask, too. */
function listConditions(filter: MemoryListFilter, values: Values): string[] {
  const { ownerId, speaker, retentionBefore, updatedFrom, updatedBefore } = filter
  const conditions = filterConditions(filter, values)
  if (ownerId) conditions.push(`memory.owner_id = ${values.add(ownerId, 'uuid')}`)
  if (speaker != null) conditions.push(`lower(memory.speaker) = lower(${values.add(speaker, 'text')})`)
  if (retentionBefore) conditions.push(`memory.retention_until < ${values.add(retentionBefore, 'timestamptz')}`)
  if (updatedFrom) conditions.push(`memory.updated_at >= ${values.add(updatedFrom, 'timestamptz')}`)
  if (updatedBefore) conditions.push(`memory.updated_at < ${values.add(updatedBefore, 'timestamptz')}`)
  return conditions
}

/** Every memory on the reader's shelves that fits: his own, and what is public in his tenant. */
export async function fittingIds(db: Database, reader: Reader, filter: MemoryFilter): Promise<string[]> {
  const values = new Values()
  const conditions = filterConditions(filter, values)
  const [own, open] = ways(reader, values)
  const shelves = [own, open].flatMap((way) => way ?? [])
  const rows = await db.query<{ id: string }>(
    shelves.map((way) => `SELECT memory.id FROM ${current} WHERE ${allOf([way, ...conditions])}`).join(' UNION ALL '),
    values.list,
  )
  return rows.map(({ id }) => id)
}

/** What fits on the reader's shelves as it was known at a moment: what says so still, and what was revised since, the last first. */
export async function fittingAt(
  db: Database,
  reader: Reader,
  filter: MemoryFilter,
  asOf: Date,
): Promise<{ readonly present: string[]; readonly revised: string[] }> {
  const values = new Values()
  const from = memoriesAt(asOf, values)
  const conditions = filterConditions(filter, values)
  const shelves = ways(reader, values, asOf).slice(0, 2)
  const rows = await db.query<{ id: string; present: boolean }>(
    `SELECT id, known_until IS NULL AS present FROM (${shelves
      .map((way) => `SELECT memory.id, memory.known_until FROM ${from} WHERE ${allOf([way, ...conditions])}`)
      .join(' UNION ALL ')}) AS fitting ORDER BY known_until DESC, id`,
    values.list,
  )
  const { present = [], revised = [] } = Object.groupBy(rows, (row) => (row.present ? 'present' : 'revised'))
  return { present: present.map(({ id }) => id), revised: revised.map(({ id }) => id) }
}
