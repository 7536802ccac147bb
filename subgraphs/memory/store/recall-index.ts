import type { Database } from '../../../stores/postgres/postgres.ts'
import type { VectorHit } from '../../../stores/vector/port.ts'
import type { MemoryContext } from '../context.ts'
import type { RecallIndex, Scored, TextAnswer } from '../recall/port.ts'
import type { MemoryFilter } from '../records.ts'
import { fittingIds } from './memory-lists.ts'
import { neighbourhoods } from './neighbourhoods.ts'
import { type GrantedMatch, grantedMemories, searchGranted, withGranted } from './recall-granted.ts'
import { VectorOutage } from './vector-outage.ts'

/** What recall reads, and how it went. */
export interface ObservedIndex extends RecallIndex {
  /** Whether the vectors did not answer, so that the search did without them. */
  readonly degraded: boolean
  /** How many of the memories searched have no vectors yet. */
  pending(): Promise<number>
}

/** The viewer's own shelf and his tenant's, as far as a filter lets them through. */
export function openRecallIndex(context: MemoryContext, filter: MemoryFilter): ObservedIndex {
  const { stores, viewer, request } = context
  const shelves = [viewer.userId, viewer.tenantId]
  const granted = context.read(grantedToViewer)
  granted.catch(() => {})
  const searched = async () => [...shelves, ...(await granted).shelves]
  const filtered = Object.values(filter).some((value) => value != null)
  const outage = new VectorOutage(context)
  /** Of a filtered search: how many memories that fit have no vector. */
  let lacking = 0
  let lackingGranted = 0

  /** Of what others gave the viewer and let him search by meaning: compared one by one, on their shelves. */
  async function nearestGranted(vector: Float32Array): Promise<readonly VectorHit[]> {
    const { shelves: owners } = await granted
    if (owners.length === 0) return []
    const given = await context.read((db) => grantedMemories(db, filter, owners))
    if (given.length === 0) return []
    const hits = await stores.vectors.compare(owners, vector, given)
    lackingGranted = given.length - hits.length
    return hits
  }

  /** Most viewers were given nothing: they are spared the search among it. */
  async function searchGiven(boosts: ReadonlyMap<string, number>): Promise<readonly GrantedMatch[]> {
    const { hasMemories } = await granted
    return hasMemories ? context.read((db) => searchGranted(db, boosts, filter)) : []
  }

  async function nearest(vector: Float32Array, limit: number): Promise<readonly VectorHit[]> {
    if (!filtered) return stores.vectors.nearest(await searched(), vector, limit, request.signal)
    // What fits is compared one by one: an index that is filtered afterwards would lose some of the best.
    const ids = await context.read((db) => fittingIds(db, viewer, filter))
    const hits = await stores.vectors.compare(await searched(), vector, ids)
    lacking = ids.length - hits.length
    return hits
  }

  /** How many on the viewer's shelves have no vector. */
  function countPending(): Promise<number> {
    return outage.orElse(0, async () => {
      const [documents, vectors] = await Promise.all([
        context.read((db) => documentsOn(db, shelves)),
        stores.vectors.count(shelves),
      ])
      return Math.max(0, documents - vectors)
    })
  }

  return {
    get degraded() {
      return outage.hasBegun
    },
    async search(boosts, limit) {
      const [answer, shared] = await Promise.all([
        context.read((db) => search(db, boosts, limit, filter, filtered)),
        searchGiven(boosts),
      ])
      return withGranted(answer, shared, boosts, limit)
    },
    async nearest(vector, limit): Promise<readonly Scored[]> {
      const hits = await outage.orElse<readonly VectorHit[]>([], async () =>
        (await Promise.all([nearest(vector, limit), nearestGranted(vector)])).flat(),
      )
      const best = new Map(hits.map(({ id, score }) => [id, score]))
      return [...best]
        .map(([id, score]) => ({ id, score }))
        .sort((a, b) => b.score - a.score)
        .slice(0, limit)
    },
    context: (ids, radius, asked) => context.read((db) => neighbourhoods(db, ids, radius, asked, filter)),
    async pending() {
      if (filtered) return lacking + lackingGranted
      return (await countPending()) + lackingGranted
    },
  }
}

/** What others gave the viewer. */
interface Granted {
  /** Whose shelves he was given leave to search by meaning. */
  readonly shelves: readonly string[]
  /** Whether he was given any memory. */
  readonly hasMemories: boolean
}

async function grantedToViewer(db: Database): Promise<Granted> {
  const [row] = await db.query<Granted>(
    `SELECT app.granted_shelves('MEMORIES')::text[] AS shelves, EXISTS (
       SELECT FROM memory.grants WHERE grantee_id = ANY ((SELECT app.current_principals())::uuid[])) AS "hasMemories"`,
  )
  return row ?? { shelves: [], hasMemories: false }
}

async function documentsOn(db: Database, shelves: readonly string[]): Promise<number> {
  const [row] = await db.query<{ documents: number }>(
    `SELECT coalesce(sum(documents), 0)::integer AS documents FROM memory.shelves WHERE shelf_id = ANY ($1::uuid[])`,
    [shelves],
  )
  return row?.documents ?? 0
}

interface Found {
  readonly documents: number
  readonly average_length: number
  readonly frequencies: readonly number[] | null
  readonly ids: readonly string[] | null
  readonly scores: readonly number[] | null
}

async function search(
  db: Database,
  boosts: ReadonlyMap<string, number>,
  limit: number,
  filter: MemoryFilter,
  filtered: boolean,
): Promise<TextAnswer> {
  const terms = [...boosts.keys()]
  const [found] = await db.query<Found>('SELECT * FROM memory.search($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)', [
    terms,
    [...boosts.values()],
    limit,
    filtered,
    ...filterValues(filter),
  ])
  return toTextAnswer(terms, found)
}

/** A filter as the functions that search by words take it. */
export function filterValues(filter: MemoryFilter): unknown[] {
  return [
    filter.tiers ?? null,
    filter.visibility ?? null,
    filter.sessionId ?? null,
    filter.occurredFrom ?? null,
    filter.occurredBefore ?? null,
    filter.metadata == null ? null : JSON.stringify(filter.metadata),
  ]
}

export function toTextAnswer(terms: readonly string[], found: Found | undefined): TextAnswer {
  const scores = found?.scores ?? []
  return {
    documents: found?.documents ?? 0,
    averageLength: found?.average_length ?? 0,
    frequencies: new Map(terms.map((term, i) => [term, found?.frequencies?.[i] ?? 0])),
    hits: (found?.ids ?? []).map((id, i) => ({ id, score: scores[i] ?? 0 })),
  }
}
