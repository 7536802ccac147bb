import { beforeAll, expect, test } from 'vitest'
import { toGlobalId } from '../../lib/ids.ts'
import { describeEachPostgres } from '../kit/postgres.ts'
import { type Data, type MemoryWorld, openMemoryWorld, verbs } from './world.ts'

const relate = `mutation ($input: RelateMemoriesInput!) { relateMemories(input: $input) {
  __typename ... on RelateMemoriesSuccess { cursor relationship { type confidence metadata from { id } to { id } } }
  ... on Problem { code message path } } }`
const unrelate = `mutation ($input: UnrelateMemoriesInput!) { unrelateMemories(input: $input) {
  __typename ... on UnrelateMemoriesSuccess { from { id } } ... on Problem { code path } } }`
const related = `query ($id: ID!, $type: String, $direction: RelationshipDirection, $first: Int, $after: String) {
  memory(id: $id) { relationships(type: $type, direction: $direction, first: $first, after: $after) {
    totalCount nodes { type confidence from { id } to { id } } pageInfo { hasNextPage endCursor } } } }`
const made = `query ($id: ID!) { memory(id: $id) { contextAnalysis sources { totalCount nodes {
  kind occurredAt message { content } memory { content } } } } }`

describeEachPostgres('how memories hang together', (database) => {
  let world: MemoryWorld
  let mine: ReturnType<typeof verbs>
  let theirs: ReturnType<typeof verbs>

  beforeAll(async () => {
    world = await openMemoryWorld({ database: database() })
    mine = verbs(world, world.owner)
    theirs = verbs(world, world.stranger)
    return () => world.close()
  })

  const say = async (input: Data, viewer = world.owner) => (await world.ask(viewer, relate, { input })).relateMemories
  const takeBack = async (input: Data, viewer = world.owner) =>
    (await world.ask(viewer, unrelate, { input })).unrelateMemories
  const read = async (id: string, more: Data = {}, viewer = world.owner) =>
    (await world.ask(viewer, related, { id, ...more })).memory?.relationships
  const sourcesOf = async (id: string) => (await world.ask(world.owner, made, { id })).memory
  const distinct = (n: number) => mine.remember(`Of its own ${n} ${Math.random()}.`)

  test('a relationship is read from both ends, by type and direction, page by page, and is taken back', async () => {
    const [a, b, c] = [await distinct(1), await distinct(2), await distinct(3)]
    const first = await say({ fromId: a, toId: b, type: 'CAUSES', confidence: 0.9, metadata: { why: 'seen' } })
    expect(first.relationship).toEqual({
      type: 'CAUSES',
      confidence: 0.9,
      metadata: { why: 'seen' },
      from: { id: a },
      to: { id: b },
    })
    expect((await say({ fromId: c, toId: a, type: 'FOLLOWS' })).relationship).toMatchObject({ confidence: 0.5 })
    const all = await read(a)
    expect(all.totalCount).toBe(2)
    expect(all.nodes.map(({ type }: Data) => type)).toEqual(['FOLLOWS', 'CAUSES'])
    expect((await read(b)).nodes).toMatchObject([{ type: 'CAUSES', from: { id: a }, to: { id: b } }])
    expect((await read(a, { type: 'CAUSES' })).totalCount).toBe(1)
    expect((await read(a, { direction: 'INCOMING' })).nodes).toMatchObject([{ type: 'FOLLOWS' }])
    const page = await read(a, { first: 1 })
    expect(page.pageInfo.hasNextPage).toBe(true)
    expect((await read(a, { first: 1, after: page.pageInfo.endCursor })).nodes).toMatchObject([{ type: 'CAUSES' }])
    // Said again, it is the same one with another confidence.
    await say({ fromId: a, toId: b, type: 'CAUSES', confidence: 0.2 })
    expect((await read(a, { type: 'CAUSES' })).nodes).toMatchObject([{ confidence: 0.2 }])
    expect(await takeBack({ fromId: a, toId: b, type: 'CAUSES' })).toMatchObject({ from: { id: a } })
    expect((await read(b)).totalCount).toBe(0)
    expect(await takeBack({ fromId: a, toId: b, type: 'CAUSES' })).toMatchObject({ code: 'NOT_FOUND' })
  })

  test('has an id, which names something for those who see both memories', async () => {
    const [a, b] = [await distinct(1), await distinct(2)]
    const answer = `mutation ($input: RelateMemoriesInput!) { relateMemories(input: $input) {
      ... on RelateMemoriesSuccess { relationship { id } } } }`
    const input = { fromId: a, toId: b, type: 'CAUSES' }
    const { id } = (await world.ask(world.owner, answer, { input })).relateMemories.relationship
    const entity = `query ($them: [_Any!]!) { _entities(representations: $them) {
      ... on MemoryRelationship { id type from { id } to { id } } } }`
    const them = ['id', 'nodeRef'].map((key) => ({ __typename: 'MemoryRelationship', [key]: id }))
    const read = async (who: typeof world.owner) => (await world.ask(who, entity, { them }))._entities
    const found = { id, type: 'CAUSES', from: { id: a }, to: { id: b } }
    expect(await read(world.owner)).toEqual([found, found])
    expect(await read(world.stranger)).toEqual([null, null])
    await mine.act('revise', { id: a, visibility: 'PUBLIC' })
    expect(await read(world.stranger)).toEqual([null, null])
    await mine.act('revise', { id: b, visibility: 'PUBLIC' })
    expect(await read(world.stranger)).toEqual([found, found])
  })

  test('is refused to itself, to a stranger’s memory, without a type and beyond its bounds', async () => {
    const [a, b, hidden] = [await distinct(1), await distinct(2), await theirs.remember('Hidden.')]
    const refusals: [Data, string, string][] = [
      [{ fromId: a, toId: a, type: 'SAME' }, 'INVALID_INPUT', 'toId'],
      [{ fromId: a, toId: hidden, type: 'X' }, 'NOT_FOUND', 'toId'],
      [{ fromId: hidden, toId: a, type: 'X' }, 'NOT_FOUND', 'fromId'],
      [{ fromId: a, toId: toGlobalId('Message', crypto.randomUUID()), type: 'X' }, 'NOT_FOUND', 'toId'],
      [{ fromId: a, toId: b, type: '' }, 'INVALID_INPUT', 'type'],
      [{ fromId: a, toId: b, type: 'x'.repeat(51) }, 'INVALID_INPUT', 'type'],
      [{ fromId: a, toId: b, type: 'X', confidence: 1.01 }, 'INVALID_INPUT', 'confidence'],
      [{ fromId: a, toId: b, type: 'X', metadata: [1] }, 'INVALID_INPUT', 'metadata'],
    ]
    for (const [input, code, field] of refusals) {
      expect(await say(input)).toMatchObject({ code, path: ['input', field] })
    }
    expect((await read(a)).totalCount).toBe(0)
    expect((await read(hidden, {}, world.stranger)).totalCount).toBe(0)
  })

  test('leads to what is public, is seen by whoever sees both ends, and goes with either', async () => {
    const open = await theirs.remember(`Open to all ${Math.random()}.`, { visibility: 'PUBLIC' })
    const [hidden, shown] = [
      await distinct(1),
      await mine.remember(`Shown ${Math.random()}.`, { visibility: 'PUBLIC' }),
    ]
    await say({ fromId: hidden, toId: open, type: 'ABOUT' })
    await say({ fromId: shown, toId: open, type: 'ABOUT' })
    expect((await read(open)).totalCount).toBe(2)
    expect((await read(open, {}, world.stranger)).nodes).toMatchObject([{ from: { id: shown } }])
    expect(await takeBack({ fromId: shown, toId: open, type: 'ABOUT' }, world.stranger)).toMatchObject({
      code: 'NOT_FOUND',
    })
    await theirs.act('forget', { id: open })
    expect([(await read(hidden)).totalCount, (await read(shown)).totalCount]).toEqual([0, 0])
    expect(
      await world.database.sql('SELECT FROM memory.relationships WHERE relationship_type = $1', ['ABOUT']),
    ).toEqual([])
  })

  test('is told as RELATED to those who may see both', async () => {
    const ending = new AbortController()
    const [a, b] = [await distinct(1), await mine.remember(`Seen ${Math.random()}.`, { visibility: 'PUBLIC' })]
    const source = 'subscription { memoryChanges { kind memoryId memory { id } } }'
    const [own, others] = await Promise.all(
      [world.owner, world.stranger].map((viewer) => world.follow(viewer, source, {}, ending.signal)),
    )
    const next = async (events: typeof own) => (await events?.next())?.value.data.memoryChanges
    // Whoever follows from now on may still be told what has yet to settle.
    const related = async () => {
      for (;;) {
        const change = await next(own)
        if (change.kind === 'RELATED' && [a, b].includes(change.memoryId)) return change
      }
    }
    await say({ fromId: a, toId: b, type: 'NEAR' })
    expect([await related(), await related()]).toEqual([
      { kind: 'RELATED', memoryId: a, memory: { id: a } },
      { kind: 'RELATED', memoryId: b, memory: { id: b } },
    ])
    const last = await theirs.remember(`Mine ${Math.random()}.`)
    // Of a memory that he does not see he hears nothing, not even that another is related to it.
    const told = [await next(others)]
    while (told.at(-1).memoryId !== last) told.push(await next(others))
    expect(told.at(-1)).toMatchObject({ kind: 'CREATED' })
    expect(told.filter(({ memoryId }) => memoryId === a)).toEqual([])
    ending.abort()
  })

  test('asks one statement for the relationships of a whole page, and one for their ends', async () => {
    const query = '{ memories(first: 10) { nodes { relationships { nodes { from { content } to { content } } } } } }'
    world.statements.length = 0
    await world.ask(world.owner, query)
    const asking = (what: string) => world.statements.filter(({ text }) => text.includes(what)).length
    expect([asking('memory.relationships'), asking('memory.id = ANY')]).toEqual([1, 1])
  })

  test('`relatedTo`, `derivedFrom` and `contextAnalysis` are kept with what is remembered, or nothing is', async () => {
    const [a, b] = [await mine.remember('Rain was forecast for Tuesday.'), await distinct(2)]
    const contextAnalysis = { topics: ['weather'] }
    const id = await mine.remember('It rained on Tuesday.', { relatedTo: [a, b], derivedFrom: [a], contextAnalysis })
    const relations = (await read(id)).nodes.map(({ type, to }: Data) => [type, to.id])
    expect(relations.sort()).toEqual(
      [
        ['RELATED_TO', a],
        ['RELATED_TO', b],
      ].sort(),
    )
    expect(await sourcesOf(id)).toMatchObject({
      contextAnalysis,
      sources: {
        totalCount: 2,
        nodes: [
          { kind: 'STATEMENT', memory: null },
          { kind: 'MEMORY', memory: { content: 'Rain was forecast for Tuesday.' } },
        ],
      },
    })
    const hidden = await theirs.remember('Hidden too.')
    for (const name of ['relatedTo', 'derivedFrom']) {
      const refused = await mine.act('remember', { content: 'Half done?', [name]: [a, hidden] })
      expect(refused).toMatchObject({ code: 'NOT_FOUND', path: ['input', name, '1'] })
      const many = Array.from({ length: 101 }, () => a)
      expect(await mine.act('remember', { content: 'x', [name]: many })).toMatchObject({ code: 'LIMIT_EXCEEDED' })
      const batch = await mine.act('rememberMany', {
        items: [{ content: 'Half done?' }, { content: 'y', [name]: [hidden] }],
      })
      expect(batch.problems).toMatchObject([{ code: 'NOT_FOUND', path: ['1', name, '0'] }])
    }
    expect(await world.database.sql(`SELECT FROM memory.revisions WHERE content = 'Half done?'`)).toEqual([])
    await mine.act('revise', { id, tier: 'SEMANTIC' })
    expect((await sourcesOf(id)).contextAnalysis).toEqual(contextAnalysis)
    await mine.act('revise', { id, content: 'It rained on Tuesday and Wednesday.' })
    expect((await sourcesOf(id)).contextAnalysis).toBeNull()
    await mine.act('revise', { id, contextAnalysis: { topics: ['rain'] } })
    expect((await sourcesOf(id)).contextAnalysis).toEqual({ topics: ['rain'] })
    await mine.act('forget', { id: a })
    expect((await sourcesOf(id)).sources.nodes).toHaveLength(1)
  })

  test('exact duplicates of one session without a name become one memory that keeps every source', async () => {
    const session = await mine.openSession()
    const content = 'The gate code is 4711.'
    const at = (day: number) => `2026-03-0${day}T08:00:00.000Z`
    const first = await mine.remember(content, { sessionId: session })
    world.clock.advance(1000)
    expect(await mine.remember(content, { sessionId: session })).toBe(first)
    const batch = await mine.act('rememberMany', {
      items: [
        { content, sessionId: session },
        { content: 'New.', sessionId: session },
        { content: 'New.', sessionId: session },
      ],
    })
    const [one, two, three] = batch.memories.map(({ id }: Data) => id)
    expect([one, two === three]).toEqual([first, true])
    expect((await sourcesOf(first)).sources).toMatchObject({ totalCount: 3 })
    expect((await sourcesOf(two)).sources).toMatchObject({ totalCount: 2 })
    // Not the same: another session, none, a name, other data, another tier, another time, another owner.
    const others = [
      await mine.remember(content, { sessionId: await mine.openSession() }),
      await mine.remember(content),
      await mine.remember(content, { sessionId: session, externalId: 'gate' }),
      await mine.remember(content, { sessionId: session, metadata: { speaker: 'Ann' } }),
      await mine.remember(content, { sessionId: session, tier: 'WORKING' }),
      await mine.remember(content, { sessionId: session, occurredAt: at(1) }),
      await mine.remember(content, { sessionId: session, occurredAt: at(2) }),
      await theirs.remember(content),
    ]
    expect(new Set([first, ...others]).size).toBe(others.length + 1)
    expect(await mine.remember(content, { sessionId: session, occurredAt: at(2) })).toBe(others[6])
    await mine.act('forget', { id: first })
    expect(await mine.remember(content, { sessionId: session, metadata: { speaker: 'Ann' } })).toBe(others[3])
    expect(await mine.remember(content, { sessionId: session, metadata: { speaker: 'Bob' } })).not.toBe(first)
  })

  test('two who bring the same at once make one memory', async () => {
    const content = 'Both at once.'
    const ids = await Promise.all(Array.from({ length: 8 }, () => mine.remember(content)))
    expect(new Set(ids).size).toBe(1)
    expect((await sourcesOf(ids[0] ?? '')).sources.totalCount).toBe(8)
  })

  test('near duplicates are reported, the most alike first, and nobody else’s', async () => {
    const base = await mine.remember('The quarterly report is due on the third of May at the Lisbon office.')
    const near = await mine.remember('The quarterly report is due on the fourth of May at the Lisbon office.')
    const nearer = await mine.remember('The quarterly report is due on the third of May at the Lisbon office!')
    await mine.remember('The annual picnic is at the lake.')
    await theirs.remember('The quarterly report is due on the third of May at the Lisbon office.')
    const query = `query ($id: ID!, $min: Float) { nearDuplicates(memoryId: $id, minSimilarity: $min) { similarity memory { id } } }`
    const found = async (viewer = world.owner, min?: number) =>
      (await world.ask(viewer, query, { id: base, min })).nearDuplicates
    expect((await found()).map(({ memory }: Data) => memory.id)).toEqual([nearer, near])
    expect((await found())[0].similarity).toBe(1)
    expect((await found(world.owner, 0.95)).map(({ memory }: Data) => memory.id)).toEqual([nearer])
    expect(await found(world.stranger)).toEqual([])
    const { errors } = await world.run(world.owner, query, { id: base, min: 2 })
    expect(errors).toMatchObject([{ code: 'BAD_USER_INPUT' }])
  })
})
