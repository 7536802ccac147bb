import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LRUCache } from 'lru-cache'
import type { Viewer } from '../lib/context.ts'
import { loadFieldCipher } from '../lib/field-encryption.ts'
import { loadRetiredKeys } from '../lib/key-ring.ts'
import type { Log } from '../lib/log.ts'
import { Metrics } from '../lib/metrics.ts'
import { registerProcessMetrics } from '../lib/process-metrics.ts'
import { createSigner } from '../lib/signer.ts'
import { systemClock } from '../lib/sources.ts'
import { createAccessTokens, loadSigningKey, type VerifyingKey } from '../lib/tokens.ts'
import { tracerFor } from '../lib/tracing.ts'
import { auditJobs } from '../stores/audit/jobs.ts'
import { housekeeping, runJobs } from '../stores/jobs.ts'
import { openStores } from '../stores/open.ts'
import { poolMetrics, statementMetrics } from '../stores/postgres/metrics.ts'
import type { MigrationStep } from '../stores/postgres/migrate.ts'
import type { StatementEvent } from '../stores/postgres/pool.ts'
import { privacyJobs } from '../stores/privacy/jobs.ts'
import type { Projectors } from '../stores/projector.ts'
import type { Stores } from '../stores/stores.ts'
import { isSessionLive, sessionsEnded, viewerOfLogin } from '../subgraphs/users/identity.ts'
import { type Config, ConfigError } from './config.ts'
import { controlFile } from './control.ts'
import type { Edge, EdgeOptions } from './edge/http.ts'
import type { Engine } from './engine/types.ts'
import { engineMetrics } from './engine-metrics.ts'
import { explorerRoute } from './explorer/route.ts'
import { openRates, type RateSettings } from './guard/rates.ts'
import { anonymous, CachedSessionGate, createIdentity, type Identified } from './identity.ts'
import { introspectionRoute } from './introspection-route.ts'
import { jwksRoute } from './jwks-route.ts'
import { LiveEngine } from './live-engine.ts'
import { publicFields } from './public-fields.ts'
import { subgraphHeaders } from './subgraph-headers.ts'

/** The whole product in one process. */
export interface Server {
  /** Where it listens, as a URL; null when only the control socket is open. */
  readonly url: string | null
  readonly controlSocket: string
  readonly stores: Stores
  readonly projectors: Projectors
  /** What whoever started it should be told. */
  readonly notices: readonly string[]
  /** Lets what is running finish, then closes every store. */
  close(): Promise<void>
}

export interface OpenServerOptions {
  readonly config: Config
  readonly log: Log
  /** Whether to listen on the configured port, or on the control socket alone. */
  readonly listen: boolean
  readonly onMigration?: (step: MigrationStep) => void
  /** Hears of every statement, beside the metrics. */
  readonly onStatement?: (event: StatementEvent) => void
}

/** How long a revocation that this process was not told of may go unnoticed. */
const sessionTtlMs = 5_000

/**
 * Opens stores, rooms, engine and edge.
 * @throws what the part that could not be opened throws; those already open are closed again.
 */
export async function openServer(options: OpenServerOptions): Promise<Server> {
  const { config, log } = options
  const opened = new AsyncDisposableStack()
  try {
    requireDatabase(config)
    const key = loadSigningKey(config.data, config.signingKey)
    const retired = loadRetiredKeys(config.data, config.retiredKeys)
    const tokens = createAccessTokens(key, systemClock, retired)
    const metrics = new Metrics()
    registerProcessMetrics(metrics)
    const tracer = await tracerFor(config.tracing, 'mnemograph', log, metrics)
    opened.defer(async () => tracer?.close())
    const progress = options.onMigration ? { onMigration: options.onMigration } : {}
    const opening = openStores({
      data: config.data,
      databaseUrl: config.databaseUrl,
      redisUrl: config.redisUrl,
      embeddings: config.embeddings,
      tokens,
      fields: loadFieldCipher(config.data, config.encryptionKeys),
      signer: createSigner(key, retired),
      relyingParty: config.relyingParty,
      tenancy: config.tenancy,
      recall: config.recall,
      analyses: config.analyses,
      providers: config.providers,
      logger: log,
      ...progress,
      onStatement: statementMetrics(metrics, options.onStatement),
    })
    opened.defer(() =>
      opening.then(
        (stores) => stores.close(),
        () => {},
      ),
    )
    // The embedded database starts in a thread of its own; meanwhile this one reads the rest of the program. A server is
    // waited for: on a busy machine this thread would not hear its answer in time while it reads, and take it to be away.
    if (config.databaseUrl !== undefined) await opening
    const [{ openGraph }, { createEdge }, { Channels }, { openKeeping }] = await Promise.all([
      import('./graph.ts'),
      import('./edge/http.ts'),
      import('./channels.ts'),
      import('./cache/caching.ts'),
    ])
    const channels = new Channels({
      subgraphs: config.subgraphs,
      metrics,
      headersFor: (url) => subgraphHeaders(url, key),
    })
    const graph = await openGraph({
      opening,
      log,
      urls: config.subgraphUrls,
      channels,
      observer: engineMetrics(metrics),
      keeping: openKeeping(config.cacheBytes, metrics),
    })
    opened.defer(() => graph.close())
    metrics.observe(
      'mnemograph_projectors_failing',
      'Projectors whose last try failed.',
      () => graph.projectors.status().filter(({ problem }) => problem !== null).length,
    )
    const stores = await opening
    poolMetrics(metrics, () => stores.postgres.connections())
    metrics.observe('mnemograph_reads_not_noted', 'Accesses and policy decisions on reading that were lost.', () =>
      stores.notes.lost(),
    )
    const work = [
      ...housekeeping(stores.postgres, config.logRetentionDays),
      ...auditJobs(stores),
      ...privacyJobs(stores),
    ]
    const jobs = runJobs(work, stores.leases, log)
    opened.defer(() => jobs.close())
    const edge = await createEdge({
      ...edgeOptions(config, log, metrics, stores, graph.engine, [key, ...retired]),
      tracer,
      breakers: channels.breakers,
    })
    opened.defer(() => edge.close(config.shutdownGraceMs))
    const controlSocket = await listenForControl(edge, stores, config.data, opened)
    const url = options.listen ? await listen(edge, config) : null
    const release = opened.move()
    return {
      url,
      controlSocket,
      stores,
      projectors: graph.projectors,
      notices: graph.notices,
      close: () => release.disposeAsync(),
    }
  } catch (error) {
    await opened.disposeAsync()
    throw error
  }
}

/** Rooms elsewhere cannot reach the embedded database, and would not share what this process reads of sessions. */
function requireDatabase({ databaseUrl, subgraphUrls }: Config): void {
  if (databaseUrl !== undefined || Object.keys(subgraphUrls).length === 0) return
  throw new ConfigError([
    'MNEMOGRAPH_DATABASE_URL must be set beside MNEMOGRAPH_SUBGRAPH_…_URL: all processes share a PostgreSQL server',
  ])
}

function edgeOptions(
  config: Config,
  log: Log,
  metrics: Metrics,
  stores: Stores,
  engine: Engine,
  keys: readonly VerifyingKey[],
): EdgeOptions {
  const gate = new CachedSessionGate((sessionId) => isSessionLive(stores, sessionId), {
    ttlMs: sessionTtlMs,
    askEnded: (sessionIds) => sessionsEnded(stores, sessionIds),
  })
  stores.bus.subscribe('session-ended', (sessionId) => gate.revoke(sessionId))
  const identity = createIdentity(stores.tokens, gate, stores.clock)
  return {
    engine: new LiveEngine(engine),
    identity,
    config,
    log,
    metrics,
    routes: [jwksRoute(keys), introspectionRoute(identity), explorerRoute()],
    publicFields,
    rates: openRates({ ...ownRates, ...config.rates }, stores.rates),
    readiness: [{ name: 'postgres', check: () => requireHealthy(stores) }],
    clock: stores.clock,
    ids: stores.ids,
  }
}

/** Far above what a person or an import does: they stop programs that run wild. */
const ownRates: RateSettings = { perUser: 60_000, perAddress: 60_000, perField: new Map([['signUp', 300]]) }

async function requireHealthy(stores: Stores): Promise<void> {
  const { ok, problem } = await stores.postgres.health()
  if (!ok) throw new Error(problem ?? 'PostgreSQL is not well')
}

async function listen(edge: Edge, config: Config): Promise<string> {
  const { address, port, family } = await edge.listen(config.port, config.host)
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

/**
 * Opens the control socket in a directory that only its owner may enter, and leaves its path in the data directory: a
 * socket's own path may hold 107 bytes at most. Whoever may open it says in whose name he speaks.
 */
async function listenForControl(
  edge: Edge,
  stores: Stores,
  data: string,
  opened: AsyncDisposableStack,
): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'mnemograph-'))
  opened.defer(async () => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, 'control.sock')
  await edge.listenTrusted(path, ownerIdentity(stores))
  chmodSync(path, 0o600)
  if (data === ':memory:') return path
  mkdirSync(data, { recursive: true, mode: 0o700 })
  writeFileSync(controlFile(data), path, { mode: 0o600 })
  opened.defer(async () => rmSync(controlFile(data), { force: true }))
  return path
}

/** A command sends many requests in one name, which need not be looked up for each. Milliseconds. */
const rememberedLoginMs = 2_000

/** Who asks on the control socket: `User <login>`, taken at its word. */
function ownerIdentity(stores: Stores): (authorization: string | undefined) => Promise<Identified> {
  const viewers = new LRUCache<string, Promise<Viewer | null>>({ max: 100, ttl: rememberedLoginMs })
  return async (authorization) => {
    const login = /^User (\S+)$/.exec(authorization ?? '')?.[1]
    if (login === undefined) return anonymous
    const known = viewers.get(login) ?? viewerOfLogin(stores, login)
    viewers.set(login, known, { noUpdateTTL: true })
    return { viewer: await known, expiresAt: null, isOwner: true }
  }
}
