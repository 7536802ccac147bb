import { type PageArguments, parsePage, toConnection } from '../../../lib/connection.ts'
import { uuidOf } from '../../../lib/ids.ts'
import { forbidden, invalidInput, notFound, type Problem, ProblemError } from '../../../lib/problems.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import type { VectorCollection, VectorKind } from '../../../stores/vector/port.ts'
import { type Answer, mutate } from '../../mutate.ts'
import type { MemoryContext } from '../context.ts'
import { checkCount, checkObject, checkText, firstProblem, limits, type Path } from '../limits.ts'
import type { CountedConnection } from '../loaders.ts'
import type { MemoryRecord, Visibility } from '../records.ts'
import { knownNodes, ownedSessions } from '../store/lookups.ts'
import { memoriesByIds } from '../store/memories.ts'
import {
  countReadableVectors,
  deleteVectors,
  grantedOwners,
  readableVectors,
  type VectorDraft,
  type VectorFilter,
  type VectorRecord,
} from '../store/vectors.ts'
import { rejectBatch } from './batch.ts'
import { judgeOpenings, type Opening } from './judge.ts'
import { removedEvents, storeDrafts } from './texts.ts'

export interface VectorInput {
  readonly collection: VectorCollection
  readonly kind: VectorKind
  readonly content: string
  readonly memoryId?: string | null
  readonly sessionId?: string | null
  readonly consensusNodeId?: string | null
  readonly visibility?: Visibility | null
  readonly metadata?: unknown
  readonly relevanceScore?: number | null
}

export interface StoreVectorsInput {
  readonly items: readonly VectorInput[]
  readonly clientMutationId?: string | null
}

export interface RemoveVectorsInput {
  readonly ids: readonly string[]
  readonly clientMutationId?: string | null
}

/** Stores texts to be found by meaning, all or none. */
export async function storeVectors(context: MemoryContext, input: StoreVectorsInput) {
  const { items } = input
  const tooMany = checkCount(items, limits.storedVectors, ['input', 'items'])
  if (tooMany) return tooMany
  const problems = items.map((item, i) => checkItem(item, [String(i)])).filter((problem) => problem !== null)
  if (problems.length > 0) return rejectBatch(problems, items.length, 'items')
  const { stores, request } = context
  return mutate(stores, request, { name: 'storeVectors', input, room: 'memory' }, async ({ tx, append }) => {
    const drafts = items.map((item) => draftOf(stores.ids.next(), item))
    const { absent, memories } = await lookUp(context, tx, items, drafts)
    const refused = absent.length > 0 ? absent : await refusalsOf(context, tx, drafts, memories)
    if (refused.length > 0) throw new ProblemError(rejectBatch(refused, items.length, 'items'))
    await append(await storeDrafts(context, tx, drafts))
    return { __typename: 'StoreVectorsSuccess', vectorIds: drafts.map(({ id }) => id) } satisfies Answer
  })
}

/** Removes stored texts of the viewer's, all or none. */
export async function removeVectors(context: MemoryContext, input: RemoveVectorsInput) {
  const tooMany = checkCount(input.ids, limits.storedVectors, ['input', 'ids'])
  if (tooMany) return tooMany
  const { stores, request, viewer } = context
  return mutate(stores, request, { name: 'removeVectors', input, room: 'memory' }, async ({ tx, append }) => {
    const ids = input.ids.map((id) => uuidOf('Vector', id))
    const gone = await deleteVectors(
      tx,
      viewer,
      ids.filter((id) => id !== null),
    )
    const missing = ids.findIndex((id) => id === null || !gone.has(id))
    if (missing >= 0) throw new ProblemError(notFound('vector', 'input', 'ids', String(missing)))
    await append(removedEvents(viewer.userId, gone))
    return { __typename: 'RemoveVectorsSuccess', vectorIds: input.ids } satisfies Answer
  })
}

/** The stored texts that the viewer may read, the newest first. */
export async function listVectors(
  context: MemoryContext,
  collection: VectorCollection | null,
  filter: VectorFilter,
  args: PageArguments,
): Promise<CountedConnection<VectorRecord>> {
  const page = parsePage(args, ['vectors', collection, filter])
  const { viewer } = context
  const wanted = { ...filter, collection }
  const ownersIn = async (db: Database) => [
    viewer.userId,
    ...(collection === null ? [] : await grantedOwners(db, collection)),
  ]
  const rows = await context.read(async (db) => readableVectors(db, viewer, await ownersIn(db), wanted, page))
  const totalCount = () => context.read(async (db) => countReadableVectors(db, viewer, await ownersIn(db), wanted))
  return { ...toConnection(rows, page, (row) => [row.ordinal]), totalCount }
}

function checkItem(item: VectorInput, path: Path): Problem | null {
  const { collection, kind, content, metadata, relevanceScore, consensusNodeId } = item
  return firstProblem(
    () =>
      consensusNodeId != null && kind !== 'KNOWLEDGE'
        ? invalidInput('Only a text of the kind KNOWLEDGE is of what is held to be known.', ...path, 'consensusNodeId')
        : null,
    () =>
      collection === 'MEMORIES'
        ? invalidInput('Memories get their vectors by themselves.', ...path, 'collection')
        : null,
    () => checkText(content, limits.memoryContent, [...path, 'content'], 1),
    () => checkObject(metadata, [...path, 'metadata']),
    () =>
      relevanceScore != null && !(relevanceScore >= 0 && relevanceScore <= 1)
        ? invalidInput('0 to 1.', ...path, 'relevanceScore')
        : null,
  )
}

function draftOf(id: string, item: VectorInput): VectorDraft {
  return {
    id,
    collection: item.collection,
    kind: item.kind,
    visibility: item.visibility ?? 'PRIVATE',
    memoryId: item.memoryId == null ? null : uuidOf('Memory', item.memoryId),
    sessionId: item.sessionId == null ? null : uuidOf('ChatSession', item.sessionId),
    consensusNodeId: item.consensusNodeId == null ? null : uuidOf('ConsensusNode', item.consensusNodeId),
    content: item.content,
    metadata: item.metadata ?? null,
    relevanceScore: item.relevanceScore ?? null,
  }
}

/** The memories that are named, and what is named and is not the viewer's. Memories are locked, so that none is forgotten meanwhile. */
async function lookUp(
  { viewer }: MemoryContext,
  tx: Transaction,
  items: readonly VectorInput[],
  drafts: readonly VectorDraft[],
) {
  const memoryIds = [...new Set(drafts.flatMap(({ memoryId }) => memoryId ?? []))]
  const sessionIds = [...new Set(drafts.flatMap(({ sessionId }) => sessionId ?? []))]
  const locks = [...sessionIds.map((id) => `session:${id}`), ...memoryIds.map((id) => `memory:${id}`)]
  if (locks.length > 0) await tx.lock(...locks)
  const sessions = await ownedSessions(tx, viewer, sessionIds)
  const seen = memoryIds.length === 0 ? [] : await memoriesByIds(tx, memoryIds)
  const memories = new Map(seen.filter(({ ownerId }) => ownerId === viewer.userId).map((memory) => [memory.id, memory]))
  const nodes = await knownNodes(tx, [...new Set(drafts.flatMap(({ consensusNodeId }) => consensusNodeId ?? []))])
  const absent = items.flatMap(({ memoryId, sessionId, consensusNodeId }, i): Problem[] => {
    const draft = drafts[i]
    if (memoryId != null && !memories.has(draft?.memoryId ?? '')) return [notFound('memory', String(i), 'memoryId')]
    if (consensusNodeId != null && !nodes.has(draft?.consensusNodeId ?? '')) {
      return [notFound('consensus node', String(i), 'consensusNodeId')]
    }
    const lacksSession = sessionId != null && !sessions.has(draft?.sessionId ?? '')
    return lacksSession ? [notFound('chat session', String(i), 'sessionId')] : []
  })
  return { absent, memories }
}

const widths: readonly Visibility[] = ['PRIVATE', 'SHARED', 'PUBLIC']

/** Why words about memories may not be seen by as many: no more than see the memory, and only whom the rules let. */
async function refusalsOf(
  context: MemoryContext,
  tx: Transaction,
  drafts: readonly VectorDraft[],
  memories: ReadonlyMap<string, MemoryRecord>,
): Promise<readonly Problem[]> {
  const openings = drafts.flatMap(({ memoryId, visibility }, i): Opening[] => {
    const memory = memories.get(memoryId ?? '')
    return memory ? [{ memory, visibility, path: [String(i)] }] : []
  })
  const wider = openings.filter(
    ({ memory, visibility }) => widths.indexOf(visibility) > widths.indexOf(memory.visibility),
  )
  if (wider.length === 0) return judgeOpenings(context, tx, openings, context.stores.clock.now())
  return wider.map(({ memory, visibility, path }) =>
    forbidden(`Its memory is ${memory.visibility}, so it may not be ${visibility}.`, ...path, 'visibility'),
  )
}
