import { forbidden, invalidInput, type Problem, ProblemError } from '../../../lib/problems.ts'
import type { Transaction } from '../../../stores/postgres/postgres.ts'
import { type Answer, mutate, type Unit } from '../../mutate.ts'
import type { MemoryContext } from '../context.ts'
import { forgottenEvent, revisedEvent } from '../events.ts'
import { checkAhead, checkObject, checkText, firstProblem, limits, requireVersion } from '../limits.ts'
import { blank } from '../policies/mask.ts'
import { masksOf } from '../policies/masks.ts'
import { analyze } from '../recall/tokens.ts'
import type { MemoryRecord, MemoryTier, Visibility } from '../records.ts'
import { shelfOf } from '../store/drafts.ts'
import { grantedTo } from '../store/grants.ts'
import { insertPostings, takePostings } from '../store/postings.ts'
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
    const memory = await lockWritable(context, unit.tx, input.id)
    requireVersion('memory', memory.version, input.expectedVersion)
    if (memory.ownerId !== viewer.userId) {
      refuseOwnersChanges(input)
      await refuseMasked(context, unit.tx, memory, input)
    }
    await revise(context, unit, memory.ownerId, [{ memory, says: input }], now)
    return { __typename: 'ReviseMemorySuccess', memoryId: memory.id } satisfies Answer
  })
}

/** A memory, and what is new of it. */
export interface Revising {
  readonly memory: MemoryRecord
  readonly says: Partial<Omit<ReviseMemoryInput, 'id'>>
}

/** Gives memories of an owner's, which must be locked, their next revisions. */
export async function revise(
  context: MemoryContext,
  { tx, append }: Unit,
  ownerId: string,
  changes: readonly Revising[],
  now: Date,
): Promise<void> {
  const ids = changes.map(({ memory }) => memory.id)
  const [granted, revisions] = await Promise.all([
    grantedTo(tx, ids),
    draftRevisions(context, tx, ownerId, changes, now),
  ])
  const events = changes.map(({ memory }, i) => {
    const before = stateOf(context, memory, granted.get(memory.id) ?? [])
    return revisedEvent({ ...before, ...revisions[i], id: memory.id }, before)
  })
  await Promise.all([writeRevisions(context, tx, ownerId, revisions), append(events)])
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
): Promise<readonly RevisionDraft[]> {
  const { stores } = context
  const changed = changes.map(({ memory }) => memory.id)
  const [asked, rules] = await Promise.all([askedRetentions(tx, changed), rulesFor(tx, ownerId)])
  const wanted = changes.map((change) => {
    const { memory } = change
    return { memory, draft: revisionOf(change, asked.get(memory.id) ?? null, stores.ids.next(), now) }
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
  const ids = drafts.map(({ memoryId }) => memoryId)
  // One after the other, and none waits here for the answer to the one before.
  const [taken] = await Promise.all([takePostings(tx, ids), ...drafts.map((draft) => insertRevision(tx, owner, draft))])
  const entries = drafts.map(({ memoryId, visibility, analysis }) => {
    return { memoryId, analysis, shelfId: shelfOf(visibility, owner.userId, owner.tenantId) }
  })
  await insertPostings(tx, owner, entries, taken)
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
