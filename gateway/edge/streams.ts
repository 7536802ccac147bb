import type { ServerResponse } from 'node:http'
import { beginCall, type Call, type CallOptions } from '../../lib/call.ts'
import { eventStreamFormat, ResponseStream } from '../../lib/http/response-stream.ts'
import type { Clock, IdSource } from '../../lib/sources.ts'
import type { Identified } from '../identity.ts'
import { type Connections, type EndReason, endingOf } from './connections.ts'
import { multipartFormat } from './multipart.ts'
import type { StreamType } from './negotiate.ts'
import { type AdmittedOperation, isSubscription, type Operations } from './operations.ts'
import { pump } from './pump.ts'
import type { RequestTrace } from './trace.ts'

export interface StreamOptions {
  readonly operations: Operations
  readonly connections: Connections
  readonly clock: Clock
  readonly ids: IdSource
  readonly operationTimeoutMs: number
  readonly stallMs: number
}

/** An operation whose answers are streamed over HTTP. */
export interface Streamed {
  readonly res: ServerResponse
  readonly type: StreamType
  readonly admitted: AdmittedOperation
  readonly identified: Identified
  readonly trace: RequestTrace
  readonly client: CallOptions['client']
  readonly peer: CallOptions['peer']
  readonly clientHeaders: CallOptions['clientHeaders']
  /** The cursor that the client has come to, from `Last-Event-ID`. */
  readonly resumeAfter: string | undefined
}

const formats = { 'text/event-stream': eventStreamFormat, 'multipart/mixed': multipartFormat }

/** Ends the call when its client goes away. */
export function cancelOnClose(res: ServerResponse, call: Call): void {
  res.once('close', () => {
    if (!res.writableFinished) call.cancel(new Error('the client went away'))
  })
}

/** Streams an operation's answers until it is over, its client is gone, or its authority, engine or server is. */
export async function streamAnswers(options: StreamOptions, streamed: Streamed): Promise<void> {
  const { operations, connections, clock, ids, operationTimeoutMs, stallMs } = options
  const { res, admitted, identified, type, trace, ...common } = streamed
  const isLong = isSubscription(admitted)
  const timeout = isLong ? {} : { timeoutMs: operationTimeoutMs }
  // A subscription lasts as long as its reader, which is too long for a trace.
  const span = isLong ? undefined : trace.span
  const asking = { viewer: identified.viewer, lane: 'stream', ...common, ...trace, span, ...timeout } as const
  const call = beginCall(asking, clock, ids)
  cancelOnClose(res, call)
  const stream = new ResponseStream(res, formats[type], stallMs)
  const cut = (reason: EndReason) => {
    stream.cut(endingOf(reason))
    call.cancel(new Error('the stream was cut'))
  }
  const lease = operations.engine.lease()
  const onReplaced = () => cut('reloaded')
  const unwatch = isLong ? connections.watch(identified, cut) : () => {}
  if (isLong) lease.replaced.addEventListener('abort', onReplaced)
  try {
    const outcome = await pump(operations, admitted, lease, call, {
      begin: (cursor) => stream.begin(cursor),
      write: ({ text, cursor }) => stream.next(text, cursor),
    })
    if (outcome === 'lagging') stream.cut(endingOf('slow'))
    else if (!call.context.signal.aborted) stream.complete()
  } finally {
    unwatch()
    lease.replaced.removeEventListener('abort', onReplaced)
    call.end()
    lease.release()
  }
}
