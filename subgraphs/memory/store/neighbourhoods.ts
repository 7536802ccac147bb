import type { Database } from '../../../stores/postgres/postgres.ts'
import { memoryName, readable, type Stored } from '../../packed-rows.ts'
import { type ForwardEntry, forwardReader } from '../recall/forward.ts'
import { foldName } from '../recall/participants.ts'
import type { Asked, RecallDocument } from '../recall/port.ts'
import type { MemoryFilter } from '../records.ts'
import { allOf, Values } from './keyset.ts'
import { filterConditions, memoriesAt } from './memories.ts'
import { forwardOf, type Told } from './unpacked.ts'

interface Place {
  readonly id: string
  readonly sessionId: string | null
  readonly position: number
  /** Who said it, as recorded. */
  readonly speaker: string | null
}

const place = `memory.id, memory.session_id AS "sessionId", coalesce(memory.position, 0) AS position, memory.speaker`

/**
 * The stretches of sessions up to so many places around memories, each place once, and the memories that stand in no
 * session. The bounds are worked out before the table is read: under row-level security arithmetic is not let near it.
 */
const STRETCHES = (ids: string, radius: string) => `hit AS MATERIALIZED (
    SELECT id, session_id, position FROM memory.memories WHERE id = ANY (${ids})
  ), step AS (
    SELECT session_id, position,
      (position - lag(position) OVER (PARTITION BY session_id ORDER BY position) <= 2 * ${radius}) IS NOT TRUE AS begins
    FROM hit WHERE session_id IS NOT NULL AND position IS NOT NULL
  ), numbered AS (
    SELECT session_id, position, count(*) FILTER (WHERE begins) OVER (PARTITION BY session_id ORDER BY position) AS number FROM step
  ), stretch AS MATERIALIZED (
    SELECT session_id, min(position) - ${radius} AS first, max(position) + ${radius} AS last
    FROM numbered GROUP BY session_id, number
  ), alone AS MATERIALIZED (
    SELECT id FROM hit WHERE session_id IS NULL OR position IS NULL
  )`

const IN_STRETCH = `memory.session_id = stretch.session_id AND memory.position >= stretch.first AND memory.position <= stretch.last`

/** Memories and those around them in their sessions. */
export async function neighbourhoods(
  db: Database,
  ids: readonly string[],
  radius: number,
  asked: Asked,
  filter: MemoryFilter,
): Promise<readonly RecallDocument[]> {
  const values = new Values()
  const stretches = STRETCHES(values.add(ids, 'uuid[]'), values.add(radius, 'integer'))
  const conditions = filterConditions(filter, values)
  const fits = allOf(['memory.forgotten_at IS NULL', ...(conditions.length === 0 ? [] : [among(conditions)])])
  const runs = await db.query<Run>(
    `WITH ${stretches}
     SELECT memory.session_id AS "sessionId", ${RUN} AS bytes
     FROM stretch JOIN memory.memories AS memory ON ${IN_STRETCH} WHERE ${fits} GROUP BY memory.session_id
     UNION ALL
     SELECT NULL, ${RUN} FROM memory.memories AS memory WHERE memory.id IN (SELECT id FROM alone) AND ${fits}`,
    values.list,
  )
  const placed = runs.flatMap(placesIn)
  const read = forwardReader(asked)
  const lacking = placed.filter(({ forward }) => forward === null).map(({ id }) => id)
  const packed = lacking.length === 0 ? new Map<string, Buffer>() : await packNow(db, lacking)
  return placed.flatMap((place) => {
    const forward = place.forward ?? packed.get(place.id)
    return forward ? document(place, read(forward)) : []
  })
}

/**
 * Memories as one run of bytes, big endian: each its id, its position (4 bytes), its speaker and its entry in the forward
 * index, with 4 bytes before each of those two that say how long it is, or -1 for none. Two thousand rows would take as
 * long to be told apart as to be found.
 */
const RUN = `string_agg(uuid_send(memory.id) || int4send(coalesce(memory.position, 0))
  || int4send(coalesce(octet_length(convert_to(memory.speaker, 'UTF8')), -1)) || coalesce(convert_to(memory.speaker, 'UTF8'), '')
  || int4send(coalesce(octet_length(memory.forward), -1)) || coalesce(memory.forward, ''), '')`

interface Run {
  readonly sessionId: string | null
  /** Null where nothing is. */
  readonly bytes: Buffer | null
}

function placesIn({ sessionId, bytes }: Run): (Place & { forward: Buffer | null })[] {
  const places = []
  for (let at = 0; bytes !== null && at < bytes.length; ) {
    const id = toUuid(bytes.toString('hex', at, at + 16))
    const position = bytes.readInt32BE(at + 16)
    const speaker = partAt(bytes, at + 20)
    const forward = partAt(bytes, speaker.end)
    places.push({ id, sessionId, position, speaker: speaker.part?.toString() ?? null, forward: forward.part })
    at = forward.end
  }
  return places
}

function partAt(bytes: Buffer, at: number): { part: Buffer | null; end: number } {
  const length = bytes.readInt32BE(at)
  const begin = at + 4
  return length < 0 ? { part: null, end: begin } : { part: bytes.subarray(begin, begin + length), end: begin + length }
}

function toUuid(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** Memories and those around them, as they were known at a moment. */
export async function neighbourhoodsAsOf(
  db: Database,
  ids: readonly string[],
  radius: number,
  asked: Asked,
  filter: MemoryFilter,
  asOf: Date,
): Promise<readonly RecallDocument[]> {
  const values = new Values()
  const stretches = STRETCHES(values.add(ids, 'uuid[]'), values.add(radius, 'integer'))
  const from = memoriesAt(asOf, values)
  const rows = await db.query<Stored<Place & Told>>(
    `WITH ${stretches}, near AS MATERIALIZED (
       SELECT memory.id FROM stretch JOIN memory.memories AS memory ON ${IN_STRETCH} UNION ALL SELECT id FROM alone
     )
     SELECT ${place}, memory.content, memory.content_packed AS packed, memory.occurred_at AS "occurredAt" FROM ${from}
     WHERE ${allOf(['memory.id IN (SELECT id FROM near)', ...filterConditions(filter, values)])}`,
    values.list,
  )
  const read = forwardReader(asked)
  return readable<Place & Told>(rows, memoryName).map((row) => document(row, read(forwardOf(row))))
}

/** Entries of memories that were written before there was a forward index, and have not been given theirs yet. */
async function packNow(db: Database, ids: readonly string[]): Promise<ReadonlyMap<string, Buffer>> {
  const rows = await db.query<Stored<Told & { readonly id: string }>>(
    `SELECT id, content, content_packed AS packed, occurred_at AS "occurredAt" FROM memory.current_memories WHERE id = ANY ($1::uuid[])`,
    [ids],
  )
  return new Map(readable<Told & { readonly id: string }>(rows, memoryName).map((row) => [row.id, forwardOf(row)]))
}

function among(conditions: readonly string[]): string {
  return `memory.id IN (SELECT memory.id FROM memory.current_memories AS memory WHERE ${allOf(conditions)})`
}

function document({ id, sessionId, position, speaker }: Place, { name, ...entry }: ForwardEntry): RecallDocument {
  return { id, sessionId, position, ...entry, speaker: speaker ? foldName(speaker) : name }
}
