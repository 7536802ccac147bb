import { buildSchema, type GraphQLField } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createExecutor } from '../../lib/execution/executor.ts'
import { uuidOf } from '../../lib/ids.ts'
import { systemIds } from '../../lib/sources.ts'
import { appendEvents } from '../../stores/log/log.ts'
import { follow } from '../../subgraphs/follow.ts'
import { contextOf } from '../kit/contexts.ts'
import { type Data, type MemoryWorld, openMemoryWorld, verbs } from './world.ts'

let world: MemoryWorld
let mine: ReturnType<typeof verbs>
let theirs: ReturnType<typeof verbs>

beforeAll(async () => {
  world = await openMemoryWorld()
  mine = verbs(world, world.owner)
  theirs = verbs(world, world.stranger)
})
afterAll(() => world.close())

const changes = `subscription ($filter: MemoryFilter, $after: Cursor) { memoryChanges(filter: $filter, after: $after) {
  cursor kind memoryId at memory { id content version } } }`
const added = `subscription ($sessionId: ID!, $after: Cursor) { messageAdded(sessionId: $sessionId, after: $after) {
  cursor at message { content session { title active } } } }`

/** Follows a subscription; `take` waits for so many events and answers them. */
async function following(viewer: typeof world.owner, source: string, variables: Record<string, unknown> = {}) {
  const ending = new AbortController()
  const events = await world.follow(viewer, source, variables, ending.signal)
  return {
    async take(count: number): Promise<Data[]> {
      const taken: Data[] = []
      while (taken.length < count) {
        const { value, done } = await events.next()
        if (done) throw new Error('the subscription has ended')
        if (value.errors.length > 0) throw new Error(JSON.stringify(value.errors))
        taken.push(Object.values(value.data)[0])
      }
      return taken
    },
    events,
    end: () => ending.abort(),
  }
}

describe('memoryChanges', () => {
  test('tells of what the viewer does, as the memory is after each', async () => {
    const live = await following(world.owner, changes)
    const id = await mine.remember('Live one.')
    const [created] = await live.take(1)
    await mine.act('revise', { id, content: 'Live two.' })
    const [revised] = await live.take(1)
    await mine.act('forget', { id })
    const [forgotten] = await live.take(1)
    live.end()
    expect([created, revised, forgotten]).toMatchObject([
      { kind: 'CREATED', memoryId: id, memory: { id, content: 'Live one.', version: 1 } },
      { kind: 'REVISED', memoryId: id, memory: { id, content: 'Live two.', version: 2 } },
      { kind: 'FORGOTTEN', memoryId: id, memory: null },
    ])
  })

  test('shows another only what is public, which comes and goes for him', async () => {
    const live = await following(world.stranger, changes)
    const id = await mine.remember('Hidden.')
    await mine.act('revise', { id, visibility: 'PUBLIC' })
    await mine.act('revise', { id, content: 'Seen.' })
    await mine.act('revise', { id, visibility: 'PRIVATE' })
    await mine.act('revise', { id, content: 'Hidden again.' })
    const last = await theirs.remember('My own.')
    const events = await live.take(4)
    live.end()
    expect(events.map(({ kind, memoryId }) => [kind, memoryId])).toEqual([
      ['CREATED', id],
      ['REVISED', id],
      ['FORGOTTEN', id],
      ['CREATED', last],
    ])
  })

  test('keeps to its filter, before or after the change', async () => {
    const live = await following(world.owner, changes, { filter: { tiers: ['WORKING'], metadata: { keep: true } } })
    const metadata = { keep: true, more: 1 }
    await mine.remember('Other tier.', { metadata })
    await mine.remember('Other data.', { tier: 'WORKING' })
    const id = await mine.remember('Fits.', { tier: 'WORKING', metadata })
    await mine.act('revise', { id, tier: 'SEMANTIC' })
    await mine.act('revise', { id, content: 'Out of sight.' })
    await mine.act('revise', { id, tier: 'WORKING' })
    const told = await live.take(3)
    await mine.act('forget', { id })
    told.push(...(await live.take(1)))
    live.end()
    expect(told.map(({ kind, memoryId }) => [kind, memoryId === id])).toEqual([
      ['CREATED', true],
      ['REVISED', true],
      ['REVISED', true],
      ['FORGOTTEN', true],
    ])
  })

  test('replays after a cursor and goes on live, none lost and none twice, while many write', async () => {
    const first = await mine.act('remember', { content: 'The beginning.' })
    const write = (from: number, count: number) =>
      Promise.all(Array.from({ length: count }, (_, i) => mine.remember(`Concurrent ${from + i}.`)))
    const before = await write(0, 12)
    const live = await following(world.owner, changes, { after: first.cursor })
    const [during, seen] = await Promise.all([write(12, 12), live.take(20)])
    const rest = await live.take(4)
    live.end()
    const events = [...seen, ...rest]
    expect(events.map(({ memoryId }) => memoryId).sort()).toEqual([...before, ...during].sort())
    const middle = events[9]
    const resumed = await following(world.owner, changes, { after: middle.cursor })
    expect((await resumed.take(14)).map(({ cursor }) => cursor)).toEqual(events.slice(10).map(({ cursor }) => cursor))
    resumed.end()
  })

  test('begins after the cursor of a mutation: a client reads on from its own write', async () => {
    const own = await mine.act('remember', { content: 'Written.' })
    const next = await mine.remember('The next.')
    const live = await following(world.owner, changes, { after: own.cursor })
    expect((await live.take(1))[0].memoryId).toBe(next)
    live.end()
  })

  test('ends when its client goes away, also while it waits', async () => {
    const live = await following(world.owner, changes)
    const waiting = live.events.next()
    live.end()
    expect(await waiting).toMatchObject({ done: true })
  })

  test('ends when the stores are closed under it', async () => {
    const brief = await openMemoryWorld()
    const events = await brief.follow(brief.owner, changes, {}, new AbortController().signal)
    const waiting = events.next()
    await brief.close()
    expect(await waiting).toMatchObject({ done: true })
  })

  test('refuses a cursor of another viewer, and nobody', async () => {
    const { cursor } = await theirs.act('remember', { content: 'Theirs.' })
    await expect(following(world.owner, changes, { after: cursor })).rejects.toThrow('BAD_USER_INPUT')
    const signal = new AbortController().signal
    await expect(world.follow(null, changes, {}, signal)).rejects.toThrow('UNAUTHENTICATED')
  })
})

describe('a cursor that cannot be replayed from', () => {
  test('of an earlier epoch gets one notice of resync and then what is live', async () => {
    const { cursor } = await mine.act('remember', { content: 'Before the restore.' })
    await world.database.sql('UPDATE app.system SET epoch = epoch + 1')
    const live = await following(world.owner, changes, { after: cursor })
    const { value: notice } = await live.events.next()
    expect(notice).toMatchObject({ data: null, errors: [], extensions: { live: { resync: true, lagging: false } } })
    const id = await mine.remember('After the restore.')
    const { value: event } = await live.events.next()
    expect([event.data.memoryChanges.memoryId, event.extensions.live.resync]).toEqual([id, false])
    live.end()
    const next = await mine.remember('Later.')
    const resumed = await following(world.owner, changes, { after: event.data.memoryChanges.cursor })
    expect((await resumed.take(1))[0].memoryId).toBe(next)
    resumed.end()
  })
})

describe('an event that cannot be told', () => {
  test('has the error in its place, and the next ones come', async () => {
    const request = {
      viewer: world.owner,
      clock: world.clock,
      ids: systemIds,
      traceId: 'test',
      deadline: Number.POSITIVE_INFINITY,
      signal: AbortSignal.timeout(20_000),
    }
    const schema = buildSchema('type Query { a: Int } type Subscription { told: String! }')
    const field = schema.getSubscriptionType()?.getFields().told as GraphQLField<unknown, unknown>
    let count = 0
    field.subscribe = () =>
      follow(world.stores, request, 'memory', null, async ({ id }) => {
        count += 1
        if (count === 1) throw new Error('this one cannot be told')
        return id
      })
    field.resolve = (event) => (event as { value: string }).value
    const executor = createExecutor({ schema, contextFor: () => ({}) })
    const events = await executor.subscribe({ operation: 'subscription { told }', variables: {}, context: request })
    if (!(Symbol.asyncIterator in events)) throw new Error(JSON.stringify(events))
    const [first, second] = [await mine.remember('First.'), await mine.remember('Second.')]
    const failure = (await events.next()).value
    expect(failure.errors?.[0]?.message).toBe('this one cannot be told')
    expect(failure.extensions).toMatchObject({ live: { cursor: expect.any(String) } })
    expect((await events.next()).value.data).toEqual({ told: uuidOf('Memory', second) })
    expect(first).not.toBe(second)
    await events.return?.()
  })
})

describe('a change of access', () => {
  test('to a team applies to the next event', async () => {
    const team = '00000000-0000-4000-8000-00000000beef'
    const { tenantId, userId } = world.stranger
    await world.database.sql("INSERT INTO app.teams (id, tenant_id, name) VALUES ($1, $2, 'watchers')", [
      team,
      tenantId,
    ])
    const live = await following(world.stranger, changes)
    const told = async (content: string) => {
      const id = await mine.remember(content)
      await world.stores.postgres.write(
        contextOf({ tenantId: world.owner.tenantId, userId: world.owner.userId }),
        (tx) =>
          appendEvents(tx, [
            { kind: 'REVISED', type: 'Memory', id: uuidOf('Memory', id) ?? '', before: [], after: [team], payload },
          ]),
      )
      world.stores.bus.publish('events')
      return id
    }
    const payload = { tier: 'EPISODIC', visibility: 'SHARED', sessionId: null, occurredAt: new Date().toISOString() }
    await told('Not yet a member.')
    const before = await theirs.remember('Mine, meanwhile.')
    expect((await live.take(1))[0].memoryId).toBe(before)
    await world.database.sql('INSERT INTO app.team_members (team_id, tenant_id, user_id) VALUES ($1, $2, $3)', [
      team,
      tenantId,
      userId,
    ])
    const seen = await told('A member.')
    expect((await live.take(1))[0].memoryId).toBe(seen)
    await world.database.sql('DELETE FROM app.team_members WHERE team_id = $1', [team])
    await told('No longer a member.')
    const own = await theirs.remember('My own, afterwards.')
    expect((await live.take(1))[0].memoryId).toBe(own)
    live.end()
  })
})

describe('messageAdded', () => {
  test('tells of each message of its session, in order, and resumes', async () => {
    const sessionId = await mine.openSession({ title: 'Watched' })
    const other = await mine.openSession()
    const live = await following(world.owner, added, { sessionId })
    const say = (...texts: string[]) => texts.map((content) => ({ role: 'USER', content }))
    await mine.act('append', { sessionId, messages: say('one', 'two') })
    await mine.act('append', { sessionId: other, messages: say('elsewhere') })
    await mine.act('append', { sessionId, messages: say('three') })
    const events = await live.take(3)
    live.end()
    expect(events.map(({ message }) => message.content)).toEqual(['one', 'two', 'three'])
    expect(events[0].message.session).toEqual({ title: 'Watched', active: true })
    const resumed = await following(world.owner, added, { sessionId, after: events[1].cursor })
    expect(await resumed.take(1)).toEqual([events[2]])
    resumed.end()
  })

  test('knows no session of another', async () => {
    const sessionId = await mine.openSession()
    await expect(following(world.stranger, added, { sessionId })).rejects.toThrow('There is no such chat session.')
    await expect(following(world.owner, added, { sessionId: 'rubbish' })).rejects.toThrow('BAD_USER_INPUT')
  })
})
