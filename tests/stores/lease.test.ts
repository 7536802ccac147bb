import { randomUUID } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { silentLog } from '../../lib/log.ts'
import { inProcessBus } from '../../stores/bus/in-process.ts'
import { openLeases } from '../../stores/lease.ts'
import { appendEvents, openEventLog } from '../../stores/log/log.ts'
import { openPostgres } from '../../stores/postgres/postgres.ts'
import { type Projector, runProjectors } from '../../stores/projector.ts'
import { contextOf } from '../kit/contexts.ts'
import { describeEachPostgres } from '../kit/postgres.ts'

const soon = { timeout: 10_000, interval: 10 }

vi.setConfig({ testTimeout: 150_000 })

describeEachPostgres('a lease', (world) => {
  test('has one holder, until it is given back', async () => {
    const leases = openLeases(world().open())
    const asked = await Promise.all(Array.from({ length: 5 }, () => leases.acquire('one')))
    const held = asked.filter((lease) => lease !== null)
    expect(held).toHaveLength(1)
    expect(await leases.acquire('another')).not.toBeNull()
    await held[0]?.release()
    expect(await leases.acquire('one')).not.toBeNull()
  })

  test('stays with a holder that goes on', async () => {
    const leases = openLeases(world().open(), { leaseMs: 6000 })
    const lease = await leases.acquire('renewed')
    const [{ until } = { until: new Date(0) }] = await world().sql<{ until: Date }>(
      "SELECT held_until AS until FROM app.leases WHERE name = 'renewed'",
    )
    const later = "SELECT held_until AS until FROM app.leases WHERE name = 'renewed' AND held_until > $1"
    await vi.waitFor(async () => expect(await world().sql(later, [until])).toHaveLength(1), soon)
    expect(lease?.lost.aborted).toBe(false)
    await lease?.release()
  })

  test('of a holder that is gone falls to the next, and the holder that comes back hears of it', async () => {
    const leases = openLeases(world().open(), { leaseMs: 900 })
    const lease = await leases.acquire('lost')
    // As if the holder had not been heard of for too long.
    await world().sql("UPDATE app.leases SET holder = gen_random_uuid() WHERE name = 'lost'")
    await vi.waitFor(() => expect(lease?.lost.aborted).toBe(true), soon)
    await lease?.release()
    await vi.waitFor(async () => expect(await leases.acquire('lost')).not.toBeNull(), soon)
  })

  test('ends by itself when the database is away', async () => {
    const postgres = openPostgres(world().connection)
    const lease = await openLeases(postgres, { leaseMs: 600 }).acquire('away')
    await postgres.close()
    await vi.waitFor(() => expect(lease?.lost.aborted).toBe(true), soon)
  })
})

describeEachPostgres('a projector in two processes', (world) => {
  /** One of two processes over the same database; it takes down what it is given. */
  async function openProcess(name: string) {
    const postgres = world().open()
    const log = openEventLog(postgres)
    const bus = inProcessBus()
    const taken: string[] = []
    let cleared = 0
    const projector: Projector = {
      name,
      wants: () => true,
      apply: async (events) => void taken.push(...events.map(({ id }) => id)),
      async clear() {
        cleared += 1
      },
    }
    const leases = openLeases(postgres, { leaseMs: 6000 })
    const projectors = await runProjectors({ postgres, log, bus, leases }, [projector], silentLog())
    const write = async () => {
      const id = randomUUID()
      const [place] = await postgres.write(contextOf({ role: 'memory' }), (tx) =>
        appendEvents(tx, [{ kind: 'CREATED', type: 'T', id }]),
      )
      // Any open transaction of the cluster, another suite's too, keeps an event unsettled for as long as it lasts.
      await vi.waitFor(async () => expect(await log.head()).toEqual(place), { timeout: 60_000 })
      bus.publish('events')
      return id
    }
    return { projectors, taken, write, cleared: () => cleared }
  }
  /** What is written must settle first. */
  const within = () => AbortSignal.timeout(60_000)

  test('is run by one of them, and by the other when that one ends', async () => {
    const first = await openProcess('takeover')
    const ids = [await first.write()]
    await first.projectors.caughtUp(within())
    const second = await openProcess('takeover')
    ids.push(await second.write())
    await second.projectors.caughtUp(within())
    expect(first.taken.slice(-2)).toEqual(ids)
    expect(second.taken).toEqual([])
    await first.projectors.close()
    const last = await second.write()
    await second.projectors.caughtUp(within())
    expect(second.taken).toEqual([last])
    expect(second.cleared()).toBe(0)
    await second.projectors.close()
  })

  test('is rebuilt by the one that runs it, whoever asks', async () => {
    const first = await openProcess('rebuild')
    await first.write()
    await first.projectors.caughtUp(within())
    const before = { taken: [...first.taken], cleared: first.cleared() }
    const second = await openProcess('rebuild')
    await second.projectors.rebuild('rebuild', within())
    expect(first.taken).toEqual([...before.taken, ...before.taken])
    expect(first.cleared()).toBe(before.cleared + 1)
    expect([second.taken, second.cleared()]).toEqual([[], 0])
    await second.projectors.close()
    await first.projectors.close()
  })
})
