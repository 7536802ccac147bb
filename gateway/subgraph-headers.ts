import type { RequestContext } from '../lib/context.ts'
import { envelopeHeader, sealEnvelope } from '../lib/envelope.ts'
import { systemClock } from '../lib/sources.ts'
import { nextSpanId } from '../lib/span-id.ts'
import type { SigningKey } from '../lib/tokens.ts'
import type { SubgraphRequest } from './engine/types.ts'

/**
 * What goes to a subgraph beside the operation: the trace, and the cursor that a stream resumes from; with a key in the
 * signed envelope, without which a room answers nothing. Nothing that the client sent goes on by itself.
 */
export function subgraphHeaders(url: string, key: SigningKey | null) {
  const { pathname, search } = new URL(url)
  return ({ subgraph, context }: SubgraphRequest, body: string): Record<string, string> => {
    const { resumeAfter, traceState } = context
    const headers: Record<string, string> = { traceparent: traceparentOf(context) }
    if (traceState !== undefined) headers.tracestate = traceState
    if (key === null) {
      if (resumeAfter !== undefined) headers['last-event-id'] = resumeAfter
    } else {
      const request = { method: 'POST', path: pathname + search, body: Buffer.from(body), audience: subgraph }
      headers[envelopeHeader] = sealEnvelope(request, context, key, systemClock)
    }
    return headers
  }
}

/** A subgraph that traces is told to, unless this request is one of those that are left out. */
function traceparentOf({ traceId, span }: RequestContext): string {
  const parent = span?.id || nextSpanId()
  return `00-${traceId}-${parent}-${span?.sampled === false ? '00' : '01'}`
}
