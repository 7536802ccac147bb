import type { LogEvent } from '../../stores/log/log.ts'
import type { VectorIndex } from '../../stores/vector/port.ts'

/** What changes nothing of what a conversation is about. */
const beside = new Set(['CONTEXT_SET', 'CONTEXT_DELETED', 'CONTEXT_EXPIRED', 'SESSION_ENDED'])

/**
 * The sessions whose vectors are to be made anew: those that were talked in, named, summarized or removed, and those that
 * have none yet, since the last event of a session may be of anything.
 */
export async function sessionsIn(events: readonly LogEvent[], index: VectorIndex): Promise<ReadonlySet<string>> {
  const changed = new Set<string>()
  const touched = new Set<string>()
  for (const { type, kind, id, payload } of events) {
    if (type === 'ChatSession') (beside.has(kind) ? touched : changed).add(id)
    if (type === 'Message' && typeof payload.sessionId === 'string') changed.add(payload.sessionId)
  }
  const unsure = [...touched].filter((id) => !changed.has(id))
  const held = new Set(unsure.length === 0 ? [] : (await index.find(unsure, false)).map(({ id }) => id))
  for (const id of unsure) if (!held.has(id)) changed.add(id)
  return changed
}
