import DataLoader from 'dataloader'
import { type Connection, type Page, toConnection } from '../../lib/connection.ts'
import type { RequestContext } from '../../lib/context.ts'
import { inSpan } from '../../lib/trace.ts'
import type { RelatedConcept } from '../../stores/graph/port.ts'
import type { Stores } from '../../stores/stores.ts'
import { loaderReads } from '../loader-reads.ts'
import { requireViewer } from '../security.ts'
import { type PatternRecord, patternsByIds } from './consensus/learning.ts'
import { type NodeRecord, nodesByIds, type VoteRecord, votePages } from './consensus/store.ts'
import {
  type ConceptRecord,
  type Counted,
  countConceptsOfMemories,
  countRelated,
  findConcepts,
  findConceptsByKey,
  listConceptsOfMemories,
  listMentions,
  type MentionRecord,
  type NamedConcept,
  type RelationFilter,
} from './store.ts'

/** A relation as the graph store answers it; which of its concepts the viewer may see is judged when they are read. */
export type RelatedPage = Connection<RelatedConcept>

export interface RelatedList extends RelationFilter {
  readonly page: Page
}

/** The batches of one execution: whatever a level of a query asks for is one statement, however many objects ask. */
export function createLoaders(stores: Stores, request: RequestContext) {
  const read = loaderReads(stores, request, 'knowledge')

  const concepts = new DataLoader<string, ConceptRecord | null>(async (ids) => {
    const byId = new Map((await read((db) => findConcepts(db, ids))).map((row) => [row.id, row]))
    return ids.map((id) => byId.get(id) ?? null)
  })
  const remember = <T extends ConceptRecord>(rows: T[]): T[] => {
    for (const row of rows) concepts.prime(row.id, row)
    return rows
  }

  return {
    concepts,
    remember,

    conceptsByKey: new DataLoader<string, ConceptRecord | null>(async (keys) => {
      const byKey = new Map(remember(await read((db) => findConceptsByKey(db, keys))).map((row) => [row.key, row]))
      return keys.map((key) => byKey.get(key) ?? null)
    }),

    mentions: perList((page: Page) => async (ids) => {
      const rows = Map.groupBy(await read((db) => listMentions(db, ids, page)), (row) => row.conceptId)
      return ids.map((id) => toConnection<MentionRecord>(rows.get(id) ?? [], page, (row) => [row.ordinal]))
    }),

    conceptsOfMemory: perList((page: Page) => async (ids) => {
      const found = remember(await read((db) => listConceptsOfMemories(db, ids, page)))
      const rows = Map.groupBy(found, (row) => row.memoryId)
      return ids.map((id) => toConnection<NamedConcept>(rows.get(id) ?? [], page, (row) => [row.count, row.ordinal]))
    }),

    conceptCountOfMemory: new DataLoader<string, number>(async (ids) =>
      inOrder(ids, await read((db) => countConceptsOfMemories(db, ids))),
    ),

    consensusNode: new DataLoader<string, NodeRecord | null>(async (ids) => {
      const byId = new Map((await read((db) => nodesByIds(db, ids))).map((row) => [row.id, row]))
      return ids.map((id) => byId.get(id) ?? null)
    }),

    learningPattern: new DataLoader<string, PatternRecord | null>(async (ids) => {
      const byId = new Map((await read((db) => patternsByIds(db, ids))).map((row) => [row.id, row]))
      return ids.map((id) => byId.get(id) ?? null)
    }),

    votes: perList((page: Page) => async (ids) => {
      const rows = Map.groupBy(await read((db) => votePages(db, ids, page)), (row) => row.nodeId)
      return ids.map((id) => toConnection<VoteRecord>(rows.get(id) ?? [], page, (row) => [row.ordinal]))
    }),

    related: perList(({ page, ...filter }: RelatedList) => async (ids): Promise<RelatedPage[]> => {
      const [strength, id] = page.after ?? []
      const after = page.after === null ? null : { strength: Number(strength), id: String(id) }
      const options = { ...filter, limit: page.limit + 1, after }
      const found = await inSpan(request.span, 'loader', { 'mnemograph.room': 'knowledge' }, () =>
        stores.graph.related(requireViewer(request).userId, ids, options, request.signal),
      )
      const rows = Map.groupBy(found, (row) => row.conceptId)
      return ids.map((id) => toConnection(rows.get(id) ?? [], page, (row) => [row.strength, row.relatedId]))
    }),

    relatedCount: perList(
      (filter: RelationFilter) => async (ids) => inOrder(ids, await read((db) => countRelated(db, ids, filter))),
    ),
  }
}

export type Loaders = ReturnType<typeof createLoaders>

/** One loader for each list asked for: objects of one level share their arguments, and so one statement. */
function perList<List, Value>(batch: (list: List) => (ids: readonly string[]) => Promise<Value[]>) {
  const loaders = new Map<string, DataLoader<string, Value>>()
  return (list: List, id: string): Promise<Value> => {
    const key = JSON.stringify(list)
    const loader = loaders.get(key) ?? new DataLoader<string, Value>(batch(list))
    loaders.set(key, loader)
    return loader.load(id)
  }
}

function inOrder(ids: readonly string[], counts: readonly Counted[]): number[] {
  const byId = new Map(counts.map(({ id, count }) => [id, count]))
  return ids.map((id) => byId.get(id) ?? 0)
}
