import { uuid5 } from '../../lib/uuid5.ts'
import type { Encoder } from '../encoder/port.ts'

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
  /** Its words, by how often each occurs; for an index that searches by words too. */
  readonly terms?: ReadonlyMap<string, number>
}

/** Of each item the newest version: one statement or request may name a row or point only once. */
export function latest(items: readonly VectorItem[]): VectorItem[] {
  const kept = new Map<string, VectorItem>()
  for (const item of items) {
    if (item.version >= (kept.get(item.id)?.version ?? 0)) kept.set(item.id, item)
  }
  return [...kept.values()]
}

/** What is searched by both: on these shelves, and these items wherever they stand. */
export interface HybridQuestion {
  readonly vector: Float32Array
  readonly terms: ReadonlyMap<string, number>
  readonly shelves: readonly string[]
  readonly ids: readonly string[]
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

/** Search by meaning over the vectors of one collection. The shelves are part of every question: the store has no other fence. */
export interface VectorSearch {
  readonly model: string
  readonly dimensions: number
  /** Removes the vectors of items that are gone. */
  remove(ids: readonly string[]): Promise<void>
  /** Removes every vector of an owner's. */
  removeOwner(ownerId: string): Promise<void>
  /** The nearest items on the shelves, the nearest first. */
  nearest(shelves: readonly string[], vector: Float32Array, limit: number, signal?: AbortSignal): Promise<VectorHit[]>
  /** The nearest on the shelves to each of these items there, the nearest first and never itself; of what has no vector nothing. */
  neighbours(
    shelves: readonly string[],
    ids: readonly string[],
    limit: number,
    signal?: AbortSignal,
  ): Promise<Map<string, VectorHit[]>>
  /** The similarity of items on the shelves to a vector; ids that are not there are left out. */
  compare(shelves: readonly string[], vector: Float32Array, ids: readonly string[]): Promise<VectorHit[]>
  /** The best by meaning and by words together, the best first; absent where the index has no words. */
  readonly hybrid?:
    | ((question: HybridQuestion, limit: number, signal?: AbortSignal) => Promise<readonly string[]>)
    | undefined
  /** What is held of items that the caller has made sure he may read; ids that are not there are left out. */
  find(ids: readonly string[], withVectors: boolean): Promise<VectorPoint[]>
  /** How many vectors stand on the shelves. */
  count(shelves: readonly string[]): Promise<number>
  /** How many vectors there are of all owners together. */
  size(): Promise<number>
  health(): Promise<boolean>
}

/** One model's vectors of one collection, as they are searched and kept. */
export interface VectorIndex extends VectorSearch {
  /** Keeps the vectors; one of a lower version than is kept is ignored, so replays are harmless. */
  put(items: readonly VectorItem[]): Promise<void>
  /** Removes every vector of the model and collection, for a rebuild. */
  clear(): Promise<void>
}

/** The indexes of one model, by what they hold. */
export type VectorIndexes = Readonly<Record<VectorCollection, VectorIndex>>

/** The vectors of one model in one store. */
export interface EmbeddingIndex {
  /** The store and the model. */
  readonly name: string
  readonly backend: 'pgvector' | 'qdrant'
  readonly encoder: Encoder
  readonly indexes: VectorIndexes
  /** Makes the store's own names stand for this index; may be done again. */
  activate(): Promise<void>
  /** Removes it with all that it holds. */
  drop(): Promise<void>
  close(): Promise<void>
}

/** BUILDING: being filled. ACTIVE: searched. RETIRED: still kept up to date for those who search it, until the next start. */
export type IndexState = 'BUILDING' | 'ACTIVE' | 'RETIRED' | 'DROPPED'

/** An index, as the database knows it. */
export interface IndexRow {
  readonly name: string
  readonly backend: EmbeddingIndex['backend']
  readonly model: string
  readonly dimensions: number
  readonly state: IndexState
  readonly startedAt: Date
  readonly switchedAt: Date | null
}

export interface IndexStatus extends IndexRow {
  /** How many of them it holds; null when its store does not answer. */
  readonly done: number | null
  /** How many there are to hold. */
  readonly total: number
}

/**
 * What makes vectors and what they are searched in. A change of model or of store fills a second index beside the one
 * that is searched, and switches when it is complete: vectors are always compared in the index of the model that made them.
 */
export interface Embeddings {
  /** Of the model that is searched now. */
  readonly encoder: Encoder
  readonly collections: Readonly<Record<VectorCollection, VectorSearch>>
  /** The indexes that this process keeps up to date, once it has claimed them. */
  readonly kept: readonly EmbeddingIndex[]
  /** For the one room that keeps them: makes the settings' index the one that is searched, or that is filled to be. Removes those that are over. */
  claim(): Promise<void>
  /** Whether an index has not been removed, here or by another process. */
  keeps(index: EmbeddingIndex): Promise<boolean>
  /** Whoever keeps an index has taken in all that is settled: one that was being filled is searched from now on. */
  caughtUp(index: EmbeddingIndex): Promise<void>
  /** How far every index is; with an owner, as far as it is his alone: what he has made public is not counted. */
  status(ownerId?: string): Promise<IndexStatus[]>
  close(): Promise<void>
}

/** Of this project alone: made once, never to be changed. */
const pointNamespace = '5b7c1c1e-3f5a-4a3e-9d0e-0f6a0b2f7a11'

/** The name of an item's point under a model: the same wherever and however often it is made. */
export function pointIdOf(itemId: string, kind: VectorKind, model: string): string {
  return uuid5(pointNamespace, `${itemId} ${kind} ${model}`)
}

const shelfNamespace = '0c0a1f5e-6f1d-4c55-9a35-6b9a4b8f2d03'

/** The shelf of an owner's conversations: they stand apart from the texts of their collection, and are searched for themselves. */
export function conversationShelf(ownerId: string): string {
  return uuid5(shelfNamespace, ownerId)
}
