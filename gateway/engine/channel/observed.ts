import { codeOf } from '../../../lib/errors.ts'
import type { EngineObserver, FetchOutcome } from '../observer.ts'
import type { Channel, SubgraphRequest, SubgraphResponse } from '../types.ts'

/** Times what goes to a subgraph, whatever way leads there. */
export function observeChannel(subgraph: string, inner: Channel, observer: EngineObserver): Channel {
  async function execute(request: SubgraphRequest): Promise<SubgraphResponse> {
    const started = performance.now()
    let outcome: FetchOutcome = 'failed'
    try {
      const response = await inner.execute(request)
      outcome = response.errors?.length ? 'errors' : 'ok'
      return response
    } finally {
      const { signal } = request.context
      if (signal.aborted) outcome = isDeadline(signal.reason) ? 'deadline_exceeded' : 'cancelled'
      observer.fetched(subgraph, outcome, (performance.now() - started) / 1000)
    }
  }
  return { execute, subscribe: (request) => inner.subscribe(request), close: () => inner.close() }
}

function isDeadline(reason: unknown): boolean {
  return codeOf(Object(reason)) === 'DEADLINE_EXCEEDED'
}
