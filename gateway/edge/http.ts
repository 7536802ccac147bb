import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { answerLive, answerReady, type ReadinessCheck } from '../../lib/http/health.ts'
import { answerMetrics } from '../../lib/http/metrics.ts'
import type { Log } from '../../lib/log.ts'
import type { Metrics } from '../../lib/metrics.ts'
import { type Clock, type IdSource, systemClock, systemIds } from '../../lib/sources.ts'
import type { Tracer } from '../../lib/trace.ts'
import type { Config } from '../config.ts'
import type { BreakerState } from '../engine/channel/resilient.ts'
import { CostControl } from '../guard/cost/control.ts'
import { Documents } from '../guard/documents.ts'
import { Guard } from '../guard/guard.ts'
import { openManifest } from '../guard/manifest.ts'
import type { Rates } from '../guard/rates.ts'
import { clientHeaderPicker } from '../header-rules.ts'
import type { Identity } from '../identity.ts'
import type { LiveEngine } from '../live-engine.ts'
import { everySubgraphSettings } from '../subgraph-settings.ts'
import { createPipeline } from './apollo.ts'
import { Connections } from './connections.ts'
import { applyCors, isAllowedOrigin } from './cors.ts'
import { Crowd } from './crowd.ts'
import { isOwnOrigin } from './csrf.ts'
import { type Authenticate, GraphQLHandler } from './graphql.ts'
import { Operations } from './operations.ts'
import { SharedQueries } from './sharing.ts'
import { refuseUpgrade } from './socket.ts'
import { EdgeTelemetry } from './telemetry.ts'
import { WebSocketEdge } from './websocket.ts'

export type EdgeConfig = Pick<
  Config,
  | 'accessLogLevel'
  | 'introspection'
  | 'corsOrigins'
  | 'fastLane'
  | 'dedup'
  | 'maxBodyBytes'
  | 'limits'
  | 'costs'
  | 'trustedDocuments'
  | 'trustedDocumentsOnly'
  | 'persistedQueries'
  | 'bodyTimeoutMs'
  | 'operationTimeoutMs'
  | 'streamStallMs'
  | 'maxStreamsPerSocket'
  | 'connections'
  | 'subgraphs'
  | 'proxies'
>

/** A path, and what is below it, that something else answers, such as the explorer or MCP. */
export interface Route {
  readonly path: string
  handle(req: IncomingMessage, res: ServerResponse, authenticate: Authenticate): void | Promise<void>
}

export interface EdgeOptions {
  readonly engine: LiveEngine
  readonly identity: Identity
  readonly config: EdgeConfig
  readonly log: Log
  readonly metrics: Metrics
  /** Keeps traces; without one nothing is traced. */
  readonly tracer?: Tracer | undefined
  readonly routes?: readonly Route[]
  readonly readiness?: readonly ReadinessCheck[]
  /** The breakers of subgraphs, told beside the readiness: a gateway answers on without a subgraph, so it stays ready. */
  readonly breakers?: ReadonlyMap<string, BreakerState>
  /** Lets the words of subgraphs' own errors through; for a gateway over subgraphs that are not ours. */
  readonly showSubgraphErrors?: boolean
  /** Fields of the root that need no signing in; all, when it is absent. */
  readonly publicFields?: ReadonlySet<string> | undefined
  /** Bounds how often operations may be asked for. */
  readonly rates?: Rates | undefined
  readonly clock?: Clock
  readonly ids?: IdSource
}

export interface Edge {
  /** Resolves with the address in use: port 0 takes a free one. */
  listen(port: number, host: string): Promise<AddressInfo>
  /** Listens on a unix socket whose owner says who asks; the caller keeps others away from its path. */
  listenTrusted(path: string, authenticate: Authenticate): Promise<void>
  /** Stops accepting, lets what is running finish for `graceMs`, ends streams with a code, then cuts off the rest. */
  close(graceMs: number): Promise<void>
}

const headersTimeoutMs = 10_000
const keepAliveTimeoutMs = 65_000
const idleSweepMs = 50

/** The rim of the gateway: every listener, every route, and nothing that knows what an operation means. */
export async function createEdge(options: EdgeOptions): Promise<Edge> {
  const parts = await assemble(options)
  const servers = new Set<Server>()
  let closing: Promise<void> | undefined

  function serve(authenticate: Authenticate): Server {
    const server = createServer({ headersTimeout: headersTimeoutMs, keepAliveTimeout: keepAliveTimeoutMs })
    server.on('request', (req: IncomingMessage, res: ServerResponse) => {
      if (closing) res.setHeader('connection', 'close')
      void parts
        .route(req, res, authenticate, closing !== undefined)
        .catch((error: unknown) => fail(res, error, options.log))
    })
    server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (closing || !mayUpgrade(req, options.config.corsOrigins)) return refuseUpgrade(socket, '403 Forbidden')
      parts.sockets.upgrade(req, socket, head, authenticate)
    })
    servers.add(server)
    return server
  }

  return {
    async listen(port, host) {
      const server = serve((authorization) => options.identity.identify(authorization))
      await listening(server, () => server.listen(port, host))
      return server.address() as AddressInfo
    },
    async listenTrusted(path, authenticate) {
      const server = serve(authenticate)
      await listening(server, () => server.listen(path))
    },
    close: (graceMs) => {
      closing ??= drain(parts, servers, graceMs)
      return closing
    },
  }
}

type Parts = Awaited<ReturnType<typeof assemble>>

async function drain(parts: Parts, servers: ReadonlySet<Server>, graceMs: number): Promise<void> {
  const closed = Promise.all([...servers].map((server) => new Promise((resolve) => server.close(resolve))))
  parts.sockets.drain()
  parts.streams.endAll('stopping')
  // A connection that was busy when the servers closed becomes idle later, and would be kept alive.
  const sweep = setInterval(() => {
    for (const server of servers) server.closeIdleConnections()
  }, idleSweepMs)
  const timer = setTimeout(() => {
    parts.sockets.terminate()
    for (const server of servers) server.closeAllConnections()
  }, graceMs)
  await closed
  clearTimeout(timer)
  clearInterval(sweep)
  parts.sockets.terminate()
  parts.streams.close()
  parts.watched.close()
  parts.manifest?.close()
  await parts.pipeline.stop()
}

async function assemble(options: EdgeOptions) {
  const { engine, identity, config, log, metrics, clock = systemClock, ids = systemIds } = options
  const guard = new Guard({ ...config, publicFields: options.publicFields })
  const manifest = config.trustedDocuments === undefined ? undefined : openManifest(config.trustedDocuments, log)
  const documents = new Documents({
    trusted: () => manifest?.documents,
    trustedOnly: config.trustedDocumentsOnly,
    persistedQueries: config.persistedQueries,
  })
  const telemetry = new EdgeTelemetry(metrics, log, config.accessLogLevel)
  const operations = new Operations({
    engine,
    guard,
    documents,
    costs: new CostControl(config.costs, clock, (estimated) => telemetry.estimated(estimated)),
    rates: options.rates,
    log,
    showSubgraphErrors: options.showSubgraphErrors ?? false,
    telemetry,
    ...(config.dedup ? { shared: new SharedQueries() } : {}),
  })
  const streams = new Connections(identity, clock, log)
  const watched = new Connections(identity, clock, log)
  const pipeline = await createPipeline(operations, log, { keepsDocuments: !config.fastLane })
  const common = {
    operations,
    clock,
    ids,
    tracer: options.tracer,
    operationTimeoutMs: config.operationTimeoutMs,
    stallMs: config.streamStallMs,
    clientHeaders: clientHeaderPicker(everySubgraphSettings(config.subgraphs)),
    proxies: config.proxies,
    crowd: new Crowd(config.connections),
  }
  const graphql = new GraphQLHandler({
    ...common,
    connections: streams,
    pipeline,
    fastLane: config.fastLane,
    showSchema: (viewer) => guard.mayIntrospect(viewer),
    bodyLimits: { maxBytes: config.maxBodyBytes, timeoutMs: config.bodyTimeoutMs },
    observeLane: (lane) => telemetry.wentBy(lane),
  })
  const sockets = new WebSocketEdge({
    ...common,
    connections: watched,
    log,
    maxMessageBytes: config.maxBodyBytes,
    maxStreamsPerSocket: config.maxStreamsPerSocket,
  })
  metrics.observe('mnemograph_sockets_open', 'Open WebSockets.', () => sockets.size)
  metrics.observe('mnemograph_event_streams_open', 'Open event streams of subscriptions.', () => streams.size)
  return { streams, watched, pipeline, sockets, manifest, route: router(options, graphql) }
}

function router(options: EdgeOptions, graphql: GraphQLHandler) {
  const { config, metrics, routes = [], readiness = [], breakers = new Map() } = options
  return async (
    req: IncomingMessage,
    res: ServerResponse,
    authenticate: Authenticate,
    draining: boolean,
  ): Promise<void> => {
    const url = req.url ?? '/'
    const query = url.indexOf('?')
    const path = query < 0 ? url : url.slice(0, query)
    res.setHeader('x-content-type-options', 'nosniff')
    if (applyCors(req, res, config.corsOrigins)) return
    if (path === '/graphql') return graphql.handle(req, res, query < 0 ? '' : url.slice(query), authenticate)
    if (path === '/health/live') return answerLive(res)
    if (path === '/health/ready') return answerReady(res, readiness, draining, toldOf(breakers))
    if (path === '/metrics') return answerMetrics(res, metrics)
    const route = routes.find((candidate) => path === candidate.path || path.startsWith(`${candidate.path}/`))
    if (route !== undefined) return route.handle(req, res, authenticate)
    if (path === '/' && routes.some((candidate) => candidate.path === '/explorer')) {
      return void res.writeHead(302, { location: '/explorer/' }).end()
    }
    res.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('Not found\n')
  }
}

function toldOf(breakers: ReadonlyMap<string, BreakerState>): Record<string, unknown> {
  return breakers.size === 0 ? {} : { breakers: Object.fromEntries(breakers) }
}

/** A page of another origin may open a socket without asking, so its origin is checked here. */
function mayUpgrade(req: IncomingMessage, allowed: readonly string[]): boolean {
  if ((req.url ?? '').split('?')[0] !== '/graphql') return false
  const { origin, host } = req.headers
  return origin === undefined || isOwnOrigin(origin, host) || isAllowedOrigin(origin, allowed)
}

function fail(res: ServerResponse, error: unknown, log: Log): void {
  log.error({ err: error }, 'A request failed')
  if (res.headersSent) res.destroy()
  else res.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' }).end('Internal server error\n')
}

function listening(server: Server, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.once('listening', () => {
      server.off('error', reject)
      resolve()
    })
    listen()
  })
}
