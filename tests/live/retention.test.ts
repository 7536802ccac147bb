import { expect, test, vi } from 'vitest'
import { silentLog } from '../../lib/log.ts'
import { inProcessBus } from '../../stores/bus/in-process.ts'
import { openFeed } from '../../stores/log/feed.ts'
import { appendEvents, dropLogPartitions, type EventDraft, openEventLog, trimLog } from '../../stores/log/log.ts'
import type { Postgres } from '../../stores/postgres/postgres.ts'
import { contextOf } from '../kit/contexts.ts'
import { describeEachPostgres } from '../kit/postgres.ts'

const tenant = '00000000-0000-4000-8000-000000000001'
const ann = '00000000-0000-4000-8000-0000000000a1'
const id = (n: number) => `00000000-0000-4000-9000-${String(n).padStart(12, '0')}`
const days = 30
/** What has been written counts when it is settled, which every open transaction of a shared server holds up. */
const patience = 90_000

describeEachPostgres('the retention of the log', (world) => {
  const viewer = contextOf({ tenantId: tenant, userId: ann })

  async function append(postgres: Postgres, ...drafts: Partial<EventDraft>[]) {
    return postgres.write(viewer, (tx) =>
      appendEvents(
        tx,
        drafts.map((draft) => ({ kind: 'CREATED', type: 'Memory', id: id(1), after: [ann], ...draft })),
      ),
    )
  }
  const age = (days: number) =>
    world().sql("UPDATE events.log SET at = at - make_interval(days => $1) WHERE at > now() - interval '1 day'", [days])
  /** Trims until the log is as it should be. */
  const trimmed = (postgres: Postgres, check: () => Promise<void>) =>
    vi.waitFor(
      async () => {
        await trimLog(postgres, days)
        await check()
      },
      { timeout: patience, interval: 50 },
    )
  const left = async () =>
    (
      await world().sql<{ kind: string; id: string }>(
        'SELECT kind, aggregate_id AS id FROM events.log ORDER BY xid, seq',
      )
    ).map(({ kind, id }) => [kind, Number(id.slice(-6))])

  test(
    'takes what is old, and leaves what projections are rebuilt from; an old place gets one resync, then what is live',
    async () => {
      const postgres = world().open()
      const log = openEventLog(postgres)
      const bus = inProcessBus()
      const beginning = await log.head()
      await append(postgres, { id: id(1) }, { id: id(2) }, { id: id(3) }, { type: 'Message', id: id(4) })
      await append(postgres, { id: id(1), kind: 'REVISED' }, { id: id(2), kind: 'FORGOTTEN', before: [ann], after: [] })
      await age(days + 1)
      const [young] = await append(postgres, { id: id(3), kind: 'REVISED' })
      await trimmed(postgres, async () => {
        expect(await left()).toEqual([
          ['REVISED', 1],
          ['REVISED', 3],
        ])
        expect(await log.head()).toEqual(young)
      })

      // A feed that has not been there while it was written.
      const feed = openFeed(log, bus, silentLog())
      const stop = new AbortController()
      const steps = (await feed.follow(viewer, beginning, stop.signal))[Symbol.asyncIterator]()
      expect((await steps.next()).value).toEqual({ resync: young })
      const [next] = await append(postgres, { id: id(9) })
      bus.publish('events')
      expect((await steps.next()).value.event.position).toEqual(next)
      stop.abort()

      // Whoever is past what has been trimmed is replayed to.
      const place = (await log.trimmedTo()) ?? expect.unreachable('something has been trimmed')
      const again = new AbortController()
      const replay = (await openFeed(log, bus, silentLog()).follow(viewer, place, again.signal))[Symbol.asyncIterator]()
      expect((await replay.next()).value.event.id).toBe(id(3))
      again.abort()
      await feed.close()
    },
    patience * 2,
  )

  test(
    'takes the last revision of a memory once there is a later one, also when that was kept before',
    async () => {
      const postgres = world().open()
      const [first] = await append(postgres, { id: id(50) })
      await age(days + 1)
      await trimmed(postgres, async () => expect(await openEventLog(postgres).trimmedTo()).toEqual(first))
      expect(await left()).toContainEqual(['CREATED', 50])
      await append(postgres, { id: id(50), kind: 'REVISED' })
      await age(days + 1)
      await trimmed(postgres, async () =>
        expect((await left()).filter(([, number]) => number === 50)).toEqual([['REVISED', 50]]),
      )
    },
    patience * 2,
  )

  test(
    'leaves what a projector has still to take in',
    async () => {
      const postgres = world().open()
      const log = openEventLog(postgres)
      const { epoch, xid, seq } = await log.head()
      await world().sql('INSERT INTO events.positions (projector, epoch, xid, seq) VALUES ($1, $2, $3, $4)', [
        'slow',
        epoch,
        String(xid),
        String(seq),
      ])
      await append(postgres, { type: 'Message', id: id(60) })
      await age(days + 1)
      await trimLog(postgres, days)
      expect(await left()).toContainEqual(['CREATED', 60])
      await world().sql("DELETE FROM events.positions WHERE projector = 'slow'")
      await trimmed(postgres, async () => expect(await left()).not.toContainEqual(['CREATED', 60]))
    },
    patience * 2,
  )

  test(
    'keeps the head where it was when everything has gone',
    async () => {
      const postgres = world().open()
      const log = openEventLog(postgres)
      await world().sql('DELETE FROM events.log WHERE aggregate_type = $1', ['Memory'])
      const [last] = await append(postgres, { type: 'Message', id: id(70) })
      await age(days + 1)
      await trimmed(postgres, async () => expect(await left()).toEqual([]))
      expect(await log.head()).toEqual(last)
    },
    patience * 2,
  )

  test(
    'drops a month whole when it is over and trimmed, and keeps what projections are rebuilt from',
    async () => {
      const postgres = world().open()
      await world().sql(
        `CREATE TABLE events.log_202001 PARTITION OF events.log FOR VALUES FROM ('2020-01-01 00:00Z') TO ('2020-02-01 00:00Z')`,
      )
      // As whoever makes partitions.
      await world().sql('ALTER TABLE events.log_202001 OWNER TO mnemograph_migration')
      await append(postgres, { id: id(21) }, { id: id(22) }, { id: id(22), kind: 'EXPIRED', before: [ann], after: [] })
      const [last] = await append(postgres, { id: id(23) })
      const into = (month: string, ...memories: number[]) =>
        world().sql('UPDATE events.log SET at = $1 WHERE aggregate_id = ANY ($2::uuid[])', [month, memories.map(id)])
      await into('2020-01-15', 21, 22, 23)
      const months = async () =>
        (
          await world().sql<{ name: string }>(
            `SELECT relname AS name FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'events.log'::regclass`,
          )
        ).map(({ name }) => name)
      // Not yet trimmed: nothing may go.
      expect(await dropLogPartitions(postgres, days)).toEqual([])
      await trimmed(postgres, async () => {
        const { xid } = (await openEventLog(postgres).trimmedTo()) ?? { xid: 0n }
        expect(xid >= (last?.xid ?? 0n)).toBe(true)
      })
      expect(await dropLogPartitions(postgres, days)).toEqual(['events.log_202001'])
      expect(await months()).not.toContain('log_202001')
      expect(await months()).toContain('log_default')
      const kept = (await left()).filter(([, memory]) => Number(memory) > 20)
      expect(kept).toEqual([
        ['CREATED', 21],
        ['CREATED', 23],
      ])
      expect(await dropLogPartitions(postgres, days)).toEqual([])
    },
    patience,
  )
})
