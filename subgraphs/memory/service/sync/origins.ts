import type { Unit } from '../../../mutate.ts'
import type { MemoryContext } from '../../context.ts'
import { relatedEvents } from '../../events.ts'
import type { MemoryRecord } from '../../records.ts'
import type { RelationshipRecord } from '../../relation-records.ts'
import type { MemoryDraft } from '../../store/drafts.ts'
import { grantedTo } from '../../store/grants.ts'
import { memoriesByIds } from '../../store/memories.ts'
import { insertRelationships } from '../../store/relationships.ts'
import { insertSources } from '../../store/sources.ts'
import { stateOf as stateOfDraft } from '../keep.ts'
import * as locked from '../locked.ts'

/** A memory of the source's, and the one that the target gets of it. */
export interface Copied {
  readonly original: MemoryRecord
  readonly copy: MemoryDraft
}

/** Says of copies what they were made from, and relates them as their originals are: to copies of what was copied too. */
export async function tellOrigins(
  context: MemoryContext,
  { tx, append }: Unit,
  copied: readonly Copied[],
  links: readonly RelationshipRecord[],
  now: Date,
): Promise<void> {
  const { stores, viewer } = context
  const sources = copied.map(({ original, copy }) => ({
    id: stores.ids.next(),
    memoryId: copy.id,
    kind: 'MEMORY' as const,
    messageId: null,
    sourceMemoryId: original.id,
    occurredAt: original.occurredAt,
  }))
  await insertSources(tx, viewer, sources, now)
  const copies = new Map(copied.map(({ original, copy }) => [original.id, copy]))
  const led = links.filter(({ fromId }) => copies.has(fromId))
  const others = [...new Set(led.flatMap(({ toId }) => (copies.has(toId) ? [] : [toId])))]
  if (led.length === 0) return
  // What a relationship leads to may have been forgotten, or taken from the viewer, since.
  const seen = new Map((await memoriesByIds(tx, others)).map((memory) => [memory.id, memory]))
  const granted = await grantedTo(tx, others)
  const endOf = (id: string) => {
    const copy = copies.get(id)
    if (copy) return stateOfDraft(context, copy)
    const other = seen.get(id)
    return other ? locked.stateOf(context, other, granted.get(id) ?? []) : null
  }
  const pairs = led.flatMap((link) => {
    const [from, to] = [endOf(link.fromId), endOf(link.toId)]
    return from && to ? [{ link, from, to }] : []
  })
  const drafts = pairs.map(({ link: { type, confidence, metadata }, from, to }) => {
    return { id: stores.ids.next(), fromId: from.id, toId: to.id, type, confidence, metadata }
  })
  await insertRelationships(tx, viewer, drafts, now)
  await append(pairs.flatMap(({ from, to }) => relatedEvents(from, to, viewer.userId)))
}
