import { randomUUID } from 'node:crypto'
import { type DocumentNode, parse } from 'graphql'
import pg from 'pg'
import { Channels } from '../../gateway/channels.ts'
import { nobodyObserves } from '../../gateway/engine/observer.ts'
import { openGraph } from '../../gateway/graph.ts'
import { takeSubgraphSettings } from '../../gateway/subgraph-settings.ts'
import type { RequestContext, Viewer } from '../../lib/context.ts'
import { createFieldCipher } from '../../lib/field-encryption.ts'
import { silentLog } from '../../lib/log.ts'
import { Metrics } from '../../lib/metrics.ts'
import { createSigner } from '../../lib/signer.ts'
import { systemClock, systemIds } from '../../lib/sources.ts'
import { createAccessTokens, loadSigningKey } from '../../lib/tokens.ts'
import { openStores } from '../../stores/open.ts'
import type { Stores } from '../../stores/stores.ts'
import { viewerOfLogin } from '../../subgraphs/users/identity.ts'

export type Backend = 'PGlite' | 'PostgreSQL 18'

/** The backends of this machine. */
export const backends: readonly Backend[] = process.env.MNEMOGRAPH_TEST_POSTGRES_URL
  ? ['PGlite', 'PostgreSQL 18']
  : ['PGlite']

/** The whole graph over a database of its own, asked in process by one user. */
export interface World {
  readonly stores: Stores
  readonly viewer: Viewer
  /** The database's owner, past all policies; null where the database is embedded. */
  readonly admin: pg.Pool | null
  /** The database by its owner's login; null where it is embedded. */
  readonly url: string | null
  /** How long all migrations took; 0 where a migrated template is copied. */
  readonly migrationMs: number
  /** The whole answer, as text. */
  askText(query: string, variables?: Record<string, unknown>): Promise<string>
  /** The data of the answer. */
  ask<T>(query: string, variables?: Record<string, unknown>): Promise<T>
  caughtUp(): Promise<void>
  close(): Promise<void>
}

export async function openWorld(backend: Backend): Promise<World> {
  const opened = new AsyncDisposableStack()
  const database = backend === 'PGlite' ? null : await createDatabase(process.env.MNEMOGRAPH_TEST_POSTGRES_URL ?? '')
  if (database) opened.defer(() => database.drop())
  const key = loadSigningKey(':memory:')
  const log = silentLog()
  const metrics = new Metrics()
  const started = performance.now()
  const stores = await openStores({
    data: ':memory:',
    databaseUrl: database?.url,
    tokens: createAccessTokens(key, systemClock),
    fields: createFieldCipher([Buffer.alloc(32, 7)]),
    signer: createSigner(key),
    logger: log,
  })
  const migrationMs = performance.now() - started
  opened.defer(() => stores.close())
  const channels = new Channels({
    subgraphs: takeSubgraphSettings({}).subgraphs,
    metrics,
    headersFor: () => () => ({}),
  })
  const graph = await openGraph({
    opening: Promise.resolve(stores),
    log,
    urls: {},
    channels,
    observer: nobodyObserves,
    keeping: undefined,
  })
  opened.defer(() => graph.close())
  const documents = new Map<string, DocumentNode>()
  let viewer: Viewer | null = null
  const context = (): RequestContext => ({
    viewer,
    deadline: Number.POSITIVE_INFINITY,
    signal: new AbortController().signal,
    traceId: 'bench',
    clock: systemClock,
    ids: systemIds,
  })
  async function askText(query: string, variables: Record<string, unknown> = {}): Promise<string> {
    const document = documents.get(query) ?? parse(query)
    documents.set(query, document)
    const answer = await graph.engine.execute({
      query,
      document,
      operationName: undefined,
      variables,
      context: context(),
    })
    if (answer.errors.length > 0) throw new Error(JSON.stringify(answer.errors))
    return answer.text
  }
  async function ask<T>(query: string, variables?: Record<string, unknown>): Promise<T> {
    return (JSON.parse(await askText(query, variables)) as { data: T }).data
  }
  const input = { username: 'bench', email: 'bench@example.test', password: randomUUID() }
  await ask('mutation ($input: SignUpInput!) { signUp(input: $input) { __typename } }', { input })
  viewer = await viewerOfLogin(stores, 'bench')
  if (!viewer) throw new Error('nobody was signed up')
  const release = opened.move()
  return {
    stores,
    viewer,
    admin: database?.admin ?? null,
    url: database?.url ?? null,
    migrationMs,
    askText,
    ask,
    caughtUp: () => graph.projectors.caughtUp(),
    close: () => release.disposeAsync(),
  }
}

async function createDatabase(server: string) {
  const name = `mnemograph_bench_${randomUUID().slice(0, 8)}`
  const root = new pg.Client(server)
  await root.connect()
  await root.query(`CREATE DATABASE ${name}`)
  const url = new URL(server)
  url.pathname = name
  const admin = new pg.Pool({ connectionString: url.href })
  // The pool does not wait until its connections are closed, and the database goes by force.
  admin.on('error', () => {})
  return {
    url: url.href,
    admin,
    async drop() {
      await admin.end()
      await root.query(`DROP DATABASE ${name} WITH (FORCE)`)
      await root.end()
    },
  }
}
