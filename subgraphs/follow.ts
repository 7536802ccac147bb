import type { RequestContext } from '../lib/context.ts'
import { codeOf } from '../lib/errors.ts'
import { type Live, type Notice, noticeOf, type Placed } from '../lib/live.ts'
import type { LogEvent } from '../stores/log/log.ts'
import type { ServiceRole } from '../stores/postgres/security.ts'
import type { Stores } from '../stores/stores.ts'
import { requireViewer, securityOf } from './security.ts'

/** An event of a subscription: what its field resolves from, and what the answer says beside it. */
export interface Followed<T> {
  readonly value: T
  readonly extensions: { readonly live: Live }
}

/** Makes what a subscription shows of an event of the log; null when it does not show it. */
export type Told<T> = (event: LogEvent, cursor: string, principals: ReadonlySet<string>) => Promise<T | null>

/**
 * Follows the log for the viewer: what was missed after a cursor, then live. It has begun when this resolves, so what
 * is written from then on is not missed; ending the iteration ends the following. A cursor that cannot be replayed from
 * gives one notice of `resync`, and then what is live. A reconnecting stream's own place wins over `after`: the client
 * has come further since it said so.
 * @throws UNAUTHENTICATED without a viewer, BAD_USER_INPUT for a cursor that is not the viewer's
 */
export async function follow<T>(
  stores: Stores,
  request: RequestContext,
  room: ServiceRole,
  after: string | null | undefined,
  told: Told<T>,
): Promise<AsyncIterableIterator<Followed<T> | Notice> & Placed> {
  const viewer = requireViewer(request)
  const cursor = request.resumeAfter ?? after ?? null
  const place = cursor === null ? null : stores.cursors.decode(cursor, viewer.userId)
  const ending = new AbortController()
  const signal = AbortSignal.any([request.signal, ending.signal])
  const steps = await stores.feed.follow({ ...securityOf(request, room), signal }, place, signal)
  const encode = (position: LogEvent['position']) => stores.cursors.encode(position, viewer.userId)

  async function* events(): AsyncGenerator<Followed<T> | Notice, undefined> {
    for await (const step of steps) {
      if ('resync' in step) {
        yield noticeOf({ cursor: encode(step.resync), resync: true, lagging: false })
        continue
      }
      const position = encode(step.event.position)
      const value = await told(step.event, position, step.principals).catch((error: unknown) =>
        failed<T>(error, signal),
      )
      if (value !== null) yield { value, extensions: { live: { cursor: position, resync: false, lagging: false } } }
    }
  }
  return endable(events(), encode(steps.start), () => ending.abort())
}

/**
 * An event that cannot be told has its failure as its value, which its field then answers with, so that the next ones
 * come all the same. What is cut short, or would do better later, ends the stream: it is taken up again at this event.
 */
function failed<T>(error: unknown, signal: AbortSignal): T {
  if (signal.aborted || codeOf(Object(error)) === 'STORE_UNAVAILABLE') throw error
  return (error instanceof Error ? error : new Error(String(error))) as T
}

/** A generator that waits cannot be ended from outside: the source of what it waits for is ended first. */
export function endable<T>(
  source: AsyncGenerator<T, undefined>,
  startsAfter: string,
  end: () => void,
): AsyncIterableIterator<T> & Placed {
  return {
    startsAfter,
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
