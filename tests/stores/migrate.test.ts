import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { migrate, migrationStatus } from '../../stores/postgres/migrate.ts'
import { readMigrations } from '../../stores/postgres/migrations.ts'
import { describeEachPostgres, type TestPostgres } from '../kit/postgres.ts'

describeEachPostgres(
  'migrations',
  (world) => {
    let directory: string

    beforeEach(async () => {
      await world().sql('GRANT CREATE ON SCHEMA public TO mnemograph_migration')
      directory = mkdtempSync(join(tmpdir(), 'migrations-'))
      write('0001_shelves', 'CREATE TABLE shelves (id integer PRIMARY KEY)', 'DROP TABLE shelves')
      write('0002_books', 'CREATE TABLE books (id integer); INSERT INTO books VALUES (1)', 'DROP TABLE books')
    })

    afterEach(async () => {
      rmSync(directory, { recursive: true })
      await world().sql('DROP TABLE IF EXISTS public.mnemograph_migrations, shelves, books')
    })

    function write(folder: string, up: string, down: string): void {
      mkdirSync(join(directory, folder), { recursive: true })
      writeFileSync(join(directory, folder, 'up.sql'), up)
      writeFileSync(join(directory, folder, 'down.sql'), down)
    }
    const up = (options = {}) => migrate(world().admin, { direction: 'up', directory, ...options })
    const down = (options = {}) => migrate(world().admin, { direction: 'down', directory, ...options })
    const states = async () => (await migrationStatus(world().admin, directory)).map(({ state }) => state)
    const tables = async () =>
      (
        await world().sql<{ name: string }>(
          `SELECT relname AS name FROM pg_class WHERE relname IN ('shelves', 'books') ORDER BY 1`,
        )
      ).map(({ name }) => name)

    test('go up, tell their state, and go up no further', async () => {
      expect(await states()).toEqual(['pending', 'pending'])
      const steps: string[] = []
      await up({ onProgress: (step: { id: number; state: string }) => steps.push(`${step.id} ${step.state}`) })
      expect(steps).toEqual(['1 started', '1 done', '2 started', '2 done'])
      expect(await tables()).toEqual(['books', 'shelves'])
      expect(await states()).toEqual(['applied', 'applied'])
      expect(await up()).toEqual([])
    })

    test('go down one step by default, or to a number, and up to a number', async () => {
      await up()
      await down()
      expect(await tables()).toEqual(['shelves'])
      await up()
      await down({ to: 0 })
      expect(await tables()).toEqual([])
      await up({ to: 1 })
      expect(await states()).toEqual(['applied', 'pending'])
    })

    test('change nothing in a dry run', async () => {
      const planned = await up({ dryRun: true })
      expect(planned.map(({ name, state }) => `${name} ${state}`)).toEqual(['shelves planned', 'books planned'])
      expect(await states()).toEqual(['pending', 'pending'])
    })

    test('undo the one that fails, keep those before it, and say which', async () => {
      write('0002_books', 'CREATE TABLE books (id integer); SELECT 1 / 0', 'SELECT 1')
      await expect(up()).rejects.toThrow(/0002_books failed up: division by zero/)
      expect(await tables()).toEqual(['shelves'])
      expect(await states()).toEqual(['applied', 'pending'])
    })

    test('refuse a text that was changed after it was run', async () => {
      await up()
      write('0002_books', 'CREATE TABLE books (id bigint)', 'DROP TABLE books')
      expect(await states()).toEqual(['applied', 'changed'])
      await expect(up()).rejects.toThrow('0002_books was changed after it was run')
    })

    test('refuse a database that a newer program migrated', async () => {
      await up()
      rmSync(join(directory, '0002_books'), { recursive: true })
      expect(await states()).toEqual(['applied', 'unknown'])
      await expect(up()).rejects.toThrow('which this program does not know')
    })

    test('refuse one that was slipped in before those already run', async () => {
      write('0004_pens', 'SELECT 1', 'SELECT 1')
      await up()
      write('0003_ink', 'SELECT 1', 'SELECT 1')
      await expect(up()).rejects.toThrow('migration 3 is not applied, but a later one is')
    })

    test('run without a transaction where the text asks for it', async () => {
      const index = 'CREATE INDEX CONCURRENTLY shelves_index ON shelves (id)'
      const analyse = 'CREATE INDEX CONCURRENTLY shelves_other ON shelves (id)'
      write(
        '0003_index',
        `-- no transaction\n${index};\n-- statement\n${analyse};`,
        'DROP INDEX shelves_index, shelves_other',
      )
      await up()
      const found = await world().sql(`SELECT indexname FROM pg_indexes WHERE tablename = 'shelves' ORDER BY 1`)
      expect(found).toEqual(['shelves_index', 'shelves_other', 'shelves_pkey'].map((indexname) => ({ indexname })))
    })

    test('run once when two start at the same time', async () => {
      const steps = await Promise.all([up(), up()])
      expect(steps.flat().map(({ id }) => id)).toEqual([1, 2])
    })
  },
  { migrations: 'none' },
)

describeEachPostgres('the project’s migrations', (world: () => TestPostgres) => {
  test('can be undone to nothing and done again', async () => {
    const count = readMigrations().length
    const undone = await migrate(world().admin, { direction: 'down', to: 0 })
    expect(undone).toHaveLength(count)
    const left = await world().sql(
      `SELECT nspname FROM pg_namespace
         WHERE nspname NOT LIKE 'pg\\_%' AND nspname NOT IN ('information_schema', 'public')`,
    )
    expect(left).toEqual([])
    expect(await migrate(world().admin, { direction: 'up' })).toHaveLength(count)
  })

  test('make what the migration role owns, as which nobody signs in and no request runs', async () => {
    const owners = await world().sql(
      `SELECT DISTINCT pg_get_userbyid(owner) AS name FROM (
           SELECT nspowner AS owner, oid AS space FROM pg_namespace
           UNION SELECT relowner, relnamespace FROM pg_class UNION SELECT proowner, pronamespace FROM pg_proc
         ) AS objects JOIN pg_namespace ON pg_namespace.oid = space
         WHERE nspname NOT LIKE 'pg\\_%' AND nspname NOT IN ('information_schema', 'public') ORDER BY 1`,
    )
    expect(owners.map(({ name }) => name)).toEqual(['mnemograph_definer', 'mnemograph_migration'])
    const [role] = await world().sql(
      `SELECT rolsuper, rolbypassrls, rolcanlogin, rolcreaterole FROM pg_roles WHERE rolname = 'mnemograph_migration'`,
    )
    expect(role).toEqual({ rolsuper: false, rolbypassrls: false, rolcanlogin: false, rolcreaterole: false })
    const [login] = await world().sql(
      `SELECT pg_has_role('mnemograph', 'mnemograph_migration', 'MEMBER') AS may,
                pg_has_role('mnemograph', 'mnemograph_memory', 'MEMBER') AS serves`,
    )
    expect(login).toEqual({ may: false, serves: true })
  })
})

describeEachPostgres(
  'the project’s migrations by an administrator who is no superuser',
  (world: () => TestPostgres) => {
    const name = `manager_${process.pid}`

    /** Roles are the cluster's, and other suites prepare theirs under this lock. */
    async function onCluster(...statements: string[]): Promise<void> {
      const client = new pg.Client({ ...world().admin, database: 'postgres' })
      await client.connect()
      await client.query('SELECT pg_advisory_lock(1)')
      for (const statement of statements) await client.query(statement)
      await client.end()
    }

    test('run, as on a managed server', async () => {
      await onCluster(
        `CREATE ROLE ${name} LOGIN PASSWORD 'test' CREATEROLE NOSUPERUSER`,
        `ALTER DATABASE ${world().admin.database} OWNER TO ${name}`,
        `DO $$ BEGIN EXECUTE (SELECT format('GRANT %s TO ${name} WITH ADMIN OPTION', string_agg(rolname, ', '))
           FROM pg_roles WHERE rolname LIKE 'mnemograph\\_%'); END $$`,
      )
      // Managed servers let their customers make it.
      await world().sql('CREATE EXTENSION vector')
      const manager = { ...world().admin, user: name, password: 'test' }
      expect(await migrate(manager, { direction: 'up' })).toHaveLength(readMigrations().length)
      await world().sql(`REASSIGN OWNED BY ${name} TO postgres; DROP OWNED BY ${name}`)
      await onCluster(`DROP ROLE ${name}`)
    })
  },
  { backends: ['PostgreSQL 18'], migrations: 'none' },
)

describe('migration folders', () => {
  test('must be named, numbered once and complete', () => {
    const directory = mkdtempSync(join(tmpdir(), 'migrations-'))
    const add = (folder: string, ...files: string[]) => {
      mkdirSync(join(directory, folder))
      for (const file of files) writeFileSync(join(directory, folder, file), 'SELECT 1')
    }
    add('0001_first', 'up.sql', 'down.sql')
    add('0001_again', 'up.sql', 'down.sql')
    expect(() => readMigrations(directory)).toThrow('two migrations have the number 1')
    rmSync(join(directory, '0001_again'), { recursive: true })
    add('2_second', 'up.sql', 'down.sql')
    expect(() => readMigrations(directory)).toThrow('2_second is not named')
    rmSync(join(directory, '2_second'), { recursive: true })
    add('0002_second', 'up.sql')
    expect(() => readMigrations(directory)).toThrow(/down\.sql is missing/)
    rmSync(directory, { recursive: true })
  })
})
