/** Rows of how memories hang together, as the room's store reads them. */

export interface RelationshipRecord {
  readonly id: string
  readonly ownerId: string
  readonly ordinal: number
  readonly fromId: string
  readonly toId: string
  readonly type: string
  readonly confidence: number
  readonly metadata: unknown
  readonly createdAt: Date
  readonly updatedAt: Date
}

export type SourceKind = 'STATEMENT' | 'MESSAGE' | 'MEMORY'

export interface SourceRecord {
  readonly ordinal: number
  readonly kind: SourceKind
  readonly messageId: string | null
  readonly sourceMemoryId: string | null
  readonly occurredAt: Date
  readonly createdAt: Date
}
