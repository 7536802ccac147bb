import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ExecutionResult } from 'graphql'
import { z } from 'zod'
import { printCacheControl } from '../lib/cache-control.ts'
import type { CacheHints } from '../lib/cache-hints.ts'
import { beginCall, type Call, cutShort } from '../lib/call.ts'
import type { RequestContext } from '../lib/context.ts'
import { type EnvelopeClaims, EnvelopeReader, envelopeHeader } from '../lib/envelope.ts'
import { codedError, codeOf, errorCodes, presentErrors } from '../lib/errors.ts'
import { type Executor, failedResult } from '../lib/execution/executor.ts'
import { RequestError, readBody } from '../lib/http/body.ts'
import { answerLive, answerReady, type ReadinessCheck } from '../lib/http/health.ts'
import { answerMetrics } from '../lib/http/metrics.ts'
import { eventStreamFormat, ResponseStream } from '../lib/http/response-stream.ts'
import { cursorOf, startsAfterHeader } from '../lib/live.ts'
import type { Log } from '../lib/log.ts'
import type { Metrics } from '../lib/metrics.ts'
import type { Clock, IdSource } from '../lib/sources.ts'
import type { VerifyingKey } from '../lib/tokens.ts'
import type { Tracer } from '../lib/trace.ts'

export interface RoomServiceOptions {
  /** The room's name: envelopes for other rooms are refused. */
  readonly room: string
  readonly executor: Executor
  /** How long answers may be kept, which the gateway is told. */
  readonly hints: CacheHints
  /** What the gateway's signatures are checked with. */
  readonly keys: readonly VerifyingKey[]
  readonly readiness: readonly ReadinessCheck[]
  readonly clock: Clock
  readonly ids: IdSource
  readonly log: Log
  readonly metrics: Metrics
  /** Keeps traces; without one nothing is traced. */
  readonly tracer?: Tracer | undefined
}

/** A room as an HTTP service, for gateways alone. */
export interface RoomService {
  /** Resolves with the address in use: port 0 takes a free one. */
  listen(port: number, host: string): Promise<AddressInfo>
  /** Stops accepting, cuts streams off, lets what is running finish for `graceMs`, then ends the rest. */
  close(graceMs: number): Promise<void>
}

const bodyLimits = { maxBytes: 32 * 1024 * 1024, timeoutMs: 15_000 }
/** How long a gateway may leave a stream full before it is cut off. */
const stallMs = 30_000
const headersTimeoutMs = 10_000
const keepAliveTimeoutMs = 65_000
const idleSweepMs = 50
/** setTimeout takes no more; streams have a deadline that is further away, and so none. */
const longestTimeout = 2 ** 31 - 1

const bodySchema = z.object({
  query: z.string(),
  variables: z.record(z.string(), z.unknown()).nullish(),
})

/**
 * Serves a room at `/` and `/graphql`: operations by POST, subscriptions as server-sent events in the distinct
 * connections mode of GraphQL over SSE. Every request must carry a signed envelope (lib/envelope.ts) made for it;
 * who asks, until when and under which trace is read from there and from nowhere else.
 */
export function createRoomService(options: RoomServiceOptions): RoomService {
  const handler = new Handler(options)
  const server = createServer({ headersTimeout: headersTimeoutMs, keepAliveTimeout: keepAliveTimeoutMs })
  server.on('request', (req: IncomingMessage, res: ServerResponse) => void handler.handle(req, res))
  let closing: Promise<void> | undefined

  async function drain(graceMs: number): Promise<void> {
    const closed = new Promise((resolve) => server.close(resolve))
    handler.drain()
    // A connection that was busy when the server closed becomes idle later, and would be kept alive.
    const sweep = setInterval(() => server.closeIdleConnections(), idleSweepMs)
    const timer = setTimeout(() => server.closeAllConnections(), graceMs)
    await closed
    clearTimeout(timer)
    clearInterval(sweep)
  }

  return {
    listen: (port, host) =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen(port, host, () => {
          server.off('error', reject)
          resolve(server.address() as AddressInfo)
        })
      }),
    close(graceMs) {
      closing ??= drain(graceMs)
      return closing
    },
  }
}

interface Asked {
  readonly operation: string
  readonly variables: Record<string, unknown>
  readonly call: Call
}

class Handler {
  readonly #options: RoomServiceOptions
  readonly #envelopes: EnvelopeReader
  readonly #streams = new Set<() => void>()
  readonly #seconds
  #draining = false

  constructor(options: RoomServiceOptions) {
    this.#options = options
    this.#seconds = options.metrics.histogram(
      'mnemograph_room_operation_seconds',
      'Time to answer an operation of the gateway.',
      ['outcome'],
    )
    this.#envelopes = new EnvelopeReader(options.keys, options.clock)
  }

  /** From now on every answer is the last of its connection. */
  drain(): void {
    this.#draining = true
    for (const cut of [...this.#streams]) cut()
  }

  async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    try {
      await this.#route(req, res)
    } catch (error) {
      if (!(error instanceof RequestError)) this.#options.log.error({ err: error }, 'A request failed')
      this.#refuse(res, error)
    }
  }

  async #route(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const path = (req.url ?? '/').split('?')[0]
    if (path === '/health/live') return answerLive(res)
    if (path === '/health/ready') return answerReady(res, this.#options.readiness, this.#draining)
    if (path === '/metrics') return answerMetrics(res, this.#options.metrics)
    if (path !== '/' && path !== '/graphql') throw new RequestError(404, 'Not found')
    if (req.method !== 'POST') throw new RequestError(405, 'A room is asked by POST.', { allow: 'POST' })
    const asked = await this.#admit(req, res)
    const { context } = asked.call
    try {
      if (context.deadline <= context.clock.now().getTime()) this.#answer(res, tooLate(), context)
      else if (isStream(req)) await this.#stream(res, asked)
      else await this.#execute(res, asked)
    } finally {
      context.span?.end()
      asked.call.end()
    }
  }

  async #admit(req: IncomingMessage, res: ServerResponse): Promise<Asked> {
    const envelope = req.headers[envelopeHeader]
    // Whoever has no envelope need not send a body either.
    if (typeof envelope !== 'string') throw this.#unauthorized(req, new Error('there is no envelope'))
    const body = await readBody(req, bodyLimits)
    const claims = this.#open(envelope, req, body)
    const { query, variables } = readOperation(body)
    return { operation: query, variables: variables ?? {}, call: this.#begin(claims, req, res) }
  }

  #open(envelope: string, req: IncomingMessage, body: Buffer): EnvelopeClaims {
    const request = { method: req.method ?? '', path: req.url ?? '', body, audience: this.#options.room }
    try {
      return this.#envelopes.open(envelope, request)
    } catch (error) {
      throw this.#unauthorized(req, error)
    }
  }

  /** In plain text: a GraphQL error would reach the client, as if his own token were no good. */
  #unauthorized(req: IncomingMessage, error: unknown): RequestError {
    this.#options.log.warn({ err: error, from: req.socket.remoteAddress }, 'A request was not signed by our gateway')
    return new RequestError(401, 'Unauthorized')
  }

  #begin(claims: EnvelopeClaims, req: IncomingMessage, res: ServerResponse): Call {
    const { viewer, traceId, span: parent, deadline, resumeAfter, peer } = claims
    const { clock, ids, tracer, room } = this.#options
    // A stream lasts as long as its reader, which is too long for a trace.
    const span = isStream(req) ? undefined : tracer?.begin(`room ${room}`, traceId, parent)
    const timeoutMs = deadline - clock.now().getTime()
    const call = beginCall(
      { viewer, traceId, span, lane: 'room', resumeAfter, peer, ...(timeoutMs > longestTimeout ? {} : { timeoutMs }) },
      clock,
      ids,
    )
    res.once('close', () => {
      if (!res.writableFinished) call.cancel(new Error('the gateway went away'))
    })
    return call
  }

  async #execute(res: ServerResponse, { call, ...operation }: Asked): Promise<void> {
    const started = performance.now()
    const running = this.#options.executor.execute({ ...operation, context: call.context })
    const result = await call.race(running).catch(failedResult)
    const outcome = cutShort(call.context.signal) ?? (result.errors ? 'error' : 'ok')
    this.#seconds.observe((performance.now() - started) / 1000, [outcome])
    const policy = result.errors === undefined ? this.#options.hints.of(operation.operation) : undefined
    if (policy) res.setHeader('cache-control', printCacheControl(policy))
    this.#answer(res, result, call.context)
  }

  async #stream(res: ServerResponse, { call, ...operation }: Asked): Promise<void> {
    const opening = this.#options.executor.subscribe({ ...operation, context: call.context })
    const events = await call.race(opening).catch((error: unknown) => {
      // The call may be over before the stream is open; it must not stay open behind us.
      void opening.then((late) => endOf(late)).catch(() => {})
      return failedResult(error)
    })
    if (!(Symbol.asyncIterator in events)) return this.#answer(res, events, call.context)
    const { startsAfter } = events
    const place: Record<string, string> = startsAfter === undefined ? {} : { [startsAfterHeader]: startsAfter }
    const stream = new ResponseStream(res, eventStreamFormat, stallMs, place)
    const cut = () => {
      stream.cut()
      call.cancel(new Error('the room is stopping'))
    }
    this.#streams.add(cut)
    if (this.#draining) cut()
    try {
      await this.#pump(events, stream, call)
    } finally {
      this.#streams.delete(cut)
      // Not awaited: a source that is waiting for its next event may take its time to end.
      void endOf(events).catch(() => {})
    }
  }

  async #pump(events: AsyncIterableIterator<ExecutionResult>, stream: ResponseStream, call: Call): Promise<void> {
    const { context } = call
    let open = true
    while (open) {
      const next = await call.race(events.next()).catch((error: unknown) => {
        open = false
        return { done: false, value: failedResult(error) } as const
      })
      if (context.signal.aborted) return
      if (next.done === true) break
      open = (await stream.next(this.#textOf(next.value, context), cursorOf(next.value))) && open
    }
    stream.complete()
  }

  #answer(res: ServerResponse, result: ExecutionResult, context: RequestContext): void {
    if (res.destroyed) return
    const [first] = result.errors ?? []
    const begun = result.data !== undefined || first === undefined
    const status = begun ? 200 : errorCodes[codeOf(first) ?? 'INTERNAL_SERVER_ERROR'].status
    this.#send(res, status, 'application/graphql-response+json; charset=utf-8', this.#textOf(result, context))
  }

  /** An answer with what a client may know of its errors; the cause of each that is masked is in the log. */
  #textOf({ data, errors, extensions }: ExecutionResult, { traceId }: RequestContext): string {
    const presented = errors && presentErrors(errors, traceId, this.#options.log)
    return JSON.stringify({ data, errors: presented, extensions })
  }

  #refuse(res: ServerResponse, error: unknown): void {
    if (res.headersSent) return void res.destroy()
    const { status, headers, message } =
      error instanceof RequestError ? error : new RequestError(500, 'Internal server error')
    for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
    // The body may not have been read, and would be taken for the next request.
    res.setHeader('connection', 'close')
    this.#send(res, status, 'text/plain; charset=utf-8', `${message}\n`)
  }

  #send(res: ServerResponse, status: number, type: string, text: string): void {
    const bytes = Buffer.from(text)
    if (this.#draining) res.setHeader('connection', 'close')
    if (!res.hasHeader('cache-control')) res.setHeader('cache-control', 'no-store')
    res.writeHead(status, { 'content-type': type, 'content-length': bytes.length })
    res.end(bytes)
  }
}

function isStream(req: IncomingMessage): boolean {
  return req.headers.accept?.includes('text/event-stream') === true
}

function readOperation(body: Buffer): z.infer<typeof bodySchema> {
  try {
    return bodySchema.parse(JSON.parse(body.toString('utf8')))
  } catch {
    throw new RequestError(400, 'The body is not a request of GraphQL over HTTP.')
  }
}

function tooLate(): ExecutionResult {
  return failedResult(codedError('DEADLINE_EXCEEDED', 'The request came after its time was over.'))
}

async function endOf(events: AsyncIterableIterator<ExecutionResult> | ExecutionResult): Promise<void> {
  if (Symbol.asyncIterator in events) await events.return?.()
}
