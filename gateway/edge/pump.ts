import type { Call } from '../../lib/call.ts'
import type { Lease } from '../live-engine.ts'
import type { Answer } from './errors.ts'
import { type AdmittedOperation, isSubscription, type Operations } from './operations.ts'

/** Takes one answer towards the client; resolves when there is room for the next: true, or when the client is gone. */
export type Write = (answer: Answer) => Promise<boolean>

/**
 * Carries the answers of an operation to a writer, one after another: a query's one, a subscription's many. Nothing is
 * read ahead of the writer, so a slow reader costs no memory here. Returns when the operation is over, and stops
 * silently when the call is cancelled.
 */
export async function pump(
  operations: Operations,
  admitted: AdmittedOperation,
  lease: Lease,
  call: Call,
  write: Write,
): Promise<void> {
  const { signal } = call.context
  const invalid = operations.validate(admitted, lease.engine.schema)
  if (invalid.length > 0) {
    await write(operations.refuse(invalid, admitted.viewer, call.context.traceId))
    return
  }
  try {
    if (isSubscription(admitted)) await pumpEvents(operations, admitted, lease, call, write)
    else await write(await operations.execute(admitted, lease, call))
  } catch (error) {
    if (!signal.aborted) await write(operations.refuse([error], admitted.viewer, call.context.traceId))
  }
}

async function pumpEvents(
  operations: Operations,
  admitted: AdmittedOperation,
  lease: Lease,
  call: Call,
  write: Write,
): Promise<void> {
  const stream = await operations.subscribe(admitted, lease, call)
  try {
    for (;;) {
      const next = await call.race(stream.next())
      if (next.done === true) return
      const more = await write(operations.presentResponse(next.value, admitted.viewer, call))
      if (!more) call.cancel(new Error('the reader is gone'))
      if (call.context.signal.aborted) return
    }
  } finally {
    // Not awaited: an upstream that is waiting for its next event may take its time to end.
    void Promise.resolve(stream.return?.()).catch(() => {})
  }
}
