import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { once } from '../../lib/bytes.ts'
import type { Viewer } from '../../lib/context.ts'
import { toGlobalId } from '../../lib/ids.ts'
import { projectorContext } from '../../stores/log/log.ts'
import { type Condition, fits } from '../../subgraphs/memory/policies/rules.ts'
import { keepInOrder } from '../../subgraphs/memory/service/upkeep/job.ts'
import { removeStrays } from '../../subgraphs/memory/service/upkeep/stray-archives.ts'
import { Values } from '../../subgraphs/memory/store/keyset.ts'
import { conditionsOf, type Kept } from '../../subgraphs/memory/store/upkeep.ts'
import { describeEachPostgres } from '../kit/postgres.ts'
import { viewerOf } from '../kit/room-world.ts'
import { type Data, type MemoryWorld, openMemoryWorld, verbs } from './world.ts'

const day = 86_400_000
const cleanUp = `mutation ($input: CleanUpExpiredInput!) { cleanUpExpired(input: $input) {
  ... on CleanUpExpiredSuccess { expired remaining cursor archive { id memories bytes plainBytes lines } }
  ... on Problem { code message path } } }`
const applyTiers = `mutation ($input: ApplyTierRulesInput!) { applyTierRules(input: $input) {
  ... on ApplyTierRulesSuccess { moved refused complete cursor } ... on Problem { code path } } }`
const removeArchive = `mutation ($input: RemoveMemoryArchiveInput!) { removeMemoryArchive(input: $input) {
  ... on RemoveMemoryArchiveSuccess { archiveId } ... on Problem { code path } } }`
const setRule = `mutation ($input: SetPolicyRuleInput!) { setPolicyRule(input: $input) {
  ... on SetPolicyRuleSuccess { rule { id archive } } ... on Problem { code message path } } }`
const expired = `query ($at: DateTime) { expiredMemories(at: $at) { totalCount nodes { content } } }`
const audit = `query ($id: ID!) { policyAudit(memoryId: $id) { nodes { ruleName kind action phase outcome } } }`
const changes = `subscription ($after: Cursor) { memoryChanges(after: $after) { kind memoryId memory { id } } }`

describeEachPostgres('upkeep of memories', (database) => {
  let world: MemoryWorld
  let ann: Viewer
  let mine: ReturnType<typeof verbs>
  beforeAll(async () => {
    world = await openMemoryWorld({ database: database() })
  })
  afterAll(() => world.close())

  const inDays = (days: number) => new Date(world.clock.now().getTime() + days * day).toISOString()
  const act = async (source: string, input: Data = {}, who = ann): Promise<Data> =>
    Object.values(await world.ask(who, source, { input }))[0]
  const contents = async (at: string | null = null) =>
    (await world.ask(ann, expired, { at })).expiredMemories.nodes.map(({ content }: Data) => content)
  const found = async (id: string, who = ann) =>
    (await world.ask(who, 'query ($id: ID!) { memory(id: $id) { content tier version retentionUntil } }', { id }))
      .memory
  const decided = async (id: string) => (await world.ask(ann, audit, { id })).policyAudit.nodes
  const begin = async () => {
    ann = viewerOf()
    mine = verbs(world, ann)
  }
  const rule = (input: Data) => act(setRule, { name: 'r', ...input })
  /** As the note of reads would have it. */
  const read = async (id: string, times: number) => {
    world.stores.notes.read(Array<string>(times).fill(id), world.clock.now())
    await world.stores.notes.idle()
  }
  const rowId = (id: string) => Buffer.from(id, 'base64url').subarray(0, 16).toString('hex')

  describe('what has expired', () => {
    test('is listed for its owner, now and for a moment to come', async () => {
      await begin()
      await mine.remember('One.', { retentionUntil: inDays(1) })
      await mine.remember('Three.', { retentionUntil: inDays(3) })
      await mine.remember('Ever.')
      expect(await contents()).toEqual([])
      expect(await contents(inDays(1))).toEqual(['One.'])
      world.clock.advance(3 * day)
      expect(await contents()).toEqual(['One.', 'Three.'])
      expect((await world.ask(ann, expired)).expiredMemories.totalCount).toBe(2)
      const stats = '{ memoryStats { count expired } memoryTierDistribution { tier count expired } }'
      const { memoryStats, memoryTierDistribution } = await world.ask(ann, stats)
      expect(memoryStats).toEqual({ count: 1, expired: 2 })
      expect(memoryTierDistribution).toContainEqual({ tier: 'EPISODIC', count: 1, expired: 2 })
      expect(memoryTierDistribution).toContainEqual({ tier: 'SHARED', count: 0, expired: 0 })
      expect((await world.ask(viewerOf(), expired)).expiredMemories).toEqual({ totalCount: 0, nodes: [] })
    })

    test('is served to nobody from that moment, whoever cleans up when', async () => {
      await begin()
      const ben = viewerOf()
      const [id, other] = [
        await mine.remember('The kelp forest sways.', {
          visibility: 'PUBLIC',
          retentionUntil: inDays(1),
          externalId: 'kelp',
        }),
        await mine.remember('A kelp of another bay.', { visibility: 'PUBLIC' }),
      ]
      const relate = 'mutation ($input: RelateMemoriesInput!) { relateMemories(input: $input) { __typename } }'
      await act(relate, { fromId: other, toId: id, type: 'NEAR' })
      await act('mutation ($input: StoreVectorsInput!) { storeVectors(input: $input) { __typename } }', {
        items: [
          { collection: 'REASONING_KNOWLEDGE', kind: 'CONTEXT', content: 'Kelp.', memoryId: id, visibility: 'PUBLIC' },
        ],
      })
      const before = world.clock.now().toISOString()
      const source = `query ($id: ID!, $other: ID!, $asOf: DateTime!) {
        memory(id: $id) { id } then: memory(id: $id, asOf: $asOf) { id }
        memories { totalCount nodes { id } } past: memories(asOf: $asOf) { totalCount nodes { id } }
        recall(query: "kelp forest") { hits { memory { id } } }
        earlier: recall(query: "kelp forest", asOf: $asOf) { hits { memory { id } } }
        other: memory(id: $other) { relationships { nodes { to { id } } } }
        nearDuplicates(memoryId: $other, minSimilarity: 0) { memory { id } }
        vectors(collection: REASONING_KNOWLEDGE, filter: { memoryId: $id }) { nodes { content } } }`
      const served = async (who: Viewer) => {
        const answer = await world.ask(who, source, { id, other, asOf: before })
        return {
          ids: JSON.stringify(answer).split(id).length - 1,
          counts: [answer.memories.totalCount, answer.past.totalCount],
          listed: [answer.memories.nodes.length, answer.past.nodes.length],
          vectors: answer.vectors.nodes.length,
        }
      }
      for (const who of [ann, ben]) {
        const answer = await served(who)
        expect(answer).toMatchObject({ ids: 8, vectors: 1 })
        expect(answer.counts).toEqual(answer.listed)
      }
      const counts = (await served(ann)).counts
      world.clock.advance(day)
      for (const who of [ann, ben]) {
        const answer = await served(who)
        expect(answer).toMatchObject({ ids: 0, vectors: who === ann ? 1 : 0 })
        expect(answer.counts).toEqual(answer.listed)
      }
      expect((await served(ann)).counts).toEqual(counts.map((count) => count - 1))
      expect(await mine.act('revise', { id, content: 'Too late.' })).toMatchObject({ code: 'NOT_FOUND' })
      expect(await contents()).toEqual(['The kelp forest sways.'])
      expect((await world.ask(ben, expired)).expiredMemories.nodes).toEqual([])
      // Its name is free again, and what it said is new.
      const again = await mine.remember('The kelp forest sways.', { externalId: 'kelp' })
      expect(again).not.toBe(id)
      expect(await contents()).toEqual([])
      expect(await mine.remember('The kelp forest sways.', { externalId: 'kelp' })).toBe(again)
    })

    test('is cleaned up in batches, the longest expired first, with all that was known of it', async () => {
      await begin()
      const ids = []
      for (const days of [3, 1, 2]) ids.push(await mine.remember(`Mangrove ${days}.`, { retentionUntil: inDays(days) }))
      const kept = await mine.remember('Mangrove forever.')
      await mine.act('revise', { id: ids[1], content: 'Mangrove one.' })
      const moment = world.clock.now().toISOString()
      expect(await act(cleanUp)).toEqual({ expired: 0, remaining: 0, cursor: null, archive: null })
      world.clock.advance(4 * day)
      // What is not his is nobody's to count.
      for (const tiers of [null, ['EPISODIC']])
        expect(await act(cleanUp, { tiers }, viewerOf())).toMatchObject({ expired: 0, remaining: 0 })
      const first = { tiers: ['EPISODIC'], first: 1 }
      expect(await act(cleanUp, first)).toMatchObject({ expired: 1, remaining: 2, cursor: expect.any(String) })
      expect(await contents()).toEqual(['Mangrove 3.', 'Mangrove 2.'])
      expect(await act(cleanUp, { first: 1 })).toMatchObject({ expired: 1, remaining: 1 })
      expect(await contents()).toEqual(['Mangrove 3.'])
      expect(await act(cleanUp, { at: moment })).toMatchObject({ expired: 0, remaining: 0 })
      expect(await act(cleanUp, { tiers: ['SHARED'] })).toMatchObject({ expired: 0, remaining: 0 })
      expect(await act(cleanUp)).toMatchObject({ expired: 1, remaining: 0 })
      const asOf = 'query ($id: ID!, $asOf: DateTime) { memory(id: $id, asOf: $asOf) { id } }'
      expect(await world.ask(ann, asOf, { id: ids[1], asOf: moment })).toEqual({ memory: null })
      const { recall } = await world.ask(ann, '{ recall(query: "mangrove") { hits { memory { id } } } }')
      expect(recall.hits).toEqual([{ memory: { id: kept } }])
      expect(await mine.act('revise', { id: ids[0], content: 'Too late.' })).toMatchObject({ code: 'NOT_FOUND' })
      expect(await decided(ids[1] as string)).toMatchObject([
        {
          ruleName: 'retentionUntil',
          kind: 'RETENTION',
          action: 'EXPIRE',
          phase: 'UPKEEP',
          outcome: { archived: false },
        },
      ])
      const rows = await database().sql(
        `SELECT (SELECT count(*) FROM memory.postings WHERE owner_id = $1 AND term LIKE 'mangrov%')::integer AS postings,
                (SELECT documents FROM memory.shelves WHERE shelf_id = $1)::integer AS documents,
                (SELECT terms FROM memory.shelves WHERE shelf_id = $1)::integer AS terms,
                (SELECT max(length) FROM memory.postings WHERE owner_id = $1)::integer AS length`,
        [ann.userId],
      )
      expect(rows).toMatchObject([{ postings: 1, documents: 1 }])
      expect(rows[0]?.terms).toBe(rows[0]?.length)
    })

    test('is told of as expired to all who could see it', async () => {
      await begin()
      const ben = viewerOf()
      const id = await mine.remember('Open to all.', { visibility: 'PUBLIC', retentionUntil: inDays(1) })
      const marks = new Map<Viewer, string>()
      for (const who of [ann, ben]) {
        marks.set(who, (await verbs(world, who).act('remember', { content: 'A mark.' })).cursor)
      }
      world.clock.advance(2 * day)
      await act(cleanUp)
      for (const [who, after] of marks) {
        const stop = new AbortController()
        const events = await world.follow(who, changes, { after }, stop.signal)
        const { value } = await events.next()
        expect(value.data.memoryChanges).toEqual({ kind: 'EXPIRED', memoryId: id, memory: null })
        stop.abort()
      }
      expect(await found(id, ben)).toBeNull()
    })

    test('goes once when two clean up, or forget it, at the same time', async () => {
      await begin()
      const ids: string[] = []
      for (let n = 0; n < 6; n++) ids.push(await mine.remember(`Cedar ${n}.`, { retentionUntil: inDays(1) }))
      world.clock.advance(2 * day)
      const [one, two, ...forgotten] = await Promise.all([
        act(cleanUp, { first: 3 }),
        act(cleanUp, { first: 6 }),
        ...ids.map((id) => mine.act('forget', { id })),
      ])
      // What is over can be cleaned up and nothing else; what was held just then is left for the next.
      expect(forgotten.map(({ code }) => code)).toEqual(ids.map(() => 'NOT_FOUND'))
      const { expired: rest } = await act(cleanUp)
      expect(one.expired + two.expired + rest).toBe(6)
      const [shelf] = await database().sql('SELECT documents, terms FROM memory.shelves WHERE shelf_id = $1', [
        ann.userId,
      ])
      expect(shelf).toEqual({ documents: '0', terms: '0' })
    })

    test('leaves no archive in the object store when it fails, and archives the next time', async () => {
      await begin()
      await mine.remember('Over.', { retentionUntil: inDays(1) })
      world.clock.advance(2 * day)
      const files = () => world.stores.objects.list(ann.userId, 'archives/')
      const unhandy = `DO $$ BEGIN CREATE FUNCTION memory.unhandy() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN RAISE EXCEPTION ''unhandy''; END'; CREATE TRIGGER unhandy BEFORE INSERT ON memory.memory_archives
        FOR EACH ROW EXECUTE FUNCTION memory.unhandy(); END $$`
      await world.database.sql(unhandy)
      try {
        const { errors } = await world.run(ann, cleanUp, { input: { archive: true } })
        expect(errors).toHaveLength(1)
        expect(await files()).toEqual([])
        expect(await contents()).toEqual(['Over.'])
      } finally {
        await world.database.sql('DROP FUNCTION memory.unhandy() CASCADE')
      }
      expect((await act(cleanUp, { archive: true })).archive.memories).toBe(1)
      expect(await files()).toHaveLength(1)
    })

    test('leaves no archive in the object store when the process ends before it is committed', async () => {
      await begin()
      await mine.remember('Boxed.', { retentionUntil: inDays(1) })
      await mine.remember('Lost.', { retentionUntil: inDays(3) })
      world.clock.advance(2 * day)
      const { archive } = await act(cleanUp, { archive: true })
      const { objects } = world.stores
      const files = () => objects.list(ann.userId, 'archives/')
      const kept = await files()
      // What a process leaves that dies between the file and the commit.
      const stray = 'archives/memories/0b0b0b0b-0000-4000-8000-000000000001.jsonl.gz'
      await objects.put(ann.userId, stray, once(Buffer.from('half')))
      // Another process may be about to commit it.
      await removeStrays(world.stores)
      expect(await files()).toEqual([...kept, stray].sort())
      await removeStrays(world.stores, -1000)
      expect(await files()).toEqual(kept)
      expect(archive.lines).toHaveLength(1)
      const again = '{ memoryArchives { nodes { id lines } } }'
      expect((await world.ask(ann, again)).memoryArchives.nodes).toEqual([{ id: archive.id, lines: archive.lines }])
    })

    test('is archived when asked, and its owner gets at the archive again', async () => {
      await begin()
      const id = await mine.remember('Kept in a box.', {
        retentionUntil: inDays(1),
        metadata: { box: 1 },
        externalId: 'x',
      })
      await mine.act('revise', { id, content: 'Kept in a bigger box.' })
      await mine.remember('Beside it.', { retentionUntil: inDays(1) })
      world.clock.advance(2 * day)
      const { archive } = await act(cleanUp, { archive: true })
      expect(archive).toMatchObject({ memories: 2, bytes: expect.any(Number) })
      expect(archive.bytes).toBeLessThan(archive.plainBytes)
      expect(archive.lines.find((line: Data) => line.id === id)).toMatchObject({
        externalId: 'x',
        revisions: [
          { version: 1, content: 'Kept in a box.', metadata: { box: 1 }, tier: 'EPISODIC' },
          { version: 2, content: 'Kept in a bigger box.' },
        ],
      })
      const again =
        'query ($from: Int, $first: Int) { memoryArchives { nodes { id lines(from: $from, first: $first) } } }'
      const { memoryArchives } = await world.ask(ann, again, { from: 1, first: 5 })
      expect(memoryArchives.nodes).toEqual([{ id: archive.id, lines: [archive.lines[1]] }])
      expect((await world.run(ann, again, { first: 1001 })).errors).toMatchObject([{ code: 'BAD_USER_INPUT' }])
      expect((await world.run(ann, again, { from: -1 })).errors).toMatchObject([{ code: 'BAD_USER_INPUT' }])
      expect((await world.ask(viewerOf(), again)).memoryArchives.nodes).toEqual([])
      expect(await act(removeArchive, { id: archive.id }, viewerOf())).toMatchObject({ code: 'NOT_FOUND' })
      expect(await act(removeArchive, { id: archive.id })).toEqual({ archiveId: archive.id })
      expect(await world.stores.objects.list(ann.userId)).toEqual([])
      expect(await act(removeArchive, { id: archive.id })).toMatchObject({ code: 'NOT_FOUND' })
    })

    test.each([
      [{ first: 0 }, 'LIMIT_EXCEEDED', 'first'],
      [{ first: 1001 }, 'LIMIT_EXCEEDED', 'first'],
      [{ at: '2999-01-01T00:00:00Z' }, 'INVALID_INPUT', 'at'],
    ])('is not cleaned up with %j', async (input, code, field) => {
      await begin()
      expect(await act(cleanUp, input)).toMatchObject({ code, path: ['input', field] })
    })
  })

  describe('rules for tiers', () => {
    test('move what fits, each with a revision, an event and a decision', async () => {
      await begin()
      await rule({
        name: 'promote',
        kind: 'TIER',
        action: 'MOVE',
        toTier: 'SEMANTIC',
        condition: { tiers: ['EPISODIC'], minAccesses: 3 },
      })
      await rule({
        name: 'settle',
        kind: 'TIER',
        action: 'MOVE',
        toTier: 'EPISODIC',
        condition: { tiers: ['WORKING'], minAgeDays: 2 },
      })
      const often = await mine.remember('Asked for again and again.')
      const fresh = await mine.remember('Of today.', { tier: 'WORKING' })
      await read(toRow(often), 3)
      const before = (await mine.act('remember', { content: 'A mark.' })).cursor
      expect(await act(applyTiers)).toMatchObject({ moved: 1, refused: 0, complete: true })
      expect(await found(often)).toMatchObject({ tier: 'SEMANTIC', version: 2, content: 'Asked for again and again.' })
      expect(await found(fresh)).toMatchObject({ tier: 'WORKING', version: 1 })
      const stop = new AbortController()
      const { value } = await (await world.follow(ann, changes, { after: before }, stop.signal)).next()
      stop.abort()
      expect(value.data.memoryChanges).toEqual({ kind: 'REVISED', memoryId: often, memory: { id: often } })
      expect(await decided(often)).toMatchObject([
        {
          ruleName: 'promote',
          kind: 'TIER',
          action: 'MOVE',
          phase: 'UPKEEP',
          outcome: { tier: 'EPISODIC', toTier: 'SEMANTIC' },
        },
      ])
      world.clock.advance(2 * day)
      expect(await act(applyTiers, { first: 1 })).toMatchObject({ moved: 1, complete: false })
      expect(await act(applyTiers)).toMatchObject({ moved: 0, complete: true, cursor: null })
      expect((await found(fresh)).tier).toBe('EPISODIC')
      const revisions = 'query ($id: ID!) { memory(id: $id) { revisions { nodes { tier knownUntil } } } }'
      expect((await world.ask(ann, revisions, { id: often })).memory.revisions.nodes).toMatchObject([
        { tier: 'SEMANTIC', knownUntil: null },
        { tier: 'EPISODIC', knownUntil: expect.any(String) },
      ])
      expect((await mine.act('revise', { id: often, content: 'Still mine to change.' })).memory.version).toBe(3)
    })

    test('leave alone what an exception names, and what another rule forbids', async () => {
      await begin()
      await rule({ name: 'all', kind: 'TIER', action: 'MOVE', toTier: 'SHARED', condition: {} })
      await rule({ name: 'but', kind: 'TIER', action: 'ALLOW', priority: 5, condition: { metadata: { stay: true } } })
      const stays = await mine.remember('Stays.', { metadata: { stay: true } })
      const goes = await mine.remember('Goes.')
      await rule({
        name: 'not semantic',
        kind: 'TIER',
        action: 'DENY',
        toTier: 'SHARED',
        priority: 9,
        condition: { tiers: ['SEMANTIC'] },
      })
      const barred = await mine.remember('Barred.', { tier: 'SEMANTIC' })
      expect(await act(applyTiers)).toMatchObject({ moved: 1, refused: 1, complete: true })
      expect([await found(stays), await found(goes), await found(barred)].map(({ tier }) => tier)).toEqual([
        'EPISODIC',
        'SHARED',
        'SEMANTIC',
      ])
      expect(await decided(barred)).toMatchObject([{ ruleName: 'not semantic', action: 'DENY', phase: 'UPKEEP' }])
      expect(await act(applyTiers, { first: 0 })).toMatchObject({ code: 'LIMIT_EXCEEDED' })
    })
  })

  test('the job moves, keeps and removes for every owner, and archives where a rule says so', async () => {
    await begin()
    const rules = [
      { name: 'move', kind: 'TIER', action: 'MOVE', toTier: 'SEMANTIC', condition: { tiers: ['WORKING'] } },
      {
        name: 'boxed',
        kind: 'RETENTION',
        action: 'KEEP',
        keepDays: 5,
        archive: true,
        condition: { tiers: ['SHARED'] },
      },
      { name: 'week', kind: 'RETENTION', action: 'KEEP', keepDays: 7, condition: { tiers: ['EPISODIC'] } },
    ]
    const old = await mine.remember('Older than the rule.')
    const boxed = await mine.remember('For the box.', { tier: 'SHARED' })
    for (const each of rules) await rule(each)
    const moving = await mine.remember('Moving.', { tier: 'WORKING' })
    const ben = viewerOf()
    const passing = await verbs(world, ben).remember('Passing.', { retentionUntil: inDays(1) })
    const staying = await verbs(world, ben).remember('Staying.')
    await keepInOrder(world.stores)
    expect(await found(moving)).toMatchObject({ tier: 'SEMANTIC', retentionUntil: null })
    expect(await found(old)).toMatchObject({ retentionUntil: inDays(7), version: 2 })
    expect(await decided(old)).toMatchObject([{ ruleName: 'week', action: 'KEEP', phase: 'UPKEEP' }])
    world.clock.advance(6 * day)
    await keepInOrder(world.stores)
    expect([await found(old), await found(boxed)]).toEqual([expect.anything(), null])
    expect([await found(passing, ben), await found(staying, ben)]).toEqual([null, expect.anything()])
    const { memoryArchives } = await world.ask(ann, '{ memoryArchives { nodes { memories lines } } }')
    expect(memoryArchives.nodes).toMatchObject([{ memories: 1, lines: [{ id: boxed }] }])
    expect(await decided(boxed)).toMatchObject([
      { ruleName: 'boxed', action: 'EXPIRE', phase: 'UPKEEP', outcome: { archived: true } },
      { ruleName: 'boxed', action: 'KEEP', phase: 'UPKEEP' },
    ])
    world.clock.advance(day)
    await keepInOrder(world.stores)
    expect(await found(old)).toBeNull()
  })

  describe('what rules keep', () => {
    const week = { name: 'week', kind: 'RETENTION', action: 'KEEP', keepDays: 7 }
    const untilOf = async (id: string) => (await found(id))?.retentionUntil

    test('is told to live views, and true of every moment', async () => {
      await begin()
      const id = await mine.remember('Kept as long as rules say.')
      const { cursor } = await mine.act('remember', { content: 'A mark.', metadata: { other: true } })
      const before = world.clock.now().toISOString()
      await rule({ ...week, condition: { metadata: {} } })
      await rule({
        ...week,
        name: 'but',
        action: 'ALLOW',
        keepDays: null,
        priority: 1,
        condition: { metadata: { other: true } },
      })
      const base = await mine.remember('Plain.', { metadata: { base: 1 } })
      world.clock.advance(day)
      await rule({ ...week, condition: {} })
      await keepInOrder(world.stores)
      expect(await found(id)).toMatchObject({ retentionUntil: inDays(6), version: 2 })
      expect(await found(base)).toMatchObject({ retentionUntil: inDays(6), version: 1 })
      const stop = new AbortController()
      const events = await world.follow(ann, changes, { after: cursor }, stop.signal)
      const told: Data[] = []
      while (told.length < 2) told.push((await events.next()).value.data.memoryChanges)
      stop.abort()
      expect(told).toMatchObject([
        { kind: 'CREATED', memoryId: base },
        { kind: 'REVISED', memoryId: id },
      ])
      const then =
        'query ($id: ID!, $asOf: DateTime) { memory(id: $id, asOf: $asOf) { retentionUntil version updatedAt } }'
      expect((await world.ask(ann, then, { id, asOf: before })).memory).toMatchObject({
        retentionUntil: null,
        version: 1,
      })
      expect((await world.ask(ann, then, { id, asOf: world.clock.now().toISOString() })).memory).toMatchObject({
        retentionUntil: inDays(6),
        version: 2,
      })
      // Once said it is not said again.
      await keepInOrder(world.stores)
      expect((await found(id)).version).toBe(2)
    })

    test('gets its time back when a rule is longer, off or gone; what its owner asked for stands', async () => {
      await begin()
      const start = world.clock.now().getTime()
      const daysIn = (days: number) => new Date(start + days * day).toISOString()
      await rule(week)
      const id = await mine.remember('Of a rule.')
      const own = await mine.remember('Of its owner.', { retentionUntil: daysIn(5) })
      const longer = await mine.remember('Of both.', { retentionUntil: daysIn(20) })
      const all = async () => [await untilOf(id), await untilOf(own), await untilOf(longer)]
      const kept = async () => {
        await keepInOrder(world.stores)
        return all()
      }
      expect(await all()).toEqual([daysIn(7), daysIn(5), daysIn(7)])
      await rule({ ...week, keepDays: 9 })
      expect(await kept()).toEqual([daysIn(9), daysIn(5), daysIn(9)])
      await rule({ ...week, enabled: false })
      expect(await kept()).toEqual([null, daysIn(5), daysIn(20)])
      const { rule: again } = await rule({ ...week, keepDays: 1 })
      expect(await kept()).toEqual([daysIn(1), daysIn(1), daysIn(1)])
      // A revision of something else changes nothing about who asked for what.
      await mine.act('revise', { id: longer, metadata: { n: 1 } })
      expect(await untilOf(longer)).toBe(daysIn(1))
      // Over already, and not yet removed when the rule goes: it is there again.
      world.clock.advance(2 * day)
      expect(await all()).toEqual([undefined, undefined, undefined])
      await act('mutation ($input: RemovePolicyRuleInput!) { removePolicyRule(input: $input) { __typename } }', {
        id: again.id,
      })
      expect(await act(cleanUp)).toMatchObject({ expired: 0, remaining: 0 })
      expect(await all()).toEqual([null, daysIn(5), daysIn(20)])
    })

    test('is kept when it is read again in time, as a rule about idle memories says', async () => {
      await begin()
      await rule({ ...week, name: 'fade', keepDays: 90, condition: { idleDays: 60 } })
      const [read1, read2, idle] = [
        await mine.remember('Read late.'),
        await mine.remember('Read at the last moment.'),
        await mine.remember('Never read.'),
      ]
      world.clock.advance(60 * day)
      await keepInOrder(world.stores)
      world.stores.notes.read([toRow(read1)], world.clock.now())
      await world.stores.notes.idle()
      world.clock.advance(29 * day)
      await keepInOrder(world.stores)
      world.stores.notes.read([toRow(read2)], world.clock.now())
      await world.stores.notes.idle()
      world.clock.advance(day)
      await keepInOrder(world.stores)
      const kept = await world.ask(
        ann,
        '{ memories(filter: { visibility: PRIVATE }, orderBy: OLDEST_FIRST) { nodes { content retentionUntil } } }',
      )
      expect(kept.memories.nodes).toEqual([
        { content: 'Read late.', retentionUntil: null },
        { content: 'Read at the last moment.', retentionUntil: null },
      ])
      expect(await decided(idle)).toMatchObject([{ ruleName: 'fade', action: 'EXPIRE' }, { ruleName: 'fade' }])
    })
  })

  test('a condition asks in SQL what it asks in a request', async () => {
    const now = world.clock.now()
    const tiers = fc.subarray(['WORKING', 'EPISODIC', 'SEMANTIC', 'SHARED'] as const, { minLength: 1 })
    const modes = fc.subarray(['SIMPLE', 'SMART_ROUTER', 'SOCRATIC'] as const, { minLength: 1 })
    const leaf = fc.constantFrom(null, true, 1, 'a', 'b')
    const value = fc.oneof(leaf, fc.array(leaf, { maxLength: 2 }), fc.dictionary(fc.constantFrom('x', 'y'), leaf))
    const metadata = fc.dictionary(fc.constantFrom('p', 'q'), value)
    const days = fc.integer({ min: 0, max: 5 })
    const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null, freq: 1 })
    const conditions: fc.Arbitrary<Condition> = fc.record({
      tiers: maybe(tiers),
      modes: maybe(modes),
      visibilities: maybe(fc.subarray(['PRIVATE', 'SHARED', 'PUBLIC'] as const, { minLength: 1 })),
      metadata: maybe(metadata),
      minAgeDays: maybe(days),
      idleDays: maybe(days),
      minAccesses: maybe(days),
      maxAccesses: maybe(days),
    })
    const ago = days.map((n) => new Date(now.getTime() - n * day))
    const facts = fc.record({
      tier: fc.constantFrom('WORKING', 'EPISODIC', 'SEMANTIC', 'SHARED'),
      mode: fc.constantFrom(null, 'SIMPLE', 'SMART_ROUTER', 'SOCRATIC'),
      visibility: fc.constantFrom('PRIVATE', 'SHARED', 'PUBLIC'),
      metadata: fc.option(metadata, { nil: null }),
      createdAt: ago,
      accessedAt: fc.option(ago, { nil: null }),
      accesses: days,
    })
    const ask = async (condition: Condition, given: Data) => {
      const values = new Values()
      const row = values.add(JSON.stringify(given), 'jsonb')
      const where = conditionsOf(condition, now, values)
      const rows = await world.stores.postgres.read(projectorContext('test'), (db) =>
        db.query(
          `WITH given AS (SELECT * FROM jsonb_to_record(${row}) AS it (tier text, mode text, visibility text, metadata jsonb,
             "createdAt" timestamptz, "accessedAt" timestamptz, accesses integer))
           SELECT 1 FROM (SELECT tier, visibility, metadata FROM given) AS revision, (SELECT mode FROM given) AS session,
             (SELECT "createdAt" AS created_at FROM given) AS memory,
             (SELECT "accessedAt" AS accessed_at, accesses AS count FROM given) AS access
           WHERE ${['true', ...where].join(' AND ')}`,
          values.list,
        ),
      )
      return rows.length === 1
    }
    await fc.assert(
      fc.asyncProperty(conditions, facts, async (condition, given) => {
        const memory = { ...given, ownerId: 'o', accessedAt: given.accessedAt ?? given.createdAt } as unknown as Kept
        expect(await ask(condition, given)).toBe(fits(condition, memory, now))
      }),
      { numRuns: 150 },
    )
  })

  function toRow(id: string): string {
    const hex = rowId(id)
    const uuid = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
    expect(toGlobalId('Memory', uuid)).toBe(id)
    return uuid
  }
})
