import type { IncomingHttpHeaders } from 'node:http'
import type { Revealing } from '../../lib/call.ts'
import { nextSpanId } from '../../lib/span-id.ts'
import { type Span, unsampled } from '../../lib/trace.ts'

/** Apollo Router's header, and Hive's; the value is `true`, or `dry-run` for the plan alone. */
const planHeaders = ['apollo-expose-query-plan', 'hive-expose-query-plan'] as const
const timingHeader = 'mnemograph-server-timing'

/** For CORS: the headers that a page may send. */
export const revealingHeaders = [...planHeaders, timingHeader]

/** What a request asks to be told of how it is answered. */
export interface AskedToReveal extends Revealing {
  readonly timing: Timing | undefined
}

/** Undefined when nothing is asked, so that nothing is done. */
export function revealingOf(headers: IncomingHttpHeaders): AskedToReveal | undefined {
  const asked = headers[planHeaders[0]] ?? headers[planHeaders[1]]
  const timed = headers[timingHeader]
  if (asked === undefined && timed === undefined) return undefined
  const plan = asked === 'true' ? 'beside' : asked === 'dry-run' ? 'instead' : undefined
  return { plan, timing: timed === undefined || timed === 'false' ? undefined : new Timing() }
}

/**
 * Times the parts of one operation for a `Server-Timing` header (W3C Server Timing). It stands where the operation's
 * span does, so that whatever is traced is timed, and hands on to the span what it hears.
 */
export class Timing {
  readonly #begun = performance.now()
  readonly #parts = new Map<string, number>()

  /** Milliseconds of a part; those of one name, such as the fetches from one subgraph, are added up. */
  add(name: string, milliseconds: number): void {
    const key = name.replaceAll(/[^\w-]+/g, '-')
    this.#parts.set(key, (this.#parts.get(key) ?? 0) + milliseconds)
  }

  measure<T>(name: string, work: () => T): T {
    const started = performance.now()
    try {
      return work()
    } finally {
      this.add(name, performance.now() - started)
    }
  }

  around(span: Span | undefined): Span {
    return {
      id: span?.id || nextSpanId(),
      sampled: span?.sampled ?? true,
      recording: true,
      child: (name, attributes, kind) => this.#timed(name, span?.child(name, attributes, kind) ?? unsampled),
      set: (attributes) => span?.set(attributes),
      end: (failure) => span?.end(failure),
    }
  }

  header(): string {
    const parts = [...this.#parts, ['total', performance.now() - this.#begun] as const]
    return parts.map(([name, milliseconds]) => `${name};dur=${milliseconds.toFixed(2)}`).join(', ')
  }

  #timed(name: string, span: Span): Span {
    const started = performance.now()
    return {
      ...span,
      end: (failure) => {
        this.add(name, performance.now() - started)
        span.end(failure)
      },
    }
  }
}
