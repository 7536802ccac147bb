/** The vector of one version of a memory. A shelf is what one search reads: a user's own memories, or a tenant's public ones. */
export interface VectorItem {
  readonly memoryId: string
  readonly shelfId: string
  readonly tenantId: string
  readonly ownerId: string
  readonly version: number
  readonly vector: Float32Array
}

export interface VectorHit {
  readonly memoryId: string
  /** Cosine similarity, −1 to 1. */
  readonly score: number
}

/** Search by meaning over one model's vectors. The shelves are part of every question: the store has no other fence. */
export interface VectorIndex {
  readonly model: string
  /** Keeps the vectors; one of a lower version than is kept is ignored, so replays are harmless. */
  put(items: readonly VectorItem[]): Promise<void>
  /** Removes the vectors of memories that are gone. */
  remove(memoryIds: readonly string[]): Promise<void>
  /** The nearest memories on the shelves, the nearest first. */
  nearest(shelves: readonly string[], vector: Float32Array, limit: number, signal?: AbortSignal): Promise<VectorHit[]>
  /** The similarity of memories on the shelves to a vector; ids that are not there are left out. */
  compare(shelves: readonly string[], vector: Float32Array, memoryIds: readonly string[]): Promise<VectorHit[]>
  /** How many vectors stand on the shelves. */
  count(shelves: readonly string[]): Promise<number>
  /** Removes every vector of the model, for a rebuild. */
  clear(): Promise<void>
  health(): Promise<boolean>
}
