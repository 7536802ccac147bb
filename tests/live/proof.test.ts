import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadConfig } from '../../gateway/config.ts'
import { openServer } from '../../gateway/server.ts'
import { silentLog } from '../../lib/log.ts'
import { openTestPostgres, type TestPostgres, urlOf } from '../kit/postgres.ts'
import { startCommand } from '../kit/process.ts'
import { faultsOf } from './proof.ts'

const skip = !process.env.MNEMOGRAPH_TEST_POSTGRES_URL && process.env.MNEMOGRAPH_REQUIRE_STORES !== '1'
const title = 'what eight writers commit in any order, on PostgreSQL 18 (set MNEMOGRAPH_TEST_POSTGRES_URL)'

describe.skipIf(skip)(title, { timeout: 120_000 }, () => {
  let folder: string
  let database: TestPostgres
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'proof-'))
    database = await openTestPostgres('PostgreSQL 18')
  })
  afterEach(async () => {
    await database.close()
    rmSync(folder, { recursive: true })
  })

  test('five subscribers who come and go see once each and in one order, through a kill -9 of the server', async () => {
    const start = () =>
      startCommand(['start', '--port', '0', '--data', folder], { MNEMOGRAPH_DATABASE_URL: urlOf(database.admin) })
    let server = await start()
    const faults = await faultsOf(
      {
        url: () => server.url,
        async restart() {
          await server.end('SIGKILL')
          server = await start()
        },
      },
      database,
      { each: 24, patience: 60_000 },
    )
    await server.end('SIGTERM')
    expect(faults).toEqual([])
  })

  /** How a log could be read wrongly; the rest of the product stays as it is. */
  const wrong: Record<string, Partial<Reading>> = {
    'by sequence alone': { after: 'log.seq > after_seq', settled: 'true', order: 'log.seq' },
    'below the horizon, but by sequence': { after: 'log.seq > after_seq', order: 'log.seq' },
    'in its order, but before it is settled': { settled: 'true' },
    'from the cursor on, with the event at the cursor': { after: '(log.xid, log.seq) >= (after_xid, after_seq)' },
    'from now on, without what was missed': { after: 'false' },
  }

  test.each(Object.keys(wrong))('would be seen wrongly if the log were read %s', async (fault) => {
    // Whoever has caught up when the server ends has nothing to be told wrongly: then it is tried again.
    let faults: string[] = []
    for (let attempt = 0; attempt < 5 && faults.length === 0; attempt++) {
      const another = await openTestPostgres('PostgreSQL 18')
      faults = await faultsWith(another, wrong[fault] ?? {}).finally(() => another.close())
    }
    expect(faults).not.toEqual([])
  })

  async function faultsWith(database: TestPostgres, reading: Partial<Reading>): Promise<string[]> {
    await readWrongly(database, reading)
    const env = {
      MNEMOGRAPH_DATA: folder,
      MNEMOGRAPH_PORT: '0',
      MNEMOGRAPH_SHUTDOWN_GRACE_MS: '0',
      MNEMOGRAPH_DATABASE_URL: urlOf(database.admin),
    }
    const { config } = loadConfig({ env, cwd: '/nowhere' })
    const start = () => openServer({ config, log: silentLog(), listen: true })
    let server = await start()
    const faults = await faultsOf(
      {
        url: () => `${server.url}/graphql`,
        async restart() {
          await server.close()
          server = await start()
        },
      },
      database,
      // What is lost never comes, however long one waits.
      { each: 12, patience: 2500 },
    )
    await server.close()
    return faults
  }
})

interface Reading {
  readonly after: string
  readonly settled: string
  readonly order: string
}

/** Reads the log for subscribers in another way than the migration says. */
async function readWrongly(database: TestPostgres, given: Partial<Reading>): Promise<void> {
  const right: Reading = {
    after: '(log.xid, log.seq) > (after_xid, after_seq)',
    settled: 'log.xid < pg_snapshot_xmin(pg_current_snapshot())',
    order: 'log.xid, log.seq',
  }
  const { after, settled, order } = { ...right, ...given }
  const mine = '(log.audience_before && app.current_principals() OR log.audience_after && app.current_principals())'
  for (const [name, more] of [
    ['read', 'true'],
    ['read_visible', mine],
  ]) {
    // What the head has passed is not read again by the one reader of all: there only the replay can be wrong.
    const condition = name === 'read' && given.settled === undefined && given.order === undefined ? right.after : after
    await database.sql(`
      CREATE OR REPLACE FUNCTION events.${name}(after_xid xid8, after_seq bigint, most integer) RETURNS SETOF events.log
      LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
      BEGIN ATOMIC
        SELECT * FROM events.log WHERE ${condition} AND ${settled} AND ${more} ORDER BY ${order} LIMIT most;
      END`)
  }
}
