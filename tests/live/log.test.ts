import { expect, test, vi } from 'vitest'
import { comparePositions, type Position } from '../../lib/cursor.ts'
import { silentLog } from '../../lib/log.ts'
import { inProcessBus } from '../../stores/bus/in-process.ts'
import { type FeedStep, openFeed } from '../../stores/log/feed.ts'
import { appendEvents, openEventLog } from '../../stores/log/log.ts'
import type { Postgres } from '../../stores/postgres/postgres.ts'
import { contextOf } from '../kit/contexts.ts'
import { describeEachPostgres } from '../kit/postgres.ts'

const tenant = '00000000-0000-4000-8000-000000000001'
const ann = '00000000-0000-4000-8000-0000000000a1'
const bob = '00000000-0000-4000-8000-0000000000b2'
const id = (n: number) => `00000000-0000-4000-9000-${String(n).padStart(12, '0')}`

describeEachPostgres('the log of events', (world) => {
  test('a cursor read while transactions commit out of order misses nothing and repeats nothing', async () => {
    const postgres = world().open()
    const log = openEventLog(postgres)
    const start = await log.head()
    const writers = 8
    const each = 20
    const seen: { id: string; position: Position }[] = []
    let position = start
    let writing = true
    const reader = (async () => {
      while (writing || seen.length < writers * each) {
        const events = await log.read(position, 7)
        for (const event of events) seen.push({ id: event.id, position: event.position })
        position = events.at(-1)?.position ?? position
      }
    })()
    await Promise.all(
      Array.from({ length: writers }, async (_, writer) => {
        for (let n = 0; n < each; n++)
          await append(postgres, ann, id(writer * each + n), { linger: (writer * 7 + n * 3) % 11 })
      }),
    )
    writing = false
    await reader
    expect(seen.map((event) => event.id).sort()).toEqual(Array.from({ length: writers * each }, (_, n) => id(n)))
    expect(
      seen.every((event, at) => at === 0 || comparePositions(seen[at - 1]?.position ?? start, event.position) < 0),
    ).toBe(true)
  })

  test('followers that come and go see every event of theirs once, in one order, and nobody else sees it', async () => {
    const postgres = world().open()
    const log = openEventLog(postgres)
    const bus = inProcessBus()
    const feed = openFeed(log, bus, silentLog())
    const start = await log.head()
    const total = 120
    const followers = [1, 5, 17].map((patience) => follow(feed, start, total, patience))
    const strangers = new AbortController()
    const foreign = await feed.follow(contextOf({ tenantId: tenant, userId: bob }), start, strangers.signal)
    const foreignSteps = collect(foreign)
    await Promise.all(
      Array.from({ length: 6 }, async (_, writer) => {
        for (let n = 0; n < total / 6; n++) {
          await append(postgres, ann, id(5000 + writer * 100 + n), { linger: (writer + n) % 4 })
          bus.publish('events')
        }
      }),
    )
    const seen = await Promise.all(followers)
    expect(new Set(seen[0]).size).toBe(total)
    for (const order of seen) expect(order).toEqual(seen[0])
    // What is bob's own comes through the same reader, so it tells that the foreign events have been passed by.
    await append(postgres, bob, id(9999), {})
    bus.publish('events')
    expect(await foreignSteps.first).toBe(id(9999))
    strangers.abort()
    await feed.close()
  })

  test('a place of an earlier epoch gets one resync and then what is new', async () => {
    const postgres = world().open()
    const log = openEventLog(postgres)
    const bus = inProcessBus()
    const feed = openFeed(log, bus, silentLog())
    const head = await log.head()
    const abort = new AbortController()
    const steps = await feed.follow(
      contextOf({ tenantId: tenant, userId: ann }),
      { ...head, epoch: head.epoch - 1 },
      abort.signal,
    )
    await append(postgres, ann, id(777), {})
    bus.publish('events')
    const kinds: string[] = []
    for await (const step of steps) {
      kinds.push('resync' in step ? 'resync' : step.event.id)
      if (kinds.length === 2) break
    }
    expect(kinds).toEqual(['resync', id(777)])
    abort.abort()
    await feed.close()
  })

  test('a room cannot write in the name of another, nor read what is not its viewer’s', {
    timeout: 90_000,
  }, async () => {
    const postgres = world().open()
    const log = openEventLog(postgres)
    const place = await append(postgres, ann, id(4242), {})
    // Any open transaction of the server, another suite's too, keeps an event unsettled for as long as it lasts.
    await vi.waitFor(async () => expect(await log.head()).toEqual(place), { timeout: 60_000 })
    const beginning = { ...(await log.head()), xid: 0n, seq: 0n }
    const own = await log.readVisible(contextOf({ tenantId: tenant, userId: ann }), beginning, 1000)
    const foreign = await log.readVisible(contextOf({ tenantId: tenant, userId: bob }), beginning, 1000)
    expect(own.find((event) => event.id === id(4242))?.room).toBe('memory')
    expect(foreign.some((event) => event.id === id(4242))).toBe(false)
    const direct = postgres.read(contextOf({ tenantId: tenant, userId: ann }), (db) =>
      db.query('SELECT * FROM events.log'),
    )
    await expect(direct).rejects.toThrow(/permission denied/)
  })
})

/** Appends one event; `linger` milliseconds between the write and the commit let transactions overtake each other. */
async function append(postgres: Postgres, owner: string, event: string, { linger = 0 }): Promise<Position | undefined> {
  return postgres.write(contextOf({ tenantId: tenant, userId: owner }), async (tx) => {
    const [place] = await appendEvents(tx, [{ kind: 'CREATED', type: 'Memory', id: event, after: [owner] }])
    if (linger > 0) await tx.query('SELECT pg_sleep($1)', [linger / 1000])
    return place
  })
}

/** Follows until `total` events are there, leaving and coming back with its last place after every `patience` events. */
async function follow(
  feed: ReturnType<typeof openFeed>,
  start: Position,
  total: number,
  patience: number,
): Promise<string[]> {
  const seen: string[] = []
  let place = start
  while (seen.length < total) {
    const abort = new AbortController()
    let taken = 0
    for await (const step of await feed.follow(contextOf({ tenantId: tenant, userId: ann }), place, abort.signal)) {
      if (!('event' in step)) throw new Error('no resync was due')
      seen.push(step.event.id)
      place = step.event.position
      taken += 1
      if (taken === patience || seen.length === total) break
    }
    abort.abort()
  }
  return seen
}

function collect(steps: AsyncIterable<FeedStep>): { first: Promise<string> } {
  const first = (async () => {
    for await (const step of steps) if ('event' in step) return step.event.id
    return 'ended'
  })()
  return { first }
}
