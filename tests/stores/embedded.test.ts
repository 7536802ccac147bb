import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DirectoryInUseError, lockDirectory } from '../../stores/postgres/directory-lock.ts'
import { openEmbeddedPostgres } from '../../stores/postgres/embedded.ts'
import { migrationStatus } from '../../stores/postgres/migrate.ts'
import { type EmbeddedServer, openPglite } from '../../stores/postgres/pglite.ts'
import { findTemplate } from '../../stores/postgres/template.ts'

const PROGRAM = fileURLToPath(new URL('./programs/commit-forever.ts', import.meta.url))

let directory: string
let servers: EmbeddedServer[] = []
const clients: pg.Client[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'embedded-'))
})

afterEach(async () => {
  for (const client of clients.splice(0)) await client.end().catch(() => {})
  for (const server of servers.splice(0)) await server.close()
  rmSync(directory, { recursive: true, force: true })
})

async function open(): Promise<EmbeddedServer> {
  const server = await openPglite({ directory, template: findTemplate() })
  servers.push(server)
  return server
}

async function connect(config: pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client(config)
  client.on('error', () => {})
  await client.connect()
  clients.push(client)
  return client
}

/** Runs the program until it has acknowledged some commits, kills it in the middle of the next and tells the last. */
async function commitAndKill(commits: number): Promise<number> {
  const child = spawn(process.execPath, [PROGRAM, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
  let last = 0
  let seen = 0
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line)
    seen += 1
    if (seen === commits) child.kill('SIGKILL')
  }
  if (child.signalCode === null) await once(child, 'exit')
  return last
}

describe('the embedded server', () => {
  test('loses no acknowledged write to kill -9, again and again', async () => {
    for (const commits of [3, 120]) {
      const last = await commitAndKill(commits)
      const server = await open()
      const client = await connect(server.admin)
      const { rows } = await client.query('SELECT count(*)::int AS count, max(n) AS max FROM public.acknowledged')
      // The commit that was under way may have been done but not yet told.
      expect([last, last + 1]).toContain(rows[0].max)
      expect(rows[0].count).toBe(rows[0].max)
      await server.close()
      servers = []
    }
  }, 60_000)

  test('names the process that has its directory open, and takes over from one that died', async () => {
    const child = spawn(process.execPath, [PROGRAM, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    await expect(open()).rejects.toThrow(`data directory ${directory} is in use by process ${child.pid}`)
    child.kill('SIGKILL')
    await once(child, 'exit')
    const client = await connect((await open()).admin)
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  }, 60_000)

  test('is a private socket, and leaves nothing when it kept everything in memory', async () => {
    const server = await openPglite({ directory: ':memory:', template: findTemplate() })
    expect(statSync(server.admin.host).mode & 0o777).toBe(0o700)
    await server.close()
    expect(existsSync(server.admin.host)).toBe(false)
    expect(readdirSync(directory)).toEqual([])
  })

  test('migrates a directory of its own accord', async () => {
    const embedded = await openEmbeddedPostgres({ directory })
    servers.push(embedded.server)
    const states = (await migrationStatus(embedded.server.admin)).map(({ state }) => state)
    expect(new Set(states)).toEqual(new Set(['applied']))
    const client = await connect(embedded.connection)
    expect((await client.query('SELECT session_user AS login')).rows).toEqual([{ login: 'mnemograph' }])
  })
})

describe('connections to the embedded server', () => {
  let server: EmbeddedServer

  beforeAll(async () => {
    server = await openPglite({ directory: ':memory:', template: findTemplate() })
  })
  afterAll(() => server.close())

  test('rolls back for a connection that dies and serves those that waited', async () => {
    const [dying, waiting] = [await connect(server.admin), await connect(server.admin)]
    await dying.query('CREATE TABLE public.kept (n integer)')
    await dying.query('BEGIN')
    await dying.query('INSERT INTO public.kept VALUES (1)')
    const answer = waiting.query('SELECT count(*)::int AS count FROM public.kept')
    ;(dying as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
    expect((await answer).rows).toEqual([{ count: 0 }])
  })

  test('passes nothing but rows from one user to the next', async () => {
    const [one, two] = [await connect(server.admin), await connect(server.as('reader'))]
    await one.query('CREATE ROLE reader LOGIN')
    await one.query(`SET application_name = 'one'; CREATE TEMP TABLE scratch (n integer)`)
    await one.query({ name: 'same', text: 'SELECT 1 AS n' })
    expect((await two.query({ name: 'same', text: 'SELECT 2 AS n' })).rows).toEqual([{ n: 2 }])
    expect((await two.query(`SELECT current_setting('application_name') AS name`)).rows).toEqual([{ name: '' }])
    await expect(two.query('SELECT * FROM scratch')).rejects.toMatchObject({ code: '42P01' })
  })

  test('keeps the named statements of each connection, whoever had the session meanwhile', async () => {
    const [one, two] = [await connect(server.admin), await connect(server.admin)]
    const [first, second] = [
      { name: 'mine', text: 'SELECT 1 AS n' },
      { name: 'mine', text: 'SELECT 2 AS n' },
    ]
    for (let turn = 0; turn < 2; turn++) {
      expect((await one.query(first)).rows).toEqual([{ n: 1 }])
      expect((await two.query(second)).rows).toEqual([{ n: 2 }])
      // The server's own work is done by its superuser, in the same session.
      await server.dump()
      expect((await two.query(second)).rows).toEqual([{ n: 2 }])
    }
  })

  test('prepares a connection’s statements again that only a role of its login may read', async () => {
    const admin = await connect(server.admin)
    await admin.query(`CREATE ROLE shut; CREATE ROLE entrant LOGIN NOINHERIT; GRANT shut TO entrant;
      CREATE SCHEMA inner_room; GRANT USAGE ON SCHEMA inner_room TO shut; CREATE TABLE inner_room.things AS SELECT 1 AS n;
      GRANT SELECT ON inner_room.things TO shut`)
    const one = await connect(server.as('entrant'))
    const read = async () => {
      await one.query('BEGIN; SET LOCAL ROLE shut')
      const { rows } = await one.query({ name: 'things', text: 'SELECT n FROM inner_room.things' })
      await one.query('COMMIT')
      return rows
    }
    for (let turn = 0; turn < 3; turn++) {
      expect(await read()).toEqual([{ n: 1 }])
      await admin.query('SELECT 1')
    }
    await expect(one.query({ name: 'things' } as pg.QueryConfig)).rejects.toMatchObject({ code: '42501' })
  })

  test('forgets the settings of a connection that has ended', async () => {
    const one = await connect(server.admin)
    await one.query(`SET application_name = 'one'`)
    await one.end()
    const two = await connect(server.admin)
    expect((await two.query(`SELECT current_setting('application_name') AS name`)).rows).toEqual([{ name: '' }])
  })

  test('answers a failed flight in order and is ready for the next', async () => {
    const client = await connect({ ...server.admin, pipeline: true } as pg.ClientConfig)
    const flight = await Promise.allSettled([
      client.query('BEGIN'),
      client.query('SELECT 1 / $1::int', [0]),
      client.query('SELECT 1'),
      client.query('COMMIT'),
      client.query('SELECT 2 AS two'),
    ])
    expect(flight.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled', 'fulfilled'])
  })

  test('takes and gives large values', async () => {
    const client = await connect(server.admin)
    const text = 'mnemograph '.repeat(500_000)
    const { rows } = await client.query('SELECT length($1::text) AS length, $1::text AS text', [text])
    expect(rows[0].length).toBe(text.length)
    expect(rows[0].text).toBe(text)
  })

  test('refuses a login that is not there', async () => {
    const client = await connect({ ...server.as('nobody'), pipeline: true } as pg.ClientConfig)
    const flight = await Promise.allSettled([client.query('SELECT 1'), client.query('SELECT 2')])
    expect(flight.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect((flight[0] as PromiseRejectedResult).reason.message).toBe('role "nobody" does not exist')
  })
})

describe('the lock of a data directory', () => {
  test('is held once, and again after it was given back', () => {
    const release = lockDirectory(directory)
    expect(() => lockDirectory(directory)).toThrow(DirectoryInUseError)
    release()
    lockDirectory(directory)()
    expect(readdirSync(directory)).toEqual([])
  })

  test.each([
    ['of a process that is gone', { pid: 2 ** 22 + 1, started: null, token: 'gone' }],
    ['of an earlier process with our number', { pid: process.pid, started: '1', token: 'earlier' }],
    ['that makes no sense', 'rubbish'],
  ])('%s is taken over', (_, content) => {
    writeFileSync(join(directory, 'lock'), typeof content === 'string' ? content : JSON.stringify(content))
    lockDirectory(directory)()
  })
})
