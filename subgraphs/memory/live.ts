import { codedError } from '../../lib/errors.ts'
import { requireUuid, uuidOf } from '../../lib/ids.ts'
import type { LogEvent } from '../../stores/log/log.ts'
import { follow } from '../follow.ts'
import type { MemoryContext } from './context.ts'
import { factsFit, readFacts } from './events.ts'
import type { MemoryFilter } from './records.ts'
import { ownedSessions } from './store/lookups.ts'
import { memoryFits } from './store/memories.ts'

export interface MemoryChange {
  readonly cursor: string
  readonly kind: 'CREATED' | 'REVISED' | 'FORGOTTEN' | 'EXPIRED' | 'RELATED'
  readonly memoryId: string
  readonly at: Date
}

export interface MessageAdded {
  readonly cursor: string
  readonly messageId: string
  readonly at: Date
}

/** Changes of memories as the viewer sees them, from a cursor on, or from now. */
export function memoryChanges(context: MemoryContext, filter: MemoryFilter, after: string | null | undefined) {
  return follow(
    context.stores,
    context.request,
    'memory',
    after,
    async (event, cursor, principals): Promise<MemoryChange | null> => {
      if (event.room !== 'memory' || event.type !== 'Memory') return null
      const kind = kindFor(event, principals, filter)
      if (kind === null) return null
      // Metadata is not in the log: it is asked of the memory as it is, as long as it is there.
      const mustAsk = filter.metadata != null && !isGone(kind)
      if (mustAsk && !(await context.read((db) => memoryFits(db, event.id, filter.metadata)))) return null
      return { cursor, kind, memoryId: event.id, at: event.at }
    },
  )
}

export interface ChatSessionChange {
  readonly cursor: string
  readonly kind: string
  readonly sessionId: string
  readonly messageId: string | null
  readonly at: Date
}

/** Events of sessions, by what they are to whoever follows them. */
const sessionKinds: Readonly<Record<string, string>> = {
  SESSION_OPENED: 'OPENED',
  SESSION_UPDATED: 'UPDATED',
  SESSION_ENDED: 'ENDED',
  SESSION_SUMMARIZED: 'SUMMARY_CHANGED',
  SUMMARY_DELETED: 'SUMMARY_CHANGED',
  CONTEXT_SET: 'CONTEXT_CHANGED',
  CONTEXT_DELETED: 'CONTEXT_CHANGED',
  CONTEXT_EXPIRED: 'CONTEXT_CHANGED',
  SESSION_DELETED: 'DELETED',
  MESSAGE_DELETED: 'MESSAGE_DELETED',
}

/** Changes of the viewer's sessions, or of one of them. One that is not there is as one in which nothing happens. */
export function chatSessionChanges(
  { stores, request }: MemoryContext,
  sessionId: string | null | undefined,
  after: string | null | undefined,
) {
  const wanted = sessionId == null ? null : requireUuid('ChatSession', sessionId, 'sessionId')
  return follow(stores, request, 'memory', after, async (event, cursor): Promise<ChatSessionChange | null> => {
    const kind = sessionKinds[event.kind]
    if (kind === undefined || event.room !== 'memory') return null
    const messageId = event.type === 'Message' ? event.id : null
    const id = messageId === null ? event.id : String(event.payload.sessionId)
    return wanted === null || wanted === id ? { cursor, kind, sessionId: id, messageId, at: event.at } : null
  })
}

/**
 * Messages as they are added to a session of the viewer's.
 * @throws BAD_USER_INPUT when there is no such session.
 */
export async function messageAdded(context: MemoryContext, sessionId: string, after: string | null | undefined) {
  const { viewer } = context
  const id = uuidOf('ChatSession', sessionId)
  const known = await context.read((db) => ownedSessions(db, viewer, id === null ? [] : [id]))
  if (known.size === 0) throw codedError('BAD_USER_INPUT', 'There is no such chat session.')
  return follow(
    context.stores,
    context.request,
    'memory',
    after,
    async (event, cursor): Promise<MessageAdded | null> => {
      if (event.kind !== 'MESSAGE_ADDED' || event.payload.sessionId !== id) return null
      return { cursor, messageId: event.id, at: event.at }
    },
  )
}

export const isGone = (kind: MemoryChange['kind']) => kind === 'FORGOTTEN' || kind === 'EXPIRED'

/** What happened as the viewer sees it: whoever loses access sees it go, whoever gains access sees it come. */
function kindFor(event: LogEvent, principals: ReadonlySet<string>, filter: MemoryFilter): MemoryChange['kind'] | null {
  const sees = (audience: readonly string[]) => audience.some((id) => principals.has(id))
  const facts = readFacts(event.payload)
  const { previous } = event.payload as { readonly previous?: Record<string, unknown> }
  const before = sees(event.before)
  const after = sees(event.after)
  const fitted = before && factsFit(previous ? readFacts(previous) : facts, filter)
  const fits = after && factsFit(facts, filter)
  if (!fitted && !fits) return null
  if (!after) return event.kind === 'EXPIRED' ? 'EXPIRED' : 'FORGOTTEN'
  if (!before) return 'CREATED'
  if (event.kind === 'RELATED') return 'RELATED'
  // Whom else a memory is given to is news for its owner alone.
  const isOthers = (event.kind === 'SHARED' || event.kind === 'UNSHARED') && !principals.has(event.ownerId)
  return isOthers ? null : 'REVISED'
}
