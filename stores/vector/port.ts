import { uuid5 } from '../../lib/uuid5.ts'

/** What is searched as one, each for itself: the memories, and the texts beside them. */
export const vectorCollections = ['MEMORIES', 'CONVERSATION_CONTEXT', 'REASONING_KNOWLEDGE', 'VOICE_PATTERNS'] as const
export type VectorCollection = (typeof vectorCollections)[number]

/** What a text is in its conversation. A memory is context. */
export type VectorKind = 'QUERY' | 'RESPONSE' | 'CONTEXT' | 'KNOWLEDGE'

/** The vector of one version of a memory, or of a stored text. A shelf is what one search reads: what is a user's own, or what is public in a tenant. */
export interface VectorItem {
  /** Of the memory or the stored text. */
  readonly id: string
  readonly kind: VectorKind
  readonly shelfId: string
  readonly tenantId: string
  readonly ownerId: string
  readonly version: number
  readonly vector: Float32Array
}

export interface VectorHit {
  readonly id: string
  /** Cosine similarity, −1 to 1. */
  readonly score: number
}

/** What an index holds of an item. */
export interface VectorPoint {
  readonly id: string
  readonly version: number
  readonly createdAt: Date
  /** As the index keeps it, perhaps with less precision than it was put in; null when it was not asked for. */
  readonly vector: Float32Array | null
}

/** Search by meaning over one model's vectors of one collection. The shelves are part of every question: the store has no other fence. */
export interface VectorIndex {
  readonly model: string
  readonly dimensions: number
  /** Keeps the vectors; one of a lower version than is kept is ignored, so replays are harmless. */
  put(items: readonly VectorItem[]): Promise<void>
  /** Removes the vectors of items that are gone. */
  remove(ids: readonly string[]): Promise<void>
  /** The nearest items on the shelves, the nearest first. */
  nearest(shelves: readonly string[], vector: Float32Array, limit: number, signal?: AbortSignal): Promise<VectorHit[]>
  /** The similarity of items on the shelves to a vector; ids that are not there are left out. */
  compare(shelves: readonly string[], vector: Float32Array, ids: readonly string[]): Promise<VectorHit[]>
  /** What is held of items that the caller has made sure he may read; ids that are not there are left out. */
  find(ids: readonly string[], withVectors: boolean): Promise<VectorPoint[]>
  /** How many vectors stand on the shelves. */
  count(shelves: readonly string[]): Promise<number>
  /** Removes every vector of the model and collection, for a rebuild. */
  clear(): Promise<void>
  health(): Promise<boolean>
}

/** The indexes of one model, by what they hold. */
export type VectorIndexes = Readonly<Record<VectorCollection, VectorIndex>>

/** Of this project alone: made once, never to be changed. */
const pointNamespace = '5b7c1c1e-3f5a-4a3e-9d0e-0f6a0b2f7a11'

/** The name of an item's point under a model: the same wherever and however often it is made. */
export function pointIdOf(itemId: string, kind: VectorKind, model: string): string {
  return uuid5(pointNamespace, `${itemId} ${kind} ${model}`)
}
