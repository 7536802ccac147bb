import { join } from 'node:path'
import type pg from 'pg'
import { createCursorCodec } from '../lib/cursor.ts'
import type { FieldCipher } from '../lib/field-encryption.ts'
import type { Log } from '../lib/log.ts'
import type { RecallConfiguration } from '../lib/recall-configuration.ts'
import { type RelyingParty, relyingPartyOf } from '../lib/relying-party.ts'
import type { Signer } from '../lib/signer.ts'
import { type Clock, type IdSource, systemClock, systemIds } from '../lib/sources.ts'
import type { Tenancy } from '../lib/tenants.ts'
import type { AccessTokens } from '../lib/tokens.ts'
import { openSentinel } from './audit/sentinel.ts'
import { inProcessBus } from './bus/in-process.ts'
import type { Bus } from './bus/port.ts'
import { openPostgresBus } from './bus/postgres.ts'
import { openRedisBus } from './bus/redis.ts'
import { inProcessCache } from './cache/in-process.ts'
import { redisCache } from './cache/redis.ts'
import type { AnalysisKeeping } from './context-engine/port.ts'
import { remoteEngine } from './context-engine/remote.ts'
import { staticVectors } from './encoder/static-vectors.ts'
import { openSqlGraph } from './graph/sql.ts'
import { openLeases } from './lease.ts'
import { inProcessLimiter, inProcessLimits } from './limits/in-process.ts'
import type { Limits } from './limits/port.ts'
import { postgresLimiters, postgresLimits } from './limits/postgres.ts'
import { redisLimits } from './limits/redis.ts'
import { openFeed } from './log/feed.ts'
import { openEventLog, projectorContext } from './log/log.ts'
import { openNotes } from './notes.ts'
import { openObjectDirectory } from './objects/directory.ts'
import { inMemoryObjects } from './objects/in-memory.ts'
import type { ObjectStore } from './objects/port.ts'
import { type EmbeddingSettings, openConfiguredEmbeddings } from './open-embeddings.ts'
import { DirectoryInUseError } from './postgres/directory-lock.ts'
import { oneSession, openEmbeddedPostgres } from './postgres/embedded.ts'
import type { MigrationStep } from './postgres/migrate.ts'
import { openPglite, runningServer } from './postgres/pglite.ts'
import type { StatementEvent } from './postgres/pool.ts'
import { openPostgres, type Postgres } from './postgres/postgres.ts'
import { openServerPostgres } from './postgres/server.ts'
import { findTemplate } from './postgres/template.ts'
import { openLedger } from './privacy/ledger.ts'
import type { Providers } from './providers.ts'
import { openRedis, type RedisStore } from './redis/redis.ts'
import type { Stores } from './stores.ts'
import { openAiCompatible } from './summarizer/openai-compatible.ts'
import { openAiTranscriber } from './transcriber/openai-compatible.ts'

export interface OpenStoresOptions {
  /** Where the embedded database lives; `:memory:` keeps nothing. */
  readonly data: string
  /** A PostgreSQL server to use instead of the embedded one. */
  readonly databaseUrl?: string | undefined
  /** A Redis server to wake other processes by, to share the cache, and to count limits; its user is in it. */
  readonly redisUrl?: string | undefined
  /** Which model makes vectors, and where they stand; by default the offline encoder's, in PostgreSQL. */
  readonly embeddings?: EmbeddingSettings
  readonly tokens: AccessTokens
  readonly fields: FieldCipher
  readonly signer: Signer
  /** Default: pages of this machine, on the usual port. */
  readonly relyingParty?: RelyingParty
  /** Default: one tenant. */
  readonly tenancy?: Tenancy
  /** Default: as shipped. */
  readonly recall?: RecallConfiguration | undefined
  /** Default: as shipped. */
  readonly analyses?: AnalysisKeeping | undefined
  /** Default: none. */
  readonly providers?: Providers | undefined
  readonly logger: Log
  readonly clock?: Clock
  readonly ids?: IdSource
  readonly onMigration?: (step: MigrationStep) => void
  /** Hears of every statement that a room or projector sends. */
  readonly onStatement?: (event: StatementEvent) => void
}

/**
 * Opens every store that the configuration names, and an embedded one for each that it does not.
 * @throws what the store that could not be opened throws; those already open are closed again.
 */
export async function openStores(options: OpenStoresOptions): Promise<Stores> {
  const opened = new AsyncDisposableStack()
  try {
    const postgres = await openDatabase(options, opened)
    const { systemId, cursorKey } = await readSystem(postgres)
    const redis = options.redisUrl === undefined ? null : await openRedis(options.redisUrl, systemId, options.logger)
    opened.defer(async () => redis?.close())
    const sentinel = openSentinel(postgres, options.logger)
    opened.defer(() => sentinel.close())
    const notes = openNotes(postgres, options.logger)
    opened.defer(() => notes.close())
    const bus = await openBus(options, redis)
    opened.defer(() => bus.close())
    const cache = redis ? redisCache(redis, options.logger) : inProcessCache()
    opened.defer(() => cache.close())
    const offline = staticVectors()
    opened.defer(() => offline.close())
    const log = openEventLog(postgres)
    const feed = openFeed(log, bus, options.logger)
    opened.defer(() => feed.close())
    const { logger } = options
    const embeddings = await openConfiguredEmbeddings({ postgres, bus, logger, offline }, options.embeddings ?? {})
    opened.defer(() => embeddings.close())
    const graph = openSqlGraph(postgres)
    const objects = await openObjects(options.data)
    const cursors = createCursorCodec(cursorKey)
    const clock = options.clock ?? systemClock
    const ids = options.ids ?? systemIds
    const { tokens, fields, signer } = options
    const release = opened.move()
    return {
      postgres,
      // The embedded database has one process, so nobody else can run its jobs.
      ...(options.databaseUrl === undefined ? {} : { leases: openLeases(postgres) }),
      log,
      feed,
      bus,
      cache,
      limits: openLimits(options, postgres, redis),
      rates: redis?.keepsKeys ? redisLimits(redis, inProcessLimiter) : inProcessLimits(),
      vectors: embeddings.collections.MEMORIES,
      collections: embeddings.collections,
      embeddings,
      graph,
      objects,
      ledger: openLedger(options.data),
      encoder: embeddings.encoder,
      thesaurus: offline,
      cursors,
      tokens,
      fields,
      tenancy: options.tenancy ?? 'single',
      relyingParty: options.relyingParty ?? relyingPartyOf(['http://localhost:4000']),
      signer,
      sentinel,
      recall: options.recall,
      analyses: options.analyses,
      ...servicesOf(options.providers ?? {}),
      notes,
      clock,
      ids,
      logger,
      close: () => release.disposeAsync(),
    }
  } catch (error) {
    await opened.disposeAsync()
    throw error
  }
}

function servicesOf({ summaries, contextEngine, transcripts }: Providers) {
  return {
    summarizer: summaries && openAiCompatible(summaries),
    contextEngine: contextEngine && remoteEngine(contextEngine),
    transcriber: transcripts && openAiTranscriber(transcripts),
  }
}

/** The objects of a data directory. */
export async function openObjects(data: string): Promise<ObjectStore> {
  return data === ':memory:' ? inMemoryObjects() : openObjectDirectory(join(data, 'objects'))
}

async function openDatabase(options: OpenStoresOptions, opened: AsyncDisposableStack): Promise<Postgres> {
  const progress = options.onMigration ? { onProgress: options.onMigration } : {}
  const watch = options.onStatement ? { onStatement: options.onStatement } : {}
  if (options.databaseUrl !== undefined) {
    const connection = await openServerPostgres({ url: options.databaseUrl, ...progress })
    return keep(openPostgres({ ...connection, ...watch, cancellable: true }), opened)
  }
  const embedded = await openEmbeddedPostgres({ directory: options.data, ...progress })
  opened.defer(() => embedded.server.close())
  return keep(openPostgres({ ...embedded.connection, ...watch, ...oneSession }), opened)
}

async function openBus({ databaseUrl, logger }: OpenStoresOptions, redis: RedisStore | null): Promise<Bus> {
  if (redis) return openRedisBus(redis, logger)
  return databaseUrl === undefined ? inProcessBus() : openPostgresBus({ connectionString: databaseUrl }, logger)
}

function openLimits({ databaseUrl, logger }: OpenStoresOptions, postgres: Postgres, redis: RedisStore | null): Limits {
  const insurance = databaseUrl === undefined ? inProcessLimiter : postgresLimiters(postgres)
  if (redis?.keepsKeys) return redisLimits(redis, insurance)
  if (redis) logger.warn('Redis may evict keys (its maxmemory-policy is not noeviction): limits are not counted there')
  return databaseUrl === undefined ? inProcessLimits() : postgresLimits(postgres)
}

function keep(postgres: Postgres, opened: AsyncDisposableStack): Postgres {
  opened.defer(() => postgres.close())
  return postgres
}

async function readSystem(postgres: Postgres): Promise<{ systemId: string; cursorKey: Uint8Array }> {
  const [row] = await postgres.read(projectorContext('system'), (db) =>
    db.query<{ system_id: string; cursor_key: Buffer }>('SELECT system_id, cursor_key FROM app.system'),
  )
  if (!row) throw new Error('the database has no system row: its migrations are incomplete')
  return { systemId: row.system_id, cursorKey: row.cursor_key }
}

/** A connection that owns the database's objects, for migrations and repairs. Requests never use it. */
export async function openOwnerConnection(options: {
  readonly data: string
  readonly databaseUrl: string | undefined
  /** Whether the embedded database may be in use: it is then reached through the process that uses it. */
  readonly mayRun?: boolean
}): Promise<{ readonly connection: pg.ClientConfig; close(): Promise<void> }> {
  if (options.databaseUrl !== undefined) {
    return { connection: { connectionString: options.databaseUrl }, close: async () => {} }
  }
  try {
    const server = await openPglite({ directory: options.data, template: findTemplate() })
    return { connection: server.admin, close: () => server.close() }
  } catch (error) {
    const connection = options.mayRun && error instanceof DirectoryInUseError ? runningServer(options.data) : null
    if (connection === null) throw error
    return { connection, close: async () => {} }
  }
}
