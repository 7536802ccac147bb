import { leastPacked } from '../../../lib/packed-text.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import { memoryName, readable, type Stored } from '../../packed-rows.ts'
import type { Rule } from '../policies/rules.ts'
import type { MemoryTier } from '../records.ts'
import { findConcerned, type Kept, type Search } from './upkeep.ts'

/** An owner's memories that some of these rules want stored otherwise than they are; the rules themselves decide. */
export function findOtherwiseStored(
  db: Database,
  search: Search & { readonly tiers: readonly MemoryTier[] | null },
): Promise<Kept[]> {
  return findConcerned(db, search, ({ action }: Rule, values) => {
    const due = `EXISTS (SELECT FROM memory.revisions AS said WHERE said.memory_id = memory.id AND ${dueOf[action as Way]})`
    return search.tiers === null ? due : `${due} AND revision.tier = ANY (${values.add(search.tiers, 'text[]')})`
  })
}

export type Way = 'COMPRESS' | 'EXPAND'

/** What is left to do of a revision. What was tried once, and did not get smaller, is not tried again. */
const dueOf: Readonly<Record<Way, string>> = {
  COMPRESS: `said.compression_metadata IS NULL AND octet_length(said.content) >= ${leastPacked}`,
  EXPAND: 'said.content IS NULL',
}

/** A revision whose content is to be stored otherwise. */
export interface Content {
  readonly id: string
  readonly memoryId: string
  readonly content: string
}

/** Contents of which something is left to do, and whether there are more. */
export interface Contents {
  readonly contents: readonly Content[]
  readonly complete: boolean
}

/**
 * What memories say in the revisions of which something is left to do, in the order of their making, until there are so
 * many bytes: at least one.
 */
export async function contentsOf(db: Database, way: Way, ids: readonly string[], bytes: number): Promise<Contents> {
  if (ids.length === 0) return { contents: [], complete: true }
  const rows = await db.query<Stored<Content> & { readonly due: number }>(
    `SELECT due.id, due."memoryId", due.content, due.packed, due.all AS due FROM (
       SELECT said.id, said.memory_id AS "memoryId", said.content, said.content_packed AS packed, memory.ordinal, said.version,
         coalesce(octet_length(said.content), octet_length(said.content_packed)) AS size, count(*) OVER ()::integer AS all,
         sum(coalesce(octet_length(said.content), octet_length(said.content_packed)))
           OVER (ORDER BY memory.ordinal, said.version) AS until
       FROM memory.memories AS memory JOIN memory.revisions AS said ON said.memory_id = memory.id AND ${dueOf[way]}
       WHERE memory.id = ANY ($1::uuid[])
     ) AS due
     WHERE due.until - due.size < $2 ORDER BY due.ordinal, due.version`,
    [ids, bytes],
  )
  const contents = readable<Content>(rows, ({ memoryId }) => memoryName({ id: memoryId }))
  return { contents, complete: rows.length === (rows[0]?.due ?? 0) }
}

/** How a revision's content is to be stored from now on. */
export interface Change {
  readonly id: string
  readonly memoryId: string
  readonly content: string | null
  readonly packed: Buffer | null
  readonly metadata: CompressionMetadata | null
}

/**
 * What is kept beside a packed content: its characters, its bytes plain, and the second since 1970 when it was packed. Of
 * what did not get smaller, nothing but that it was tried. It stands in every row, where names would take more than packing
 * a short text saves.
 */
export type CompressionMetadata = readonly [characters: number, originalBytes: number, second: number] | readonly []

/** A content's characters, and what came of packing it, of a row of this name. */
export const charactersOf = (row: string) =>
  `coalesce(char_length(${row}.content), (${row}.compression_metadata ->> 0)::integer)`
export const originalBytesOf = (row: string) => `(${row}.compression_metadata ->> 1)::integer`
export const compressionOf = (
  row: string,
) => `CASE WHEN ${row}.content IS NULL THEN json_build_object('algorithm', 'BROTLI',
    'originalBytes', ${originalBytesOf(row)}, 'storedBytes', octet_length(${row}.content_packed),
    'compressedAt', to_timestamp((${row}.compression_metadata ->> 2)::float8)) END`

/**
 * Stores contents otherwise; the memories must be held. A revision never says anything else than it does, so that it does
 * not matter when the content was read.
 * @returns the ids of the revisions for which nobody had done it already
 */
export async function storeContents(tx: Transaction, way: Way, changes: readonly Change[]): Promise<Set<string>> {
  if (changes.length === 0) return new Set()
  const rows = await tx.query<{ id: string }>(
    `UPDATE memory.revisions AS said
     SET content = given.content, content_packed = given.packed, compression_metadata = given.metadata
     FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::jsonb[]) AS given (id, content, packed, metadata)
     WHERE said.id = given.id AND ${dueOf[way]} RETURNING said.id`,
    [
      changes.map(({ id }) => id),
      changes.map(({ content }) => content),
      changes.map(({ packed }) => packed),
      changes.map(({ metadata }) => (metadata === null ? null : JSON.stringify(metadata))),
    ],
  )
  return new Set(rows.map(({ id }) => id))
}
