import { codedError } from '../../../lib/errors.ts'
import type { SubgraphRequest } from '../types.ts'
import { RequestInContext } from './in-context.ts'

/** A request with less time than the operation has, and the means to let go of the clock. */
export interface LimitedRequest {
  readonly request: SubgraphRequest
  /** Ends the limit; the operation's own end still reaches the request, as a stream needs. */
  lift(): void
  /** Ends the limit and all ties to the operation, whose signal may outlive many requests. */
  release(): void
}

/** Gives a request a time limit of its own, in milliseconds. Its signal then aborts with DEADLINE_EXCEEDED. */
export function limitTime(request: SubgraphRequest, milliseconds: number): LimitedRequest {
  const { context } = request
  const controller = new AbortController()
  const follow = () => controller.abort(context.signal.reason)
  if (context.signal.aborted) follow()
  else context.signal.addEventListener('abort', follow, { once: true })
  const timer = setTimeout(() => controller.abort(tooSlow(request.subgraph, milliseconds)), milliseconds)
  const deadline = Math.min(context.deadline, context.clock.now().getTime() + milliseconds)
  return {
    request: new RequestInContext(request, { ...context, signal: controller.signal, deadline }),
    lift: () => clearTimeout(timer),
    release() {
      clearTimeout(timer)
      context.signal.removeEventListener('abort', follow)
    },
  }
}

function tooSlow(subgraph: string, milliseconds: number): Error {
  return codedError('DEADLINE_EXCEEDED', `Subgraph "${subgraph}" took longer than ${milliseconds} ms.`)
}
