import type { MemoryContext } from '../context.ts'
import type { MemoryDraft } from '../store/drafts.ts'
import type { SourceDraft } from '../store/sources.ts'

/** What becomes of drafts. */
export interface Untwinned {
  /** The memory of each draft, in their order. */
  readonly ids: readonly string[]
  /** Those that are new. */
  readonly added: readonly MemoryDraft[]
  /** What the others are one more source of. */
  readonly merged: readonly SourceDraft[]
}

/**
 * The memory of each draft: the one of its name, one that says exactly the same, or a new one. The session of each must
 * be locked.
 * @param twins the memories that say the same as drafts without a name, by the drafts' ids
 * @param named memories by their names
 */
export function withoutTwins(
  { stores }: MemoryContext,
  drafts: readonly MemoryDraft[],
  twins: ReadonlyMap<string, string>,
  named: Map<string, string> = new Map(),
): Untwinned {
  const added: MemoryDraft[] = []
  const merged: SourceDraft[] = []
  const told = new Map<string, string>()
  const ids = drafts.map((draft) => {
    const { id, externalId, occurredAt, messageId } = draft
    if (externalId !== null) {
      const found = named.get(externalId)
      if (found !== undefined) return found
      named.set(externalId, id)
      added.push(draft)
      return id
    }
    const words = wordsOf(draft)
    const then = `${words} ${occurredAt.toISOString()}`
    const twin = twins.get(id) ?? told.get(draft.timeInferred ? words : then)
    if (twin === undefined) {
      for (const key of [words, then]) if (!told.has(key)) told.set(key, id)
      added.push(draft)
      return id
    }
    const kind = messageId === null ? 'STATEMENT' : 'MESSAGE'
    merged.push({ id: stores.ids.next(), memoryId: twin, kind, messageId, sourceMemoryId: null, occurredAt })
    return twin
  })
  return { ids, added, merged }
}

/** What must be the same of two drafts for them to be one memory, but for when it happened. */
function wordsOf({ sessionId, speaker, content, tier, visibility, metadata, retentionUntil }: MemoryDraft): string {
  return JSON.stringify([sessionId, speaker, content, tier, visibility, metadata, retentionUntil])
}
