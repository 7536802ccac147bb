import { uuidOf } from '../../../lib/ids.ts'
import type { Problem } from '../../../lib/problems.ts'
import type { Unit } from '../../mutate.ts'
import type { MemoryContext } from '../context.ts'
import { createdEvent, relatedEvents } from '../events.ts'
import { limits, type Path } from '../limits.ts'
import { analyze } from '../recall/tokens.ts'
import type { MemoryRecord } from '../records.ts'
import { insertMemories, type MemoryDraft, takePositions } from '../store/drafts.ts'
import { grantedTo } from '../store/grants.ts'
import { findNamedMemories, ownedSessions } from '../store/lookups.ts'
import { memoriesByIds } from '../store/memories.ts'
import { insertRelationships } from '../store/relationships.ts'
import { findTwins, insertSources, type SourceDraft } from '../store/sources.ts'
import { settledCursor } from './cursors.ts'
import { judgeNew, rulesFor } from './judge.ts'
import * as locked from './locked.ts'
import { unsaidConfidence } from './relate.ts'
import type { RememberInput } from './remember.ts'
import { withoutTwins } from './twins.ts'
import { freeNames } from './upkeep/expire.ts'

/** Something that an item names and that is not there: where in the item, and what. */
export interface Missing {
  readonly item: number
  readonly what: string
  readonly path: readonly string[]
}

export interface Kept {
  /** The memory of each item, in their order. */
  readonly ids: readonly string[]
  /** The cursor to answer with when nothing had to be written. */
  readonly standing: string | null
  /** What is not there; then nothing was written. */
  readonly missing: readonly Missing[]
  /** What policies forbid; then nothing may be written. */
  readonly refusals: readonly Problem[]
}

/** What an item of that type is related by when it names others without a word. */
const unsaidType = 'RELATED_TO'
/** Locks that writers of sessionless memories share, so that two who bring the same one wait for each other. */
const contentLocks = 16

/** Keeps items that have been checked; what is there already is found, not kept again. */
export async function keep(
  context: MemoryContext,
  unit: Unit,
  items: readonly RememberInput[],
  now: Date,
  pathOf: (item: number) => Path,
): Promise<Kept> {
  const { tx } = unit
  const { viewer } = context
  const drafts = items.map((item) => draftOf(context, item, now))
  const links = items.map(linksOf)
  const others = [...new Set(links.flatMap(({ related, derived }) => [...related, ...derived]))]
  const names = drafts.flatMap((draft) => draft.externalId ?? [])
  const locking = tx.lock(...locksOf(context, drafts), ...others.map((id) => `memory:${id}`))
  if (names.length > 0) await locking.then(() => freeNames(context, unit, names))
  // In one flight with the locks: the server reads when it has them.
  const [, sessions, named, seen, twins, rules] = await Promise.all([
    locking,
    ownedSessions(tx, viewer, [...new Set(drafts.flatMap((draft) => draft.sessionId ?? []))]),
    findNamedMemories(tx, viewer, names),
    others.length === 0 ? [] : memoriesByIds(tx, others),
    findTwins(
      tx,
      viewer,
      drafts.filter(({ externalId }) => externalId === null),
    ),
    rulesFor(tx, viewer.userId),
  ])
  const visible = new Map(seen.map((memory) => [memory.id, memory]))
  const missing = items.flatMap((item, i) => missingIn(item, i, { session: drafts[i]?.sessionId, sessions, visible }))
  if (missing.length > 0) return { ids: [], standing: null, missing, refusals: [] }
  const { ids, added, merged } = withoutTwins(context, drafts, twins, named)
  const judged = await judgeNew(context, tx, rules, added, now, (draft) => pathOf(drafts.indexOf(draft)))
  if (judged.refusals.length > 0) return { ids: [], standing: null, missing, refusals: judged.refusals }
  const placed = await takePositions(tx, judged.drafts)
  const isNew = new Set(added.map(({ id }) => id))
  const derived = links.flatMap((link, i) =>
    isNew.has(ids[i] ?? '') ? sourcesOf(context, ids[i] ?? '', link, visible) : [],
  )
  const writing = Promise.all([
    insertMemories(tx, viewer, placed, now),
    unit.append(placed.map((draft) => createdEvent(stateOf(context, draft)))),
    insertSources(tx, viewer, [...merged, ...derived], now),
  ])
  unit.closing(writing)
  await relate(context, unit, { ids, links, placed, visible, writing }, now)
  if (added.length > 0) return { ids, standing: null, missing, refusals: [] }
  await writing
  return { ids, standing: await settledCursor(context, tx), missing, refusals: [] }
}

interface Links {
  readonly related: readonly string[]
  readonly derived: readonly string[]
}

function linksOf({ relatedTo, derivedFrom }: RememberInput): Links {
  const uuids = (ids: readonly string[] | null | undefined) => [
    ...new Set((ids ?? []).flatMap((id) => uuidOf('Memory', id) ?? [])),
  ]
  return { related: uuids(relatedTo), derived: uuids(derivedFrom) }
}

function locksOf({ viewer }: MemoryContext, drafts: readonly MemoryDraft[]): string[] {
  const locks = new Set<string>()
  for (const { sessionId, externalId, content } of drafts) {
    if (sessionId) locks.add(`session:${sessionId}`)
    // One writer of names at a time for each owner: two that bring the same name must not both add it.
    if (externalId !== null) locks.add(`memory-names:${viewer.userId}`)
    else if (!sessionId) locks.add(`memory-content:${viewer.userId}:${content.length % contentLocks}`)
  }
  return [...locks]
}

interface Known {
  readonly session: string | null | undefined
  readonly sessions: ReadonlySet<string>
  readonly visible: ReadonlyMap<string, MemoryRecord>
}

function missingIn(item: RememberInput, index: number, { session, sessions, visible }: Known): Missing[] {
  const missing: Missing[] = []
  if (item.sessionId != null && !(session && sessions.has(session))) {
    missing.push({ item: index, what: 'chat session', path: ['sessionId'] })
  }
  for (const name of ['relatedTo', 'derivedFrom'] as const) {
    item[name]?.forEach((id, i) => {
      if (!visible.has(uuidOf('Memory', id) ?? '')) {
        missing.push({ item: index, what: 'memory', path: [name, String(i)] })
      }
    })
  }
  return missing
}

function sourcesOf(
  { stores }: MemoryContext,
  memoryId: string,
  { derived }: Links,
  visible: ReadonlyMap<string, MemoryRecord>,
): SourceDraft[] {
  return derived.flatMap((id) => {
    const source = visible.get(id)
    if (source === undefined) return []
    const { occurredAt } = source
    return [{ id: stores.ids.next(), memoryId, kind: 'MEMORY', messageId: null, sourceMemoryId: id, occurredAt }]
  })
}

interface Relating {
  readonly ids: readonly string[]
  readonly links: readonly Links[]
  readonly placed: readonly MemoryDraft[]
  readonly visible: ReadonlyMap<string, MemoryRecord>
  readonly writing: Promise<unknown>
}

/** Relates new memories to those that they name. A memory that was there already keeps what is said of it. */
async function relate(
  context: MemoryContext,
  unit: Unit,
  { ids, links, placed, visible, writing }: Relating,
  now: Date,
) {
  const made = new Map(placed.map((draft) => [draft.id, draft]))
  const pairs = links.flatMap(({ related }, i) => {
    const from = made.get(ids[i] ?? '')
    return from ? related.flatMap((id) => ({ from, to: visible.get(id) as MemoryRecord })) : []
  })
  if (pairs.length === 0) return
  await writing
  const drafts = pairs.map(({ from, to }) => ({
    id: context.stores.ids.next(),
    fromId: from.id,
    toId: to.id,
    type: unsaidType,
    confidence: unsaidConfidence,
    metadata: null,
  }))
  await insertRelationships(unit.tx, context.viewer, drafts, now)
  const granted = await grantedTo(unit.tx, [...new Set(pairs.map(({ to }) => to.id))])
  await unit.append(
    pairs.flatMap(({ from, to }) => {
      const target = locked.stateOf(context, to, granted.get(to.id) ?? [])
      return relatedEvents(stateOf(context, from), target, context.viewer.userId)
    }),
  )
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
    contextAnalysis: item.contextAnalysis ?? null,
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
