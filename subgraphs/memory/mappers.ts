import { requireUuid, toGlobalId } from '../../lib/ids.ts'
import type { MemoryFilter } from './records.ts'

/** Another room's user, by id alone. */
export function userOf(userId: string) {
  return { __typename: 'User', id: toGlobalId('User', userId) }
}

/** A filter with row ids for global ones. */
export function toFilter(filter: MemoryFilter | null | undefined): MemoryFilter {
  if (!filter?.sessionId) return filter ?? {}
  return { ...filter, sessionId: requireUuid('ChatSession', filter.sessionId, 'filter.sessionId') }
}
