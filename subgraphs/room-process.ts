import type { AddressInfo } from 'node:net'
import { CacheHints } from '../lib/cache-hints.ts'
import { createExecutor } from '../lib/execution/executor.ts'
import type { FieldCipher } from '../lib/field-encryption.ts'
import type { RetiredKey } from '../lib/key-ring.ts'
import type { Log } from '../lib/log.ts'
import { Metrics } from '../lib/metrics.ts'
import { registerProcessMetrics } from '../lib/process-metrics.ts'
import type { RecallConfiguration } from '../lib/recall-configuration.ts'
import type { RelyingParty } from '../lib/relying-party.ts'
import { createSigner } from '../lib/signer.ts'
import { systemClock } from '../lib/sources.ts'
import type { Tenancy } from '../lib/tenants.ts'
import { createAccessTokens, type SigningKey, type VerifyingKey } from '../lib/tokens.ts'
import { type TracingConfig, tracerFor } from '../lib/tracing.ts'
import type { AnalysisKeeping } from '../stores/context-engine/port.ts'
import { runJobs } from '../stores/jobs.ts'
import { openStores } from '../stores/open.ts'
import type { EmbeddingSettings } from '../stores/open-embeddings.ts'
import { poolMetrics, statementMetrics } from '../stores/postgres/metrics.ts'
import type { MigrationStep } from '../stores/postgres/migrate.ts'
import { runProjectors } from '../stores/projector.ts'
import type { Providers } from '../stores/providers.ts'
import type { Stores } from '../stores/stores.ts'
import { roomExecution } from './execute.ts'
import { createRoomService } from './serve.ts'
import type { Room } from './subgraph.ts'

export interface RoomProcessOptions {
  readonly room: Room<unknown>
  /** All rooms, since a room's schema shows which ids are theirs. */
  readonly rooms: readonly Room<unknown>[]
  /** A PostgreSQL server: the embedded database is of one process. */
  readonly databaseUrl: string
  readonly redisUrl?: string | undefined
  /** Which model makes vectors, and where they stand; by default the offline encoder's, in PostgreSQL. */
  readonly embeddings?: EmbeddingSettings
  /** What the gateway's signatures are checked with; with its private half for a room that issues tokens. */
  readonly key: VerifyingKey & Partial<SigningKey>
  /** Further keys that the gateway's signatures are taken by: it changes its key while rooms go on. */
  readonly otherKeys?: readonly RetiredKey[]
  /** Where a room that keeps files keeps them. Default: `:memory:`. */
  readonly data?: string
  /** For a room that keeps secrets. */
  readonly fields: FieldCipher
  readonly relyingParty: RelyingParty
  readonly tenancy: Tenancy
  /** How recall weighs; as shipped when absent. */
  readonly recall?: RecallConfiguration | undefined
  /** How long analyses of contents are kept, and how many; as shipped when absent. */
  readonly analyses?: AnalysisKeeping | undefined
  /** Services of others; none when absent. */
  readonly providers?: Providers | undefined
  readonly log: Log
  /** Where traces go; undefined for nowhere. */
  readonly tracing?: TracingConfig | undefined
  readonly onMigration?: (step: MigrationStep) => void
}

/** A room that runs by itself: its stores, its projectors, and its service. */
export interface RoomProcess {
  /** What whoever started it should be told. */
  readonly notices: readonly string[]
  /** Resolves with the address in use: port 0 takes a free one. */
  listen(port: number, host: string): Promise<AddressInfo>
  /** Lets what is running finish for `graceMs`, then closes everything. */
  close(graceMs: number): Promise<void>
}

/**
 * Opens what a room needs and prepares it; nothing listens yet.
 * @throws what the part that could not be opened throws; those already open are closed again.
 */
export async function openRoomProcess(options: RoomProcessOptions): Promise<RoomProcess> {
  const { room, rooms, databaseUrl, key, fields, log, onMigration } = options
  const tokens = createAccessTokens(key, systemClock, options.otherKeys)
  const progress = onMigration ? { onMigration } : {}
  const metrics = new Metrics()
  registerProcessMetrics(metrics)
  const tracer = await tracerFor(options.tracing, `mnemograph-${room.name}`, log, metrics)
  const stores = await openStores({
    data: options.data ?? ':memory:',
    databaseUrl,
    redisUrl: options.redisUrl,
    embeddings: options.embeddings ?? {},
    tokens,
    fields,
    relyingParty: options.relyingParty,
    tenancy: options.tenancy,
    recall: options.recall,
    analyses: options.analyses,
    providers: options.providers,
    logger: log,
    ...progress,
    onStatement: statementMetrics(metrics),
    signer: createSigner(key, options.otherKeys),
  })
  poolMetrics(metrics, () => stores.postgres.connections())
  try {
    const notices = (await room.prepare?.(stores)) ?? []
    const projectors = await runProjectors(stores, room.projectors?.(stores) ?? [], log)
    const jobs = runJobs(room.jobs?.(stores) ?? [], stores.leases, log)
    const execution = roomExecution(room, rooms, () => stores)
    const service = createRoomService({
      room: room.name,
      executor: createExecutor({ ...execution, validates: true }),
      hints: new CacheHints(execution.schema),
      keys: [key, ...(options.otherKeys ?? [])],
      readiness: [{ name: 'postgres', check: () => requireHealthy(stores) }],
      clock: stores.clock,
      ids: stores.ids,
      log,
      metrics,
      tracer,
    })
    return {
      notices,
      listen: (port, host) => service.listen(port, host),
      async close(graceMs) {
        await service.close(graceMs)
        await jobs.close()
        await projectors.close()
        await stores.close()
        await tracer?.close()
      },
    }
  } catch (error) {
    await stores.close()
    throw error
  }
}

async function requireHealthy(stores: Stores): Promise<void> {
  const { ok, problem } = await stores.postgres.health()
  if (!ok) throw new Error(problem ?? 'PostgreSQL is not well')
}
