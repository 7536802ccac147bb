import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { expect, vi } from 'vitest'
import { openOwnerConnection } from '../../stores/open.ts'
import { openTestPostgres, urlOf } from '../kit/postgres.ts'
import { type Running, startCommand } from '../kit/process.ts'

/** Moments of a sync at which the database can be made to wait. */
export type Moment = 'as it begins' | 'among what it adds' | 'among what it revises' | 'as it completes'

/** A server with its data, as an operator runs it, whose syncs can be made to wait at a moment. */
export interface World extends AsyncDisposable {
  /** The running server's endpoint. */
  url(): string
  /** From now on a sync waits when it gets there. */
  waitAt(moment: Moment): Promise<void>
  /** Waits until a sync waits, and ends the server by kill -9. */
  kill(then?: Transaction): Promise<void>
  /** Starts the server again, at once or as if it had been away for a minute; syncs then wait there, or nowhere. */
  startAgain(when: 'at once' | 'a minute later', moment?: Moment): Promise<void>
}

/** What becomes of an open transaction of a server that was killed, where the database is a process of its own. */
export type Transaction = 'goes on' | 'is lost'

interface Backend {
  readonly env: Record<string, string>
  /** What a function does to wait until `release`, or for good. */
  readonly pause: string
  /** Runs SQL as the owner, while the server does nothing. */
  sql(text: string): Promise<unknown>
  /** Whether somebody waits. */
  waits(): Promise<boolean>
  /** Nobody waits any more, when the server is gone. */
  release(then: Transaction): Promise<void>
  close(): Promise<void>
}

const shown = { timeout: 60_000, interval: 50 }

export async function openWorld(on: 'PostgreSQL 18' | 'a data directory'): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'sync-'))
  const backend = on === 'PostgreSQL 18' ? await openServer() : openDirectory(folder)
  const start = () => startCommand(['start', '--port', '0', '--data', folder], backend.env)
  let server: Running = await start()
  await backend.sql(moments(backend.pause))
  return {
    url: () => server.url,
    async waitAt(moment) {
      await backend.sql(waitAt(moment))
    },
    async kill(then = 'goes on') {
      await vi.waitFor(async () => expect(await backend.waits()).toBe(true), shown)
      await server.end('SIGKILL')
      await backend.release(then)
    },
    async startAgain(when, moment) {
      await backend.sql(`${waitAt(moment)}; ${when === 'at once' ? '' : aMinuteLater}`)
      server = await start()
    },
    async [Symbol.asyncDispose]() {
      await server.end('SIGTERM')
      await backend.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A database whose transactions go on when the server is gone: what was on its way to be committed is. */
async function openServer(): Promise<Backend> {
  const database = await openTestPostgres('PostgreSQL 18')
  const key = 4711
  const gate = new pg.Client(database.admin)
  await gate.connect()
  const close = () => gate.query('SELECT pg_advisory_lock($1)', [key])
  const open = () => gate.query('SELECT pg_advisory_unlock($1)', [key])
  await close()
  const waiting = `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = ${key} AND NOT granted`
  return {
    env: { MNEMOGRAPH_DATABASE_URL: urlOf(database.admin) },
    pause: `PERFORM pg_advisory_xact_lock_shared(${key});`,
    sql: (text) => database.sql(text),
    waits: async () => (await database.sql(waiting)).length > 0,
    async release(then) {
      if (then === 'is lost') await database.sql(`SELECT pg_terminate_backend(pid) FROM (${waiting}) AS waiting`)
      await open()
      await vi.waitFor(async () => expect(await database.sql(otherConnections)).toEqual([]), shown)
      await close()
    },
    async close() {
      await gate.end()
      await database.close()
    },
  }
}

const otherConnections = `SELECT query FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'
  AND pid <> pg_backend_pid() AND backend_type = 'client backend'`

/** A database within the server's process, which ends with it. Whoever waits says so by a file beside its tables. */
function openDirectory(folder: string): Backend {
  const note = 'somebody-waits'
  const file = join(folder, 'postgres', note)
  return {
    env: {},
    pause: `EXECUTE format('COPY (SELECT 1) TO %L', current_setting('data_directory') || '/${note}');
      LOOP PERFORM 1; END LOOP;`,
    async sql(text) {
      const owner = await openOwnerConnection({ data: folder, databaseUrl: undefined, mayRun: true })
      const client = new pg.Client(owner.connection)
      await client.connect()
      try {
        await client.query(text)
      } finally {
        await client.end()
        await owner.close()
      }
    },
    waits: async () => existsSync(file),
    release: async () => rmSync(file),
    close: async () => {},
  }
}

const waitAt = (moment?: Moment) => `UPDATE public.waiting SET moment = ${moment ? `'${moment}'` : 'NULL'}`

/** What is left open, and leases that nobody gave back, are a minute older. */
const aMinuteLater = `
  UPDATE memory.memory_syncs
    SET created_at = created_at - interval '1 minute', started_at = started_at - interval '1 minute'
    WHERE status IN ('PENDING', 'IN_PROGRESS');
  UPDATE app.leases SET held_until = held_until - interval '1 minute'`

/** Fires for one row of many, or when all is written and only the commit is left. */
const moments = (pause: string) => `
  CREATE TABLE public.waiting (moment text);
  INSERT INTO public.waiting VALUES (NULL);
  CREATE FUNCTION public.wait() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
  BEGIN
    IF TG_ARGV[0] = (SELECT moment FROM public.waiting) THEN ${pause} END IF;
    RETURN NULL;
  END $$;
  CREATE CONSTRAINT TRIGGER wait_beginning AFTER INSERT ON events.log DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.kind = 'SYNC_IN_PROGRESS') EXECUTE FUNCTION public.wait('as it begins');
  CREATE CONSTRAINT TRIGGER wait_completing AFTER INSERT ON events.log DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.kind = 'SYNC_COMPLETED') EXECUTE FUNCTION public.wait('as it completes');
  CREATE TRIGGER wait_adding AFTER INSERT ON memory.memories FOR EACH ROW
    WHEN (NEW.position = 150) EXECUTE FUNCTION public.wait('among what it adds');
  CREATE TRIGGER wait_revising AFTER INSERT ON memory.revisions FOR EACH ROW
    WHEN (NEW.version = 2 AND NEW.content LIKE 'Ferry 150 %') EXECUTE FUNCTION public.wait('among what it revises');`
