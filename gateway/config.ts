import { readFileSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import { parseEnv } from 'node:util'
import type { RecallConfiguration } from '../lib/recall-configuration.ts'
import { type RelyingParty, relyingPartyOf } from '../lib/relying-party.ts'
import type { TracingConfig } from '../lib/tracing.ts'
import type { AnalysisKeeping } from '../stores/context-engine/port.ts'
import type { EmbeddingSettings } from '../stores/open-embeddings.ts'
import type { Providers } from '../stores/providers.ts'
import { readRecallConfiguration } from '../subgraphs/memory/recall/configuration.ts'
import type { CostSettings } from './guard/cost/control.ts'
import type { RateSettings } from './guard/rates.ts'
import { type Settings, settings, together, unused } from './settings.ts'
import { type SubgraphsConfig, takeSubgraphSettings } from './subgraph-settings.ts'
import { standardTracing, tracingOf } from './tracing-settings.ts'

const prefix = 'MNEMOGRAPH_'
/** Read by the tests, not by the product. */
const readElsewhere = /^(REQUIRE_|TEST_)/
/** What Kubernetes and Docker links put into every container beside a service named like the prefix. */
const linkShapedName =
  /(_SERVICE_(HOST|PORT(_.*)?)|^SERVICE_(HOST|PORT(_.*)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/
const linkShapedValue = /^(tcp|udp|sctp):\/\//

/** What an operation may ask for; beyond any of these it is refused before it runs. */
export interface GuardLimits {
  readonly tokens: number
  readonly depth: number
  readonly aliases: number
  readonly directives: number
  readonly rootFields: number
  /** Fields with every fragment spread written out. */
  readonly fields: number
  /** Pairs of fields at the same place of the response. */
  readonly overlaps: number
  /** Fragment definitions in a document. */
  readonly fragments: number
  /** Levels of nested lists and objects in the variables. */
  readonly variableDepth: number
  /** Values in the variables, lists and objects among them. */
  readonly variableValues: number
}

export type Introspection = Settings['INTROSPECTION']

export interface Config {
  readonly port: number
  readonly host: string
  /** An absolute path, or `:memory:`. */
  readonly data: string
  /** PEM; undefined for the data directory's own. */
  readonly signingKey: string | undefined
  /** PEM; undefined for those of the data directory. */
  readonly retiredKeys: string | undefined
  /** PEM; undefined where the signing key is there itself. */
  readonly gatewayPublicKey: string | undefined
  readonly tenancy: Settings['TENANCY']
  /** Who passkeys are made for. */
  readonly relyingParty: RelyingParty
  /** Keys for single fields, as they were given; undefined for the data directory's own. */
  readonly encryptionKeys: string | undefined
  readonly databaseUrl: string | undefined
  readonly redisUrl: string | undefined
  /** Which model makes vectors, and where they stand. */
  readonly embeddings: EmbeddingSettings
  /** Subgraph name, in small letters, to its URL. One that is absent runs in process. */
  readonly subgraphUrls: Readonly<Record<string, string>>
  /** How subgraphs over HTTP are asked; `subgraphSettings` tells of one. */
  readonly subgraphs: SubgraphsConfig
  readonly logLevel: Settings['LOG_LEVEL']
  readonly accessLogLevel: Settings['ACCESS_LOG_LEVEL']
  /** Undefined when no traces are kept. */
  readonly tracing: TracingConfig | undefined
  readonly introspection: Introspection
  readonly corsOrigins: readonly string[]
  readonly fastLane: boolean
  readonly dedup: boolean
  readonly proxies: number
  readonly maxBodyBytes: number
  readonly limits: GuardLimits
  readonly costs: CostSettings
  /** Those that were set; each program has its own for the others. */
  readonly rates: Partial<RateSettings>
  /** An absolute path. */
  readonly trustedDocuments: string | undefined
  readonly trustedDocumentsOnly: boolean
  readonly persistedQueries: boolean
  /** Memory for answers that may be kept, by what @cacheControl and subgraphs' headers say; 0 keeps none. */
  readonly cacheBytes: number
  readonly bodyTimeoutMs: number
  readonly operationTimeoutMs: number
  /** How long a reader of a stream may leave it full before it is cut off. */
  readonly streamStallMs: number
  readonly maxStreamsPerSocket: number
  /** Open sockets and streams, by user and by address. */
  readonly connections: { readonly perUser: number; readonly perAddress: number }
  /** How far back a subscription can be resumed. */
  readonly logRetentionDays: number
  /** How recall weighs; undefined for as shipped. */
  readonly recall: RecallConfiguration | undefined
  /** How long analyses of contents are kept, and how many. */
  readonly analyses: AnalysisKeeping
  /** Services of others that are asked, where they are named. */
  readonly providers: Providers
  readonly shutdownGraceMs: number
}

/** Every mistake in the settings at once. */
export class ConfigError extends Error {
  readonly mistakes: readonly string[]

  constructor(mistakes: readonly string[]) {
    super(
      `The settings have ${mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`}:\n${mistakes.map((mistake) => `  ${mistake}`).join('\n')}`,
    )
    this.name = 'ConfigError'
    this.mistakes = mistakes
  }
}

export interface ConfigSource {
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Where `.env` is looked for and relative paths begin. */
  readonly cwd?: string
  /** Settings from the command line, by their unprefixed names: they win over the environment, which wins over `.env`. */
  readonly overrides?: Readonly<Record<string, string | undefined>>
}

/** Reads the settings; throws `ConfigError` with all that is wrong with them. Warnings name what was not understood. */
export function loadConfig(source: ConfigSource = {}): { config: Config; warnings: readonly string[] } {
  const cwd = source.cwd ?? process.cwd()
  const env = source.env ?? process.env
  const dotEnv = readDotEnv(cwd)
  const values = { ...standardTracing({ ...dotEnv, ...env }), ...gather(env, dotEnv, source.overrides ?? {}) }
  const { urls, subgraphs, mistakes: ofSubgraphs } = takeSubgraphSettings(values)
  const known = Object.fromEntries(Object.entries(values).filter(([name]) => Object.hasOwn(settings.shape, name)))
  const parsed = settings.safeParse(known)
  const mistakes = parsed.success
    ? []
    : parsed.error.issues.map((issue) => `${prefix}${String(issue.path[0])} ${issue.message}`)
  mistakes.push(...ofSubgraphs.map(({ name, message }) => `${prefix}${name} ${message}`))
  if (parsed.success && parsed.data.TRUSTED_DOCUMENTS_ONLY && parsed.data.TRUSTED_DOCUMENTS === undefined) {
    mistakes.push(`${prefix}TRUSTED_DOCUMENTS_ONLY needs ${prefix}TRUSTED_DOCUMENTS: nothing could be run without it`)
  }
  for (const [one, other] of together) {
    if (parsed.success && (parsed.data[one] === undefined) !== (parsed.data[other] === undefined)) {
      mistakes.push(`${prefix}${one} and ${prefix}${other} go together: neither is of use alone`)
    }
  }
  const recall = readWeights(parsed.data?.RECALL_WEIGHTS, cwd, mistakes)
  if (!parsed.success || mistakes.length > 0) throw new ConfigError(mistakes)
  return {
    config: freeze({ ...shape(parsed.data, urls, subgraphs, cwd), recall }),
    warnings: Object.keys(values).flatMap(warningsOf),
  }
}

function warningsOf(name: string): string[] {
  if (!Object.hasOwn(settings.shape, name)) return [`${prefix}${name} is not a setting`]
  const instead = unused[name]
  return instead === undefined ? [] : [`${prefix}${name} is not used yet: ${instead}`]
}

function embeddingsOf(s: Settings): EmbeddingSettings {
  const remote = { key: s.ENCODER_KEY, model: s.ENCODER_MODEL, dimensions: s.ENCODER_DIMENSIONS }
  return {
    encoder: s.ENCODER_URL === undefined ? undefined : { url: s.ENCODER_URL, ...remote },
    previous:
      s.ENCODER_PREVIOUS_URL === undefined ? undefined : { url: s.ENCODER_PREVIOUS_URL, key: s.ENCODER_PREVIOUS_KEY },
    qdrant:
      s.QDRANT_URL === undefined
        ? undefined
        : { url: s.QDRANT_URL, apiKey: s.QDRANT_API_KEY, prefix: s.QDRANT_PREFIX, quantization: s.QDRANT_QUANTIZATION },
  }
}

function shape(
  s: Settings,
  subgraphUrls: Record<string, string>,
  subgraphs: SubgraphsConfig,
  cwd: string,
): Omit<Config, 'recall'> {
  return {
    port: s.PORT,
    host: s.HOST,
    data: s.DATA === ':memory:' || isAbsolute(s.DATA) ? s.DATA : resolve(cwd, s.DATA),
    signingKey: s.SIGNING_KEY,
    retiredKeys: s.RETIRED_KEYS,
    gatewayPublicKey: s.GATEWAY_PUBLIC_KEY,
    encryptionKeys: s.ENCRYPTION_KEYS,
    tenancy: s.TENANCY,
    relyingParty: relyingPartyOf(s.PASSKEY_ORIGINS ?? [`http://localhost:${s.PORT}`], s.PASSKEY_DOMAIN),
    databaseUrl: s.DATABASE_URL,
    redisUrl: s.REDIS_URL,
    embeddings: embeddingsOf(s),
    subgraphUrls,
    subgraphs,
    logLevel: s.LOG_LEVEL,
    accessLogLevel: s.ACCESS_LOG_LEVEL,
    tracing: tracingOf(s),
    introspection: s.INTROSPECTION,
    corsOrigins: s.CORS_ORIGINS,
    fastLane: s.FAST_LANE,
    dedup: s.DEDUP,
    proxies: s.PROXIES,
    maxBodyBytes: s.MAX_BODY_BYTES,
    limits: {
      tokens: s.MAX_TOKENS,
      depth: s.MAX_DEPTH,
      aliases: s.MAX_ALIASES,
      directives: s.MAX_DIRECTIVES,
      rootFields: s.MAX_ROOT_FIELDS,
      fields: s.MAX_FIELDS,
      overlaps: s.MAX_OVERLAPS,
      fragments: s.MAX_FRAGMENTS,
      variableDepth: s.MAX_VARIABLE_DEPTH,
      variableValues: s.MAX_VARIABLE_VALUES,
    },
    costs: {
      limit: s.MAX_COST,
      budget: s.COST_BUDGET === 0 ? null : budgetOf(s.COST_BUDGET, s.COST_BUDGET_PER_SECOND),
      assumedListSize: s.ASSUMED_LIST_SIZE,
    },
    rates: {
      ...(s.RATE_LIMIT_USER === undefined ? {} : { perUser: s.RATE_LIMIT_USER }),
      ...(s.RATE_LIMIT_ADDRESS === undefined ? {} : { perAddress: s.RATE_LIMIT_ADDRESS }),
      ...(s.RATE_LIMIT_FIELDS === undefined ? {} : { perField: s.RATE_LIMIT_FIELDS }),
    },
    trustedDocuments: s.TRUSTED_DOCUMENTS === undefined ? undefined : resolve(cwd, s.TRUSTED_DOCUMENTS),
    trustedDocumentsOnly: s.TRUSTED_DOCUMENTS_ONLY,
    persistedQueries: s.PERSISTED_QUERIES,
    cacheBytes: s.CACHE_BYTES,
    bodyTimeoutMs: s.BODY_TIMEOUT_MS,
    operationTimeoutMs: s.OPERATION_TIMEOUT_MS,
    streamStallMs: s.STREAM_STALL_MS,
    maxStreamsPerSocket: s.MAX_STREAMS_PER_SOCKET,
    connections: { perUser: s.MAX_CONNECTIONS_PER_USER, perAddress: s.MAX_CONNECTIONS_PER_ADDRESS },
    logRetentionDays: s.LOG_RETENTION_DAYS,
    analyses: { hours: s.CONTEXT_CACHE_HOURS, perOwner: s.CONTEXT_CACHE_ENTRIES },
    providers: providersOf(s),
    shutdownGraceMs: s.SHUTDOWN_GRACE_MS,
  }
}

function readWeights(file: string | undefined, cwd: string, mistakes: string[]): RecallConfiguration | undefined {
  if (file === undefined) return undefined
  try {
    return readRecallConfiguration(readFileSync(resolve(cwd, file), 'utf8'))
  } catch (error) {
    mistakes.push(`${prefix}RECALL_WEIGHTS must be a file of weights: ${(error as Error).message}`)
    return undefined
  }
}

/** Each by its address and the name of what answers there. */
function providersOf(s: Settings): Providers {
  const named = <N extends string>(url: string | undefined, key: string | undefined, name: N, value?: string) =>
    url === undefined || value === undefined ? undefined : { url, key, ...({ [name]: value } as Record<N, string>) }
  return {
    summaries: named(s.SUMMARY_URL, s.SUMMARY_KEY, 'model', s.SUMMARY_MODEL),
    contextEngine: named(s.CONTEXT_ENGINE_URL, s.CONTEXT_ENGINE_KEY, 'version', s.CONTEXT_ENGINE_VERSION),
    transcripts: named(s.TRANSCRIPT_URL, s.TRANSCRIPT_KEY, 'model', s.TRANSCRIPT_MODEL),
  }
}

function budgetOf(points: number, perSecond = Math.ceil(points / 60)): CostSettings['budget'] {
  return { points, perSecond }
}

/** The prefixed variables without their prefix; what was injected by an orchestrator is left out. */
function gather(...sources: Readonly<Record<string, string | undefined>>[]): Record<string, string> {
  const [env = {}, dotEnv = {}, overrides = {}] = sources
  const values: Record<string, string> = {}
  for (const [name, value] of [...Object.entries(dotEnv), ...Object.entries(env)]) {
    if (!name.startsWith(prefix) || value === undefined || value === '') continue
    const short = name.slice(prefix.length)
    if (linkShapedValue.test(value) || linkShapedName.test(short) || readElsewhere.test(short)) continue
    values[short] = value
  }
  for (const [name, value] of Object.entries(overrides)) if (value !== undefined) values[name] = value
  return values
}

function readDotEnv(cwd: string): Record<string, string | undefined> {
  try {
    return parseEnv(readFileSync(join(cwd, '.env'), 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}

function freeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) freeze(inner)
  return Object.freeze(value)
}
