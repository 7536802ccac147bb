import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { type ExecutionResult, type GraphQLSchema, graphql } from 'graphql'
import type { Peer, RequestContext, Viewer } from '../../lib/context.ts'
import { createCursorCodec } from '../../lib/cursor.ts'
import { createExecutor } from '../../lib/execution/executor.ts'
import { createFieldCipher } from '../../lib/field-encryption.ts'
import { silentLog } from '../../lib/log.ts'
import { relyingPartyOf } from '../../lib/relying-party.ts'
import { createSigner } from '../../lib/signer.ts'
import { type Clock, systemIds } from '../../lib/sources.ts'
import { defaultTenantId } from '../../lib/tenants.ts'
import { createAccessTokens, loadSigningKey } from '../../lib/tokens.ts'
import { openSentinel } from '../../stores/audit/sentinel.ts'
import { inProcessBus } from '../../stores/bus/in-process.ts'
import { inProcessLimits } from '../../stores/limits/in-process.ts'
import { openFeed } from '../../stores/log/feed.ts'
import { openEventLog } from '../../stores/log/log.ts'
import { openNotes } from '../../stores/notes.ts'
import { inMemoryObjects } from '../../stores/objects/in-memory.ts'
import type { StatementEvent } from '../../stores/postgres/pool.ts'
import { openLedger } from '../../stores/privacy/ledger.ts'
import type { Stores } from '../../stores/stores.ts'
import { type Room, roomSchema } from '../../subgraphs/subgraph.ts'
import { openTestPostgres, type TestPostgres } from './postgres.ts'

/** A clock that stands still until a test moves it. */
export interface TestClock extends Clock {
  advance(milliseconds: number): void
}

export interface Answer {
  // biome-ignore lint/suspicious/noExplicitAny: a test knows what it selected
  readonly data: any
  readonly errors: readonly { readonly message: string; readonly code: unknown; readonly path: string }[]
  readonly extensions?: Record<string, unknown>
}

/** One room over a real database, asked through its schema. */
export interface RoomWorld {
  readonly database: TestPostgres
  readonly stores: Stores
  readonly schema: GraphQLSchema
  readonly clock: TestClock
  /** The statements that the room has sent since the test last emptied it, but for notes of what was read, which go when their time comes. */
  readonly statements: StatementEvent[]
  /** Runs an operation for a viewer, or for nobody. */
  run(viewer: Viewer | null, source: string, variables?: Record<string, unknown>, peer?: Peer): Promise<Answer>
  /** Opens a subscription; ends when the signal aborts. */
  follow(
    viewer: Viewer | null,
    source: string,
    variables: Record<string, unknown>,
    signal: AbortSignal,
  ): Promise<AsyncIterableIterator<Answer>>
  close(): Promise<void>
}

const start = Date.parse('2026-05-15T15:00:00.000Z')
/** What the room under test does not use; to touch it is an error. */
const absent = null as never

/** @param given the database to use; by default one of the world's own, closed with it. */
// biome-ignore lint/suspicious/noExplicitAny: each room has a context of its own
export async function openRoomWorld(room: Room<any>, given?: TestPostgres): Promise<RoomWorld> {
  const database = given ?? (await openTestPostgres('PGlite'))
  const statements: StatementEvent[] = []
  const postgres = database.open({
    onStatement: (statement) => void (statement.text.includes('memory.note(') || statements.push(statement)),
  })
  const bus = inProcessBus()
  const log = openEventLog(postgres)
  const feed = openFeed(log, bus, silentLog())
  const clock = testClock()
  const key = loadSigningKey(':memory:')
  const stores: Stores = {
    postgres,
    log,
    feed,
    bus,
    cache: absent,
    limits: inProcessLimits(),
    rates: inProcessLimits(),
    vectors: absent,
    collections: absent,
    embeddings: absent,
    objects: inMemoryObjects(),
    ledger: openLedger(':memory:'),
    graph: absent,
    encoder: absent,
    thesaurus: absent,
    cursors: createCursorCodec(Buffer.alloc(32, 1)),
    fields: createFieldCipher([Buffer.alloc(32, 7)]),
    signer: createSigner(key),
    tenancy: 'single',
    relyingParty: relyingPartyOf(['http://localhost:4000']),
    sentinel: openSentinel(postgres, silentLog()),
    notes: openNotes(postgres, silentLog()),
    tokens: createAccessTokens(key, clock),
    clock,
    ids: systemIds,
    logger: silentLog(),
    async close() {
      await stores.sentinel.close()
      await stores.notes.close()
      await feed.close()
      await bus.close()
    },
  }
  const schema = roomSchema(room, rooms)
  const executor = createExecutor({
    schema,
    contextFor: (operation) => room.context(stores, operation.context),
    validates: true,
  })
  const context = (viewer: Viewer | null, signal = new AbortController().signal, peer?: Peer): RequestContext => ({
    viewer,
    ...(peer === undefined ? {} : { peer }),
    deadline: Number.POSITIVE_INFINITY,
    signal,
    traceId: 'test',
    clock,
    ids: systemIds,
  })
  return {
    database,
    stores,
    schema,
    clock,
    statements,
    async run(viewer, source, variableValues = {}, peer) {
      const contextValue = room.context(stores, context(viewer, undefined, peer))
      return toAnswer(await graphql({ schema, source, variableValues, contextValue }))
    },
    async follow(viewer, operation, variables, signal) {
      const events = await executor.subscribe({ operation, variables, context: context(viewer, signal) })
      if (!(Symbol.asyncIterator in events)) throw new Error(JSON.stringify(toAnswer(events)))
      return mapped(events)
    },
    async close() {
      await stores.close()
      if (database !== given) await database.close()
    },
  }
}

/** Somebody signed in, for rooms that take the gateway's word for it. */
export function viewerOf(given: Partial<Viewer> = {}): Viewer {
  const viewer = { tenantId: defaultTenantId, userId: randomUUID(), sessionId: randomUUID(), role: 'MEMBER' } as const
  return { ...viewer, scopes: [], ...given }
}

/** A room's place is all that another's schema needs of it. */
const rooms = ['agents', 'knowledge', 'memory', 'users'].map(
  (name) => ({ name, directory: fileURLToPath(new URL(`../../subgraphs/${name}`, import.meta.url)) }) as Room<unknown>,
)

function testClock(): TestClock {
  let now = start
  return {
    now: () => new Date(now),
    advance(milliseconds) {
      now += milliseconds
    },
  }
}

function toAnswer({ data, errors = [], extensions }: ExecutionResult): Answer {
  return {
    // Through JSON, as a client gets it.
    data: data && JSON.parse(JSON.stringify(data)),
    errors: errors.map(({ message, extensions, path }) => ({
      message,
      code: extensions.code,
      path: path?.join('.') ?? '',
    })),
    ...(extensions === undefined ? {} : { extensions }),
  }
}

async function* mapped(events: AsyncIterable<ExecutionResult>): AsyncGenerator<Answer> {
  for await (const event of events) yield toAnswer(event)
}
