import type { Transaction } from '../../../stores/postgres/postgres.ts'
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

/**
 * Puts texts on their shelves: their terms as postings, and the shelves' sizes.
 * @param taken what has been taken from the shelves before and is not counted out yet
 */
export async function insertPostings(
  tx: Transaction,
  owner: Owner,
  entries: readonly ShelfEntry[],
  taken: readonly TakenOff[] = [],
): Promise<void> {
  const rows = entries.flatMap(({ memoryId, shelfId, analysis: { terms, length } }) =>
    [...terms].map(([term, frequency]) => ({ memoryId, shelfId, term, frequency, length })),
  )
  // Neighbours in the index are inserted one after the other.
  rows.sort((a, b) => (a.term < b.term ? -1 : a.term > b.term ? 1 : 0))
  const shelves = new Map(taken.map(({ id, documents, terms }) => [id, { documents: -documents, terms: -terms }]))
  // The owner's own is there also when all that is his is public: upkeep finds him by it.
  shelves.set(owner.userId, shelves.get(owner.userId) ?? { documents: 0, terms: 0 })
  for (const { shelfId, analysis } of entries) {
    const { documents, terms } = shelves.get(shelfId) ?? { documents: 0, terms: 0 }
    shelves.set(shelfId, { documents: documents + 1, terms: terms + analysis.length })
  }
  await tx.query(`WITH sized AS (${RESIZE}) ${INSERT}`, [
    owner.tenantId,
    sizesOf(owner, shelves),
    owner.userId,
    rows.map((row) => row.shelfId),
    rows.map((row) => row.term),
    rows.map((row) => row.memoryId),
    rows.map((row) => Math.min(row.frequency, mostFrequent)),
    rows.map((row) => row.length),
  ])
}

/** Takes the present texts of an owner's memories from their shelves, while their present revisions are there. */
export async function removePostings(tx: Transaction, owner: Owner, memoryIds: readonly string[]): Promise<void> {
  const shelves = await takePostings(tx, memoryIds)
  const changes = shelves.map(({ id, documents, terms }) => [id, { documents: -documents, terms: -terms }] as const)
  await tx.query(RESIZE, [owner.tenantId, sizesOf(owner, new Map(changes))])
}

/** What was taken from a shelf. */
export interface TakenOff extends ShelfSize {
  readonly id: string
}

/** The same, but for the shelves' sizes: `insertPostings` counts it out. */
export function takePostings(tx: Transaction, memoryIds: readonly string[]): Promise<TakenOff[]> {
  return tx.query(REMOVE, [memoryIds])
}

/**
 * A memory without a word stands on a shelf too, so documents are counted by the revisions. Ids come from a query because
 * the planner takes such an array for ten items: by a thousand that it sees it would read a table it knows little of.
 */
const REMOVE = `WITH old AS (
    SELECT CASE visibility WHEN 'PUBLIC' THEN tenant_id ELSE owner_id END AS shelf_id, count(*)::integer AS documents
    FROM memory.revisions WHERE memory_id = ANY ($1::uuid[]) AND known_until IS NULL GROUP BY 1
  ), gone AS (
    DELETE FROM memory.postings WHERE memory_id = ANY (ARRAY(SELECT unnest($1::uuid[])))
    RETURNING shelf_id, memory_id, length
  ), lengths AS (
    SELECT shelf_id, sum(length)::integer AS terms FROM (SELECT DISTINCT shelf_id, memory_id, length FROM gone) AS text GROUP BY shelf_id
  )
  SELECT shelf_id AS id, documents, coalesce(terms, 0) AS terms FROM old LEFT JOIN lengths USING (shelf_id)`

const INSERT = `INSERT INTO memory.postings (tenant_id, owner_id, shelf_id, term, memory_id, frequency, length)
  SELECT $1, $3, item.* FROM unnest($4::uuid[], $5::text[], $6::uuid[], $7::smallint[], $8::integer[]) AS item`

/** By how much a shelf grows. */
interface ShelfSize {
  readonly documents: number
  readonly terms: number
}

/** In the order of their ids, so that two writers wait for each other in one order. */
const RESIZE = `INSERT INTO memory.shelves AS shelf (shelf_id, tenant_id, owner_id, documents, terms)
  SELECT id, $1, owner_id, documents, terms
  FROM json_to_recordset($2::json) AS item (id uuid, owner_id uuid, documents bigint, terms bigint) ORDER BY id
  ON CONFLICT (shelf_id) DO UPDATE
  SET documents = shelf.documents + excluded.documents, terms = shelf.terms + excluded.terms`

function sizesOf({ tenantId, userId }: Owner, shelves: ReadonlyMap<string, ShelfSize>): string {
  return JSON.stringify([...shelves].map(([id, size]) => ({ id, owner_id: id === tenantId ? null : userId, ...size })))
}
