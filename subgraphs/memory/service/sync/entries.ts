import { invalidInput, limitExceeded, ProblemError } from '../../../../lib/problems.ts'
import type { Unit } from '../../../mutate.ts'
import type { MemoryContext } from '../../context.ts'
import { checkJson, limits } from '../../limits.ts'
import type { ContextRecord, Visibility } from '../../records.ts'
import { contextOf, countEntries, type EntryDraft, putEntries } from '../../store/context.ts'
import { type MarkRecord, marksOf, type Outcome, type Pair, putMarks } from '../../store/syncs.ts'
import type { SyncConflict, SyncedItem, SyncRecord, SyncSide } from '../../sync-records.ts'
import { eventOf } from '../context.ts'
import { actionOf, conflictOf, sideOf } from './account.ts'
import { type Decision, decide, type Mark, type Side } from './decide.ts'
import { byAge, mergeValues } from './merge.ts'

type Body = Pick<ContextRecord, 'value' | 'type' | 'accessLevel' | 'priority' | 'persistent' | 'expiresAt'>
type Entry = Side<Body>

/** What becomes of one key. */
interface Change {
  readonly key: string
  readonly decision: Decision
  readonly source: Entry | null
  readonly target: Entry | null
  /** What is written to each side; absent where it stays. */
  readonly toSource?: Body
  readonly toTarget?: Body
}

/** Hands context entries over: one way, or for STATE_SYNC both ways. */
export async function handOverContext(
  context: MemoryContext,
  { tx, append }: Unit,
  sync: SyncRecord,
): Promise<Outcome> {
  const { stores, viewer } = context
  const { sourceId, targetId, type, strategy } = sync
  const bothWays = type === 'STATE_SYNC'
  const now = stores.clock.now()
  const pair: Pair = { sourceId, targetId, kind: 'CONTEXT' }
  const keys = sync.keys.length > 0 ? sync.keys : null
  const found = await contextOf(tx, [sourceId, targetId], keys, now)
  const marks = await marksOf(tx, pair)
  const sides = [sourceId, targetId].map((id) => entriesByKey(found.get(id) ?? [], bothWays))
  const [sources = new Map<string, Entry>(), targets = new Map<string, Entry>()] = sides
  const wanted = bothWays ? new Set([...sources.keys(), ...targets.keys()]) : sources.keys()
  const changes = [...wanted].map((key): Change => {
    const both = { source: sources.get(key) ?? null, target: targets.get(key) ?? null }
    const decision = decide({ ...both, mark: marks.get(key) ?? null }, strategy, bothWays)
    return { key, decision, ...both, ...writes(decision, both.source, both.target, bothWays) }
  })
  const drafts = changes.flatMap((change) => draftsOf(change, sync))
  await requireRoom(tx, sourceId, changes.filter(({ source, toSource }) => toSource && !source).length)
  await requireRoom(tx, targetId, changes.filter(({ target, toTarget }) => toTarget && !target).length)
  const owned = drafts.map((draft) => ({
    ...draft,
    id: stores.ids.next(),
    tenantId: viewer.tenantId,
    ownerId: viewer.userId,
  }))
  await putEntries(tx, owned, now)
  await append(drafts.map(({ sessionId, version }) => eventOf(context, sessionId, 'CONTEXT_SET', version)))
  const settled = changes.flatMap((change) => markOf(change, now) ?? [])
  await putMarks(tx, viewer, pair, settled, stores.ids)
  return {
    transferred: changes.map(itemOf),
    conflicts: changes.flatMap((change) => conflictIn(change, sync) ?? []),
  }
}

function entriesByKey(records: readonly ContextRecord[], statesOnly: boolean): Map<string, Entry> {
  const wanted = records.filter(({ type }) => !statesOnly || type === 'STATE')
  return new Map(
    wanted.map(({ key, version, updatedAt, value, type, accessLevel, priority, persistent, expiresAt }) => [
      key,
      { version, at: updatedAt, body: { value, type, accessLevel, priority, persistent, expiresAt } },
    ]),
  )
}

function writes({ step }: Decision, source: Entry | null, target: Entry | null, bothWays: boolean) {
  if (step === 'TO_TARGET' && source) return { toTarget: source.body }
  if (step === 'TO_SOURCE' && target) return { toSource: target.body }
  if (step !== 'MERGE' || !source || !target) return {}
  const merged = merge(source, target)
  return bothWays ? { toSource: merged, toTarget: merged } : { toTarget: merged }
}

/** Both values together; the rest as the newer has it, but open to no more than either was. */
function merge(source: Entry, target: Entry): Body {
  const [older, newer] = byAge(source, target)
  const accessLevel = access.find((level) => level === older.accessLevel || level === newer.accessLevel)
  return { ...newer, accessLevel: accessLevel ?? 'PRIVATE', value: mergeValues(older.value, newer.value) }
}

const access: readonly Visibility[] = ['PRIVATE', 'SHARED', 'PUBLIC']

type Draft = Omit<EntryDraft, 'id' | 'tenantId' | 'ownerId'>

/** @throws ProblemError when both values together are too much. */
function draftsOf({ key, source, target, toSource, toTarget }: Change, { sourceId, targetId }: SyncRecord): Draft[] {
  const drafts: Draft[] = []
  if (toSource) drafts.push({ ...toSource, key, sessionId: sourceId, version: (source?.version ?? 0) + 1 })
  if (toTarget) drafts.push({ ...toTarget, key, sessionId: targetId, version: (target?.version ?? 0) + 1 })
  const [draft] = drafts
  if (draft && checkJson(draft.value, limits.jsonBytes, [])) {
    throw new ProblemError(invalidInput(`“${key}” of both sessions together is more than an entry holds.`))
  }
  return drafts
}

async function requireRoom(tx: Unit['tx'], sessionId: string, added: number): Promise<void> {
  if (added > 0 && (await countEntries(tx, sessionId)) + added > limits.contextEntries) {
    throw new ProblemError(limitExceeded(`A session has at most ${limits.contextEntries} entries.`))
  }
}

/** The versions and times of both sides afterwards; null while one of them has nothing. */
function markOf(change: Change, now: Date): MarkRecord | null {
  const source = after(change.source, change.toSource, now)
  const target = after(change.target, change.toTarget, now)
  return source && target ? { source, target, sourceKey: change.key, targetKey: change.key } : null
}

function after(before: Entry | null, written: Body | undefined, now: Date): Mark['source'] | null {
  if (written) return { version: (before?.version ?? 0) + 1, at: now }
  return before && { version: before.version, at: before.at }
}

function itemOf(change: Change): SyncedItem {
  const { key, decision, source, target, toSource, toTarget } = change
  const side: SyncSide | null = sideOf(toSource !== undefined, toTarget !== undefined)
  const isNew = (toSource !== undefined && !source) || (toTarget !== undefined && !target)
  return {
    key,
    memoryId: null,
    action: actionOf(decision, isNew),
    side,
    sourceVersion: after(source, toSource, epoch)?.version ?? null,
    targetVersion: after(target, toTarget, epoch)?.version ?? null,
  }
}

const epoch = new Date(0)

function conflictIn({ key, decision, source, target }: Change, { strategy }: SyncRecord): SyncConflict | null {
  return conflictOf(decision, { key, memoryId: null }, strategy, source, target)
}
