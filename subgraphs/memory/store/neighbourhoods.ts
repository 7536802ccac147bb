import type { Database } from '../../../stores/postgres/postgres.ts'
import { given } from '../../given.ts'
import { memoryName, readable, type Stored } from '../../packed-rows.ts'
import { Documents, type Place } from '../recall/documents.ts'
import { foldName } from '../recall/participants.ts'
import type { Asked } from '../recall/port.ts'
import type { MemoryFilter } from '../records.ts'
import { allOf, Values } from './keyset.ts'
import { filterConditions, memoriesAt } from './memories.ts'
import { forwardOf, type Told } from './unpacked.ts'

/**
 * The stretches of sessions up to so many places around memories, each place once, and the memories that stand in no
 * session. The bounds are worked out before the table is read: under row-level security arithmetic is not let near it.
 * Sessions are numbered from one.
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
    SELECT session_id, dense_rank() OVER (ORDER BY session_id) AS session,
      min(position) - ${radius} AS first, max(position) + ${radius} AS last
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
): Promise<Documents> {
  const values = new Values()
  const stretches = STRETCHES(values.add(ids, 'uuid[]'), values.add(radius, 'integer'))
  const conditions = filterConditions(filter, values)
  const fits = allOf(['memory.forgotten_at IS NULL', ...(conditions.length === 0 ? [] : [among(conditions)])])
  const runs = await db.query<Run>(
    `WITH ${stretches}, near AS (
       SELECT stretch.session, memory.id, memory.position, memory.speaker, memory.forward
       FROM stretch JOIN memory.memories AS memory ON ${IN_STRETCH} WHERE ${fits}
       UNION ALL
       SELECT 0, memory.id, coalesce(memory.position, 0), memory.speaker, memory.forward
       FROM memory.memories AS memory WHERE memory.id IN (SELECT id FROM alone) AND ${fits}
     )
     SELECT speaker, ${RUN} FROM near GROUP BY speaker`,
    values.list,
  )
  const documents = new Documents(
    runs.reduce((sum, { places }) => sum + places.length / 8, 0),
    asked,
  )
  const lacking = new Map<string, Place>()
  for (const run of runs) {
    eachOf(run, (place, begin, end) => {
      if (end < begin) lacking.set(place.id, place)
      else documents.add(place, run.forwards, begin, end)
    })
  }
  if (lacking.size === 0) return documents
  for (const { id, forward } of await packNow(db, [...lacking.keys()])) {
    documents.add(lacking.get(id) as Place, forward)
  }
  return documents
}

/**
 * What one speaker said, each column as one run: two thousand rows would take as long to be told apart as to be found. An
 * id has 36 characters; a place is its session's number, 0 for none, and its position, 4 bytes each; a length is how many
 * bytes (4 of them, big endian as the rest) its entry in the forward index has, -1 where there is none.
 */
interface Run {
  readonly speaker: string | null
  readonly ids: string
  readonly places: Buffer
  readonly lengths: Buffer
  readonly forwards: Buffer
}

const RUN = `string_agg(id::text, '') AS ids, string_agg(int8send(session << 32 | position), '') AS places,
  string_agg(int4send(coalesce(octet_length(forward), -1)), '') AS lengths, coalesce(string_agg(forward, ''), '') AS forwards`

/** Each place of a run, and where its entry begins and ends; it ends before it begins where there is none. */
function eachOf({ speaker, ids, places, lengths }: Run, visit: (place: Place, begin: number, end: number) => void) {
  const folded = speaker ? foldName(speaker) : null
  let begin = 0
  for (let i = 0; i * 8 < places.length; i++) {
    const session = places.readInt32BE(i * 8)
    const position = places.readInt32BE(i * 8 + 4)
    const end = begin + lengths.readInt32BE(i * 4)
    visit({ id: ids.slice(i * 36, i * 36 + 36), session, position, speaker: folded }, begin, end)
    begin = Math.max(begin, end)
  }
}

/** Memories and those around them, as they were known at a moment. */
export async function neighbourhoodsAsOf(
  db: Database,
  ids: readonly string[],
  radius: number,
  asked: Asked,
  filter: MemoryFilter,
  asOf: Date,
): Promise<Documents> {
  const values = new Values()
  const stretches = STRETCHES(values.add(ids, 'uuid[]'), values.add(radius, 'integer'))
  const from = memoriesAt(asOf, values)
  const rows = await db.query<Stored<Place & Told>>(
    `WITH ${stretches}, near AS MATERIALIZED (
       SELECT memory.id FROM stretch JOIN memory.memories AS memory ON ${IN_STRETCH} UNION ALL SELECT id FROM alone
     )
     SELECT memory.id, CASE WHEN memory.session_id IS NULL THEN 0 ELSE dense_rank() OVER (ORDER BY memory.session_id)::integer END AS session,
       coalesce(memory.position, 0) AS position, memory.speaker,
       memory.content, memory.content_packed AS packed, memory.occurred_at AS "occurredAt" FROM ${from}
     WHERE ${allOf(['memory.id IN (SELECT id FROM near)', ...filterConditions(filter, values)])}`,
    values.list,
  )
  const documents = new Documents(rows.length, asked)
  for (const row of readable<Place & Told>(rows, memoryName)) {
    const { id, session, position, speaker } = row
    documents.add({ id, session, position, speaker: speaker ? foldName(speaker) : null }, forwardOf(row))
  }
  return documents
}

/** Entries of memories that were written before there was a forward index, and have not been given theirs yet. */
async function packNow(db: Database, ids: readonly string[]): Promise<{ id: string; forward: Buffer }[]> {
  const rows = await db.query<Stored<Told & { readonly id: string }>>(
    `SELECT id, content, content_packed AS packed, occurred_at AS "occurredAt" FROM memory.current_memories WHERE id = ANY (${given('$1')})`,
    [ids],
  )
  const told = readable<Told & { readonly id: string }>(rows, memoryName)
  return told.map((row) => ({ id: row.id, forward: forwardOf(row) }))
}

function among(conditions: readonly string[]): string {
  return `memory.id IN (SELECT memory.id FROM memory.current_memories AS memory WHERE ${allOf(conditions)})`
}
