import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { silentLog } from '../../lib/log.ts'
import { inProcessBus } from '../../stores/bus/in-process.ts'
import { openPostgresBus } from '../../stores/bus/postgres.ts'
import { openRedisBus } from '../../stores/bus/redis.ts'
import { openRedis } from '../../stores/redis/redis.ts'
import { openTestPostgres, type TestPostgres } from '../kit/postgres.ts'
import { openTestRedis, redisUrl, skipRedis } from '../kit/redis.ts'
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

describe.skipIf(skipRedis)('on Redis (set MNEMOGRAPH_TEST_REDIS_URL)', () => {
  async function openTwo() {
    const system = randomUUID()
    const [one, two] = await Promise.all([openTestRedis(system), openTestRedis(system)])
    const [here, there] = await Promise.all([openRedisBus(one, silentLog()), openRedisBus(two, silentLog())])
    return {
      one,
      here,
      there,
      async close() {
        await here.close()
        await there.close()
        await Promise.all([one.close(), two.close()])
      },
    }
  }

  busContract('Redis', { open: openTwo })

  test('comes back when its connections have broken, wakes who follows the log, and carries on', async () => {
    const { one, here, there, close } = await openTwo()
    const [woken, ended] = [vi.fn(), vi.fn()]
    here.subscribe('events', woken)
    here.subscribe('session-ended', ended)
    // As if the network had failed: the driver connects again by itself.
    for (const connection of one.connections) connection.stream.destroy()
    await vi.waitFor(() => expect(woken).toHaveBeenCalled(), { timeout: 10_000, interval: 5 })
    await vi.waitFor(
      () => {
        there.publish('session-ended', 'm')
        expect(ended).toHaveBeenCalledWith('m')
      },
      { timeout: 10_000, interval: 20 },
    )
    await close()
  })

  test('carries nothing between systems that share a server', async () => {
    const [ours, theirs] = [await openTwo(), await openTwo()]
    const [heard, foreign] = [vi.fn(), vi.fn()]
    ours.there.subscribe('session-ended', heard)
    theirs.there.subscribe('session-ended', foreign)
    ours.here.publish('session-ended', 'm')
    await vi.waitFor(() => expect(heard).toHaveBeenCalledWith('m'), { timeout: 5000, interval: 5 })
    theirs.here.publish('session-ended', 'n')
    await vi.waitFor(() => expect(foreign).toHaveBeenCalledWith('n'), { timeout: 5000, interval: 5 })
    expect(foreign).toHaveBeenCalledTimes(1)
    await ours.close()
    await theirs.close()
  })

  test('is not opened for a user that the server does not know', async () => {
    const { hostname, port } = new URL(redisUrl)
    const opening = openRedis(`redis://nobody:wrong@${hostname}:${port}`, 's', silentLog())
    await expect(opening).rejects.toThrow(/WRONGPASS/)
    await expect(openRedis('redis://127.0.0.1:1', 's', silentLog())).rejects.toThrow('ECONNREFUSED')
  })
})
