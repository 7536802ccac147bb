import type { ConflictStrategy } from './service/sync/decide.ts'

export type SyncType = 'CONTEXT_TRANSFER' | 'KNOWLEDGE_SHARE' | 'STATE_SYNC'
export type SyncStatus = 'PENDING' | 'IN_PROGRESS' | 'COMPLETED' | 'FAILED'
export type SyncSide = 'SOURCE' | 'TARGET' | 'BOTH'
export type SyncAction = 'ADDED' | 'UPDATED' | 'MERGED' | 'KEPT' | 'UNCHANGED'

/** One handing-over between two sessions, as the room's store reads it. */
export interface SyncRecord {
  readonly id: string
  readonly ownerId: string
  readonly ordinal: number
  readonly sourceId: string
  readonly targetId: string
  readonly type: SyncType
  readonly strategy: ConflictStrategy
  /** Keys of context entries, or ids of memories; empty for all. */
  readonly keys: readonly string[]
  readonly status: SyncStatus
  readonly attempts: number
  readonly transferred: readonly SyncedItem[]
  readonly conflicts: readonly SyncConflict[]
  readonly problem: string | null
  readonly createdAt: Date
  readonly startedAt: Date | null
  readonly completedAt: Date | null
}

/** What is compared: a context entry by its key, or a memory by the target's id of it. */
interface Subject {
  readonly key: string | null
  readonly memoryId: string | null
}

export interface SyncedItem extends Subject {
  readonly action: SyncAction
  readonly side: SyncSide | null
  readonly sourceVersion: number | null
  readonly targetVersion: number | null
}

export interface SyncConflict extends Subject {
  readonly strategy: ConflictStrategy
  readonly winner: SyncSide
  readonly sourceVersion: number
  readonly targetVersion: number
}
