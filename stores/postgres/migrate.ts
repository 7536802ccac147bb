import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { MIGRATIONS_DIRECTORY, type Migration, readMigrations } from './migrations.ts'
import { MIGRATION_ROLE, prepareForMigrations } from './roles.ts'

export interface MigrationStep {
  readonly id: number
  readonly name: string
  readonly direction: 'up' | 'down'
  /** `planned` is all that a dry run tells. */
  readonly state: 'planned' | 'started' | 'done'
  readonly durationMs: number
}

export interface MigrateOptions {
  readonly direction: 'up' | 'down'
  /** Up: the last migration to apply (default: all). Down: the migration to go back to (default: one step; 0: none). */
  readonly to?: number
  /** Tells what would be done and changes nothing. */
  readonly dryRun?: boolean
  readonly onProgress?: (step: MigrationStep) => void
  /** Default: the project's own migrations. */
  readonly directory?: string
  /** How long to wait for another migration to end; default one minute. */
  readonly lockTimeoutMs?: number
}

export interface MigrationStatus {
  readonly id: number
  readonly name: string
  /** `changed`: applied from another text. `unknown`: applied by a newer program. */
  readonly state: 'applied' | 'pending' | 'changed' | 'unknown'
  readonly appliedAt: Date | null
  readonly durationMs: number | null
}

/** The database and the migration files do not fit together, or another migration holds the lock. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError'
}

interface Applied {
  readonly id: number
  readonly name: string
  readonly checksum: string
  readonly applied_at: Date
  readonly duration_ms: number
}

/** Any 64-bit number will do, as long as nothing else in the database locks it. */
const LOCK_KEY = '7521962890118473216'
const LOCK_POLL_MS = 200

/**
 * Brings the database to a migration, forwards or back. Each migration commits by itself with its record, and runs as
 * the migration role, which owns all that it makes. `connection` must be of somebody who may make roles (the embedded
 * server's `admin`); the roles are made when they are not there.
 * @returns the steps taken, or planned when `dryRun`
 * @throws MigrationError
 */
export async function migrate(connection: pg.ClientConfig, options: MigrateOptions): Promise<MigrationStep[]> {
  const migrations = readMigrations(options.directory ?? MIGRATIONS_DIRECTORY)
  return withClient(connection, async (client) => {
    if (options.dryRun) return report(plan(migrations, await applied(client), options), options)
    await lock(client, options.lockTimeoutMs ?? 60_000)
    try {
      await prepareForMigrations(client)
      await client.query(CREATE_TABLE)
      const steps = await run(client, plan(migrations, await applied(client), options), options)
      if (options.direction === 'up') await finish(client)
      return steps
    } finally {
      await client.query('SELECT pg_advisory_unlock($1)', [LOCK_KEY])
    }
  })
}

/** Every migration that is known here or applied there, in order. */
export async function migrationStatus(
  connection: pg.ClientConfig,
  directory: string = MIGRATIONS_DIRECTORY,
): Promise<MigrationStatus[]> {
  const migrations = readMigrations(directory)
  const rows = await withClient(connection, applied)
  const ids = [...new Set([...migrations.map(({ id }) => id), ...rows.map(({ id }) => id)])].sort((a, b) => a - b)
  return ids.map((id) => {
    const migration = migrations.find((candidate) => candidate.id === id)
    const row = rows.find((candidate) => candidate.id === id)
    return {
      id,
      name: migration?.name ?? row?.name ?? '',
      state: stateOf(migration, row),
      appliedAt: row?.applied_at ?? null,
      durationMs: row?.duration_ms ?? null,
    }
  })
}

function stateOf(migration: Migration | undefined, row: Applied | undefined): MigrationStatus['state'] {
  if (!row) return 'pending'
  if (!migration) return 'unknown'
  return migration.checksum === row.checksum ? 'applied' : 'changed'
}

const CREATE_TABLE = `CREATE TABLE IF NOT EXISTS public.mnemograph_migrations (
  id integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp(), duration_ms double precision NOT NULL)`

async function withClient<T>(connection: pg.ClientConfig, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ ...connection, application_name: 'mnemograph migrate' })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

async function applied(client: pg.Client): Promise<Applied[]> {
  const { rows } = await client.query<{ there: boolean }>(
    `SELECT to_regclass('public.mnemograph_migrations') IS NOT NULL AS there`,
  )
  if (!rows[0]?.there) return []
  return (await client.query<Applied>('SELECT * FROM public.mnemograph_migrations ORDER BY id')).rows
}

/** Polls: a session that waits inside pg_advisory_lock holds a snapshot, for which CREATE INDEX CONCURRENTLY waits. */
async function lock(client: pg.Client, timeoutMs: number): Promise<void> {
  const end = performance.now() + timeoutMs
  while (true) {
    const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [LOCK_KEY])
    if (rows[0]?.locked) return
    if (performance.now() > end) throw new MigrationError('another migration is running on this database')
    await pause(LOCK_POLL_MS)
  }
}

function plan(migrations: Migration[], rows: Applied[], { direction, to }: MigrateOptions): Migration[] {
  verify(migrations, rows)
  const done = new Set(rows.map(({ id }) => id))
  if (direction === 'up') return migrations.filter(({ id }) => !done.has(id) && id <= (to ?? Number.MAX_SAFE_INTEGER))
  const backwards = migrations.filter(({ id }) => done.has(id)).reverse()
  return to === undefined ? backwards.slice(0, 1) : backwards.filter(({ id }) => id > to)
}

function verify(migrations: Migration[], rows: Applied[]): void {
  for (const row of rows) {
    const migration = migrations.find(({ id }) => id === row.id)
    const label = `${String(row.id).padStart(4, '0')}_${row.name}`
    if (!migration) throw new MigrationError(`the database has migration ${label}, which this program does not know`)
    if (migration.checksum !== row.checksum) throw new MigrationError(`migration ${label} was changed after it was run`)
  }
  const latest = rows.at(-1)?.id ?? 0
  const done = new Set(rows.map(({ id }) => id))
  const late = migrations.find(({ id }) => id < latest && !done.has(id))
  if (late) throw new MigrationError(`migration ${late.id} is not applied, but a later one is`)
}

function report(planned: Migration[], { direction, onProgress }: MigrateOptions): MigrationStep[] {
  return planned.map(({ id, name }) => {
    const step: MigrationStep = { id, name, direction, state: 'planned', durationMs: 0 }
    onProgress?.(step)
    return step
  })
}

async function run(client: pg.Client, planned: Migration[], options: MigrateOptions): Promise<MigrationStep[]> {
  const steps: MigrationStep[] = []
  for (const migration of planned) {
    const { id, name } = migration
    const { direction } = options
    options.onProgress?.({ id, name, direction, state: 'started', durationMs: 0 })
    const durationMs = await apply(client, migration, direction)
    if (durationMs === null) continue
    const step: MigrationStep = { id, name, direction, state: 'done', durationMs }
    options.onProgress?.(step)
    steps.push(step)
  }
  return steps
}

/** What holds for all tables, those of later migrations too: the database's own function sees to it. */
async function finish(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ there: boolean }>(
    `SELECT to_regprocedure('app.after_migrations()') IS NOT NULL AS there`,
  )
  if (!rows[0]?.there) return
  await client.query('BEGIN')
  await client.query(`SET LOCAL ROLE ${MIGRATION_ROLE}`)
  await client.query('SELECT app.after_migrations()')
  await client.query('COMMIT')
}

/** @returns how long it took, or null when another process did it in the meantime */
async function apply(client: pg.Client, migration: Migration, direction: 'up' | 'down'): Promise<number | null> {
  const start = performance.now()
  const elapsed = () => performance.now() - start
  try {
    if (migration.transactional) await client.query('BEGIN')
    // The embedded server's connections share one session, where a session's lock keeps nobody out; a transaction does.
    if ((await isApplied(client, migration)) === (direction === 'up')) {
      if (migration.transactional) await client.query('ROLLBACK')
      return null
    }
    await client.query(`SET ${migration.transactional ? 'LOCAL ' : ''}ROLE ${MIGRATION_ROLE}`)
    for (const statement of migration[direction]) await client.query(statement)
    await client.query('RESET ROLE')
    await record(client, migration, direction, elapsed())
    if (migration.transactional) await client.query('COMMIT')
  } catch (error) {
    await client.query(migration.transactional ? 'ROLLBACK' : 'RESET ROLE').catch(() => {})
    const label = `${String(migration.id).padStart(4, '0')}_${migration.name}`
    throw new MigrationError(`migration ${label} failed ${direction}: ${(error as Error).message}`, { cause: error })
  }
  return elapsed()
}

async function isApplied(client: pg.Client, { id }: Migration): Promise<boolean> {
  const { rows } = await client.query('SELECT 1 FROM public.mnemograph_migrations WHERE id = $1', [id])
  return rows.length > 0
}

async function record(client: pg.Client, migration: Migration, direction: 'up' | 'down', durationMs: number) {
  const { id, name, checksum } = migration
  if (direction === 'down') return client.query('DELETE FROM public.mnemograph_migrations WHERE id = $1', [id])
  return client.query(
    'INSERT INTO public.mnemograph_migrations (id, name, checksum, duration_ms) VALUES ($1, $2, $3, $4)',
    [id, name, checksum, durationMs],
  )
}
