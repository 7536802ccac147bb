import DataLoader from 'dataloader'
import {
  type Connection,
  type Key,
  type Page,
  type PageArguments,
  parsePage,
  toConnection,
} from '../../lib/connection.ts'
import type { RequestContext } from '../../lib/context.ts'
import type { Database } from '../../stores/postgres/postgres.ts'
import type { Stores } from '../../stores/stores.ts'
import { loaderReads, type Read } from '../loader-reads.ts'
import { neighbourLoader } from './neighbour-loader.ts'
import { pointLoader } from './point-loader.ts'
import type {
  ChainRecord,
  ContextRecord,
  FeedbackRecord,
  GrantRecord,
  MemoryRecord,
  MessageRecord,
  RevisionRecord,
  RoutingRecord,
  SessionFilter,
  SessionRecord,
  SummaryRecord,
} from './records.ts'
import type { RelationshipRecord } from './relation-records.ts'
import { ancestorsOf } from './store/ancestors.ts'
import { type ArchiveRecord, archivesByIds } from './store/archives.ts'
import { contextCounts, contextOf, effectiveCounts } from './store/context.ts'
import { feedbackByIds } from './store/feedback.ts'
import { grantsOf } from './store/grants.ts'
import type { Values } from './store/keyset.ts'
import * as memories from './store/memories.ts'
import { countsUnder, type ListSource, pagesUnder, sourceFor } from './store/pages.ts'
import { type Circumstances, circumstancesOf, type RuleRecord, rulesByIds } from './store/policies.ts'
import { chainsByIds } from './store/reasoning.ts'
import { relationshipsByIds } from './store/relationships.ts'
import { decisionsByIds } from './store/routing.ts'
import * as sessions from './store/sessions.ts'
import { contextAnalyses } from './store/sources.ts'
import { summariesOf } from './store/summaries.ts'
import { syncsByIds } from './store/syncs.ts'
import { type TurnRecord, turnsByIds } from './store/turns.ts'
import { type UserContextRecord, userContextCounts, userContextOf } from './store/user-context.ts'
import * as vectors from './store/vectors.ts'
import { samplesByIds } from './store/voice.ts'
import type { SyncRecord } from './sync-records.ts'
import type { VoiceRecord } from './voice-records.ts'

export type Loaders = ReturnType<typeof createLoaders>

/** A connection that counts its list only when asked. */
export type CountedConnection<T> = Connection<T> & { totalCount(): Promise<number> }

/** The fields that are selected of a list's items. */
type Selected = ReadonlySet<string>

/** How a list under each of many parents is read. */
interface PagedList<Row> {
  /** Whether its rare columns are read, where it has some. */
  readonly rare?: boolean
  pages(db: Database, parents: readonly string[], page: Page): Promise<Map<string, Row[]>>
  counts(db: Database, parents: readonly string[]): Promise<Map<string, number>>
  keyOf(row: Row): Key
}

/**
 * The reads of one execution, each joined with those of its level: however many parents a level has, it is one
 * statement. What the viewer may not see is the same as what is not there.
 */
export function createLoaders(stores: Stores, request: RequestContext) {
  const read = loaderReads(stores, request, 'memory')
  const families = new Map<string, DataLoader<string, unknown>>()

  /** One loader for each list and its arguments, made when it is first asked. */
  function loaderOf<V>(name: unknown, make: () => DataLoader<string, V>): DataLoader<string, V> {
    const key = JSON.stringify(name)
    const loader = (families.get(key) as DataLoader<string, V> | undefined) ?? make()
    families.set(key, loader)
    return loader
  }

  function family<V>(name: unknown, batch: (db: Database, ids: readonly string[]) => Promise<Map<string, V>>, none: V) {
    const make = () =>
      new DataLoader<string, V>(async (ids) => {
        const values = await read((db) => batch(db, ids))
        return ids.map((id) => values.get(id) ?? none)
      })
    return loaderOf(name, make)
  }

  function pageUnder<Row>(
    list: unknown,
    parent: string,
    args: PageArguments,
    { pages, keyOf, rare }: Omit<PagedList<Row>, 'counts'>,
  ): Promise<Connection<Row>> {
    const { first, last, after, before } = args
    const make = () => {
      const page = parsePage(args, list)
      return new DataLoader<string, Connection<Row>>(async (ids) => {
        const rows = await read((db) => pages(db, ids, page))
        return ids.map((id) => toConnection(rows.get(id) ?? [], page, keyOf))
      })
    }
    return loaderOf([list, first, last, after, before, rare], make).load(parent)
  }

  /** The same with the list's length when that is asked for. */
  async function countedUnder<Row>(
    list: unknown,
    parent: string,
    args: PageArguments,
    paged: PagedList<Row>,
  ): Promise<CountedConnection<Row>> {
    const connection = await pageUnder(list, parent, args, paged)
    return { ...connection, totalCount: () => family([list, 'count'], paged.counts, 0).load(parent) }
  }

  function memoriesUnder(name: string, list: ListSource, parent: string, args: PageArguments, selected: Selected) {
    const { source, rare } = sourceFor(list, selected)
    return countedUnder<MemoryRecord>(name, parent, args, {
      rare,
      pages: (db, ids, page) => memories.memoryPages(db, source, ids, page),
      counts: (db, ids) => memories.memoryCounts(db, source, ids),
      keyOf: (row) => [row[source.keyName as 'position' | 'ordinal'] ?? 0],
    })
  }

  /** A page of the list under a parent, with its length when that is asked for. */
  function listUnder<Row extends { readonly ordinal: number }>(
    list: readonly unknown[],
    source: ListSource,
    parent: string,
    args: PageArguments,
    condition?: (values: Values) => readonly string[],
  ) {
    return countedUnder<Row>(list, parent, args, {
      pages: (db, ids, page) => pagesUnder(db, source, ids, page, condition),
      counts: (db, ids) => countsUnder(db, source, ids, condition),
      keyOf: byOrdinal,
    })
  }

  return {
    /** Of any list that is ordered by `ordinal`; its name and filter tell one from another. */
    listUnder,
    sync: byId<SyncRecord>(read, syncsByIds),
    summary: byId<SummaryRecord>(read, summariesOf),
    feedback: byId<FeedbackRecord>(read, feedbackByIds),
    routingDecision: byId<RoutingRecord>(read, decisionsByIds),
    reasoningChain: byId<ChainRecord>(read, chainsByIds),
    turn: byId<TurnRecord>(read, turnsByIds),
    voiceSample: byId<VoiceRecord>(read, samplesByIds),
    memory: byId<MemoryRecord>(read, memories.memoriesByIds),
    memoryAsOf: (id: string, asOf: Date) =>
      family<MemoryRecord | null>(
        ['memory as of', asOf],
        async (db, ids) => new Map((await memories.memoriesAsOf(db, ids, asOf)).map((row) => [row.id, row])),
        null,
      ).load(id),
    session: byId<SessionRecord>(read, sessions.sessionsByIds),
    message: byId<MessageRecord>(read, sessions.messagesByIds),
    vector: byId<vectors.VectorRecord>(read, vectors.vectorsByIds),
    vectorsOfMemory: (id: string, args: PageArguments) =>
      countedUnder<vectors.VectorRecord>('memory vectors', id, args, {
        pages: vectors.vectorsOfMemories,
        counts: vectors.countVectorsOfMemories,
        keyOf: byOrdinal,
      }),
    vectorsOfSession: (id: string, args: PageArguments) =>
      countedUnder<vectors.VectorRecord>('session vectors', id, args, {
        pages: vectors.vectorsOfSessions,
        counts: vectors.countVectorsOfSessions,
        keyOf: byOrdinal,
      }),
    pointOf: pointLoader(stores, request),
    conversationsNear: neighbourLoader(stores, request),
    memoryArchive: byId<ArchiveRecord>(read, archivesByIds),
    policyRule: byId<RuleRecord>(read, rulesByIds),
    circumstances: byId<Circumstances>(read, async (db, ids) => [...(await circumstancesOf(db, ids)).values()]),
    memoriesOfSession: (id: string, args: PageArguments, selected: Selected) =>
      memoriesUnder('session memories', memories.memoriesOfSession, id, args, selected),
    memoriesOfMessage: (id: string, args: PageArguments, selected: Selected) =>
      memoriesUnder('message memories', memories.memoriesOfMessage, id, args, selected),
    revisionsOf({ id, asOf }: MemoryRecord, args: PageArguments, selected: Selected) {
      const { source, rare } = sourceFor(memories.revisions, selected)
      return countedUnder<RevisionRecord>(['revisions', asOf], id, args, {
        rare,
        pages: (db, ids, page) => memories.revisionPages(db, source, ids, page, asOf),
        counts: (db, ids) => memories.revisionCounts(db, ids, asOf),
        keyOf: (row) => [row.version],
      })
    },
    relationship: byId<RelationshipRecord>(read, relationshipsByIds),
    contextAnalysis: async (id: string, version: number) =>
      (await family('context analyses', contextAnalyses, { analysis: null }).load(`${id} ${version}`)).analysis,
    grantsOf: (memoryId: string) => family<readonly GrantRecord[]>('grants', grantsOf, []).load(memoryId),
    contextOf: (sessionId: string, keys: readonly string[] | null) =>
      family<ContextRecord[]>(['context', keys], (db, ids) => contextOf(db, ids, keys, request.clock.now()), []).load(
        sessionId,
      ),
    contextCount: (sessionId: string) =>
      family('context count', (db, ids) => contextCounts(db, ids, request.clock.now()), 0).load(sessionId),
    effectiveContextCount: (sessionId: string) =>
      family('effective context count', (db, ids) => effectiveCounts(db, ids, request.clock.now()), 0).load(sessionId),
    userContextCount: (ownerId: string) =>
      family('user context count', (db, ids) => userContextCounts(db, ids, request.clock.now()), 0).load(ownerId),
    userContextOf: (ownerId: string, keys: readonly string[] | null) =>
      family<UserContextRecord[]>(
        ['user context', keys],
        (db, ids) => userContextOf(db, ids, keys, request.clock.now()),
        [],
      ).load(ownerId),
    ancestorsOf: (sessionId: string) => family<string[]>('ancestors', ancestorsOf, []).load(sessionId),
    async messagesOf(session: SessionRecord, args: PageArguments): Promise<CountedConnection<MessageRecord>> {
      const list = { pages: sessions.messagePages, keyOf: (row: MessageRecord) => [row.position] }
      const connection = await pageUnder('messages', session.id, args, list)
      return { ...connection, totalCount: async () => session.messageCount }
    },
    sessionsOf(ownerId: string, filter: SessionFilter, args: PageArguments) {
      const list = ['sessions', filter.mode ?? null, filter.active ?? null]
      return countedUnder<SessionRecord>(list, ownerId, args, {
        pages: (db, ids, page) => sessions.sessionPages(db, ids, filter, page),
        counts: (db, ids) => sessions.sessionCounts(db, ids, filter),
        keyOf: byOrdinal,
      })
    },
  }
}

const byOrdinal = ({ ordinal }: { readonly ordinal: number }): Key => [ordinal]

function byId<Row extends { readonly id: string }>(
  read: Read,
  fetch: (db: Database, ids: readonly string[]) => Promise<readonly Row[]>,
): DataLoader<string, Row | null> {
  return new DataLoader(async (ids) => {
    const rows = new Map((await read((db) => fetch(db, ids))).map((row) => [row.id, row]))
    return ids.map((id) => rows.get(id) ?? null)
  })
}
