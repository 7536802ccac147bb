/** What a span says beside its name: never an operation's text, its variables, or a secret. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>

/** What a process must know of another's span to continue it. */
export interface RemoteSpan {
  /** 16 hexadecimal digits. */
  readonly id: string
  readonly sampled: boolean
}

/** Whose work a span is: this process's own, what it was asked for by another, or what it asks of another. */
export type SpanKind = 'internal' | 'server' | 'client'

/** A piece of a request's work, timed in its trace. Without a tracer there are none, and nothing is paid for them. */
export interface Span extends RemoteSpan {
  /** Whether it is any use to tell it something. */
  readonly recording: boolean
  child(name: string, attributes?: SpanAttributes, kind?: SpanKind): Span
  set(attributes: SpanAttributes): void
  /** @param failure what was thrown; only its code is told, since its words may hold what is private */
  end(failure?: unknown): void
}

/** Begins traces, and carries what was recorded away. */
export interface Tracer {
  /** The first span of a request here; a parent elsewhere decides whether the request is sampled. */
  begin(name: string, traceId: string, parent?: RemoteSpan): Span
  /** Sends what has not been sent. */
  close(): Promise<void>
}

/** The span of a request that is not sampled: it records nothing, and says so to other processes. */
export const unsampled: Span = {
  id: '',
  sampled: false,
  recording: false,
  child: () => unsampled,
  set() {},
  end() {},
}

/** Does some work in a child of a span, or without one where nothing is recorded. */
export async function inSpan<T>(
  span: Span | undefined,
  name: string,
  attributes: SpanAttributes,
  work: (span: Span | undefined) => Promise<T>,
): Promise<T> {
  if (span === undefined || !span.recording) return work(span)
  const child = span.child(name, attributes)
  try {
    const result = await work(child)
    child.end()
    return result
  } catch (error) {
    child.end(error)
    throw error
  }
}

/** W3C Trace Context: version, trace id, parent id, flags. */
const pattern = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/

/** The caller's span in a `traceparent` header, with its trace; undefined when there is none, or it is not valid. */
export function readTraceparent(header: string | undefined): (RemoteSpan & { traceId: string }) | undefined {
  if (header === undefined) return undefined
  const [, traceId = '', id = '', flags = ''] = pattern.exec(header) ?? []
  if (traceId === '' || /^0+$/.test(traceId) || /^0+$/.test(id)) return undefined
  return { traceId, id, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}
