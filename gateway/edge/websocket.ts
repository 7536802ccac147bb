import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ExecutionArgs, GraphQLError } from 'graphql'
import {
  CloseCode,
  type Context,
  handleProtocols,
  MessageType,
  makeServer,
  type Server,
  type SubscribeMessage,
} from 'graphql-ws'
import { type WebSocket, WebSocketServer } from 'ws'
import { beginCall, type Call, type Client } from '../../lib/call.ts'
import type { Viewer } from '../../lib/context.ts'
import { codedError } from '../../lib/errors.ts'
import { noticeOf } from '../../lib/live.ts'
import type { Log } from '../../lib/log.ts'
import type { Clock, IdSource } from '../../lib/sources.ts'
import type { Tracer } from '../../lib/trace.ts'
import type { Identified } from '../identity.ts'
import type { Lease } from '../live-engine.ts'
import { clientOf } from './client.ts'
import type { Connections } from './connections.ts'
import type { Crowd } from './crowd.ts'
import type { Answer } from './errors.ts'
import type { Authenticate, GraphQLOptions } from './graphql.ts'
import type { AdmittedOperation, Operations } from './operations.ts'
import { isSubscription } from './operations.ts'
import { bodyParameters } from './parameters.ts'
import { peerOf } from './peer.ts'
import { pump } from './pump.ts'
import { close, end, refuseUpgrade, send, withQuery } from './socket.ts'
import { beginTrace, describeOperation } from './trace.ts'

/** Bytes that may wait in a socket before its streams wait for the reader. */
const highWater = 256 * 1024
const heartbeatMs = 12_000

export interface WebSocketOptions {
  readonly operations: Operations
  readonly connections: Connections
  readonly log: Log
  readonly clock: Clock
  readonly ids: IdSource
  readonly tracer?: Tracer | undefined
  readonly maxMessageBytes: number
  readonly operationTimeoutMs: number
  readonly stallMs: number
  readonly proxies: number
  readonly crowd: Crowd
  readonly maxStreamsPerSocket: number
  readonly clientHeaders: GraphQLOptions['clientHeaders']
}

/** What is known of one socket. */
interface Extra {
  readonly socket: WebSocket
  readonly request: IncomingMessage
  readonly authenticate: Authenticate
  identified?: Identified
  authorization?: string | undefined
  client?: Client | undefined
  unwatch?: () => void
  /** Lets go of the user's place. */
  leave?: () => void
}

/** What one operation takes through graphql-ws. */
interface Task {
  readonly id: string
  readonly admitted: AdmittedOperation
  readonly lease: Lease
  readonly call: Call
  readonly extra: Extra
}

/** GraphQL over WebSocket (`graphql-transport-ws`): queries, mutations and subscriptions. */
export class WebSocketEdge {
  readonly #options: WebSocketOptions
  readonly #server: WebSocketServer
  readonly #protocol: Server<Extra>
  readonly #answering = new Set<WebSocket>()
  /** How many queries and mutations run on a socket; none when it is not here. */
  readonly #running = new Map<WebSocket, number>()
  readonly #heartbeat: NodeJS.Timeout
  #draining = false

  constructor(options: WebSocketOptions) {
    this.#options = options
    this.#server = new WebSocketServer({
      noServer: true,
      maxPayload: options.maxMessageBytes,
      perMessageDeflate: false,
      handleProtocols,
    })
    const relay = (args: ExecutionArgs) => this.#relay(args.contextValue as Task)
    this.#protocol = makeServer<{ authorization?: unknown }, Extra>({
      onConnect: (context) => this.#connect(context),
      onSubscribe: (context, id, payload) => this.#subscribe(context, id, payload),
      execute: relay as never,
      subscribe: relay as never,
      onClose: ({ extra }) => extra.unwatch?.(),
    })
    this.#heartbeat = setInterval(() => this.#beat(), heartbeatMs)
    this.#heartbeat.unref()
  }

  get size(): number {
    return this.#server.clients.size
  }

  upgrade(request: IncomingMessage, duplex: Duplex, head: Buffer, authenticate: Authenticate): void {
    const { crowd, proxies } = this.#options
    const leave = crowd.enterFrom(peerOf(request, proxies).address)
    if (leave === null) return void refuseUpgrade(duplex, '429 Too Many Requests')
    duplex.once('close', leave)
    this.#server.handleUpgrade(request, duplex, head, (socket) => this.#opened({ socket, request, authenticate }))
  }

  /** Closes every socket, each as soon as the queries and mutations that run on it are answered. */
  drain(): void {
    this.#draining = true
    for (const socket of this.#server.clients) this.#endIfIdle(socket)
  }

  /** Cuts off whoever has not gone by now. */
  terminate(): void {
    clearInterval(this.#heartbeat)
    for (const socket of this.#server.clients) socket.terminate()
  }

  #opened(extra: Extra): void {
    const { socket } = extra
    const failed = (error: unknown) => {
      this.#options.log.warn({ err: error }, 'WebSocket failed')
      close(socket, CloseCode.InternalServerError, 'Internal server error')
    }
    socket.on('error', failed)
    socket.on('pong', () => this.#answering.add(socket))
    this.#answering.add(socket)
    const closed = this.#protocol.opened(
      {
        protocol: socket.protocol,
        send: (data) => send(socket, data),
        close: (code, reason) => close(socket, code ?? 1000, reason ?? ''),
        onPing: (payload) => this.#renew(extra, payload),
        onMessage: (listener) => socket.on('message', (data) => void listener(withQuery(String(data))).catch(failed)),
      },
      extra,
    )
    socket.once('close', (code, reason) => {
      this.#answering.delete(socket)
      extra.leave?.()
      void closed(code, String(reason))
    })
  }

  async #connect(context: Context<{ authorization?: unknown }, Extra>): Promise<boolean> {
    const { extra, connectionParams } = context
    const given = connectionParams?.authorization
    extra.client = clientOf(connectionParams ?? {}) ?? clientOf(extra.request.headers)
    extra.authorization = typeof given === 'string' ? given : extra.request.headers.authorization
    const identified = await this.#identify(extra)
    if (identified === null) return false
    if (extra.socket.readyState !== extra.socket.OPEN) return false
    const leave = this.#options.crowd.enterAs(identified.viewer?.userId)
    if (leave === null) {
      close(extra.socket, CloseCode.TooManyInitialisationRequests, 'Too many connections')
      return false
    }
    extra.leave = leave
    this.#watch(extra, identified)
    return true
  }

  #watch(extra: Extra, identified: Identified): void {
    extra.unwatch?.()
    extra.identified = identified
    extra.unwatch = this.#options.connections.watch(identified, (reason) => end(extra.socket, reason))
  }

  /**
   * Answers a ping. One whose payload holds an `authorization` puts that token in the place of the one before, so that
   * the socket outlives it; the pong's payload then says so. Its streams go on, unless the new token gives other rights.
   */
  async #renew(extra: Extra, payload: Record<string, unknown> | undefined): Promise<void> {
    const given = payload?.authorization
    const { socket, identified: earlier } = extra
    if (typeof given !== 'string' || earlier === undefined) {
      return send(socket, JSON.stringify({ type: MessageType.Pong, ...(given === undefined ? { payload } : {}) }))
    }
    const identified = await this.#identify({ ...extra, authorization: given })
    if (socket.readyState !== socket.OPEN) return
    if (identified === null) return close(socket, CloseCode.Forbidden, 'Forbidden')
    if (!hasSameRights(earlier.viewer, identified.viewer)) return end(socket, 'changed')
    extra.authorization = given
    this.#watch(extra, identified)
    const expiresAt = identified.expiresAt?.toISOString() ?? null
    await send(socket, JSON.stringify({ type: MessageType.Pong, payload: { renewed: true, expiresAt } }))
  }

  async #subscribe(
    context: Context<{ authorization?: unknown }, Extra>,
    id: string,
    payload: SubscribeMessage['payload'],
  ): Promise<readonly GraphQLError[] | ExecutionArgs> {
    const { operations, clock, ids, operationTimeoutMs, proxies, tracer } = this.#options
    const { extra } = context
    // Asked again for each operation: a session may have ended without word of it.
    const identified = await this.#identify(extra)
    if (identified === null) {
      end(extra.socket, 'revoked')
      return [codedError('UNAUTHENTICATED', 'The session has ended.')]
    }
    const { viewer } = identified
    const trace = beginTrace(traceHeadersOf(payload), tracer, ids)
    try {
      this.#checkStreams(context, id)
      const parameters = bodyParameters(payload)
      if (parameters === null) throw codedError('BAD_REQUEST', 'The payload is no well-formed request.')
      const admitted = operations.admit(parameters, identified)
      const lease = operations.engine.lease()
      const invalid = operations.validate(admitted, lease.engine.schema)
      if (invalid.length > 0) {
        lease.release()
        trace.span?.end(invalid[0])
        return this.#refusal(operations.refuse(invalid, viewer, trace.traceId).errors)
      }
      const timeout = isSubscription(admitted) ? {} : { timeoutMs: operationTimeoutMs }
      const clientHeaders = this.#options.clientHeaders?.({
        ...extra.request.headers,
        authorization: extra.authorization,
      })
      const peer = peerOf(extra.request, proxies)
      const asking = { viewer, lane: 'websocket', client: extra.client, peer, ...timeout, clientHeaders } as const
      describeOperation(trace.span, admitted, extra.client)
      // A subscription lasts as long as its reader, which is too long for a trace.
      if (isSubscription(admitted)) trace.span?.end()
      const span = isSubscription(admitted) ? undefined : trace.span
      const call = beginCall({ ...asking, ...trace, span }, clock, ids)
      const task: Task = { id, admitted, lease, call, extra }
      return {
        schema: lease.engine.schema,
        document: admitted.guarded.document,
        operationName: admitted.operationName,
        contextValue: task,
      }
    } catch (error) {
      trace.span?.end(error)
      return this.#refusal(operations.refuse([error], viewer, trace.traceId).errors)
    }
  }

  #checkStreams({ subscriptions }: Context<{ authorization?: unknown }, Extra>, id: string): void {
    const { maxStreamsPerSocket } = this.#options
    // Those that are refused in the same moment stand there as well, behind those that were first.
    if (Object.keys(subscriptions).indexOf(id) < maxStreamsPerSocket) return
    throw codedError('RATE_LIMITED', `A socket may run at most ${maxStreamsPerSocket} operations at once.`)
  }

  #refusal(errors: ReturnType<Operations['refuse']>['errors']): readonly GraphQLError[] {
    return errors.map((error) => new FormattedError(error))
  }

  /** Null when the token is no good. */
  async #identify(extra: Extra): Promise<Identified | null> {
    try {
      return await extra.authenticate(extra.authorization)
    } catch (error) {
      if (error instanceof GraphQLError) return null
      throw error
    }
  }

  /**
   * Writes the operation's answers to the socket itself, since their text is ready: graphql-ws sees a stream of
   * nothing, keeps the operation's id, and says `complete` when it ends.
   */
  #relay(task: Task): AsyncIterableIterator<never> {
    const over: IteratorResult<never> = { done: true, value: undefined }
    let begun = false
    const finish = async () => {
      task.call.cancel(new Error('the client completed the operation'))
      if (!begun) finishTask(task)
      return over
    }
    const relay: AsyncIterableIterator<never> = {
      next: async () => {
        begun = true
        await this.#run(task)
        return over
      },
      return: finish,
      throw: finish,
      [Symbol.asyncIterator]: () => relay,
    }
    return relay
  }

  async #run(task: Task): Promise<void> {
    const { admitted, lease, call, extra } = task
    const onReplaced = () => end(extra.socket, 'reloaded')
    const streaming = isSubscription(admitted)
    if (streaming) lease.replaced.addEventListener('abort', onReplaced)
    else this.#count(extra.socket, 1)
    const prefix = `{"id":${JSON.stringify(task.id)},"type":"next","payload":`
    try {
      const outcome = await pump(this.#options.operations, admitted, lease, call, {
        write: (answer) => this.#write(extra.socket, prefix, answer),
      })
      if (outcome === 'lagging') end(extra.socket, 'slow')
    } finally {
      lease.replaced.removeEventListener('abort', onReplaced)
      if (!streaming) this.#count(extra.socket, -1)
      finishTask(task)
    }
  }

  #count(socket: WebSocket, change: 1 | -1): void {
    const running = (this.#running.get(socket) ?? 0) + change
    if (running > 0) this.#running.set(socket, running)
    else this.#running.delete(socket)
    // After this turn, so that the operation's `complete` goes out before the close.
    if (this.#draining) setImmediate(() => this.#endIfIdle(socket))
  }

  #endIfIdle(socket: WebSocket): void {
    if (!this.#running.has(socket)) end(socket, 'stopping')
  }

  async #write(socket: WebSocket, prefix: string, { text, cursor }: Answer): Promise<boolean> {
    const sent = send(socket, `${prefix}${text}}`)
    if (socket.bufferedAmount <= highWater) return socket.readyState === socket.OPEN
    const stalled = Promise.withResolvers<void>()
    const timer = setTimeout(() => {
      if (cursor !== undefined) void send(socket, `${prefix}${laggingAt(cursor)}}`)
      end(socket, 'slow')
      stalled.resolve()
    }, this.#options.stallMs)
    await Promise.race([sent, stalled.promise])
    clearTimeout(timer)
    return socket.readyState === socket.OPEN
  }

  #beat(): void {
    for (const socket of this.#server.clients) {
      if (!this.#answering.delete(socket)) socket.terminate()
      else socket.ping()
    }
  }
}

function hasSameRights(one: Viewer | null, other: Viewer | null): boolean {
  const rights = (viewer: Viewer | null) =>
    JSON.stringify(viewer && [viewer.tenantId, viewer.userId, viewer.role, viewer.scopes.toSorted()])
  return rights(one) === rights(other)
}

/** Tells a reader that it was too slow, and from where it can go on. */
function laggingAt(cursor: string): string {
  return JSON.stringify(noticeOf({ cursor, resync: false, lagging: true }))
}

/** A socket's operations carry their trace in `extensions`, since they have no headers of their own. */
function traceHeadersOf({ extensions }: SubscribeMessage['payload']): IncomingHttpHeaders {
  const { traceparent, tracestate } = extensions ?? {}
  return {
    ...(typeof traceparent === 'string' ? { traceparent } : {}),
    ...(typeof tracestate === 'string' ? { tracestate } : {}),
  }
}

function finishTask({ call, lease }: Task): void {
  call.context.span?.end()
  call.end()
  lease.release()
}

/** An error whose wire form is settled already. */
class FormattedError extends GraphQLError {
  readonly #formatted: ReturnType<GraphQLError['toJSON']>

  constructor(formatted: ReturnType<GraphQLError['toJSON']>) {
    super(formatted.message)
    this.#formatted = formatted
  }

  override toJSON(): ReturnType<GraphQLError['toJSON']> {
    return this.#formatted
  }
}
