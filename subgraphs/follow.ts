import type { RequestContext } from '../lib/context.ts'
import type { LogEvent } from '../stores/log/log.ts'
import type { ServiceRole } from '../stores/postgres/security.ts'
import type { Stores } from '../stores/stores.ts'
import { requireViewer, securityOf } from './security.ts'

/** What every event of a subscription carries beside its data, as `extensions.live`. */
export interface Live {
  /** The event's place: subscribe again with it as `after`, and nothing is missed or repeated. */
  readonly cursor: string
  /** The place asked for is too old to be replayed from: whoever follows should read anew what he shows. */
  readonly resync: boolean
  /** Events are behind the present. */
  readonly lagging: boolean
}

/** An event of a subscription: what its field resolves from, and what the answer says beside it. */
export interface Followed<T> {
  readonly value: T
  readonly extensions: { readonly live: Live }
}

/** Makes what a subscription shows of an event of the log; null when it does not show it. */
export type Told<T> = (event: LogEvent, cursor: string, principals: ReadonlySet<string>) => Promise<T | null>

/**
 * Follows the log for the viewer: what was missed after a cursor, then live. It has begun when this resolves, so what
 * is written from then on is not missed; ending the iteration ends the following.
 * @throws UNAUTHENTICATED without a viewer, BAD_USER_INPUT for a cursor that is not the viewer's
 */
export async function follow<T>(
  stores: Stores,
  request: RequestContext,
  room: ServiceRole,
  after: string | null | undefined,
  told: Told<T>,
): Promise<AsyncIterableIterator<Followed<T>>> {
  const viewer = requireViewer(request)
  const cursor = after ?? request.resumeAfter ?? null
  const place = cursor === null ? null : stores.cursors.decode(cursor, viewer.userId)
  const ending = new AbortController()
  const signal = AbortSignal.any([request.signal, ending.signal])
  const security = { ...securityOf(request, room), signal }
  const principals = new Set(await stores.log.principals(security))
  const steps = await stores.feed.follow(security, place, signal)

  async function* events(): AsyncGenerator<Followed<T>, undefined> {
    let resync = false
    for await (const step of steps) {
      if ('resync' in step) {
        resync = true
        continue
      }
      const position = stores.cursors.encode(step.event.position, viewer.userId)
      const value = await told(step.event, position, principals)
      if (value === null) continue
      yield { value, extensions: { live: { cursor: position, resync, lagging: false } } }
      resync = false
    }
  }
  return endable(events(), () => ending.abort())
}

/** A generator that waits cannot be ended from outside: the source of what it waits for is ended first. */
function endable<T>(source: AsyncGenerator<T, undefined>, end: () => void): AsyncIterableIterator<T> {
  return {
    next: () => source.next(),
    return() {
      end()
      return source.return(undefined)
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
