import { readFileSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { z } from 'zod'
import { readEncryptionKeys } from '../lib/field-encryption.ts'
import { readPems } from '../lib/key-ring.ts'
import { logLevels } from '../lib/log.ts'
import type { RecallConfiguration } from '../lib/recall-configuration.ts'
import { type RelyingParty, relyingPartyOf } from '../lib/relying-party.ts'
import { readSigningKey } from '../lib/tokens.ts'
import type { TracingConfig } from '../lib/tracing.ts'
import type { EmbeddingSettings } from '../stores/open-embeddings.ts'
import type { Providers } from '../stores/providers.ts'
import { readRecallConfiguration } from '../subgraphs/memory/recall/configuration.ts'
import type { CostSettings } from './guard/cost/control.ts'
import type { RateSettings } from './guard/rates.ts'
import { type SubgraphsConfig, takeSubgraphSettings } from './subgraph-settings.ts'
import { standardTracing, tracingOf } from './tracing-settings.ts'

const prefix = 'MNEMOGRAPH_'
/** Read by the tests, not by the product. */
const readElsewhere = /^(REQUIRE_|TEST_)/
/** What Kubernetes and Docker links put into every container beside a service named like the prefix. */
const linkShapedName =
  /(_SERVICE_(HOST|PORT(_.*)?)|^SERVICE_(HOST|PORT(_.*)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/
const linkShapedValue = /^(tcp|udp|sctp):\/\//

const number = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`))
const count = (min: number, max: number, byDefault: number) => number(min, max).default(byDefault)
const url = (...schemes: string[]) =>
  z
    .string()
    .refine((text) => schemes.some((scheme) => text.startsWith(`${scheme}://`)) && URL.canParse(text), {
      error: `must be a URL that begins with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`,
    })
    .optional()
/** Messages name addresses, so a secret has a setting of its own. */
const providerUrl = url('http', 'https').refine((text) => text === undefined || !isSecretive(text), {
  error: 'must hold no user or password: a key has a setting of its own',
})
const origins = z
  .string()
  .transform((text) => text.split(',').map((origin) => origin.trim()))
  .refine((list) => list.every((origin) => origin === '*' || isOrigin(origin)), {
    error: 'must be * or a comma-separated list of origins such as https://app.example.com',
  })
  .default([])

/** A key in PEM; the line breaks may be written as \\n, as an environment often has to. */
const pem = (read: (text: string) => unknown, what: string) =>
  z
    .string()
    .transform((text) => text.replaceAll('\\n', '\n'))
    .refine((text) => succeeds(() => read(text)), { error: `must be ${what} in PEM` })
    .optional()

const fieldRates = z
  .string()
  .transform((text) => text.split(',').map((part) => /^\s*(\w+)\s*=\s*([1-9]\d{0,8})\s*$/.exec(part)))
  .refine((parts) => parts.every((part) => part !== null), { error: 'must be fields with numbers, such as signUp=60' })
  .transform((parts) => new Map(parts.map((part) => [part?.[1] ?? '', Number(part?.[2])])))
  .optional()

const choice = (byDefault: boolean) =>
  z
    .enum(['true', 'false'], { error: 'must be true or false' })
    .transform((text) => text === 'true')
    .default(byDefault)

/** The settings, each named without its prefix. Times are milliseconds where the name says so, sizes bytes. */
const settings = z.object({
  PORT: count(0, 65_535, 4000),
  HOST: z.string().min(1, 'must not be empty').default('127.0.0.1'),
  /** Where the embedded stores and the signing key live; `:memory:` keeps nothing. */
  DATA: z.string().min(1, 'must not be empty').default('.data'),
  /** Signs access tokens and what the gateway sends to rooms; instead of the key in the data directory. */
  SIGNING_KEY: pem(readSigningKey, 'an Ed25519 private key'),
  /** Public keys that signed before; instead of those that the data directory has retired. */
  RETIRED_KEYS: pem(readPems, 'Ed25519 public keys'),
  /** For rooms in processes of their own: what the gateway's signatures are checked with. */
  GATEWAY_PUBLIC_KEY: pem(readPems, 'an Ed25519 public key, or several'),
  /** What single fields are encrypted with, the newest key first; instead of the key in the data directory. */
  ENCRYPTION_KEYS: z
    .string()
    .refine((text) => succeeds(() => readEncryptionKeys(text)), {
      error: 'must be keys of 32 bytes in base64, separated by commas, the newest first',
    })
    .optional(),
  /** Whether all users belong to one tenant, or each that is not invited makes one of his own. */
  TENANCY: z.enum(['single', 'multiple'], { error: 'must be single or multiple' }).default('single'),
  /** Origins whose pages may use passkeys; by default that of this machine. */
  PASSKEY_ORIGINS: z
    .string()
    .transform((text) => text.split(',').map((origin) => origin.trim()))
    .refine((list) => list.every(isOrigin), {
      error: 'must be a comma-separated list of origins such as https://app.example.com',
    })
    .optional(),
  /** The domain that passkeys belong to, above all of their origins; by default the first one's host. */
  PASSKEY_DOMAIN: z
    .string()
    .regex(/^[a-z0-9.-]+$/, 'must be a domain such as example.com')
    .optional(),
  DATABASE_URL: url('postgres', 'postgresql'),
  REDIS_URL: url('redis', 'rediss'),
  QDRANT_URL: url('http', 'https'),
  QDRANT_API_KEY: z.string().min(1, 'must not be empty').optional(),
  /** Stands before the names of Qdrant's collections: systems that share a server must differ in it. */
  QDRANT_PREFIX: z
    .string()
    .regex(/^[a-z0-9_-]{0,64}$/, 'must be small letters, digits, _ and -, at most 64')
    .default(''),
  QDRANT_QUANTIZATION: z.enum(['int8', 'binary', 'none'], { error: 'must be int8, binary or none' }).default('int8'),
  /** Where an OpenAI-compatible interface begins, whose model makes the vectors; without it the offline encoder does. */
  ENCODER_URL: providerUrl,
  ENCODER_KEY: z.string().min(1, 'must not be empty').optional(),
  ENCODER_MODEL: z
    .string()
    .min(1, 'must not be empty')
    .max(100, 'must be at most 100 characters')
    .default('text-embedding-3-small'),
  ENCODER_DIMENSIONS: count(1, 4000, 1536),
  /** Where the provider's model that served before is asked until the new one has taken over, when elsewhere. */
  ENCODER_PREVIOUS_URL: providerUrl,
  ENCODER_PREVIOUS_KEY: z.string().min(1, 'must not be empty').optional(),
  NEO4J_URL: url('bolt', 'bolt+s', 'bolt+ssc', 'neo4j', 'neo4j+s', 'neo4j+ssc'),
  LOG_LEVEL: z.enum(logLevels, { error: `must be one of ${logLevels.join(', ')}` }).default('info'),
  /** The level of the line that each operation leaves in the log. */
  ACCESS_LOG_LEVEL: z.enum(logLevels, { error: `must be one of ${logLevels.join(', ')}` }).default('debug'),
  /** An OpenTelemetry collector that takes OTLP over HTTP; the path /v1/traces is added where it is missing. */
  OTLP_URL: url('http', 'https'),
  /** The same with the whole path, which wins. */
  OTLP_TRACES_URL: url('http', 'https'),
  /** The name that traces bear, instead of the program's own. */
  OTLP_SERVICE: z.string().optional(),
  /** The share of traces that are recorded, of those that no caller has decided on; 0 records none at all. */
  TRACE_RATIO: z
    .string()
    .regex(/^(0(\.\d+)?|1(\.0+)?|\.\d+)$/, 'must be a number from 0 to 1')
    .transform(Number)
    .default(1),
  /** Who may read the schema. */
  INTROSPECTION: z.enum(['off', 'signed-in', 'open'], { error: 'must be off, signed-in or open' }).default('signed-in'),
  /** Origins whose pages may use the graph, beside its own. */
  CORS_ORIGINS: origins,
  /** Off, every operation goes through Apollo Server, also one that it has let through before. */
  FAST_LANE: choice(true),
  /** Whether queries that are the same, and under way at the same time, share one execution. */
  DEDUP: choice(true),
  /** How many proxies stand before the gateway: so many last entries of `X-Forwarded-For` are believed. */
  PROXIES: count(0, 10, 0),
  MAX_BODY_BYTES: count(1024, 1 << 30, 8 * 1024 * 1024),
  MAX_TOKENS: count(10, 1_000_000, 5000),
  MAX_DEPTH: count(1, 1000, 24),
  MAX_ALIASES: count(0, 100_000, 100),
  MAX_DIRECTIVES: count(0, 100_000, 100),
  MAX_ROOT_FIELDS: count(1, 100_000, 50),
  MAX_FIELDS: count(1, 1_000_000, 5000),
  MAX_OVERLAPS: count(1, 100_000_000, 50_000),
  MAX_FRAGMENTS: count(0, 100_000, 200),
  MAX_VARIABLE_DEPTH: count(1, 1000, 32),
  MAX_VARIABLE_VALUES: count(1, 100_000_000, 200_000),
  /** The most that one operation may cost; 0 for no limit. */
  MAX_COST: count(0, 1_000_000_000_000, 1_000_000),
  /** What each viewer may spend at once; 0 for no budget. */
  COST_BUDGET: count(0, 1_000_000_000_000, 0),
  /** What comes back of it each second; when it is not set, all of it in a minute. */
  COST_BUDGET_PER_SECOND: number(1, 1_000_000_000_000).optional(),
  /** Operations a minute; 0 for any number. */
  RATE_LIMIT_USER: number(0, 1_000_000_000).optional(),
  RATE_LIMIT_ADDRESS: number(0, 1_000_000_000).optional(),
  /** Of single fields of the root, for each user or address: `signUp=60, rememberMany=600`. */
  RATE_LIMIT_FIELDS: fieldRates,
  /** How long a list is taken to be of which the schema tells nothing. */
  ASSUMED_LIST_SIZE: count(1, 1_000_000, 10),
  /** A manifest of the operations that the graph's own clients send. */
  TRUSTED_DOCUMENTS: z.string().min(1, 'must not be empty').optional(),
  /** Whether nothing else may be run. */
  TRUSTED_DOCUMENTS_ONLY: choice(false),
  /** Whether clients may have their operations remembered by hash (Apollo's automatic persisted queries). */
  PERSISTED_QUERIES: choice(true),
  /** Memory for answers that may be kept; 0 keeps none. */
  CACHE_BYTES: count(0, 2 ** 36, 0),
  BODY_TIMEOUT_MS: count(1, 3_600_000, 15_000),
  OPERATION_TIMEOUT_MS: count(1, 3_600_000, 30_000),
  STREAM_STALL_MS: count(1, 3_600_000, 30_000),
  MAX_STREAMS_PER_SOCKET: count(1, 100_000, 100),
  MAX_CONNECTIONS_PER_USER: count(1, 1_000_000, 2000),
  MAX_CONNECTIONS_PER_ADDRESS: count(1, 1_000_000, 5000),
  LOG_RETENTION_DAYS: count(1, 36_500, 30),
  /** A file of weights for recall's ranking, as `mnemograph evaluate --tune` writes it. */
  RECALL_WEIGHTS: z.string().min(1, 'must not be empty').optional(),
  /** A provider of summaries: the base of its Chat Completions API, with its version. */
  SUMMARY_URL: providerUrl,
  SUMMARY_MODEL: z.string().min(1, 'must not be empty').optional(),
  SUMMARY_KEY: z.string().min(1, 'must not be empty').optional(),
  /** An engine that tells what contents are about, and the name under which what it finds is kept. */
  CONTEXT_ENGINE_URL: providerUrl,
  CONTEXT_ENGINE_VERSION: z
    .string()
    .regex(/^(?!offline)[\w.:@/-]{1,64}$/, 'must be 1–64 letters, digits and . : @ / _ -, and not begin with offline')
    .optional(),
  CONTEXT_ENGINE_KEY: z.string().min(1, 'must not be empty').optional(),
  /** A provider of transcripts: the base of its Audio API, with its version. */
  TRANSCRIPT_URL: providerUrl,
  TRANSCRIPT_MODEL: z.string().min(1, 'must not be empty').optional(),
  TRANSCRIPT_KEY: z.string().min(1, 'must not be empty').optional(),
  SHUTDOWN_GRACE_MS: count(0, 3_600_000, 10_000),
})

type Settings = z.infer<typeof settings>

const together = [
  ['SUMMARY_URL', 'SUMMARY_MODEL'],
  ['CONTEXT_ENGINE_URL', 'CONTEXT_ENGINE_VERSION'],
  ['TRANSCRIPT_URL', 'TRANSCRIPT_MODEL'],
] as const

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
  readonly neo4jUrl: string | undefined
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
  const unknown = Object.keys(values).filter((name) => !Object.hasOwn(settings.shape, name))
  return {
    config: freeze({ ...shape(parsed.data, urls, subgraphs, cwd), recall }),
    warnings: unknown.map((name) => `${prefix}${name} is not a setting`),
  }
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
    neo4jUrl: s.NEO4J_URL,
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

function succeeds(work: () => unknown): boolean {
  try {
    work()
    return true
  } catch {
    return false
  }
}

function isSecretive(address: string): boolean {
  return URL.canParse(address) && new URL(address).username + new URL(address).password !== ''
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text
}

function freeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) freeze(inner)
  return Object.freeze(value)
}
