import { requireUuid, toGlobalId } from '../../lib/ids.ts'
import type { MemoryFilter } from './records.ts'

/** Another room's user, by id alone. */
export function userOf(userId: string) {
  return { __typename: 'User', id: toGlobalId('User', userId) }
}

/** Another room's, of what is held to be known, by id alone. */
export function nodeOf(nodeId: string | null) {
  return nodeId === null ? null : { __typename: 'ConsensusNode', id: toGlobalId('ConsensusNode', nodeId) }
}

/** A filter with row ids for global ones. */
export function toFilter(filter: MemoryFilter | null | undefined): MemoryFilter {
  if (!filter?.sessionId) return filter ?? {}
  return { ...filter, sessionId: requireUuid('ChatSession', filter.sessionId, 'filter.sessionId') }
}
