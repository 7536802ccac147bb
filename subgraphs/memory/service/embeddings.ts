import type { Placed } from '../../../lib/live.ts'
import { permissionsOf } from '../../../lib/permissions.ts'
import type { IndexStatus } from '../../../stores/vector/port.ts'
import { endable, type Followed } from '../../follow.ts'
import type { MemoryContext } from '../context.ts'
import { Bell } from '../standing/bell.ts'

/** How often it is looked at while an index is being filled, and while none is. Milliseconds. */
const busyMs = 500
const idleMs = 5_000

export interface EmbeddingProgress {
  readonly cursor: string
  readonly at: Date
  readonly indexes: readonly IndexStatus[]
}

/** How far every index is: for whoever may read how the system is used, of all users together; for others, of their own. */
export function embeddingIndexes({ stores, viewer }: MemoryContext): Promise<readonly IndexStatus[]> {
  const ofAll = permissionsOf(viewer.role).includes('READ_METRICS')
  return stores.embeddings.status(ofAll ? undefined : viewer.userId)
}

/** How far the indexes are: now, and whenever it has changed. */
export async function embeddingProgress(
  context: MemoryContext,
): Promise<AsyncIterableIterator<Followed<EmbeddingProgress>> & Placed> {
  const { stores, viewer, request } = context
  const first = await embeddingIndexes(context)
  const ending = new AbortController()
  const signal = AbortSignal.any([request.signal, ending.signal])
  const switched = new Bell()
  const unsubscribe = stores.bus.subscribe('vectors-switched', () => switched.ring())
  const placeNow = async () => stores.cursors.encode(await stores.log.head(), viewer.userId)
  const place = await placeNow()

  async function* changes(): AsyncGenerator<Followed<EmbeddingProgress>, undefined> {
    try {
      let told = ''
      for (let indexes = first; !signal.aborted; indexes = await embeddingIndexes(context)) {
        const now = JSON.stringify(indexes)
        if (now !== told) {
          told = now
          const cursor = await placeNow()
          const value = { cursor, at: request.clock.now(), indexes }
          yield { value, extensions: { live: { cursor, resync: false, lagging: false } } }
        }
        const isBusy = indexes.some(({ state }) => state === 'BUILDING')
        await switched.wait(signal, isBusy ? busyMs : idleMs)
      }
    } finally {
      unsubscribe()
    }
  }
  return endable(changes(), place, () => ending.abort())
}
