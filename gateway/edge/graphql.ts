import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { OperationTypeNode } from 'graphql'
import { printCacheControl } from '../../lib/cache-control.ts'
import { beginCall, type Call, type Client, type Lane, type Revealing } from '../../lib/call.ts'
import type { Peer, Viewer } from '../../lib/context.ts'
import { codedError } from '../../lib/errors.ts'
import { type BodyLimits, RequestError } from '../../lib/http/body.ts'
import type { Clock, IdSource } from '../../lib/sources.ts'
import type { Tracer } from '../../lib/trace.ts'
import type { Identified } from '../identity.ts'
import { type Pipeline, toPipelineRequest } from './apollo.ts'
import { readJson } from './body.ts'
import { clientOf } from './client.ts'
import type { Connections } from './connections.ts'
import type { Crowd } from './crowd.ts'
import { mayBeForged } from './csrf.ts'
import { type Answer, refusal, statusOf } from './errors.ts'
import { type MediaType, type Negotiated, negotiate, type StreamType } from './negotiate.ts'
import { type AdmittedOperation, isSubscription, type Operations } from './operations.ts'
import { bodyParameters, searchParameters } from './parameters.ts'
import { peerOf } from './peer.ts'
import { type AskedToReveal, revealingOf } from './reveal.ts'
import { cancelOnClose, streamAnswers } from './streams.ts'
import { beginTrace, describeOperation, endTrace, type RequestTrace } from './trace.ts'

/** Who asks on a listener: from an `authorization` value, or from the owner of a trusted socket. */
export type Authenticate = (authorization: string | undefined) => Promise<Identified>

export interface GraphQLOptions {
  readonly operations: Operations
  readonly pipeline: Pipeline
  readonly connections: Connections
  readonly showSchema: (viewer: Viewer | null) => boolean
  readonly clock: Clock
  readonly ids: IdSource
  readonly bodyLimits: BodyLimits
  readonly operationTimeoutMs: number
  readonly stallMs: number
  /** The client's headers that subgraphs may get; absent when none of them go on. */
  readonly clientHeaders: ((headers: IncomingHttpHeaders) => Readonly<Record<string, string>>) | undefined
  /** Whether a known operation goes past the pipeline. */
  readonly fastLane: boolean
  readonly crowd: Crowd
  /** How many proxies stand before the edge. */
  readonly proxies: number
  readonly tracer?: Tracer | undefined
  /** Hears which way each operation went. */
  readonly observeLane: (lane: Lane) => void
}

/** A request while it is being answered. */
interface Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly search: string
  readonly accepted: Negotiated | null
  readonly trace: RequestTrace
  readonly client: Client | undefined
  /** What it asks to be told; whether it is told depends on who asks. */
  readonly revealing: AskedToReveal | undefined
  readonly peer: Peer
}

/** Who asks for what; `admitted` is null when the request is malformed. */
interface Asked {
  readonly body: unknown
  readonly identified: Identified
  readonly admitted: AdmittedOperation | null
}

/** How long a client may go on sending a body that was refused, so that it gets to read why. */
const lingerMs = 1000

/**
 * GraphQL over HTTP; subscriptions as server-sent events or in multipart, for those who accept them. An operation that is seen for the first
 * time goes through Apollo Server's pipeline; one known to be valid takes the fast lane to the same answer.
 */
export class GraphQLHandler {
  readonly #options: GraphQLOptions

  constructor(options: GraphQLOptions) {
    this.#options = options
  }

  async handle(req: IncomingMessage, res: ServerResponse, search: string, authenticate: Authenticate): Promise<void> {
    const trace = beginTrace(req.headers, this.#options.tracer, this.#options.ids)
    const accepted = negotiate(req.headers.accept)
    const exchange: Exchange = {
      req,
      res,
      search,
      accepted,
      trace,
      client: clientOf(req.headers),
      revealing: revealingOf(req.headers),
      peer: peerOf(req, this.#options.proxies),
    }
    try {
      checkRequest(exchange)
      const asked = await this.#ask(exchange, authenticate)
      describeOperation(trace.span, asked.admitted, exchange.client)
      checkMethod(exchange, asked.admitted)
      const type = streamTypeOf(exchange, asked.admitted)
      if (type === null) await this.#answer(exchange, asked)
      else await this.#stream(exchange, asked, type)
    } catch (error) {
      if (!res.destroyed && !res.headersSent) this.#refuse(exchange, error)
    } finally {
      endTrace(trace, res.statusCode)
    }
  }

  async #ask({ req, search, revealing }: Exchange, authenticate: Authenticate): Promise<Asked> {
    const post = req.method === 'POST'
    const body = post ? await readJson(req, this.#options.bodyLimits) : undefined
    const parameters = post ? bodyParameters(body) : searchParameters(search)
    const identified = await authenticate(req.headers.authorization)
    const admit = () => parameters && this.#options.operations.admit(parameters, identified)
    const admitted = revealing?.timing ? revealing.timing.measure('parse', admit) : admit()
    return { body, identified, admitted }
  }

  async #answer(exchange: Exchange, asked: Asked): Promise<void> {
    const { operations, operationTimeoutMs, clock, ids, observeLane, fastLane, showSchema } = this.#options
    const { admitted, identified } = asked
    const { viewer } = identified
    const clientHeaders = this.#options.clientHeaders?.(exchange.req.headers)
    const { trace, client, peer } = exchange
    const revealing = exchange.revealing && showSchema(viewer) ? exchange.revealing : undefined
    const span = revealing?.timing ? revealing.timing.around(trace.span) : trace.span
    const lease = operations.engine.lease()
    const known = fastLane && admitted?.operation !== undefined && admitted.guarded.validFor === lease.engine.schema
    const lane = known ? 'fast' : 'pipeline'
    observeLane(lane)
    const asking = { viewer, ...trace, span, lane, client, revealing, peer, clientHeaders } as const
    const call = beginCall({ ...asking, timeoutMs: operationTimeoutMs }, clock, ids)
    cancelOnClose(exchange.res, call)
    try {
      if (known) this.#write(exchange, await operations.execute(admitted, lease, call), revealing)
      else await this.#pipe(exchange, asked, call)
    } finally {
      call.end()
      lease.release()
    }
  }

  async #pipe(exchange: Exchange, { admitted, body, identified }: Asked, call: Call): Promise<void> {
    const { req, res, search } = exchange
    const { pipeline, showSchema } = this.#options
    const mediaType = mediaTypeOf(exchange)
    const response = await pipeline.execute(toPipelineRequest({ req, search, body, admitted }, mediaType), {
      admitted,
      call,
      mediaType,
      showSchema: showSchema(identified.viewer),
    })
    if (response.body.kind !== 'complete') throw new Error('the pipeline answered in parts')
    for (const [name, value] of response.headers) res.setHeader(name, value)
    this.#send(exchange, response.status ?? 200, response.body.string, call.revealing)
  }

  async #stream(exchange: Exchange, { admitted, identified }: Asked, type: StreamType): Promise<void> {
    const { req, res, trace, client, peer } = exchange
    if (admitted === null) throw new RequestError(400, 'The request is not a well-formed request of GraphQL over HTTP.')
    this.#options.observeLane('stream')
    const lastEventId = req.headers['last-event-id']
    const resumeAfter = typeof lastEventId === 'string' && lastEventId !== '' ? lastEventId : undefined
    const clientHeaders = this.#options.clientHeaders?.(req.headers)
    const asked = { res, type, admitted, identified, trace, client, peer, resumeAfter, clientHeaders }
    const leave = isSubscription(admitted)
      ? this.#options.crowd.enter(peer.address, identified.viewer?.userId)
      : () => {}
    await streamAnswers(this.#options, asked).finally(leave)
  }

  #refuse(exchange: Exchange, error: unknown): void {
    if (error instanceof RequestError) this.#refuseRequest(exchange, error)
    else this.#write(exchange, this.#options.operations.refuse([error], null, exchange.trace.traceId))
  }

  #refuseRequest(exchange: Exchange, error: RequestError): void {
    const { req, res } = exchange
    for (const [name, value] of Object.entries(error.headers)) res.setHeader(name, value)
    if (!req.complete) lingerOver(req, res)
    const answer = refusal([codedError('BAD_REQUEST', error.message).toJSON()])
    this.#options.operations.noteRefusal(answer, exchange.trace.traceId)
    res.setHeader('content-type', `${mediaTypeOf(exchange)}; charset=utf-8`)
    this.#send(exchange, error.status, answer.text)
  }

  #write(exchange: Exchange, answer: Answer, revealing?: Revealing): void {
    const mediaType = mediaTypeOf(exchange)
    exchange.res.setHeader('content-type', `${mediaType}; charset=utf-8`)
    if (answer.cachePolicy) exchange.res.setHeader('cache-control', printCacheControl(answer.cachePolicy))
    for (const name in answer.headers) exchange.res.setHeader(name, answer.headers[name] as string)
    this.#send(exchange, statusOf(answer, mediaType), answer.text, revealing)
  }

  /** A Buffer body goes out in one piece, and nothing holds on to the text. */
  #send({ res }: Exchange, status: number, text: string, revealing?: Revealing): void {
    const bytes = Buffer.from(text)
    if (status === 401) res.setHeader('www-authenticate', 'Bearer')
    if (!res.hasHeader('cache-control')) res.setHeader('cache-control', 'no-store')
    if (revealing?.timing) res.setHeader('server-timing', revealing.timing.header())
    res.setHeader('content-length', bytes.length)
    res.writeHead(status)
    res.end(bytes)
  }
}

function mediaTypeOf({ accepted }: Exchange): MediaType {
  return accepted?.answer === 'application/graphql-response+json' ? accepted.answer : 'application/json'
}

/** How a subscription's answers are streamed, or one answer when its client takes nothing but events; else null. */
function streamTypeOf({ accepted }: Exchange, admitted: AdmittedOperation | null): StreamType | null {
  if (admitted !== null && isSubscription(admitted)) return accepted?.stream ?? null
  return accepted?.answer === 'text/event-stream' ? accepted.answer : null
}

function checkRequest({ req, accepted }: Exchange): void {
  if (req.method !== 'GET' && req.method !== 'POST') {
    throw new RequestError(405, 'GraphQL is asked for by GET or POST.', { allow: 'GET, POST' })
  }
  if (accepted === null) throw new RequestError(406, 'The accept header takes nothing that can be answered with.')
  if (mayBeForged(req.method, req.headers)) {
    throw new RequestError(
      400,
      'Blocked as a possible cross-site request forgery (CSRF): send content-type application/json, or a header apollo-require-preflight.',
    )
  }
}

function checkMethod({ req, accepted }: Exchange, admitted: AdmittedOperation | null): void {
  if (admitted?.operation === undefined) return
  if (req.method === 'GET' && admitted.operation.operation === OperationTypeNode.MUTATION) {
    throw new RequestError(405, 'A mutation must be sent by POST.', { allow: 'POST' })
  }
  if (isSubscription(admitted) && !accepted?.stream) {
    throw new RequestError(
      406,
      'A subscription is answered over WebSocket (graphql-transport-ws), or with accept: text/event-stream or multipart/mixed;subscriptionSpec=1.0.',
    )
  }
}

/** Reads on for a moment behind a refusal: a client that is still sending would lose the answer to a reset. */
function lingerOver(req: IncomingMessage, res: ServerResponse): void {
  res.setHeader('connection', 'close')
  req.resume()
  const timer = setTimeout(() => req.destroy(), lingerMs)
  req.once('close', () => clearTimeout(timer))
}
