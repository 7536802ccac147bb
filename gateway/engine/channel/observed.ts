import { cutShort } from '../../../lib/call.ts'
import type { Span } from '../../../lib/trace.ts'
import type { EngineObserver, FetchOutcome } from '../observer.ts'
import type { Channel, SubgraphRequest, SubgraphResponse } from '../types.ts'
import { RequestInContext } from './in-context.ts'

/** Times and traces what goes to a subgraph, whatever way leads there. */
export function observeChannel(subgraph: string, inner: Channel, observer: EngineObserver): Channel {
  async function execute(request: SubgraphRequest): Promise<SubgraphResponse> {
    const started = performance.now()
    const span = spanOf(request)
    const traced = span ? new RequestInContext(request, { ...request.context, span }) : request
    let outcome: FetchOutcome = 'failed'
    let failure: unknown
    try {
      const response = await inner.execute(traced)
      outcome = response.errors?.length ? 'errors' : 'ok'
      return response
    } catch (error) {
      failure = error
      throw error
    } finally {
      outcome = cutShort(request.context.signal) ?? outcome
      span?.set({ 'mnemograph.outcome': outcome })
      span?.end(failure)
      observer.fetched(subgraph, outcome, (performance.now() - started) / 1000)
    }
  }
  return { execute, subscribe: (request) => inner.subscribe(request), close: () => inner.close() }
}

function spanOf({ context, subgraph, kind }: SubgraphRequest): Span | undefined {
  if (!context.span?.recording) return undefined
  return context.span.child(`fetch ${subgraph}`, { 'graphql.operation.type': kind }, 'client')
}
