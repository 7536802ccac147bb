import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { silentLog } from '../../lib/log.ts'
import { inProcessBus } from '../../stores/bus/in-process.ts'
import { openPostgresBus } from '../../stores/bus/postgres.ts'
import { openTestPostgres, type TestPostgres } from '../kit/postgres.ts'
import { busContract } from './bus.ts'

busContract('in process', {
  async open() {
    const bus = inProcessBus()
    return { here: bus, there: bus, close: () => bus.close() }
  },
})

const required = process.env.MNEMOGRAPH_REQUIRE_STORES === '1'
const skip = !process.env.MNEMOGRAPH_TEST_POSTGRES_URL && !required

describe.skipIf(skip)('on PostgreSQL 18 (set MNEMOGRAPH_TEST_POSTGRES_URL)', () => {
  let database: TestPostgres
  beforeAll(async () => {
    database = await openTestPostgres('PostgreSQL 18', { migrations: 'none' })
  })
  afterAll(() => database.close())
  const open = () => openPostgresBus(database.admin, silentLog())

  busContract('PostgreSQL', {
    async open() {
      const [here, there] = await Promise.all([open(), open()])
      return {
        here,
        there,
        async close() {
          await here.close()
          await there.close()
        },
      }
    },
  })

  test('comes back when its connection has broken, wakes who follows the log, and carries on', async () => {
    const [here, there] = await Promise.all([open(), open()])
    const [woken, ended] = [vi.fn(), vi.fn()]
    here.subscribe('events', woken)
    here.subscribe('session-ended', ended)
    const broken = await database.sql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'",
    )
    expect(broken).toHaveLength(2)
    there.publish('session-ended', 'told when it is back')
    await vi.waitFor(() => expect(woken).toHaveBeenCalled(), { timeout: 10_000, interval: 5 })
    await vi.waitFor(
      () => {
        there.publish('session-ended', 'm')
        expect(ended).toHaveBeenCalledWith('m')
      },
      { timeout: 10_000, interval: 20 },
    )
    await here.close()
    await there.close()
  })

  test('ignores what is not of its making', async () => {
    const bus = await open()
    const listener = vi.fn()
    for (const topic of ['events', 'session-ended'] as const) bus.subscribe(topic, listener)
    for (const payload of ['', 'x', '{}', 'null', '[]', '["__proto__",""]', '["events",1]']) {
      await database.sql("SELECT pg_notify('mnemograph', $1)", [payload])
    }
    await database.sql(`SELECT pg_notify('mnemograph', '["events","last"]')`)
    await vi.waitFor(() => expect(listener).toHaveBeenCalledWith('last'), { timeout: 5000, interval: 5 })
    expect(listener).toHaveBeenCalledTimes(1)
    await bus.close()
  })

  test('says why it cannot be opened', async () => {
    await expect(openPostgresBus({ ...database.admin, port: 1 }, silentLog())).rejects.toThrow('ECONNREFUSED')
  })
})
