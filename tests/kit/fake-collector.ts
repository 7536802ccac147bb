import type { IncomingMessage, ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { FakeServer } from './fake-server.ts'

/** A span as it was sent. */
export interface CollectedSpan {
  readonly service: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly name: string
  readonly attributes: Readonly<Record<string, unknown>>
}

interface Exported {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] }
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<CollectedSpan, 'service' | 'attributes'> & { attributes: readonly Attribute[] })[]
    }[]
  }[]
}

interface Attribute {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

/** A fake OpenTelemetry collector: it takes OTLP over HTTP in JSON, and keeps what it was sent. */
export class FakeCollector extends FakeServer {
  readonly spans: CollectedSpan[] = []
  readonly paths: string[] = []

  static start(): Promise<FakeCollector> {
    return new FakeCollector().listen()
  }

  get url(): string {
    return this.origin
  }

  protected async respond(req: IncomingMessage, res: ServerResponse): Promise<void> {
    this.paths.push(req.url ?? '')
    await this.#take(req)
    res.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  }

  /** The names from a trace's first span to each of its last ones. */
  branches(traceId: string): string[] {
    const spans = this.spans.filter((span) => span.traceId === traceId)
    const known = new Set(spans.map(({ spanId }) => spanId))
    const below = (parent: CollectedSpan): string[] => {
      const children = spans.filter(({ parentSpanId }) => parentSpanId === parent.spanId)
      const rest = children.flatMap(below)
      return rest.length === 0 ? [parent.name] : rest.map((branch) => `${parent.name} > ${branch}`)
    }
    const first = spans.filter(({ parentSpanId }) => parentSpanId === undefined || !known.has(parentSpanId))
    return [...new Set(first.flatMap(below))].sort()
  }

  async #take(req: IncomingMessage): Promise<void> {
    const { resourceSpans } = (await json(req)) as Exported
    for (const { resource, scopeSpans } of resourceSpans) {
      const service = String(valuesOf(resource.attributes)['service.name'])
      for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
        this.spans.push({ ...span, service, attributes: valuesOf(span.attributes) })
      }
    }
  }
}

function valuesOf(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
}
