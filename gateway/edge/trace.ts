import type { IncomingHttpHeaders } from 'node:http'
import type { Client } from '../../lib/call.ts'
import type { IdSource } from '../../lib/sources.ts'
import { readTraceparent, type Span, type Tracer, unsampled } from '../../lib/trace.ts'
import type { AdmittedOperation } from './operations.ts'

/** A request's place in its trace. */
export interface RequestTrace {
  readonly traceId: string
  readonly span: Span | undefined
  readonly traceState: string | undefined
}

const longestName = 128
/** The W3C's least that must be carried on (Trace Context, 3.3.1.5). */
const longestState = 512

/** Goes on with the caller's trace when it sent a valid one, else begins another. */
export function beginTrace(headers: IncomingHttpHeaders, tracer: Tracer | undefined, ids: IdSource): RequestTrace {
  const remote = readTraceparent(headers.traceparent as string | undefined)
  const traceId = remote?.traceId ?? ids.next().replaceAll('-', '')
  return { traceId, span: firstSpan(traceId, remote, tracer), traceState: remote && stateOf(headers.tracestate) }
}

function firstSpan(traceId: string, remote: ReturnType<typeof readTraceparent>, tracer?: Tracer): Span | undefined {
  if (tracer !== undefined) return tracer.begin('GraphQL Operation', traceId, remote)
  return remote?.sampled === false ? unsampled : undefined
}

function stateOf(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'string' && header !== '' && header.length <= longestState ? header : undefined
}

/** Says in a span whose operation it is; by names alone, since the text and its variables may hold what is private. */
export function describeOperation(span: Span | undefined, admitted: AdmittedOperation | null, client?: Client): void {
  if (span === undefined || !span.recording) return
  const { operation } = admitted ?? {}
  if (operation !== undefined) span.set({ 'graphql.operation.type': operation.operation })
  if (operation?.name !== undefined) span.set({ 'graphql.operation.name': operation.name.value.slice(0, longestName) })
  if (client !== undefined) span.set({ 'graphql.client.name': client.name, 'graphql.client.version': client.version })
}

export function endTrace({ span }: RequestTrace, status: number): void {
  if (!span?.recording) return
  span.set({ 'http.response.status_code': status })
  span.end()
}
