import type { CursorCodec } from '../lib/cursor.ts'
import type { FieldCipher } from '../lib/field-encryption.ts'
import type { Log } from '../lib/log.ts'
import type { RecallConfiguration } from '../lib/recall-configuration.ts'
import type { RelyingParty } from '../lib/relying-party.ts'
import type { Signer } from '../lib/signer.ts'
import type { Clock, IdSource } from '../lib/sources.ts'
import type { Tenancy } from '../lib/tenants.ts'
import type { AccessTokens } from '../lib/tokens.ts'
import type { Sentinel } from './audit/sentinel.ts'
import type { Bus } from './bus/port.ts'
import type { Cache } from './cache/port.ts'
import type { AnalysisKeeping, ContextEngine } from './context-engine/port.ts'
import type { Encoder, Thesaurus } from './encoder/port.ts'
import type { GraphStore } from './graph/port.ts'
import type { Leases } from './lease.ts'
import type { Limits } from './limits/port.ts'
import type { Feed } from './log/feed.ts'
import type { EventLog } from './log/log.ts'
import type { Notes } from './notes.ts'
import type { ObjectStore } from './objects/port.ts'
import type { Postgres } from './postgres/postgres.ts'
import type { Ledger } from './privacy/ledger.ts'
import type { Summarizer } from './summarizer/port.ts'
import type { Transcriber } from './transcriber/port.ts'
import type { Embeddings, VectorCollection, VectorSearch } from './vector/port.ts'

/** Everything that rooms read from and write to, each behind its port. Opened by `open.ts`, chosen by configuration. */
export interface Stores {
  readonly postgres: Postgres
  /** Who does a background job; absent where one process is all there is. */
  readonly leases?: Leases
  /** The log of events, and what follows it for subscriptions. */
  readonly log: EventLog
  readonly feed: Feed
  readonly bus: Bus
  readonly cache: Cache
  /** How often something may be done, counted for all processes of the system. */
  readonly limits: Limits
  /** Counts of requests: shared through Redis, else of this process alone, since a statement for each would cost more than it. */
  readonly rates: Limits
  /** The memories' vectors. */
  readonly vectors: VectorSearch
  /** The vectors of every collection, the memories' among them. */
  readonly collections: Readonly<Record<VectorCollection, VectorSearch>>
  /** Which indexes of vectors there are, and which of them is searched. */
  readonly embeddings: Embeddings
  readonly graph: GraphStore
  /** Exports and archives. */
  readonly objects: ObjectStore
  /** Who was erased, written down beside the database. */
  readonly ledger: Ledger
  readonly encoder: Encoder
  readonly thesaurus: Thesaurus
  /** A model that tells what a conversation was about; absent where summaries are made of what was said. */
  readonly summarizer?: Summarizer | undefined
  /** Tells what contents are about; absent, the offline one does. */
  readonly contextEngine?: ContextEngine | undefined
  /** As shipped when absent. */
  readonly analyses?: AnalysisKeeping | undefined
  /** A model that writes down what was said; absent where clients send transcripts along. */
  readonly transcriber?: Transcriber | undefined
  /** Event cursors of this system. */
  readonly cursors: CursorCodec
  readonly tokens: AccessTokens
  /** Encrypts single values at rest. */
  readonly fields: FieldCipher
  /** Signs what must be provable later. */
  readonly signer: Signer
  /** Tells the audit of what happened beside the work. */
  readonly sentinel: Sentinel
  /** What reading leaves behind: accesses and what policies decided. */
  readonly notes: Notes
  readonly tenancy: Tenancy
  /** Who passkeys are made for. */
  readonly relyingParty: RelyingParty
  /** How recall weighs; as shipped when absent. */
  readonly recall?: RecallConfiguration | undefined
  readonly clock: Clock
  readonly ids: IdSource
  readonly logger: Log
  close(): Promise<void>
}
