import { invalidInput, limitExceeded, ProblemError } from '../../../../lib/problems.ts'
import type { Unit } from '../../../mutate.ts'
import type { MemoryContext } from '../../context.ts'
import { createdEvent } from '../../events.ts'
import { checkText, limits } from '../../limits.ts'
import { analyze } from '../../recall/tokens.ts'
import type { MemoryRecord } from '../../records.ts'
import { insertMemories, type MemoryDraft, takePositions } from '../../store/drafts.ts'
import { memoriesByIds } from '../../store/memories.ts'
import { ownRelationshipsFrom } from '../../store/relationships.ts'
import { askedRetentions } from '../../store/revisions.ts'
import { contextAnalyses } from '../../store/sources.ts'
import { knowledgeIds, twinIds } from '../../store/sync-memories.ts'
import { type MarkRecord, marksOf, type Outcome, type Pair, putMarks } from '../../store/syncs.ts'
import type { SyncConflict, SyncedItem, SyncRecord } from '../../sync-records.ts'
import { judgeNew, rulesFor } from '../judge.ts'
import { speakerOf, stateOf } from '../keep.ts'
import { revise } from '../revise.ts'
import { actionOf, conflictOf, sideOf } from './account.ts'
import { type Decision, decide, type Side } from './decide.ts'
import { byAge, mergeTexts, mergeValues } from './merge.ts'
import { type Copied, tellOrigins } from './origins.ts'

type Body = Pick<MemoryRecord, 'content' | 'metadata' | 'tier' | 'occurredAt'>
/** What an engine made of it goes with the content, and is not compared. */
type Known = Side<Body> & { readonly memory: MemoryRecord; readonly contextAnalysis: unknown }
type Write = Body & { readonly contextAnalysis?: unknown }

/** What becomes of one memory of the source's. */
interface Change {
  readonly decision: Decision
  readonly source: Known
  /** The target's own of it. */
  readonly target: Known | null
  readonly write?: Write
}

/** Hands over what the source session has learned: the target gets memories of its own, and later changes of them. */
export async function handOverKnowledge(context: MemoryContext, unit: Unit, sync: SyncRecord): Promise<Outcome> {
  const { tx } = unit
  const { stores, viewer } = context
  const { sourceId, targetId, strategy } = sync
  const now = stores.clock.now()
  const pair: Pair = { sourceId, targetId, kind: 'MEMORY' }
  const ids = await knowledgeIds(tx, sourceId, sync.keys, limits.batch + 1)
  if (ids.length > limits.batch) throw new ProblemError(limitExceeded(`At most ${limits.batch} memories at once.`))
  const marks = await marksOf(tx, pair)
  const twins = await twinIds(tx, ids, targetId)
  const targetOf = (id: string) => marks.get(id)?.targetKey ?? twins.get(id)
  const all = [...ids, ...ids.flatMap((id) => targetOf(id) ?? [])]
  const links = await ownRelationshipsFrom(tx, ids)
  await tx.lock(...[...all, ...links.map(({ toId }) => toId)].map((id) => `memory:${id}`))
  const memories = await memoriesByIds(tx, all)
  const analyses = await contextAnalyses(
    tx,
    memories.map(({ id, version }) => `${id} ${version}`),
  )
  const known = new Map(
    memories.map((memory) => {
      const contextAnalysis = analyses.get(`${memory.id} ${memory.version}`)?.analysis ?? null
      return [memory.id, sideOfMemory(memory, contextAnalysis)]
    }),
  )
  const changes = ids.flatMap((id): Change[] => {
    const source = known.get(id)
    if (!source) return []
    const target = known.get(targetOf(id) ?? '') ?? null
    // What the target has forgotten is not told it again.
    if (!target && marks.has(id)) return [{ source, target, decision: { step: 'KEEP', conflict: false } }]
    const decision = decide({ source, target, mark: marks.get(id) ?? null }, strategy, false)
    return [{ source, target, decision, ...bodyOf(decision, source, target) }]
  })
  const copied = await addCopies(context, unit, targetId, changes, now)
  await tellOrigins(context, unit, copied, links, now)
  const revised = changes.flatMap(({ target, write }) =>
    target && write ? [{ memory: target.memory, says: write }] : [],
  )
  if (revised.length > 0) await (await revise(context, unit, viewer.userId, revised, now)).written
  const copies = new Map(copied.map(({ original, copy }) => [original.id, copy.id]))
  const afterwards = await memoriesByIds(tx, [
    ...copies.values(),
    ...changes.flatMap(({ target }) => target?.memory.id ?? []),
  ])
  const results = new Map(afterwards.map((memory) => [memory.id, memory]))
  const resultOf = ({ source, target }: Change) =>
    results.get(target?.memory.id ?? copies.get(source.memory.id) ?? '') ?? null
  const settled = changes.flatMap((change) => markOf(change, resultOf(change)) ?? [])
  await putMarks(tx, viewer, pair, settled, stores.ids)
  return {
    transferred: changes.map((change) => itemOf(change, resultOf(change))),
    conflicts: changes.flatMap((change) => conflictIn(change, sync) ?? []),
  }
}

function sideOfMemory(memory: MemoryRecord, contextAnalysis: unknown): Known {
  const { version, updatedAt, content, metadata, tier, occurredAt } = memory
  return { memory, contextAnalysis, version, at: updatedAt, body: { content, metadata, tier, occurredAt } }
}

/** @throws ProblemError when both texts together are too long. */
function bodyOf({ step }: Decision, source: Known, target: Known | null): { write?: Write } {
  if (step === 'TO_TARGET') return { write: { ...source.body, contextAnalysis: source.contextAnalysis } }
  if (step !== 'MERGE' || !target) return {}
  const [older, newer] = byAge(source, target)
  const content = mergeTexts(older.content, newer.content)
  if (checkText(content, limits.memoryContent, [])) {
    throw new ProblemError(invalidInput('A memory of both sessions together is longer than a memory may be.'))
  }
  return { write: { ...newer, content, metadata: mergeValues(older.metadata, newer.metadata ?? older.metadata) } }
}

/** New memories of the target session's, each with what it was made from. */
async function addCopies(
  context: MemoryContext,
  { tx, append }: Unit,
  targetId: string,
  changes: readonly Change[],
  now: Date,
): Promise<Copied[]> {
  const added = changes.filter(({ target, write }) => write && !target)
  const originals = added.map(({ source }) => source.memory.id)
  const [asked, rules] = await Promise.all([askedRetentions(tx, originals), rulesFor(tx, context.viewer.userId)])
  const drafts = added.map(({ source }) => draftOf(context, source, targetId, asked.get(source.memory.id) ?? null))
  const judged = await judgeNew(context, tx, rules, drafts, now, () => [])
  if (judged.refusals[0]) throw new ProblemError(judged.refusals[0])
  const placed = await takePositions(tx, judged.drafts)
  await insertMemories(tx, context.viewer, placed, now)
  await append(placed.map((draft) => createdEvent(stateOf(context, draft))))
  return placed.flatMap((copy, i) => {
    const original = added[i]?.source.memory
    return original ? [{ original, copy }] : []
  })
}

/** It is the owner's alone, whoever may see the one that it was made from. */
function draftOf(
  { stores }: MemoryContext,
  { memory, contextAnalysis }: Known,
  sessionId: string,
  retentionUntil: Date | null,
): MemoryDraft {
  const { content, metadata, tier, occurredAt, timeInferred } = memory
  return {
    id: stores.ids.next(),
    revisionId: stores.ids.next(),
    sessionId,
    messageId: null,
    position: null,
    externalId: null,
    speaker: speakerOf(metadata),
    content,
    analysis: analyze(content),
    tier,
    visibility: 'PRIVATE',
    metadata,
    contextAnalysis,
    occurredAt,
    timeInferred,
    retentionUntil,
  }
}

function markOf({ source, target, decision }: Change, result: MemoryRecord | null): MarkRecord | null {
  if (!result || (decision.step === 'KEEP' && !target)) return null
  return {
    sourceKey: source.memory.id,
    targetKey: result.id,
    source: { version: source.version, at: source.at },
    target: { version: result.version, at: result.updatedAt },
  }
}

function itemOf({ source, target, decision, write }: Change, result: MemoryRecord | null): SyncedItem {
  return {
    key: null,
    memoryId: result?.id ?? null,
    action: actionOf(decision, target === null),
    side: sideOf(false, write !== undefined),
    sourceVersion: source.version,
    targetVersion: result?.version ?? null,
  }
}

function conflictIn({ source, target, decision }: Change, { strategy }: SyncRecord): SyncConflict | null {
  return conflictOf(decision, { key: null, memoryId: target?.memory.id ?? null }, strategy, source, target)
}
