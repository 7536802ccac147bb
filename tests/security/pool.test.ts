import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { beforeAll, describe, expect, test } from 'vitest'
import { SecurityContextPool } from '../../stores/postgres/pool.ts'
import type { Postgres } from '../../stores/postgres/postgres.ts'
import {
  DeadlineExceededError,
  MissingSecurityContextError,
  NestedTransactionError,
  type SecurityContext,
  TransactionEndedError,
} from '../../stores/postgres/security.ts'
import { contextOf } from '../kit/contexts.ts'
import { describeEachPostgres } from '../kit/postgres.ts'

const NOTES = `
  CREATE TABLE notes (id uuid PRIMARY KEY, owner_id uuid NOT NULL, body text NOT NULL);
  ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
  ALTER TABLE notes FORCE ROW LEVEL SECURITY;
  GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO mnemograph_memory;
  CREATE POLICY own ON notes
    USING (owner_id = nullif(current_setting('mnemograph.user_id', true), '')::uuid)
    WITH CHECK (owner_id = nullif(current_setting('mnemograph.user_id', true), '')::uuid)`

const shapes = (columns: string, values: string) =>
  `CREATE FUNCTION shapes() RETURNS TABLE (${columns}) LANGUAGE sql AS 'SELECT ${values}'`
const ADD = 'INSERT INTO notes VALUES ($1, $2, $3)'
const BODIES = 'SELECT body FROM notes ORDER BY body'

describeEachPostgres(
  'the security-context pool',
  (world) => {
    let store: Postgres
    let admin: (text: string, values?: unknown[]) => Promise<Record<string, unknown>[]>

    beforeAll(async () => {
      store = world().open()
      admin = world().sql
      await admin(NOTES)
    })

    const add = (security: SecurityContext, body: string, owner = security.userId) =>
      store.write(security, (tx) => tx.query(ADD, [randomUUID(), owner, body]))
    const bodies = async (security: SecurityContext) =>
      (await store.read(security, (db) => db.query<{ body: string }>(BODIES))).map(({ body }) => body)
    test('runs as the room’s role, which owns nothing and is above no policy', async () => {
      const role = await store.read(contextOf(), (db) =>
        db.query(`SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb,
                  EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid) AS owns
                  FROM pg_roles WHERE rolname = current_user`),
      )
      expect(role).toEqual([
        {
          rolname: 'mnemograph_memory',
          rolsuper: false,
          rolbypassrls: false,
          rolcreaterole: false,
          rolcreatedb: false,
          owns: false,
        },
      ])
    })

    test('gives the bare login nothing: it inherits no role', async () => {
      const [login] = await admin(`SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = 'mnemograph'`)
      expect(login).toEqual({ rolsuper: false, rolbypassrls: false })
      const client = new pg.Client(world().connection)
      await client.connect()
      await expect(client.query(BODIES)).rejects.toMatchObject({ code: '42501' })
      await client.end()
    })

    test('keeps twenty interleaved users apart', async () => {
      const users = Array.from({ length: 20 }, () => contextOf())
      await Promise.all(users.map((user, index) => add(user, `note of ${index}`)))
      const seen = await Promise.all(
        users.flatMap((user, index) => Array.from({ length: 5 }, async () => [index, await bodies(user)] as const)),
      )
      for (const [index, notes] of seen) expect(notes).toEqual([`note of ${index}`])
    })

    test('refuses a write for another owner and leaves nothing of its transaction', async () => {
      const user = contextOf()
      const stranger = contextOf()
      const attempt = store.write(user, async (tx) => {
        await tx.query(ADD, [randomUUID(), user.userId, 'mine'])
        await tx.query(ADD, [randomUUID(), stranger.userId, 'not mine'])
      })
      await expect(attempt).rejects.toMatchObject({ code: '42501' })
      expect(await bodies(user)).toEqual([])
      expect(await bodies(stranger)).toEqual([])
    })

    test('refuses writing in a read', async () => {
      const user = contextOf()
      const attempt = store.read(user, (db) => db.query(ADD, [randomUUID(), user.userId, 'sneaked in']))
      await expect(attempt).rejects.toMatchObject({ code: '25006' })
    })

    test('refuses a statement without a context', async () => {
      const pool = new SecurityContextPool(world().connection)
      await expect(pool.query('SELECT 1')).rejects.toThrow(MissingSecurityContextError)
      await expect(pool.connect()).rejects.toThrow(MissingSecurityContextError)
      await pool.end()
    })

    test('refuses a role that is not on the list', async () => {
      const odd = contextOf({ role: 'postgres' as never })
      await expect(store.read(odd, (db) => db.query('SELECT 1'))).rejects.toThrow('unknown service role')
    })

    test('leaves the connection clean after a failed statement, a failed commit and a thrown error', async () => {
      const user = contextOf()
      await expect(store.read(user, (db) => db.query('SELECT 1 / 0'))).rejects.toMatchObject({ code: '22012' })
      const thrown = store.write(user, async (tx) => {
        await tx.query(ADD, [randomUUID(), user.userId, 'thrown away'])
        throw new Error('changed my mind')
      })
      await expect(thrown).rejects.toThrow('changed my mind')
      const swallowed = store.write(user, async (tx) => {
        await tx.query(ADD, [randomUUID(), user.userId, 'thrown away'])
        await tx.query('SELECT 1 / 0').catch(() => {})
      })
      await expect(swallowed).rejects.toThrow('rolled back')
      expect(await bodies(user)).toEqual([])
      const [{ user: left, role }] = (await store.read(contextOf({ userId: null }), (db) =>
        db.query(`SELECT current_setting('mnemograph.user_id') AS user, current_user AS role`),
      )) as [{ user: string; role: string }]
      expect({ left, role }).toEqual({ left: '', role: 'mnemograph_memory' })
    })

    test('refuses a unit of work inside a transaction instead of waiting for its own connection', async () => {
      const user = contextOf()
      await store.write(user, async () => {
        await expect(store.write(user, async () => {})).rejects.toThrow(NestedTransactionError)
        await expect(store.read(user, async () => {})).rejects.toThrow(NestedTransactionError)
      })
    })

    test('refuses a statement of a transaction that has ended', async () => {
      const user = contextOf()
      const { promise: ended, resolve } = Promise.withResolvers<void>()
      let late: Promise<unknown> = Promise.resolve()
      await store.write(user, async (tx) => {
        late = ended.then(() => tx.query(ADD, [randomUUID(), user.userId, 'too late']))
      })
      resolve()
      await expect(late).rejects.toThrow(TransactionEndedError)
      expect(await bodies(user)).toEqual([])
    })

    test('commits in one flight with what it ends with, and nothing when some of that fails', async () => {
      const user = contextOf()
      const values = (body: string) => [randomUUID(), user.userId, body]
      await store.write(user, async (tx) => tx.closeWith(tx.query(ADD, values('kept'))))
      const failing = store.write(user, async (tx) => {
        tx.closeWith(tx.query(ADD, values('lost')))
        tx.closeWith(tx.query('SELECT 1 / 0'))
        tx.closeWith(tx.query(ADD, values('lost, too')))
      })
      await expect(failing).rejects.toMatchObject({ code: '22012' })
      await add(user, 'after')
      expect(await bodies(user)).toEqual(['after', 'kept'])
    })

    test('locks aggregates before the first write only', async () => {
      const user = contextOf()
      await store.write(user, async (tx) => {
        await tx.lock('session:b', 'session:a')
        await tx.query(ADD, [randomUUID(), user.userId, 'after the lock'])
      })
      const late = store.write(user, async (tx) => {
        await tx.query(ADD, [randomUUID(), user.userId, 'before the lock'])
        await tx.lock('session:a')
      })
      await expect(late).rejects.toThrow('before the first write')
      expect(await bodies(user)).toEqual(['after the lock'])
    })

    test('counts the statements of a room and not its own', async () => {
      const texts: string[] = []
      const counted = world().open({ onStatement: ({ text }) => texts.push(text) })
      const user = contextOf()
      await counted.read(user, (db) => db.query('SELECT 1'))
      await counted.write(user, (tx) => tx.query(ADD, [randomUUID(), user.userId, 'counted']))
      expect(texts).toEqual(['SELECT 1', ADD])
    })

    describe('when time is up', () => {
      const SLOW = 'SELECT count(*) FROM generate_series(1, 3000000)'

      test('sends nothing after the deadline', async () => {
        const late = contextOf({ deadline: Date.now() - 1 })
        await expect(store.read(late, (db) => db.query('SELECT 1'))).rejects.toThrow(DeadlineExceededError)
        await expect(store.write(late, async () => {})).rejects.toThrow(DeadlineExceededError)
      })

      test('tells the caller at the deadline, rolls back and serves the next', async () => {
        const user = contextOf()
        const late = store.write({ ...user, deadline: Date.now() + 40 }, async (tx) => {
          await tx.query(ADD, [randomUUID(), user.userId, 'never'])
          await tx.query(SLOW)
        })
        await expect(late).rejects.toThrow(DeadlineExceededError)
        expect(await bodies(user)).toEqual([])
      })

      test('tells the caller of an abort with its reason and serves the next', async () => {
        const user = contextOf()
        const abort = new AbortController()
        const running = store.read({ ...user, signal: abort.signal }, (db) => db.query(SLOW))
        setImmediate(() => abort.abort(new Error('the client went away')))
        await expect(running).rejects.toThrow('the client went away')
        expect(await bodies(user)).toEqual([])
      })

      test('answers a statement that it has prepared when a migration has changed what comes of it', async () => {
        await admin(shapes('a integer', '1'))
        const single = world().open({ max: 1 })
        const read = () => single.read(contextOf(), (db) => db.query('SELECT * FROM shapes()'))
        for (let time = 0; time < 3; time++) expect(await read()).toEqual([{ a: 1 }])
        await admin(`DROP FUNCTION shapes; ${shapes('a integer, b integer', '1, 2')}`)
        expect(await read()).toEqual([{ a: 1, b: 2 }])
        const write = () => single.write(contextOf(), (tx) => tx.query('SELECT * FROM shapes()'))
        for (let time = 0; time < 3; time++) expect(await write()).toEqual([{ a: 1, b: 2 }])
        await admin(`DROP FUNCTION shapes; ${shapes('a integer', '1')}`)
        // What a transaction has begun cannot be sent again; the next one has a connection that has prepared nothing.
        await write().catch(() => {})
        expect(await write()).toEqual([{ a: 1 }])
        await admin('DROP FUNCTION shapes')
      })

      test('gives a waiter that was aborted no connection, and the next one its turn', async () => {
        const single = world().open({ max: 1 })
        const user = contextOf()
        const abort = new AbortController()
        const outside = AsyncLocalStorage.snapshot()
        await single.write(user, async (tx) => {
          const waiting = outside(() => single.read({ ...user, signal: abort.signal }, (db) => db.query('SELECT 1')))
          abort.abort(new Error('no longer wanted'))
          await expect(waiting).rejects.toThrow('no longer wanted')
          await tx.query('SELECT 1')
        })
        expect(await single.read(user, (db) => db.query('SELECT 1 AS one'))).toEqual([{ one: 1 }])
      })
    })
  },
  { migrations: 'none' },
)
