import type { Peer, RequestContext, Viewer } from './context.ts'
import { codedError, codeOf } from './errors.ts'
import type { Clock, IdSource } from './sources.ts'
import type { Span } from './trace.ts'

/** What sent an operation, by its own word. */
export interface Client {
  readonly name: string
  /** Empty when it did not say. */
  readonly version: string
}

/** The way that an operation goes; `room` where a gateway sent it. */
export type Lane = 'pipeline' | 'fast' | 'stream' | 'websocket' | 'room'

/** What is told of how an operation is answered, to those who may know and ask. It changes the answer. */
export interface Revealing {
  /** The query plan, beside the answer or instead of it. */
  readonly plan: 'beside' | 'instead' | undefined
  /** Hears how long each part took, in milliseconds, and tells it as a `Server-Timing` header. */
  readonly timing: { add(part: string, milliseconds: number): void; header(): string } | undefined
}

/** One operation's life: the context that goes inwards, and the means to end it. */
export interface Call {
  readonly context: RequestContext
  readonly lane: Lane
  readonly client: Client | undefined
  readonly revealing: Revealing | undefined
  /**
   * The outcome of some work, or the reason of the call's cancellation when that comes first: work may not heed the
   * signal. Keeps nothing afterwards, where racing each event of a stream against one long promise would.
   */
  race<T>(work: Promise<T>): Promise<T>
  cancel(reason: Error): void
  /** Must be called when the operation is over; the signal then stays as it is. */
  end(): void
}

export interface CallOptions {
  readonly viewer: Viewer | null
  readonly traceId: string
  readonly span?: Span | undefined
  readonly traceState?: string | undefined
  readonly lane: Lane
  readonly client?: Client | undefined
  readonly revealing?: Revealing | undefined
  /** Milliseconds the operation may take; absent for streams, which last as long as their reader. */
  readonly timeoutMs?: number
  readonly resumeAfter?: string | undefined
  readonly clientHeaders?: Readonly<Record<string, string>> | undefined
  readonly peer?: Peer | undefined
}

/** A stream has no deadline of its own. Far away, and still exact in JSON. */
const never = Number.MAX_SAFE_INTEGER

export function beginCall(options: CallOptions, clock: Clock, ids: IdSource): Call {
  const { viewer, traceId, span, traceState, lane, client, revealing, timeoutMs, resumeAfter, clientHeaders, peer } =
    options
  const controller = new AbortController()
  const waiting = new Set<(reason: unknown) => void>()
  const cancel = (reason: Error) => {
    controller.abort(reason)
    for (const reject of waiting) reject(controller.signal.reason)
    waiting.clear()
  }
  const outOfTime = () => cancel(codedError('DEADLINE_EXCEEDED', `The operation took longer than ${timeoutMs} ms.`))
  const timer = timeoutMs === undefined ? undefined : setTimeout(outOfTime, timeoutMs)
  const deadline = timeoutMs === undefined ? never : clock.now().getTime() + timeoutMs
  const context: RequestContext = {
    viewer,
    deadline,
    signal: controller.signal,
    traceId,
    span,
    ...(traceState === undefined ? {} : { traceState }),
    ...(resumeAfter === undefined ? {} : { resumeAfter }),
    ...(clientHeaders === undefined ? {} : { clientHeaders }),
    ...(peer === undefined ? {} : { peer }),
    clock,
    ids,
  }
  const race = <T>(work: Promise<T>) => raceAgainst(work, controller.signal, waiting)
  return { context, lane, client, revealing, race, cancel, end: () => clearTimeout(timer) }
}

function raceAgainst<T>(work: Promise<T>, signal: AbortSignal, waiting: Set<(reason: unknown) => void>): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason)
    else waiting.add(reject)
    work.then(
      (value) => {
        waiting.delete(reject)
        resolve(value)
      },
      (reason) => {
        waiting.delete(reject)
        reject(reason)
      },
    )
  })
}

/** Why work was given up before its end; undefined when it was not. */
export function cutShort({ aborted, reason }: AbortSignal): 'cancelled' | 'deadline_exceeded' | undefined {
  if (!aborted) return undefined
  return codeOf(Object(reason)) === 'DEADLINE_EXCEEDED' ? 'deadline_exceeded' : 'cancelled'
}
