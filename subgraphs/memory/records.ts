/** Rows as the room's store reads them. Ids are row ids; mappers turn them into global ones. */

export type MemoryTier = 'WORKING' | 'EPISODIC' | 'SEMANTIC' | 'SHARED'
export type Visibility = 'PRIVATE' | 'SHARED' | 'PUBLIC'
export type ChatMode = 'SIMPLE' | 'SMART_ROUTER' | 'EXPERT_GROUP' | 'SOCRATIC'
export type MessageRole = 'SYSTEM' | 'USER' | 'ASSISTANT' | 'TOOL'

export const memoryTiers: readonly MemoryTier[] = ['WORKING', 'EPISODIC', 'SEMANTIC', 'SHARED']

export interface MemoryRecord {
  readonly id: string
  readonly ownerId: string
  /** Its place among all memories, by when they were made. */
  readonly ordinal: number
  readonly sessionId: string | null
  readonly messageId: string | null
  readonly position: number | null
  readonly speaker: string | null
  readonly externalId: string | null
  readonly version: number
  readonly content: string
  readonly tier: MemoryTier
  readonly visibility: Visibility
  readonly metadata: unknown
  readonly occurredAt: Date
  readonly timeInferred: boolean
  readonly retentionUntil: Date | null
  /** How its content is packed where it is stored; `null` where it is plain. */
  readonly compression: CompressionRecord | null
  readonly createdAt: Date
  readonly updatedAt: Date
  /** The moment of knowledge that the record answers from; `null` for now. */
  readonly asOf: Date | null
}

/** What came of packing a content. Sizes are in bytes. */
export interface CompressionRecord {
  readonly algorithm: 'BROTLI'
  readonly originalBytes: number
  readonly storedBytes: number
  readonly compressedAt: string
}

/** Whose rows a write makes: the viewer's own, or those of whoever gave him leave to change them. */
export interface Owner {
  readonly tenantId: string
  readonly userId: string
}

export type GrantKind = 'USER' | 'TEAM' | 'AGENT' | 'SESSION'

/** Leave to see a memory, and perhaps to change it. */
export interface GrantRecord {
  readonly id: string
  readonly memoryId: string
  readonly ownerId: string
  readonly subjectId: string
  readonly subjectKind: GrantKind
  /** The user or team that it lets in. */
  readonly granteeId: string
  readonly mayWrite: boolean
  readonly createdAt: Date
}

export interface RevisionRecord {
  readonly version: number
  readonly content: string
  readonly tier: MemoryTier
  readonly visibility: Visibility
  readonly metadata: unknown
  readonly occurredAt: Date
  readonly timeInferred: boolean
  readonly retentionUntil: Date | null
  readonly contextAnalysis: unknown
  readonly knownFrom: Date
  readonly knownUntil: Date | null
}

export interface SessionRecord {
  readonly id: string
  readonly ownerId: string
  readonly ordinal: number
  readonly mode: ChatMode
  readonly title: string | null
  readonly parentId: string | null
  readonly externalId: string | null
  readonly configuration: unknown
  readonly metadata: unknown
  readonly active: boolean
  /** How many messages it has. */
  readonly messageCount: number
  /** Another room's. */
  readonly consensusNodeId: string | null
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly endedAt: Date | null
}

export type ContextType = 'CONVERSATION' | 'PREFERENCE' | 'STATE'

/** One value that a session's agents keep at hand. */
export interface ContextRecord {
  readonly sessionId: string
  readonly key: string
  readonly value: unknown
  readonly type: ContextType
  readonly accessLevel: Visibility
  readonly priority: number
  readonly version: number
  readonly persistent: boolean
  readonly expiresAt: Date | null
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** What a session was about; its id is the session's. */
export interface SummaryRecord {
  readonly id: string
  readonly text: string
  readonly keyTopics: readonly string[]
  readonly sourceIds: readonly string[]
  readonly model: string
  readonly messageCount: number
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

export type FeedbackType = 'HELPFUL' | 'UNHELPFUL' | 'INCORRECT' | 'HARMFUL' | 'OTHER'

/** What a user thinks of a message. */
export interface FeedbackRecord {
  readonly id: string
  readonly messageId: string
  readonly ownerId: string
  readonly ordinal: number
  readonly type: FeedbackType
  readonly rating: number | null
  readonly comment: string | null
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** What a router decided for one request, and how it went. */
export interface RoutingRecord {
  readonly id: string
  readonly sessionId: string
  readonly ordinal: number
  readonly request: string
  readonly mode: ChatMode
  readonly decision: unknown
  readonly tools: readonly string[]
  readonly complexity: number
  readonly confidence: number
  readonly processingTimeMs: number | null
  readonly tokensUsed: number | null
  readonly model: string | null
  readonly success: boolean
  readonly error: unknown
  readonly blackboardEventId: string | null
  readonly createdAt: Date
}

/** An hour of a router; what has no mean is `null`. */
export interface RouterHourRecord {
  readonly startsAt: Date
  readonly requests: number
  readonly succeeded: number
  readonly successRate: number | null
  readonly averageProcessingTimeMs: number | null
  readonly averageComplexity: number | null
  readonly averageConfidence: number | null
  readonly tokensUsed: number
}

export interface ReasoningStep {
  readonly thought: string
  readonly evidence: readonly string[]
  readonly confidence: number | null
}

/** How an answer was reasoned out. */
export interface ChainRecord {
  readonly id: string
  readonly sessionId: string
  readonly ordinal: number
  readonly data: unknown
  readonly steps: readonly ReasoningStep[]
  readonly confidence: number | null
  readonly createdAt: Date
}

export interface ToolCall {
  readonly id: string
  readonly name: string
  readonly arguments: unknown
}

export interface MessageRecord {
  readonly id: string
  readonly sessionId: string
  readonly position: number
  readonly role: MessageRole
  readonly name: string | null
  readonly content: string | null
  readonly toolCalls: readonly ToolCall[]
  readonly toolCallId: string | null
  readonly externalId: string | null
  readonly occurredAt: Date
  readonly timeInferred: boolean
}

/** Which memories fit; what is undefined or null does not matter. Ids are row ids. */
export interface MemoryFilter {
  readonly tiers?: readonly MemoryTier[] | null
  readonly visibility?: Visibility | null
  readonly sessionId?: string | null
  readonly occurredFrom?: Date | null
  readonly occurredBefore?: Date | null
  readonly metadata?: unknown
}

/** What lists of memories can be asked for besides. */
export interface MemoryListFilter extends MemoryFilter {
  readonly ownerId?: string | null
  readonly speaker?: string | null
  readonly retentionBefore?: Date | null
  readonly updatedFrom?: Date | null
  readonly updatedBefore?: Date | null
}

export interface SessionFilter {
  readonly mode?: ChatMode | null
  readonly active?: boolean | null
}
