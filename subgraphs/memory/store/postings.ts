import type { Transaction } from '../../../stores/postgres/postgres.ts'
import { given } from '../../given.ts'
import type { Analysis } from '../recall/tokens.ts'
import type { Owner } from '../records.ts'

/** A text to be found by its words on a shelf. */
export interface ShelfEntry {
  readonly memoryId: string
  readonly shelfId: string
  readonly analysis: Analysis
}

/** Column type of a frequency; a word that comes oftener counts no more. */
const mostFrequent = 32_767

/** Puts texts on their shelves: their terms as postings, and the shelves' sizes. */
export async function insertPostings(tx: Transaction, owner: Owner, entries: readonly ShelfEntry[]): Promise<void> {
  await tx.query(`WITH sized AS (${RESIZE} FROM ${GROWN} ORDER BY id ${RESIZED}) ${INSERT}`, valuesOf(owner, entries))
}

/** The same for texts that are revised: takes the present ones from their shelves first, before their revisions end. */
export async function replacePostings(tx: Transaction, owner: Owner, entries: readonly ShelfEntry[]): Promise<void> {
  await tx.query(REPLACE, [...valuesOf(owner, entries), entries.map(({ memoryId }) => memoryId)])
}

/** Takes the present texts of an owner's memories from their shelves, while their present revisions are there. */
export async function removePostings(tx: Transaction, owner: Owner, memoryIds: readonly string[]): Promise<void> {
  await tx.query(REMOVE, [owner.tenantId, owner.userId, memoryIds])
}

function valuesOf(owner: Owner, entries: readonly ShelfEntry[]): unknown[] {
  const rows = entries.flatMap(({ memoryId, shelfId, analysis: { terms, length } }) =>
    [...terms].map(([term, frequency]) => ({ memoryId, shelfId, term, frequency, length })),
  )
  // Neighbours in the index are inserted one after the other.
  rows.sort((a, b) => (a.term < b.term ? -1 : a.term > b.term ? 1 : 0))
  return [
    owner.tenantId,
    owner.userId,
    JSON.stringify(growthOf(owner, entries)),
    rows.map((row) => row.shelfId),
    rows.map((row) => row.term),
    rows.map((row) => row.memoryId),
    rows.map((row) => Math.min(row.frequency, mostFrequent)),
    rows.map((row) => row.length),
  ]
}

/** By how much shelves grow. The owner's own is there also when all that is his is public: upkeep finds him by it. */
function growthOf({ userId }: Owner, entries: readonly ShelfEntry[]) {
  const shelves = new Map([[userId, { id: userId, documents: 0, terms: 0 }]])
  for (const { shelfId: id, analysis } of entries) {
    const { documents, terms } = shelves.get(id) ?? { documents: 0, terms: 0 }
    shelves.set(id, { id, documents: documents + 1, terms: terms + analysis.length })
  }
  return [...shelves.values()]
}

/** A memory without a word stands on a shelf too, so documents are counted by the revisions. */
const taking = (ids: string) => `old AS (
    SELECT CASE visibility WHEN 'PUBLIC' THEN tenant_id ELSE owner_id END AS shelf_id, count(*) AS documents
    FROM memory.revisions WHERE memory_id = ANY (${given(ids)}) AND known_until IS NULL GROUP BY 1
  ), gone AS (
    DELETE FROM memory.postings WHERE memory_id = ANY (${given(ids)}) RETURNING shelf_id, memory_id, length
  ), lengths AS (
    SELECT shelf_id, sum(length) AS terms FROM (SELECT DISTINCT shelf_id, memory_id, length FROM gone) AS text GROUP BY shelf_id
  ), taken AS (
    SELECT shelf_id AS id, -documents AS documents, -coalesce(terms, 0) AS terms FROM old LEFT JOIN lengths USING (shelf_id)
  )`

const GROWN = 'json_to_recordset($3::json) AS item (id uuid, documents bigint, terms bigint)'

const INSERT = `INSERT INTO memory.postings (tenant_id, owner_id, shelf_id, term, memory_id, frequency, length)
  SELECT $1, $2, item.* FROM unnest($4::uuid[], $5::text[], $6::uuid[], $7::smallint[], $8::integer[]) AS item`

/** Shelves in the order of their ids, so that two writers wait for each other in one order. */
const RESIZE = `INSERT INTO memory.shelves AS shelf (shelf_id, tenant_id, owner_id, documents, terms)
  SELECT id, $1, CASE WHEN id <> $1 THEN $2::uuid END, documents, terms`
const RESIZED = `ON CONFLICT (shelf_id) DO UPDATE
  SET documents = shelf.documents + excluded.documents, terms = shelf.terms + excluded.terms`

const REMOVE = `WITH ${taking('$3')} ${RESIZE} FROM taken ORDER BY id ${RESIZED}`

/**
 * Each shelf once. Shelves are counted before anything is put on them, and by then what was there is gone: a word that is
 * said again has the place of the one before.
 */
const REPLACE = `WITH ${taking('$9')}, change AS (
    SELECT id, sum(documents)::bigint AS documents, sum(terms)::bigint AS terms
    FROM (SELECT id, documents, terms FROM ${GROWN} UNION ALL SELECT id, documents, terms FROM taken) AS each GROUP BY id
  ), sized AS (
    ${RESIZE} FROM change ORDER BY id ${RESIZED} RETURNING shelf.shelf_id
  )
  ${INSERT} WHERE (SELECT count(*) FROM sized) > 0`
