import type { EventDraft } from '../../../stores/log/log.ts'
import type { Transaction } from '../../../stores/postgres/postgres.ts'
import type { VectorCollection, VectorKind } from '../../../stores/vector/port.ts'
import type { MemoryContext } from '../context.ts'
import { limits } from '../limits.ts'
import { deleteTextsOf, insertVectors, type VectorDraft } from '../store/vectors.ts'

/** A text that is found by its meaning, and what it is of: `metadata` names that by its global id. */
export interface Text {
  readonly collection: VectorCollection
  readonly kind: VectorKind
  readonly content: string
  /** Removed with it; none where what it is of stays when a session goes. */
  readonly sessionId: string | null
  readonly of: Readonly<Record<string, string>>
}

/** The private vector of a text. */
export function vectorOf({ stores }: MemoryContext, { collection, kind, content, sessionId, of }: Text): VectorDraft {
  return {
    id: stores.ids.next(),
    collection,
    kind,
    visibility: 'PRIVATE',
    memoryId: null,
    sessionId,
    consensusNodeId: null,
    content: [...content].slice(0, limits.memoryContent).join(''),
    metadata: of,
    relevanceScore: null,
  }
}

/** Stores texts inside a mutation of its own; answers the events to append. What a draft names must be the viewer's. */
export async function storeDrafts(
  { stores, viewer }: MemoryContext,
  tx: Transaction,
  drafts: readonly VectorDraft[],
): Promise<EventDraft[]> {
  await insertVectors(tx, viewer, drafts, stores.clock.now())
  return drafts.map(({ id }) => ({ kind: 'VECTOR_STORED', type: 'Vector', id, version: 1, after: [viewer.userId] }))
}

/** Removes the texts of a thing; answers the events to append. */
export async function removeTextsOf(
  { viewer }: MemoryContext,
  tx: Transaction,
  collection: VectorCollection,
  of: Text['of'],
): Promise<EventDraft[]> {
  return removedEvents(viewer.userId, await deleteTextsOf(tx, viewer, collection, of))
}

export function removedEvents(ownerId: string, ids: Iterable<string>): EventDraft[] {
  return [...ids].map((id) => ({ kind: 'VECTOR_REMOVED', type: 'Vector', id, version: 2, before: [ownerId] }))
}
