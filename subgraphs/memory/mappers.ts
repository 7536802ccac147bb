import { requireUuid, toGlobalId, uuidOf } from '../../lib/ids.ts'
import type { MemoryFilter } from './records.ts'

type NodeType =
  | 'Memory'
  | 'ChatSession'
  | 'Message'
  | 'MemorySync'
  | 'RoutingDecision'
  | 'ReasoningChain'
  | 'Vector'
  | 'VoiceSample'
  | 'PolicyRule'
  | 'MemoryArchive'
  | 'ChatTurn'

/** What the gateway knows of an entity that it asks about: its id, by either of its keys. */
export interface Reference {
  readonly id?: string
  readonly nodeRef?: string
}

/** The row that a reference names; `null` when it names none of this type. */
export function referenced(type: NodeType | 'User', { id, nodeRef }: Reference): string | null {
  return uuidOf(type, id ?? nodeRef ?? '')
}

/** The fields that name a row of this type in the graph. */
export function idFields(type: NodeType) {
  const id = ({ id }: { readonly id: string }) => toGlobalId(type, id)
  return { id, nodeRef: id }
}

/** Another room's user, by id alone. */
export function userOf(userId: string) {
  return { __typename: 'User', id: toGlobalId('User', userId) }
}

/** A filter with row ids for global ones. */
export function toFilter(filter: MemoryFilter | null | undefined): MemoryFilter {
  if (!filter?.sessionId) return filter ?? {}
  return { ...filter, sessionId: requireUuid('ChatSession', filter.sessionId, 'filter.sessionId') }
}
