import { LRUCache } from 'lru-cache'
import type { Dispatcher, Pool } from 'undici'
import { parseCacheControl } from '../../../lib/cache-control.ts'
import { authorityOf } from '../../../lib/context.ts'
import { Flights } from '../../../lib/flights.ts'
import { startsAfterHeader } from '../../../lib/live.ts'
import type { Channel, SubgraphRequest, SubgraphResponse, SubgraphStream } from '../types.ts'
import { isJson, readAnswer, readResponse, single } from './answer.ts'
import { unavailable } from './failure.ts'
import { readServerEvents } from './sse.ts'
import { type HttpAnswer, OversizedAnswer } from './transport/answer-reader.ts'
import { AbortedRequest, PostPool } from './transport/pool.ts'

export interface HttpChannelOptions {
  /** The subgraph's name, for messages. */
  readonly name: string
  /** Its GraphQL endpoint, `http:` or `https:`. */
  readonly url: string
  /**
   * The headers of a request beyond those of the protocol, such as the signed envelope. Nothing else of what the
   * client sent goes to a subgraph.
   * @param body The request's body, as it is sent.
   */
  headersFor?(request: SubgraphRequest, body: string): Readonly<Record<string, string>>
  /** Connections kept to the subgraph, beside one for each open subscription; 64 unless told. */
  readonly connections?: number
  /** The most bytes of an answer, or of one event of a subscription; 32 MiB unless told. */
  readonly maxResponseBytes?: number
}

const defaultConnections = 64
const defaultMaxResponseBytes = 32 * 1024 * 1024
const answerTypes = 'application/graphql-response+json, application/json;q=0.9'

/**
 * The way to a subgraph over HTTP: connections kept alive, one request at a time on each. Subscriptions come as
 * server-sent events, in the distinct connections mode of GraphQL over SSE.
 * @throws TypeError when the URL is none.
 */
export function createHttpChannel(options: HttpChannelOptions): Channel {
  return new HttpChannel(options)
}

class HttpChannel implements Channel {
  readonly #options: HttpChannelOptions
  readonly #pool: PostPool
  /**
   * A subscription holds its connection as long as it lasts, so those of operations must not be counted with them. Made
   * for the first one.
   */
  #streams: Promise<Pool> | undefined
  #isClosed = false
  /** Queries that are under way. */
  readonly #flights = new Flights<HttpAnswer>()
  readonly #path: string
  readonly #limit: number
  /** Operations as JSON strings: the same ones are sent again and again. */
  readonly #operationTexts = new LRUCache<string, string>({ max: 2000 })

  constructor(options: HttpChannelOptions) {
    const url = new URL(options.url)
    this.#options = options
    this.#path = url.pathname + url.search
    this.#limit = options.maxResponseBytes ?? defaultMaxResponseBytes
    this.#pool = new PostPool(url, {
      connections: options.connections ?? defaultConnections,
      headers: { accept: answerTypes },
      maxResponseBytes: this.#limit,
    })
  }

  async execute(request: SubgraphRequest): Promise<SubgraphResponse> {
    const body = this.#bodyOf(request)
    let answer: HttpAnswer
    try {
      answer = await this.#post(request, body)
    } catch (cause) {
      throw this.#broken(request.context.signal.aborted ? new AbortedRequest() : cause)
    }
    return this.#read(answer)
  }

  /** What is shared is the answer's text: each who shares it fills in objects of his own. */
  #post(request: SubgraphRequest, body: string): Promise<HttpAnswer> {
    const { context, kind } = request
    const send = (signal: AbortSignal) => this.#pool.post(this.#options.headersFor?.(request, body), body, signal)
    if (kind !== 'query' || context.writesBefore === undefined) return send(context.signal)
    const key = `${context.writesBefore} ${context.readUnder ?? ''} ${authorityOf(context)} ${body}`
    return this.#flights.join(key, context.signal, send)
  }

  async subscribe(request: SubgraphRequest): Promise<SubgraphStream> {
    const answer = await this.#open(request, this.#bodyOf(request))
    const contentType = headerOf(answer, 'content-type')
    if (answer.statusCode === 200 && contentType.startsWith('text/event-stream')) {
      const startsAfter = headerOf(answer, startsAfterHeader) || undefined
      return new EventStream(answer.body, this.#events(answer.body), startsAfter)
    }
    // What answers otherwise tells why it does not stream.
    const text = await this.#text(answer)
    return single(this.#read({ status: answer.statusCode, contentType, cacheControl: '', text }))
  }

  async close(): Promise<void> {
    this.#pool.destroy()
    this.#isClosed = true
    await (await this.#streams)?.destroy()
  }

  #bodyOf(request: SubgraphRequest): string {
    let operation = this.#operationTexts.get(request.operation)
    if (operation === undefined) {
      operation = JSON.stringify(request.operation)
      this.#operationTexts.set(request.operation, operation)
    }
    const variables = request.variablesText ?? JSON.stringify(request.variables)
    return `{"query":${operation},"variables":${variables}}`
  }

  async #open(request: SubgraphRequest, body: string): Promise<Dispatcher.ResponseData> {
    try {
      if (this.#isClosed) throw new Error('the channel is closed')
      this.#streams ??= this.#openStreams()
      const streams = await this.#streams
      return await streams.request({
        path: this.#path,
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'text/event-stream',
          ...this.#options.headersFor?.(request, body),
        },
        body,
        signal: request.context.signal,
      })
    } catch (cause) {
      throw this.#broken(cause)
    }
  }

  async #openStreams(): Promise<Pool> {
    const { Pool } = await import('undici')
    // The request's own signal ends it, so the pool needs no time limits beside it.
    return new Pool(new URL(this.#options.url).origin, { connections: null, headersTimeout: 0, bodyTimeout: 0 })
  }

  #read(answer: HttpAnswer): SubgraphResponse {
    const { status, contentType, text } = answer
    if (gatewayStatuses.has(status) && !isJson(contentType)) {
      throw unavailable(this.#options.name, `answered status ${status}`, 'unreached')
    }
    const response = readAnswer(this.#options.name, answer, text)
    // Always written, since what the body says under this name is not the subgraph's policy.
    return Object.assign(response, { cachePolicy: parseCacheControl(answer.cacheControl) })
  }

  async #text(answer: Dispatcher.ResponseData): Promise<string> {
    const chunks: Buffer[] = []
    let size = 0
    try {
      for await (const chunk of answer.body as AsyncIterable<Buffer>) {
        size += chunk.length
        if (size > this.#limit) break
        chunks.push(chunk)
      }
    } catch (cause) {
      throw this.#broken(cause)
    }
    // Leaving the loop early has closed the connection.
    if (size > this.#limit) throw this.#broken(new OversizedAnswer())
    return Buffer.concat(chunks, size).toString('utf8')
  }

  async *#events(body: AsyncIterable<Uint8Array>): AsyncGenerator<SubgraphResponse> {
    try {
      for await (const { event, data } of readServerEvents(body, this.#limit)) {
        if (event === 'complete') return
        if (event === 'next') yield readResponse(this.#options.name, data, 'in a subscription')
      }
    } catch (cause) {
      throw this.#broken(cause)
    }
    throw unavailable(this.#options.name, 'broke off a subscription')
  }

  #broken(cause: unknown): Error {
    if (cause instanceof Error && 'extensions' in cause) return cause
    if (cause instanceof RangeError) {
      return unavailable(this.#options.name, `answered an event over ${this.#limit} bytes`, 'oversized')
    }
    if (cause instanceof OversizedAnswer) {
      return unavailable(this.#options.name, `answered more than ${this.#limit} bytes`, 'oversized')
    }
    if (cause instanceof AbortedRequest || (cause instanceof Error && cause.name === 'AbortError')) {
      return unavailable(this.#options.name, 'was given up on')
    }
    const { code } = cause as { code?: unknown }
    return unavailable(this.#options.name, `could not be reached (${String(code ?? 'unknown reason')})`, 'unreached')
  }
}

/** A subscription's events, which can be ended also while the next one is waited for. */
class EventStream implements AsyncIterableIterator<SubgraphResponse> {
  readonly #body: Dispatcher.ResponseData['body']
  readonly #events: AsyncGenerator<SubgraphResponse>
  readonly startsAfter: string | undefined
  #isClosed = false

  constructor(
    body: Dispatcher.ResponseData['body'],
    events: AsyncGenerator<SubgraphResponse>,
    startsAfter: string | undefined,
  ) {
    this.startsAfter = startsAfter
    this.#body = body
    this.#events = events
    // Destroying a body that nobody reads at the moment raises an error event.
    body.on('error', () => {})
  }

  async next(): Promise<IteratorResult<SubgraphResponse>> {
    try {
      return await this.#events.next()
    } catch (error) {
      if (this.#isClosed) return { done: true, value: undefined }
      throw error
    }
  }

  async return(): Promise<IteratorResult<SubgraphResponse>> {
    this.#isClosed = true
    this.#body.destroy()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

/** Statuses by which a proxy says that it got no answer from the subgraph. */
const gatewayStatuses = new Set([502, 503, 504])

function headerOf(answer: Dispatcher.ResponseData, name: string): string {
  const value = answer.headers[name]
  return (Array.isArray(value) ? value[0] : value) ?? ''
}
