import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { oneSession } from '../../stores/postgres/embedded.ts'
import { grantServiceRoles, SERVICE_LOGIN } from '../../stores/postgres/login.ts'
import { migrate } from '../../stores/postgres/migrate.ts'
import { openPglite } from '../../stores/postgres/pglite.ts'
import type { SecurityContextPoolOptions } from '../../stores/postgres/pool.ts'
import { openPostgres, type Postgres } from '../../stores/postgres/postgres.ts'
import { prepareForMigrations } from '../../stores/postgres/roles.ts'
import { findTemplate, templateKey } from '../../stores/postgres/template.ts'

export type Backend = 'PGlite' | 'PostgreSQL 18' | 'PostgreSQL 16'

/** A database of one suite's own. */
export interface TestPostgres {
  readonly backend: Backend
  /** The owner's connection, past all policies: to prepare and to look behind the scenes. */
  readonly admin: pg.ClientConfig
  /** The service login's connection, as the product uses it. */
  readonly connection: SecurityContextPoolOptions
  /** Opens the store on it; closed with the database. */
  open(options?: Partial<SecurityContextPoolOptions>): Postgres
  /** Runs SQL as the owner. */
  sql<T = Record<string, unknown>>(text: string, values?: unknown[]): Promise<T[]>
  close(): Promise<void>
}

export interface TestPostgresOptions {
  /** Default: all of the project's migrations. `none` leaves the database empty, with the service roles. */
  readonly migrations?: 'all' | 'none'
}

const servers: readonly { backend: Backend; variable: string }[] = [
  { backend: 'PostgreSQL 18', variable: 'MNEMOGRAPH_TEST_POSTGRES_URL' },
  { backend: 'PostgreSQL 16', variable: 'MNEMOGRAPH_TEST_POSTGRES16_URL' },
]

/** The suite on every backend of this machine. One that is not there is named, or fails when stores are required. */
export function describeEachPostgres(
  title: string,
  suite: (world: () => TestPostgres) => void,
  options: TestPostgresOptions & { readonly backends?: readonly Backend[] } = {},
): void {
  const wanted = options.backends ?? ['PGlite', 'PostgreSQL 18', 'PostgreSQL 16']
  for (const backend of wanted) {
    const server = servers.find((candidate) => candidate.backend === backend)
    if (server && !process.env[server.variable]) leaveOut(title, backend, server.variable)
    else describe(`${title} on ${backend}`, () => withWorld(backend, options, suite))
  }
}

/** A fresh database on one backend, for suites that manage it themselves: close it at the end. */
export async function openTestPostgres(backend: Backend, options: TestPostgresOptions = {}): Promise<TestPostgres> {
  const server = servers.find((candidate) => candidate.backend === backend)
  const base = server ? await openServer(process.env[server.variable] ?? '', options) : await openEmbedded(options)
  const stores: Postgres[] = []
  const client = new pg.Client(base.admin)
  client.on('error', () => {})
  await client.connect()
  return {
    backend,
    admin: base.admin,
    connection: base.connection,
    open(overrides = {}) {
      const store = openPostgres({ ...base.connection, ...overrides })
      stores.push(store)
      return store
    },
    async sql<T>(text: string, values: unknown[] = []) {
      return (await client.query(text, values)).rows as T[]
    },
    async close() {
      for (const store of stores) await store.close()
      await client.end()
      await base.close()
    },
  }
}

/** A connection as an address, as the product is told one. */
export function urlOf({ host, port, user, password, database }: pg.ClientConfig): string {
  return `postgres://${user}:${password}@${host}:${port}/${database}`
}

function withWorld(backend: Backend, options: TestPostgresOptions, suite: (world: () => TestPostgres) => void): void {
  let world: TestPostgres | undefined
  beforeAll(async () => {
    world = await openTestPostgres(backend, options)
  }, 60_000)
  afterAll(() => world?.close())
  suite(() => {
    if (!world) throw new Error('the database is opened before the suite begins')
    return world
  })
}

function leaveOut(title: string, backend: Backend, variable: string): void {
  const name = `${title} on ${backend} (set ${variable}, or run \`node tools/stores.ts run …\`)`
  const required = process.env.MNEMOGRAPH_REQUIRE_STORES === '1'
  test.skipIf(!required)(name, () => {
    throw new Error(`${backend} is required`)
  })
}

type Base = Pick<TestPostgres, 'admin' | 'connection' | 'close'>

async function openEmbedded({ migrations }: TestPostgresOptions): Promise<Base> {
  const server = await openPglite({ directory: ':memory:', template: migrations === 'none' ? null : findTemplate() })
  if (migrations === 'none') await runOn(server.admin, prepareForMigrations)
  else await migrate(server.admin, { direction: 'up' })
  await grantServiceRoles(server.admin)
  const connection = { ...server.as(SERVICE_LOGIN), ...oneSession }
  return { admin: server.admin, connection, close: () => server.close() }
}

async function openServer(url: string, options: TestPostgresOptions): Promise<Base> {
  const name = `mnemograph_test_${randomBytes(6).toString('hex')}`
  const { host, port, user, password } = new pg.Client(url)
  const on = (database: string) => ({ host, port, user: user ?? 'postgres', password: password ?? '', database })
  const template = options.migrations === 'none' ? 'template1' : `mnemograph_${templateKey().slice(0, 16)}`
  await runOn(on('postgres'), async (client) => {
    // Suites run side by side on one cluster, whose roles and templates are common to all.
    await client.query('SELECT pg_advisory_lock(1)')
    await prepareForMigrations(client)
    await grantServiceRoles(on('postgres'))
    await client.query(`ALTER ROLE ${SERVICE_LOGIN} PASSWORD 'test'`)
    if (options.migrations !== 'none') await migrateTemplate(client, template, on(template))
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`)
  })
  return {
    admin: on(name),
    connection: { host, port, database: name, user: SERVICE_LOGIN, password: 'test', max: 10 },
    close: () => runOn(on('postgres'), `DROP DATABASE ${name} WITH (FORCE)`),
  }
}

/** Copying a migrated database is much faster than migrating each. */
async function migrateTemplate(client: pg.Client, name: string, connection: pg.ClientConfig): Promise<void> {
  const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name])
  if (found.rows.length === 0) await client.query(`CREATE DATABASE ${name}`)
  await migrate(connection, { direction: 'up' })
}

async function runOn(config: pg.ClientConfig, work: string | ((client: pg.Client) => Promise<void>)): Promise<void> {
  const client = new pg.Client(config)
  client.on('error', () => {})
  await client.connect()
  try {
    if (typeof work === 'string') await client.query(work)
    else await work(client)
  } finally {
    await client.end()
  }
}
