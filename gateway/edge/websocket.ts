import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ExecutionArgs, GraphQLError } from 'graphql'
import { CloseCode, handleProtocols, makeServer, type Server, type SubscribeMessage } from 'graphql-ws'
import { type WebSocket, WebSocketServer } from 'ws'
import { beginCall } from '../../lib/call.ts'
import { codedError } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import type { Clock, IdSource } from '../../lib/sources.ts'
import type { Tracer } from '../../lib/trace.ts'
import type { Connections } from './connections.ts'
import type { Crowd } from './crowd.ts'
import type { Authenticate, GraphQLOptions } from './graphql.ts'
import type { Operations } from './operations.ts'
import { isSubscription } from './operations.ts'
import { bodyParameters } from './parameters.ts'
import { peerOf } from './peer.ts'
import { close, end, refuseUpgrade, send, withQuery } from './socket.ts'
import { type Extra, SocketAuthority, type SocketContext } from './socket-authority.ts'
import { SocketTasks, type Task } from './socket-tasks.ts'
import { beginTrace, describeOperation } from './trace.ts'

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

/** GraphQL over WebSocket (`graphql-transport-ws`): queries, mutations and subscriptions. */
export class WebSocketEdge {
  readonly #options: WebSocketOptions
  readonly #server: WebSocketServer
  readonly #protocol: Server<Extra>
  readonly #answering = new Set<WebSocket>()
  readonly #authority: SocketAuthority
  readonly #tasks: SocketTasks
  readonly #heartbeat: NodeJS.Timeout

  constructor(options: WebSocketOptions) {
    this.#options = options
    this.#server = new WebSocketServer({
      noServer: true,
      maxPayload: options.maxMessageBytes,
      perMessageDeflate: false,
      handleProtocols,
    })
    this.#authority = new SocketAuthority(options.connections, options.crowd)
    this.#tasks = new SocketTasks(options.operations, options.stallMs)
    const relay = (args: ExecutionArgs) => this.#tasks.relay(args.contextValue as Task)
    this.#protocol = makeServer<{ authorization?: unknown }, Extra>({
      onConnect: (context) => this.#authority.connect(context),
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
    this.#tasks.drain(this.#server.clients)
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
        onPing: (payload) => this.#authority.renew(extra, payload),
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

  async #subscribe(
    context: SocketContext,
    id: string,
    payload: SubscribeMessage['payload'],
  ): Promise<readonly GraphQLError[] | ExecutionArgs> {
    const { operations, clock, ids, operationTimeoutMs, proxies, tracer } = this.#options
    const { extra } = context
    // Asked again for each operation: a session may have ended without word of it.
    const identified = await this.#authority.identify(extra)
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
      const task: Task = { id, admitted, lease, call, socket: extra.socket }
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

  #checkStreams({ subscriptions }: SocketContext, id: string): void {
    const { maxStreamsPerSocket } = this.#options
    // Those that are refused in the same moment stand there as well, behind those that were first.
    if (Object.keys(subscriptions).indexOf(id) < maxStreamsPerSocket) return
    throw codedError('RATE_LIMITED', `A socket may run at most ${maxStreamsPerSocket} operations at once.`)
  }

  #refusal(errors: ReturnType<Operations['refuse']>['errors']): readonly GraphQLError[] {
    return errors.map((error) => new FormattedError(error))
  }

  #beat(): void {
    for (const socket of this.#server.clients) {
      if (!this.#answering.delete(socket)) socket.terminate()
      else socket.ping()
    }
  }
}

/** A socket's operations carry their trace in `extensions`, since they have no headers of their own. */
function traceHeadersOf({ extensions }: SubscribeMessage['payload']): IncomingHttpHeaders {
  const { traceparent, tracestate } = extensions ?? {}
  return {
    ...(typeof traceparent === 'string' ? { traceparent } : {}),
    ...(typeof tracestate === 'string' ? { tracestate } : {}),
  }
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
