import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Viewer } from '../../lib/context.ts'
import { toGlobalId } from '../../lib/ids.ts'
import { runProjectors } from '../../stores/projector.ts'
import { rulesProjector } from '../../subgraphs/memory/service/upkeep/rules.ts'
import { describeEachPostgres } from '../kit/postgres.ts'
import { viewerOf } from '../kit/room-world.ts'
import { type Data, type MemoryWorld, openMemoryWorld, verbs } from './world.ts'

const day = 86_400_000
const setRule = `mutation ($input: SetPolicyRuleInput!) { setPolicyRule(input: $input) {
  ... on SetPolicyRuleSuccess { rule { id } } ... on Problem { code message path } } }`
const removeRule = `mutation ($input: RemovePolicyRuleInput!) { removePolicyRule(input: $input) {
  ... on RemovePolicyRuleSuccess { ruleId } ... on Problem { code message path } } }`
const served = `query ($id: ID!, $asOf: DateTime!) {
  memory(id: $id) { content } then: memory(id: $id, asOf: $asOf) { content }
  memories { totalCount nodes { id } } recall(query: "heron") { hits { memory { id } } } }`
const owned =
  'query ($ownerId: ID!) { memories(first: 100, ownerId: $ownerId) { totalCount nodes { id retentionUntil } } }'
const expired = '{ expiredMemories(first: 100) { nodes { id } } memoryStats { count expired } }'
const week = { name: 'week', kind: 'RETENTION', action: 'KEEP', keepDays: 7 }

describeEachPostgres('rules that change', (database) => {
  let world: MemoryWorld
  let ann: Viewer
  let mine: ReturnType<typeof verbs>
  beforeAll(async () => {
    world = await openMemoryWorld({ database: database() })
  })
  afterAll(() => world.close())

  const begin = async (role: Viewer['role'] = 'MEMBER') => {
    ann = viewerOf({ role })
    mine = verbs(world, ann)
    await world.database.sql(
      `INSERT INTO users.users (id, tenant_id, username, email, role, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, now(), now())`,
      [ann.userId, ann.tenantId, ann.userId.slice(0, 18), `${ann.userId}@example.test`, role],
    )
  }
  const act = async (source: string, input: Data): Promise<Data> =>
    Object.values(await world.ask(ann, source, { input }))[0]
  const rule = async (input: Data): Promise<string> => (await act(setRule, input)).rule.id
  /** How often somebody is shown a memory by whatever leads to it. */
  const shown = async (id: string, who: Viewer) => {
    const answer = await world.ask(who, served, { id, asOf: world.clock.now().toISOString() })
    const { memory, then, memories, recall } = answer
    expect(memories.totalCount).toBe(memories.nodes.length)
    const listed = [...memories.nodes, ...recall.hits.map(({ memory }: Data) => memory)]
    return [memory, then, ...listed.filter((node) => node.id === id)].filter((found) => found !== null).length
  }
  const ownedBy = async (who: Viewer) =>
    (await world.ask(who, owned, { ownerId: toGlobalId('User', who.userId) })).memories
  const waiting = () => world.database.sql('SELECT FROM memory.rules_to_apply')
  /** As the product does it, beside its work. */
  const settled = async () => {
    const projectors = await runProjectors(world.stores, [rulesProjector(world.stores)], world.stores.logger)
    await projectors.caughtUp(AbortSignal.timeout(30_000))
    await projectors.close()
    expect(await waiting()).toEqual([])
  }

  test('hide at once what they keep no longer, from everybody, before anything is stored', async () => {
    await begin()
    const ben = viewerOf()
    const old = await mine.remember('The heron waits.', { visibility: 'PUBLIC', externalId: 'heron' })
    const others = await verbs(world, ben).remember('A heron of another.', { visibility: 'PUBLIC' })
    world.clock.advance(8 * day)
    const young = await mine.remember('A young heron.', { visibility: 'PUBLIC' })
    for (const who of [ann, ben]) expect(await shown(old, who)).toBe(4)
    await rule(week)
    for (const who of [ann, ben]) {
      expect([await shown(old, who), await shown(young, who), await shown(others, who)]).toEqual([0, 4, 4])
    }
    const stored = 'SELECT FROM memory.memories WHERE owner_id = $1 AND retention_until IS NOT NULL'
    // Only what came after the rule has its time: none of these did.
    expect(await world.database.sql(`${stored} AND external_id = 'heron'`, [ann.userId])).toEqual([])
    expect(await mine.act('revise', { id: old, content: 'Too late.' })).toMatchObject({ code: 'NOT_FOUND' })
    await settled()
    for (const who of [ann, ben]) {
      expect([await shown(old, who), await shown(young, who), await shown(others, who)]).toEqual([0, 4, 4])
    }
    // It is there for its owner until upkeep removes it.
    expect(await world.ask(ann, expired)).toEqual({
      expiredMemories: { nodes: [{ id: old }] },
      memoryStats: { count: 1, expired: 1 },
    })
  })

  test('free the names of what they hide', async () => {
    await begin()
    const old = await mine.remember('Named heron.', { externalId: 'name' })
    world.clock.advance(8 * day)
    await rule(week)
    const again = await mine.remember('Named heron.', { externalId: 'name' })
    expect(again).not.toBe(old)
    expect(await mine.remember('Named heron.', { externalId: 'name' })).toBe(again)
    await settled()
    expect((await world.ask(ann, expired)).memoryStats).toEqual({ count: 1, expired: 0 })
  })

  test('hide nothing when they are gone before they were stored, and give back what was', async () => {
    await begin()
    const old = await mine.remember('Lost and found heron.')
    world.clock.advance(8 * day)
    const id = await rule(week)
    expect(await shown(old, ann)).toBe(0)
    await act(removeRule, { id })
    expect(await shown(old, ann)).toBe(4)
    await rule(week)
    await settled()
    expect(await shown(old, ann)).toBe(0)
    await rule({ ...week, keepDays: 30 })
    await settled()
    expect(await shown(old, ann)).toBe(4)
    await rule({ ...week, enabled: false })
    await settled()
    expect((await ownedBy(ann)).nodes).toEqual([{ id: old, retentionUntil: null }])
  })

  test('give a name away when whoever changes what had it has done so', async ({ skip }) => {
    if (database().backend === 'PGlite') skip('one connection does one thing at a time')
    await begin()
    const old = await mine.remember('The heron that was.', { externalId: 'heron' })
    world.clock.advance(8 * day)
    await rule(week)
    const other = new pg.Client(database().admin)
    await other.connect()
    try {
      await other.query('BEGIN')
      await other.query('SELECT FROM memory.revisions WHERE owner_id = $1 FOR UPDATE', [ann.userId])
      const remembered = mine.act('remember', { content: 'The heron that is.', externalId: 'heron' })
      await vi.waitFor(async () => {
        const waits = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`
        expect(await world.database.sql(waits)).not.toEqual([])
      })
      await other.query('COMMIT')
      expect((await remembered).memory.id).not.toBe(old)
    } finally {
      await other.end()
    }
    await settled()
  })

  test('of the tenant hold at once for everybody’s memories, page after page', async () => {
    const [ben, carl, dora] = [viewerOf(), viewerOf(), viewerOf()]
    const items = Array.from({ length: 700 }, (_, n) => ({ content: `Heron ${n}.`, metadata: { flock: true } }))
    const { memories } = await verbs(world, ben).act('rememberMany', { items })
    const one = await verbs(world, carl).remember('Carl’s heron.', { metadata: { flock: true } })
    // All that is hers is the tenant's to find.
    const open = await verbs(world, dora).remember('Dora’s heron.', { metadata: { flock: true }, visibility: 'PUBLIC' })
    world.clock.advance(8 * day)
    await begin('ADMIN')
    const id = await rule({ ...week, scope: 'TENANT', condition: { metadata: { flock: true } } })
    const count = async (who: Viewer) => (await world.ask(who, expired)).memoryStats
    expect([(await ownedBy(ben)).totalCount, (await ownedBy(carl)).totalCount]).toEqual([0, 0])
    expect([await shown(memories[0].id, ben), await shown(one, carl), await shown(open, ben)]).toEqual([0, 0, 0])
    await settled()
    expect([await count(ben), await count(carl), await count(dora)]).toEqual([
      { count: 0, expired: 700 },
      { count: 0, expired: 1 },
      { count: 0, expired: 1 },
    ])
    expect(await shown(open, ben)).toBe(0)
    await act(removeRule, { id })
    await settled()
    expect([await count(ben), await count(carl)]).toEqual([
      { count: 700, expired: 0 },
      { count: 1, expired: 0 },
    ])
  })

  test('move memories to their tiers without waiting for upkeep', async () => {
    await begin()
    const id = await mine.remember('A heron in passing.', { tier: 'WORKING' })
    const condition = { tiers: ['WORKING'] }
    await rule({ name: 'settle', kind: 'TIER', action: 'MOVE', toTier: 'SEMANTIC', condition })
    await settled()
    const { memory } = await world.ask(ann, 'query ($id: ID!) { memory(id: $id) { tier version } }', { id })
    expect(memory).toEqual({ tier: 'SEMANTIC', version: 2 })
  })

  test('are not taken for applied when they have changed again meanwhile', async () => {
    await begin()
    const old = await mine.remember('A heron between two rules.')
    world.clock.advance(8 * day)
    await rule({ ...week, keepDays: 30 })
    const { postgres } = world.stores
    // Just before it is noted that they are applied.
    const write: typeof postgres.write = async (security, work) => {
      if (security.role === 'projector') await rule(week)
      return postgres.write(security, work)
    }
    await rulesProjector({ ...world.stores, postgres: { ...postgres, write } }).apply([], new AbortController().signal)
    expect(await shown(old, ann)).toBe(0)
    await settled()
    expect(await shown(old, ann)).toBe(0)
  })

  test('hide at once just what is hidden when they are applied', async () => {
    await begin()
    const tiers = ['WORKING', 'EPISODIC', 'SEMANTIC'] as const
    const visibilities = ['PRIVATE', 'SHARED', 'PUBLIC'] as const
    const sessionId = await mine.openSession({ mode: 'SOCRATIC' })
    for (let n = 0; n < 24; n++) {
      const metadata = [null, { p: 1 }, { p: [1, 'a'], q: { x: 'b' } }, {}][n % 4]
      const more = { tier: tiers[n % 3], visibility: visibilities[n % 3], metadata, ...(n % 5 ? {} : { sessionId }) }
      const id = await mine.remember(`Heron of property ${n}.`, more)
      world.clock.advance(day / 4)
      if (n % 4 !== 3) continue
      const uuid = Buffer.from(id, 'base64url').subarray(0, 16).toString('hex')
      world.stores.notes.read(Array<string>(n % 3).fill(uuid), world.clock.now())
      await world.stores.notes.idle()
    }
    const days = fc.integer({ min: 0, max: 6 })
    const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null, freq: 2 })
    const condition = fc.record({
      tiers: maybe(fc.subarray([...tiers], { minLength: 1 })),
      modes: maybe(fc.constant(['SOCRATIC'])),
      visibilities: maybe(fc.subarray([...visibilities], { minLength: 1 })),
      metadata: maybe(fc.constantFrom({}, { p: 1 }, { p: ['a'] }, { q: {} })),
      minAgeDays: maybe(days),
      idleDays: maybe(days),
      minAccesses: maybe(fc.integer({ min: 0, max: 2 })),
      maxAccesses: maybe(fc.integer({ min: 0, max: 2 })),
    })
    const one = fc.record({
      action: fc.constantFrom('KEEP', 'KEEP', 'ALLOW'),
      keepDays: fc.integer({ min: 1, max: 6 }),
      priority: fc.integer({ min: 0, max: 2 }),
      condition,
    })
    const ids = async () => (await ownedBy(ann)).nodes.map(({ id }: Data) => id)
    const apply = () => rulesProjector(world.stores).apply([], new AbortController().signal)
    await fc.assert(
      fc.asyncProperty(fc.array(one, { minLength: 1, maxLength: 4 }), async (rules) => {
        const set: string[] = []
        for (const [n, { action, keepDays, ...more }] of rules.entries()) {
          const keeping = action === 'KEEP' ? { keepDays } : {}
          set.push(await rule({ name: `r${n}`, kind: 'RETENTION', action, ...keeping, ...more }))
        }
        const atOnce = await ids()
        await apply()
        expect(await ids()).toEqual(atOnce)
        for (const id of set) await act(removeRule, { id })
        await apply()
        expect(await ids()).toHaveLength(24)
      }),
      { numRuns: 20 },
    )
  }, 60_000)
})
