import { uuidOf } from '../../../lib/ids.ts'
import { invalidInput, limitExceeded, notFound, type Problem, ProblemError } from '../../../lib/problems.ts'
import { type Answer, mutate, type Unit } from '../../mutate.ts'
import type { MemoryContext } from '../context.ts'
import { createdEvent } from '../events.ts'
import { checkAhead, checkObject, checkText, firstProblem, limits, type Path } from '../limits.ts'
import { analyze } from '../recall/tokens.ts'
import type { MemoryTier, Visibility } from '../records.ts'
import { insertMemories, type MemoryDraft, takePositions } from '../store/drafts.ts'
import { findNamedMemories, ownedSessions } from '../store/lookups.ts'
import { rejectBatch } from './batch.ts'
import { settledCursor } from './cursors.ts'

export interface RememberInput {
  readonly content: string
  readonly tier?: MemoryTier | null
  readonly visibility?: Visibility | null
  readonly sessionId?: string | null
  readonly occurredAt?: Date | null
  readonly externalId?: string | null
  readonly metadata?: unknown
  readonly retentionUntil?: Date | null
  readonly clientMutationId?: string | null
}

export interface RememberManyInput {
  readonly items: readonly RememberInput[]
  readonly clientMutationId?: string | null
}

/** Keeps one memory, or finds the one of that name. */
export async function remember(context: MemoryContext, input: RememberInput) {
  const now = context.stores.clock.now()
  const problem = checkItem(input, now, ['input'])
  if (problem) return problem
  return mutate(context.stores, context.request, { name: 'remember', input, room: 'memory' }, async (unit) => {
    const { ids, standing, missing } = await keep(context, unit, [input], now)
    if (missing.length > 0) throw new ProblemError(notFound('chat session', 'input', 'sessionId'))
    return { __typename: 'RememberSuccess', memoryId: ids[0], standing } satisfies Answer
  })
}

/** Keeps many memories, all or none. */
export async function rememberMany(context: MemoryContext, input: RememberManyInput) {
  const { items } = input
  if (items.length < 1 || items.length > limits.batch) {
    return limitExceeded(`A batch holds 1–${limits.batch} items, not ${items.length}.`, 'input', 'items')
  }
  const now = context.stores.clock.now()
  const problems = items.map((item, i) => checkBatchItem(item, now, [String(i)])).filter((problem) => problem !== null)
  if (problems.length > 0) return rejectBatch(problems, items.length, 'items')
  return mutate(context.stores, context.request, { name: 'rememberMany', input, room: 'memory' }, async (unit) => {
    const { ids, standing, missing } = await keep(context, unit, items, now)
    if (missing.length > 0) {
      const absent = missing.map((i) => notFound('chat session', String(i), 'sessionId'))
      throw new ProblemError(rejectBatch(absent, items.length, 'items'))
    }
    return { __typename: 'RememberManySuccess', memoryIds: ids, standing } satisfies Answer
  })
}

function checkBatchItem(item: RememberInput, now: Date, path: Path): Problem | null {
  if (item.clientMutationId != null) {
    return invalidInput('In a batch the key is the batch’s own.', ...path, 'clientMutationId')
  }
  return checkItem(item, now, path)
}

function checkItem(item: RememberInput, now: Date, path: Path): Problem | null {
  return firstProblem(
    () => checkText(item.content, limits.memoryContent, [...path, 'content'], 1),
    () => checkText(item.externalId, limits.name, [...path, 'externalId'], 1),
    () => checkObject(item.metadata, [...path, 'metadata']),
    () => checkAhead(item.retentionUntil, now, [...path, 'retentionUntil']),
  )
}

interface Kept {
  /** The memory of each item, in their order. */
  readonly ids: readonly string[]
  /** The cursor to answer with when nothing had to be written. */
  readonly standing: string | null
  /** The items whose session is not there; then nothing was written. */
  readonly missing: readonly number[]
}

async function keep(context: MemoryContext, unit: Unit, items: readonly RememberInput[], now: Date): Promise<Kept> {
  const { tx } = unit
  const { viewer } = context
  const drafts = items.map((item) => draftOf(context, item, now))
  const sessions = [...new Set(drafts.flatMap((draft) => draft.sessionId ?? []))]
  const names = drafts.flatMap((draft) => draft.externalId ?? [])
  const locks = sessions.map((id) => `session:${id}`)
  // One writer of names at a time for each owner: two that bring the same name must not both add it.
  if (names.length > 0) locks.push(`memory-names:${viewer.userId}`)
  await tx.lock(...locks)
  const known = await ownedSessions(tx, viewer, sessions)
  const missing = items.flatMap(({ sessionId }, i) => {
    const uuid = drafts[i]?.sessionId
    return sessionId != null && !(uuid && known.has(uuid)) ? [i] : []
  })
  if (missing.length > 0) return { ids: [], standing: null, missing }
  const named = await findNamedMemories(tx, viewer, names)
  const added: MemoryDraft[] = []
  const ids = drafts.map((draft) => {
    const found = draft.externalId === null ? undefined : named.get(draft.externalId)
    if (found !== undefined) return found
    if (draft.externalId !== null) named.set(draft.externalId, draft.id)
    added.push(draft)
    return draft.id
  })
  const placed = await takePositions(tx, added)
  await Promise.all([
    insertMemories(tx, viewer, placed, now),
    unit.append(placed.map((draft) => createdEvent(stateOf(context, draft)))),
  ])
  return { ids, standing: added.length > 0 ? null : await settledCursor(context, tx), missing }
}

function draftOf({ stores }: MemoryContext, item: RememberInput, now: Date): MemoryDraft {
  return {
    id: stores.ids.next(),
    revisionId: stores.ids.next(),
    sessionId: item.sessionId == null ? null : uuidOf('ChatSession', item.sessionId),
    messageId: null,
    position: null,
    externalId: item.externalId ?? null,
    speaker: speakerOf(item.metadata),
    content: item.content,
    analysis: analyze(item.content),
    tier: item.tier ?? 'EPISODIC',
    visibility: item.visibility ?? 'PRIVATE',
    metadata: item.metadata ?? null,
    occurredAt: item.occurredAt ?? now,
    timeInferred: item.occurredAt == null,
    retentionUntil: item.retentionUntil ?? null,
  }
}

/** Who said it, when the client's data tells: a question that names a speaker then finds what he said. */
export function speakerOf(metadata: unknown): string | null {
  const speaker = (metadata as { readonly speaker?: unknown } | null | undefined)?.speaker
  return typeof speaker === 'string' && speaker !== '' ? speaker.slice(0, limits.name) : null
}

export function stateOf({ viewer }: MemoryContext, draft: MemoryDraft) {
  return { ...draft, version: 1, ownerId: viewer.userId, tenantId: viewer.tenantId, granted: [] }
}
