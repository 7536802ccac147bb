import { z } from 'zod'
import { readEncryptionKeys } from '../lib/field-encryption.ts'
import { readPems } from '../lib/key-ring.ts'
import { logLevels } from '../lib/log.ts'
import { readSigningKey } from '../lib/tokens.ts'
import { analysesAsShipped } from '../stores/context-engine/port.ts'
import {
  choice,
  count,
  fieldRates,
  isOrigin,
  number,
  origins,
  pem,
  providerUrl,
  succeeds,
  url,
} from './setting-kinds.ts'

/** The settings, each named without its prefix. Times are milliseconds where the name says so, sizes bytes. */
export const settings = z.object({
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
  /** Checked, since it is a name that deployments set; start says that nothing is kept there (`unused`). */
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
  /** How long what contents are about is kept, and of how many contents for each user: the oldest go. */
  CONTEXT_CACHE_HOURS: count(1, 8760, analysesAsShipped.hours),
  CONTEXT_CACHE_ENTRIES: count(1, 1_000_000, analysesAsShipped.perOwner),
  CONTEXT_ENGINE_KEY: z.string().min(1, 'must not be empty').optional(),
  /** A provider of transcripts: the base of its Audio API, with its version. */
  TRANSCRIPT_URL: providerUrl,
  TRANSCRIPT_MODEL: z.string().min(1, 'must not be empty').optional(),
  TRANSCRIPT_KEY: z.string().min(1, 'must not be empty').optional(),
  SHUTDOWN_GRACE_MS: count(0, 3_600_000, 10_000),
})

export type Settings = z.infer<typeof settings>

/** Neither is of use without the other. */
export const together = [
  ['SUMMARY_URL', 'SUMMARY_MODEL'],
  ['CONTEXT_ENGINE_URL', 'CONTEXT_ENGINE_VERSION'],
  ['TRANSCRIPT_URL', 'TRANSCRIPT_MODEL'],
] as const

/** Settings that nothing reads yet, and what is done instead: whoever sets one is told. */
export const unused: Readonly<Record<string, string>> = {
  NEO4J_URL: 'the graph of concepts is kept in PostgreSQL',
}
