import type { RequestContext, Viewer } from './context.ts'
import { codedError } from './errors.ts'
import type { Clock, IdSource } from './sources.ts'

/** W3C Trace Context: version, trace id, parent id, flags. */
const traceparent = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/

/** One operation's life: the context that goes inwards, and the means to end it. */
export interface Call {
  readonly context: RequestContext
  /** Rejects when the call is cancelled or out of time, also while what it called does not heed the signal. */
  readonly cancelled: Promise<never>
  cancel(reason: Error): void
  /** Must be called when the operation is over; the signal then stays as it is. */
  end(): void
}

export interface CallOptions {
  readonly viewer: Viewer | null
  readonly traceId: string
  /** Milliseconds the operation may take; absent for streams, which last as long as their reader. */
  readonly timeoutMs?: number
  readonly resumeAfter?: string | undefined
}

/** A stream has no deadline of its own. Far away, and still exact in JSON. */
const never = Number.MAX_SAFE_INTEGER

export function beginCall(options: CallOptions, clock: Clock, ids: IdSource): Call {
  const { viewer, traceId, timeoutMs, resumeAfter } = options
  const controller = new AbortController()
  let reject: (reason: Error) => void = () => {}
  const cancelled = new Promise<never>((_, rejectCancelled) => {
    reject = rejectCancelled
  })
  cancelled.catch(() => {})
  const cancel = (reason: Error) => {
    reject(reason)
    controller.abort(reason)
  }
  const outOfTime = () => cancel(codedError('DEADLINE_EXCEEDED', `The operation took longer than ${timeoutMs} ms.`))
  const timer = timeoutMs === undefined ? undefined : setTimeout(outOfTime, timeoutMs)
  const deadline = timeoutMs === undefined ? never : clock.now().getTime() + timeoutMs
  const context: RequestContext = {
    viewer,
    deadline,
    signal: controller.signal,
    traceId,
    ...(resumeAfter === undefined ? {} : { resumeAfter }),
    clock,
    ids,
  }
  return { context, cancelled, cancel, end: () => clearTimeout(timer) }
}

/** The caller's trace id when it sent a valid one, else a new one. */
export function traceIdOf(header: string | undefined, ids: IdSource): string {
  const given = header === undefined ? undefined : traceparent.exec(header)?.[1]
  return given !== undefined && !/^0+$/.test(given) ? given : ids.next().replaceAll('-', '')
}
