import { toGlobalId } from '../../lib/ids.ts'
import type { ConceptRecord, MentionRecord } from './store.ts'

/** `Concept` of the graph. */
export interface Concept {
  readonly __typename: 'Concept'
  readonly id: string
  /** The row's own id, for the fields below it. */
  readonly uuid: string
  readonly name: string
  readonly category: string | null
  readonly mentionCount: number
  readonly createdAt: Date
}

/** `Mention` of the graph; its concept is loaded when asked for. */
export interface Mention {
  readonly conceptId: string
  readonly memory: { readonly __typename: 'Memory'; readonly id: string }
  readonly session: { readonly __typename: 'ChatSession'; readonly id: string } | null
  readonly count: number
  readonly occurredAt: Date
}

export function toConcept({ id, name, category, mentionCount, createdAt }: ConceptRecord): Concept {
  return { __typename: 'Concept', id: toGlobalId('Concept', id), uuid: id, name, category, mentionCount, createdAt }
}

export function toMention({ conceptId, memoryId, sessionId, count, occurredAt }: MentionRecord): Mention {
  return {
    conceptId,
    memory: { __typename: 'Memory', id: toGlobalId('Memory', memoryId) },
    session: sessionId === null ? null : { __typename: 'ChatSession', id: toGlobalId('ChatSession', sessionId) },
    count,
    occurredAt,
  }
}
