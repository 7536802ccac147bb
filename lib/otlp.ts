import {
  type Context,
  ROOT_CONTEXT,
  type SpanContext,
  type Tracer as SpanMaker,
  SpanStatusCode,
  SpanKind as TheirKind,
  TraceFlags,
  trace,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  type IdGenerator,
  RandomIdGenerator,
  SamplingDecision,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { codeOf } from './errors.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import { type RemoteSpan, type Span, type SpanAttributes, type SpanKind, type Tracer, unsampled } from './trace.ts'

// Imported only where tracing is on: without it none of these packages is even read.

export interface OtlpOptions {
  /** Where spans are posted to, with the path. */
  readonly url: string
  /** The share of traces that are recorded, of those that no caller has decided on. */
  readonly ratio: number
  readonly service: string
  readonly log: Log
  readonly metrics: Metrics
}

const exportTimeoutMs = 5000
const notRecorded = SamplingDecision.NOT_RECORD

/** A tracer that sends spans to an OpenTelemetry collector, over HTTP, in batches. */
export function openTracer(options: OtlpOptions): Tracer {
  const ids = new GivenTraceIds()
  const ratio = new TraceIdRatioBasedSampler(options.ratio)
  const provider = new TracerProvider({
    idGenerator: ids,
    sampler: new AlwaysOnSampler(),
    resource: resourceFromAttributes({ 'service.name': options.service }),
    // Its queue is bounded: what does not fit is dropped, and nobody waits.
    spanProcessors: [new BatchSpanProcessor({ exporter: toldExporter(options), exportTimeoutMillis: exportTimeoutMs })],
  })
  const maker = provider.getTracer('mnemograph')
  return {
    begin(name, traceId, parent) {
      // Judged here, so that a request which is left out costs no span.
      const isSampled = parent?.sampled ?? ratio.shouldSample(ROOT_CONTEXT, traceId).decision !== notRecorded
      if (!isSampled) return unsampled
      ids.next = traceId
      const kind = TheirKind.SERVER
      return wrap(maker, maker.startSpan(name, { kind }, contextOf(traceId, parent)))
    },
    // What could not be sent has been told; it must not keep the program from ending.
    close: () => provider.shutdown().catch(() => {}),
  }
}

/** A trace begins under the id that its request has in logs and errors. */
class GivenTraceIds implements IdGenerator {
  readonly #random = new RandomIdGenerator()
  next = ''

  generateTraceId(): string {
    return this.next
  }

  generateSpanId(): string {
    return this.#random.generateSpanId()
  }
}

function contextOf(traceId: string, parent: RemoteSpan | undefined): Context {
  if (parent === undefined) return ROOT_CONTEXT
  const traceFlags = parent.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE
  const spanContext: SpanContext = { traceId, spanId: parent.id, traceFlags, isRemote: true }
  return trace.setSpanContext(ROOT_CONTEXT, spanContext)
}

type TheirSpan = ReturnType<SpanMaker['startSpan']>

const kinds: Record<SpanKind, TheirKind> = {
  internal: TheirKind.INTERNAL,
  server: TheirKind.SERVER,
  client: TheirKind.CLIENT,
}

function wrap(maker: SpanMaker, span: TheirSpan): Span {
  return {
    id: span.spanContext().spanId,
    sampled: true,
    recording: true,
    child(name: string, attributes: SpanAttributes = {}, kind: SpanKind = 'internal') {
      return wrap(maker, maker.startSpan(name, { kind: kinds[kind], attributes }, trace.setSpan(ROOT_CONTEXT, span)))
    },
    set: (attributes) => void span.setAttributes(attributes),
    end(failure) {
      if (failure !== undefined) {
        span.setStatus({ code: SpanStatusCode.ERROR })
        span.setAttribute('error.type', codeOf(Object(failure)) ?? 'INTERNAL_SERVER_ERROR')
      }
      span.end()
    },
  }
}

/** An exporter that counts what it sends, and says once that it cannot. */
function toldExporter({ url, log, metrics }: OtlpOptions): SpanExporter {
  const inner = new OTLPTraceExporter({ url, timeoutMillis: exportTimeoutMs })
  const spans = metrics.counter('mnemograph_trace_spans_total', 'Spans sent to the collector, and lost on the way.', [
    'outcome',
  ])
  let isWell = true
  return {
    export(batch, done) {
      inner.export(batch, (result) => {
        // The package's own code for success is 0.
        const sent = result.code === 0
        spans.inc([sent ? 'sent' : 'lost'], batch.length)
        if (isWell && !sent) log.warn({ err: result.error }, 'Traces cannot be sent')
        isWell = sent
        done(result)
      })
    },
    forceFlush: () => inner.forceFlush(),
    shutdown: () => inner.shutdown(),
  }
}
