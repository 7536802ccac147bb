import { uuidOf } from '../../../lib/ids.ts'
import { forbidden, invalidInput, type Problem, ProblemError } from '../../../lib/problems.ts'
import type { Transaction } from '../../../stores/postgres/postgres.ts'
import { type Answer, mutate, type Unit } from '../../mutate.ts'
import type { MemoryContext } from '../context.ts'
import { forgottenEvent, revisedEvent } from '../events.ts'
import { checkAhead, checkObject, checkText, firstProblem, limits, requireVersion } from '../limits.ts'
import { blank } from '../policies/mask.ts'
import { masksOf } from '../policies/masks.ts'
import type { Rule } from '../policies/rules.ts'
import { analyze } from '../recall/tokens.ts'
import type { MemoryRecord, MemoryTier, Visibility } from '../records.ts'
import { shelfOf } from '../store/drafts.ts'
import { grantedTo } from '../store/grants.ts'
import { replacePostings } from '../store/postings.ts'
import {
  askedRetentions,
  eraseMemories,
  insertRevision,
  nextKnownFrom,
  type RevisionDraft,
} from '../store/revisions.ts'
import { judgeChanges, rulesFor } from './judge.ts'
import { speakerOf } from './keep.ts'
import { lockOwned, lockWritable, stateOf } from './locked.ts'
import { readWritten } from './written.ts'

export interface ReviseMemoryInput {
  readonly id: string
  readonly content?: string | null
  readonly tier?: MemoryTier | null
  readonly visibility?: Visibility | null
  readonly occurredAt?: Date | null
  readonly metadata?: unknown
  readonly contextAnalysis?: unknown
  readonly retentionUntil?: Date | null
  readonly expectedVersion?: number | null
  readonly clientMutationId?: string | null
}

export interface ForgetMemoryInput {
  readonly id: string
  readonly clientMutationId?: string | null
}

/** What an explicit null clears. */
const clearable = ['metadata', 'contextAnalysis', 'retentionUntil'] as const
const changes = ['content', 'tier', 'visibility', 'occurredAt'] as const

/** Gives a memory of the viewer's a new revision. */
export async function reviseMemory(context: MemoryContext, input: ReviseMemoryInput) {
  const now = context.stores.clock.now()
  const problem = checkRevision(input, now)
  if (problem) return problem
  const { stores, request, viewer } = context
  return mutate(stores, request, { name: 'reviseMemory', input, room: 'memory' }, async (unit) => {
    const locking = lockWritable(context, unit.tx, input.id)
    // In one flight with the lock, as if it were his own; another's has other rules.
    const ids = [uuidOf('Memory', input.id)].flatMap((id) => id ?? [])
    const [memory, asked] = await Promise.all([locking, askBefore(unit.tx, viewer.userId, ids)])
    requireVersion('memory', memory.version, input.expectedVersion)
    const isOwn = memory.ownerId === viewer.userId
    if (!isOwn) {
      refuseOwnersChanges(input)
      await refuseMasked(context, unit.tx, memory, input)
    }
    const change = { memory, says: input }
    const { written } = await revise(context, unit, memory.ownerId, [change], now, isOwn ? asked : undefined)
    unit.closing(written)
    readWritten(context, unit, memory.id)
    return { __typename: 'ReviseMemorySuccess', memoryId: memory.id } satisfies Answer
  })
}

/** A memory, and what is new of it. */
export interface Revising {
  readonly memory: MemoryRecord
  readonly says: Partial<Omit<ReviseMemoryInput, 'id'>>
}

/** Gives memories of an owner's, which must be locked, their next revisions. @returns what is sent and not yet answered */
export async function revise(
  context: MemoryContext,
  { tx, append }: Unit,
  ownerId: string,
  changes: readonly Revising[],
  now: Date,
  asked?: Before,
): Promise<{ readonly written: Promise<unknown> }> {
  const before =
    asked ??
    (await askBefore(
      tx,
      ownerId,
      changes.map(({ memory }) => memory.id),
    ))
  const { granted } = before
  const revisions = await draftRevisions(context, tx, ownerId, changes, now, before)
  const events = changes.map(({ memory }, i) => {
    const before = stateOf(context, memory, granted.get(memory.id) ?? [])
    return revisedEvent({ ...before, ...revisions[i], id: memory.id }, before)
  })
  return { written: Promise.all([writeRevisions(context, tx, ownerId, revisions), append(events)]) }
}

/** What has to be known of memories before they are revised, beside what they say. */
export interface Before {
  readonly granted: ReadonlyMap<string, readonly string[]>
  /** Until when their owner asked for them to be kept. */
  readonly retentions: ReadonlyMap<string, Date>
  readonly rules: readonly Rule[]
}

/** One flight; of memories that the viewer may not change it tells nothing. */
export async function askBefore(tx: Transaction, ownerId: string, ids: readonly string[]): Promise<Before> {
  const [granted, retentions, rules] = await Promise.all([
    grantedTo(tx, ids),
    askedRetentions(tx, ids),
    rulesFor(tx, ownerId),
  ])
  return { granted, retentions, rules }
}

/** Removes a memory of the viewer's with all that it ever said; only that there was one stays known. */
export async function forgetMemory(context: MemoryContext, input: ForgetMemoryInput) {
  const { stores, request, viewer } = context
  return mutate(stores, request, { name: 'forgetMemory', input, room: 'memory' }, async ({ tx, append }) => {
    const memory = await lockOwned(context, tx, input.id)
    const granted = (await grantedTo(tx, [memory.id])).get(memory.id) ?? []
    await eraseMemories(tx, viewer, [memory.id], stores.clock.now())
    await append([forgottenEvent(stateOf(context, memory, granted))])
    return { __typename: 'ForgetMemorySuccess', memoryId: memory.id } satisfies Answer
  })
}

function checkRevision(input: ReviseMemoryInput, now: Date): Problem | null {
  // An explicit null clears what can be empty; of the rest it says nothing, like leaving it out.
  const says = clearable.some((name) => input[name] !== undefined) || changes.some((name) => input[name] != null)
  return firstProblem(
    () => (says ? null : invalidInput('Say what to change.', 'input')),
    () => checkText(input.content, limits.memoryContent, ['input', 'content'], 1),
    () => checkObject(input.metadata, ['input', 'metadata']),
    () => checkObject(input.contextAnalysis, ['input', 'contextAnalysis']),
    () => checkAhead(input.retentionUntil, now, ['input', 'retentionUntil']),
  )
}

function revisionOf({ memory, says: input }: Revising, asked: Date | null, id: string, now: Date): RevisionDraft {
  const content = input.content ?? memory.content
  const metadata = input.metadata === undefined ? memory.metadata : input.metadata
  return {
    id,
    memoryId: memory.id,
    version: memory.version + 1,
    content,
    analysis: analyze(content),
    tier: input.tier ?? memory.tier,
    visibility: input.visibility ?? memory.visibility,
    metadata,
    ...(input.contextAnalysis === undefined ? {} : { contextAnalysis: input.contextAnalysis }),
    speaker: speakerOf(metadata),
    occurredAt: input.occurredAt ?? memory.occurredAt,
    timeInferred: input.occurredAt == null && memory.timeInferred,
    retentionUntil: input.retentionUntil === undefined ? asked : input.retentionUntil,
    knownFrom: nextKnownFrom(memory, now),
  }
}

/** What each is to say next, as far as rules let it. @throws ProblemError when they do not */
export async function draftRevisions(
  context: MemoryContext,
  tx: Transaction,
  ownerId: string,
  changes: readonly Revising[],
  now: Date,
  { retentions, rules }: Before,
): Promise<readonly RevisionDraft[]> {
  const { stores } = context
  const wanted = changes.map((change) => {
    const { memory } = change
    return { memory, draft: revisionOf(change, retentions.get(memory.id) ?? null, stores.ids.next(), now) }
  })
  const { drafts, refusals } = await judgeChanges(context, tx, rules, ownerId, wanted, now)
  if (refusals[0]) throw new ProblemError(refusals[0])
  return drafts
}

/** Writes the next revision of each, in their order, and puts it where its new visibility has it, under its new words. */
export async function writeRevisions(
  { viewer }: MemoryContext,
  tx: Transaction,
  ownerId: string,
  drafts: readonly RevisionDraft[],
): Promise<void> {
  const owner = { tenantId: viewer.tenantId, userId: ownerId }
  const entries = drafts.map(({ memoryId, visibility, analysis }) => {
    return { memoryId, analysis, shelfId: shelfOf(visibility, owner.userId, owner.tenantId) }
  })
  // While the present revisions are there. None waits here for the answer to the one before.
  await Promise.all([replacePostings(tx, owner, entries), ...drafts.map((draft) => insertRevision(tx, owner, draft))])
}

/** Whoever reads a memory masked would write the marks over what he could not read. */
async function refuseMasked(context: MemoryContext, tx: Transaction, memory: MemoryRecord, input: ReviseMemoryInput) {
  const marked = (['content', 'metadata'] as const).find((name) => JSON.stringify(input[name] ?? '').includes(blank))
  if (marked === undefined) return
  const [rules = []] = await masksOf(context, tx, [memory])
  if (rules.length === 0) return
  const message = `Some of it is masked for you: what has ${blank} in it may not be written over it.`
  throw new ProblemError(forbidden(message, 'input', marked))
}

/** What only its owner decides of a memory. */
function refuseOwnersChanges(input: ReviseMemoryInput): void {
  for (const name of ['visibility', 'tier', 'retentionUntil'] as const) {
    if (input[name] === undefined) continue
    throw new ProblemError(forbidden('Only its owner decides who sees it and how long it is kept.', 'input', name))
  }
}
