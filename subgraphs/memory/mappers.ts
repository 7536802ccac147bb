import { requireUuid, toGlobalId } from '../../lib/ids.ts'
import type { MemoryFilter, MemoryListFilter } from './records.ts'

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

/** What a list of memories is asked for besides its filter, by the names of its arguments. */
export interface ListArguments extends Omit<MemoryListFilter, keyof MemoryFilter> {
  readonly filter?: MemoryFilter | null
}

/** The same as one filter, with row ids for global ones. */
export function toListFilter(args: ListArguments): MemoryListFilter {
  const { speaker = null, retentionBefore = null, updatedFrom = null, updatedBefore = null } = args
  const ownerId = args.ownerId == null ? null : requireUuid('User', args.ownerId, 'ownerId')
  return { ...toFilter(args.filter), ownerId, speaker, retentionBefore, updatedFrom, updatedBefore }
}
