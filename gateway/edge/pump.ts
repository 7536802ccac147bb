import type { Call } from '../../lib/call.ts'
import type { Lease } from '../live-engine.ts'
import type { Answer } from './errors.ts'
import { type AdmittedOperation, isSubscription, type Operations } from './operations.ts'

/** Where an operation's answers go. */
export interface Sink {
  /** A subscription has begun; nothing after the place is missed. Not told when there is no place. */
  begin?(startsAfter: string | undefined): void
  /** Takes one answer towards the client; resolves when there is room for the next: true, or when the client is gone. */
  write(answer: Answer): Promise<boolean>
}

/** How an operation ended: it is over, or its reader left more waiting than may wait. */
export type Outcome = 'complete' | 'lagging'

/**
 * Carries the answers of an operation to a sink, one after another: a query's one, a subscription's many. Nothing is
 * read ahead of the sink, so a slow reader costs no memory here. Returns when the operation is over, and stops
 * silently when the call is cancelled.
 */
export async function pump(
  operations: Operations,
  admitted: AdmittedOperation,
  lease: Lease,
  call: Call,
  sink: Sink,
): Promise<Outcome> {
  const { signal } = call.context
  const invalid = operations.validate(admitted, lease.engine.schema)
  if (invalid.length > 0) {
    await sink.write(operations.refuse(invalid, admitted.viewer, call.context.traceId))
    return 'complete'
  }
  try {
    if (isSubscription(admitted)) return await pumpEvents(operations, admitted, lease, call, sink)
    await sink.write(await operations.execute(admitted, lease, call))
  } catch (error) {
    if (!signal.aborted) await sink.write(operations.refuse([error], admitted.viewer, call.context.traceId))
  }
  return 'complete'
}

async function pumpEvents(
  operations: Operations,
  admitted: AdmittedOperation,
  lease: Lease,
  call: Call,
  sink: Sink,
): Promise<Outcome> {
  const stream = await operations.subscribe(admitted, lease, call)
  const events = stream[Symbol.asyncIterator]()
  sink.begin?.(stream.startsAfter)
  try {
    for (;;) {
      const next = await call.race(events.next())
      if (next.done === true) return 'complete'
      const more = await sink.write(operations.presentResponse(next.value, admitted.viewer, call))
      if (next.value.isLagging) return 'lagging'
      if (!more) call.cancel(new Error('the reader is gone'))
      if (call.context.signal.aborted) return 'complete'
    }
  } finally {
    // Not awaited: an upstream that is waiting for its next event may take its time to end.
    void Promise.resolve(events.return?.()).catch(() => {})
  }
}
