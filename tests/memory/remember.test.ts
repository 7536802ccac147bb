import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toGlobalId } from '../../lib/ids.ts'
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

const memory = `query ($id: ID!, $asOf: DateTime) { memory(id: $id, asOf: $asOf) {
  id content tier visibility version metadata externalId occurredAt timeInferred retentionUntil createdAt updatedAt
  owner { id } session { id } source { id } revisions { nodes { version content tier knownFrom knownUntil } } } }`

const read = async (id: string, asOf?: Date, viewer = world.owner): Promise<Data> =>
  (await world.ask(viewer, memory, { id, asOf: asOf?.toISOString() })).memory

/** How many rows in the database still hold a text, and what is left beside it. */
async function traces(text: string): Promise<Record<string, number>> {
  const [row] = await world.database.sql<Record<string, number>>(
    `SELECT (SELECT count(*)::int FROM memory.revisions WHERE content ILIKE '%' || $1 || '%') AS revisions,
            (SELECT count(*)::int FROM memory.postings WHERE term = $1) AS postings`,
    [text],
  )
  return row ?? {}
}

describe('remember', () => {
  test('keeps what it is given', async () => {
    const sessionId = await mine.openSession()
    const id = await mine.remember('Quokkas smile.', {
      tier: 'SEMANTIC',
      visibility: 'PUBLIC',
      sessionId,
      occurredAt: '2024-05-15T15:00:00.000Z',
      retentionUntil: '2030-01-01T00:00:00.000Z',
      metadata: { from: ['book', { page: 3 }] },
      externalId: 'quokka',
    })
    const now = world.clock.now().toISOString()
    expect(await read(id)).toEqual({
      id,
      content: 'Quokkas smile.',
      tier: 'SEMANTIC',
      visibility: 'PUBLIC',
      version: 1,
      metadata: { from: ['book', { page: 3 }] },
      externalId: 'quokka',
      occurredAt: '2024-05-15T15:00:00.000Z',
      timeInferred: false,
      retentionUntil: '2030-01-01T00:00:00.000Z',
      createdAt: now,
      updatedAt: now,
      owner: { id: toGlobalId('User', world.owner.userId) },
      session: { id: sessionId },
      source: null,
      revisions: { nodes: [expect.objectContaining({ version: 1, knownFrom: now, knownUntil: null })] },
    })
  })

  test('finds what has the name already, and adds nothing', async () => {
    const first = await mine.act('remember', { content: 'Once.', externalId: 'once' })
    const second = await mine.act('remember', { content: 'Twice.', externalId: 'once' })
    expect(second.memory).toEqual(first.memory)
    expect(second.cursor).toEqual(expect.any(String))
    const many = ['once', 'new', 'new'].map((externalId) => ({ content: externalId, externalId }))
    const batch = await mine.act('rememberMany', { items: many })
    expect(batch.memories[0]).toEqual({ id: first.memory.id, content: 'Once.' })
    expect(batch.memories[2]).toEqual(batch.memories[1])
    expect((await theirs.act('remember', { content: 'Mine.', externalId: 'once' })).memory.id).not.toBe(first.memory.id)
  })

  test('under one key answers the same and does nothing again; another input under it is a conflict', async () => {
    const input = { content: 'Keyed.', clientMutationId: 'key-1' }
    const first = await mine.act('remember', input)
    expect(await mine.act('remember', input)).toEqual(first)
    expect(await mine.act('remember', { ...input, content: 'Else.' })).toMatchObject({ code: 'CONFLICT' })
    expect((await theirs.act('remember', input)).memory.id).not.toBe(first.memory.id)
  })

  const nested = (depth: number): unknown => (depth === 0 ? 1 : { a: nested(depth - 1) })
  test.each([
    ['content', { content: '' }],
    ['content', { content: 'x'.repeat(65_537) }],
    ['content', { content: 'nul \u0000' }],
    ['content', { content: 'half a pair \ud83d' }],
    ['externalId', { externalId: '' }],
    ['externalId', { externalId: 'x'.repeat(257) }],
    ['metadata', { metadata: [1] }],
    ['metadata', { metadata: { text: 'x'.repeat(16_384) } }],
    ['metadata', { metadata: nested(9) }],
    ['metadata', { metadata: { 'nul \u0000': 1 } }],
    ['metadata', { metadata: { half: ['\ud83d'] } }],
    ['metadata', { metadata: { wide: Array.from({ length: 200_000 }, () => 1) } }],
    ['retentionUntil', { retentionUntil: '2020-01-01T00:00:00.000Z' }],
  ])('names %s when it breaks its rule', async (field, wrong) => {
    const answer = await mine.act('remember', { content: 'fine', ...wrong })
    expect(answer).toMatchObject({ code: 'INVALID_INPUT', path: ['input', field] })
  })

  test.each([
    [{ content: 'x'.repeat(65_537) }, '65536'],
    [{ metadata: nested(9) }, '8 deep'],
    [{ metadata: { text: 'x'.repeat(16_384) } }, '16384 bytes'],
    [{ contextAnalysis: nested(9) }, '8 deep'],
    [{ relatedTo: Array.from({ length: 101 }, () => 'x') }, '100'],
  ])('says which limit was broken: %#', async (wrong, limit) => {
    expect((await mine.act('remember', { content: 'fine', ...wrong })).message).toContain(limit)
  })

  test('says how large a batch may be', async () => {
    const items = Array.from({ length: 1001 }, () => ({ content: 'x' }))
    const answer = await mine.act('rememberMany', { items })
    expect(answer).toMatchObject({ code: 'LIMIT_EXCEEDED', message: 'A batch holds 1–1000 items, not 1001.' })
  })

  test('takes what is just within the limits', async () => {
    const content = '😀'.repeat(65_536)
    const id = await mine.remember(content, { metadata: nested(8), externalId: 'x'.repeat(256) })
    expect((await read(id)).content).toBe(content)
  })

  test('a batch is all or nothing, and says what is wrong with each item', async () => {
    const session = await theirs.openSession()
    const before = await world.ask(world.owner, '{ memoryStats { count } }')
    const refused = await mine.act('rememberMany', {
      items: [{ content: 'fine' }, { content: '' }, { content: 'x', clientMutationId: 'k' }],
    })
    expect(refused).toMatchObject({
      code: 'BATCH_REJECTED',
      path: ['input', 'items'],
      problems: [
        { __typename: 'InvalidInput', path: ['1', 'content'] },
        { __typename: 'InvalidInput', path: ['2', 'clientMutationId'] },
      ],
    })
    const absent = await mine.act('rememberMany', {
      items: [{ content: 'fine' }, { content: 'x', sessionId: session }, { content: 'y', sessionId: 'rubbish' }],
    })
    expect(absent.problems).toMatchObject([
      { __typename: 'NotFound', path: ['1', 'sessionId'] },
      { __typename: 'NotFound', path: ['2', 'sessionId'] },
    ])
    expect(await mine.act('rememberMany', { items: [] })).toMatchObject({ code: 'LIMIT_EXCEEDED' })
    expect(await world.ask(world.owner, '{ memoryStats { count } }')).toEqual(before)
  })

  test('needs somebody signed in', async () => {
    const { errors } = await world.run(null, 'mutation { remember(input: { content: "" }) { __typename } }')
    expect(errors).toMatchObject([{ code: 'UNAUTHENTICATED' }])
  })
})

describe('revise', () => {
  test('keeps every revision, readable as it was known', async () => {
    const id = await mine.remember('The code is Alpha.', { metadata: { a: 1 } })
    const times = [world.clock.now()]
    const changes = [{ content: 'The code is Beta.' }, { tier: 'WORKING', metadata: null }]
    for (const change of changes) {
      world.clock.advance(1000)
      times.push(world.clock.now())
      await mine.act('revise', { id, ...change })
    }
    const known = await Promise.all(times.map((time) => read(id, time)))
    expect(known.map(({ content, tier, version, metadata }) => [content, tier, version, metadata])).toEqual([
      ['The code is Alpha.', 'EPISODIC', 1, { a: 1 }],
      ['The code is Beta.', 'EPISODIC', 2, { a: 1 }],
      ['The code is Beta.', 'WORKING', 3, null],
    ])
    expect(known.map(({ revisions }) => revisions.nodes.map(({ version }: Data) => version))).toEqual([
      [1],
      [2, 1],
      [3, 2, 1],
    ])
    expect(await read(id, new Date(Number(times[0]) - 1))).toBeNull()
    expect(await read(id)).toMatchObject({ version: 3, updatedAt: times[2]?.toISOString() })
    const { nodes } = (await read(id)).revisions
    expect(nodes.map(({ knownUntil }: Data) => knownUntil)).toEqual([null, nodes[0].knownFrom, nodes[1].knownFrom])
  })

  test('rests on the version the client has seen, and names both when they differ', async () => {
    const id = await mine.remember('First.')
    await mine.act('revise', { id, content: 'Second.', expectedVersion: 1 })
    expect(await mine.act('revise', { id, content: 'Third.', expectedVersion: 1 })).toMatchObject({
      code: 'CONFLICT',
      message: 'The memory is at version 2, not 1.',
      path: ['input', 'expectedVersion'],
    })
    expect((await read(id)).version).toBe(2)
  })

  test('twice in one operation shows the memory as it is after each', async () => {
    const id = await mine.remember('Zero.')
    const revise = (content: string) =>
      `reviseMemory(input: { id: "${id}", content: "${content}" }) { ... on ReviseMemorySuccess { memory { content version } } }`
    expect(await world.ask(world.owner, `mutation { one: ${revise('One.')} two: ${revise('Two.')} }`)).toEqual({
      one: { memory: { content: 'One.', version: 2 } },
      two: { memory: { content: 'Two.', version: 3 } },
    })
  })

  test('says what is wrong', async () => {
    const id = await mine.remember('Mine.', { visibility: 'PUBLIC' })
    expect(await mine.act('revise', { id })).toMatchObject({ code: 'INVALID_INPUT', path: ['input'] })
    expect(await mine.act('revise', { id, content: '' })).toMatchObject({ path: ['input', 'content'] })
    for (const unknown of [
      'rubbish',
      toGlobalId('Memory', crypto.randomUUID()),
      toGlobalId('User', crypto.randomUUID()),
    ]) {
      expect(await mine.act('revise', { id: unknown, content: 'x' })).toMatchObject({ code: 'NOT_FOUND' })
    }
    // A public memory is there for all to read, and for its owner to change.
    expect(await read(id, undefined, world.stranger)).toMatchObject({ content: 'Mine.' })
    expect(await theirs.act('revise', { id, content: 'Theirs.' })).toMatchObject({ code: 'NOT_FOUND' })
    expect(await theirs.act('forget', { id })).toMatchObject({ code: 'NOT_FOUND' })
    expect((await read(id)).version).toBe(1)
  })
})

describe('forget', () => {
  test('leaves nothing of it, for no moment', async () => {
    const id = await mine.remember('Zebrafish one.', { externalId: 'zebra' })
    const then = world.clock.now()
    world.clock.advance(1000)
    await mine.act('revise', { id, content: 'Zebrafish two.' })
    expect(await traces('zebrafish')).toEqual({ revisions: 2, postings: 1 })
    expect(await mine.act('forget', { id })).toMatchObject({ memoryId: id, cursor: expect.any(String) })
    expect(await read(id)).toBeNull()
    expect(await read(id, then)).toBeNull()
    expect(await traces('zebrafish')).toEqual({ revisions: 0, postings: 0 })
    const named = await world.database.sql("SELECT FROM memory.memories WHERE external_id = 'zebra'")
    expect(named).toEqual([])
    expect(await mine.act('forget', { id })).toMatchObject({ code: 'NOT_FOUND' })
    expect(await mine.remember('Zebrafish again.', { externalId: 'zebra' })).not.toBe(id)
  })
})

describe('shelves', () => {
  const words = fc.constantFrom('apple', 'pear', 'plum', 'cherry', 'quince')
  const step = fc.oneof(
    fc.record({ act: fc.constant('remember' as const), text: fc.array(words, { maxLength: 6 }), open: fc.boolean() }),
    fc.record({ act: fc.constant('revise' as const), text: fc.array(words, { maxLength: 6 }), open: fc.boolean() }),
    fc.record({ act: fc.constant('forget' as const), text: fc.constant([]), open: fc.constant(false) }),
  )

  test('hold exactly the present words of what stands on them, whatever was done', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        const me = { ...world.owner, userId: crypto.randomUUID(), tenantId: crypto.randomUUID() }
        await world.database.sql('INSERT INTO app.tenants (id, name) VALUES ($1, $2)', [me.tenantId, 'another'])
        const own = verbs(world, me)
        const ids: string[] = []
        for (const { act, text, open } of steps) {
          const content = ['the', ...text].join(' ')
          const visibility = open ? 'PUBLIC' : 'PRIVATE'
          if (act === 'remember') ids.push(await own.remember(content, { visibility }))
          else if (act === 'revise' && ids[0]) await own.act('revise', { id: ids[0], content, visibility })
          else if (act === 'forget' && ids[0]) await own.act('forget', { id: ids.shift() })
        }
        const wrong = await world.database.sql(
          `WITH standing AS (
             SELECT memory.id, CASE memory.visibility WHEN 'PUBLIC' THEN memory.tenant_id ELSE memory.owner_id END AS shelf_id,
                    revision.terms
             FROM memory.memories AS memory JOIN memory.revisions AS revision ON revision.memory_id = memory.id
             WHERE memory.tenant_id = $1 AND revision.known_until IS NULL
           ), expected AS (
             SELECT shelf_id, term.key AS term, id, term.value::text::int AS frequency
             FROM standing, jsonb_each(terms) AS term
           ), found AS (
             SELECT shelf_id, term, memory_id, frequency::int FROM memory.postings WHERE tenant_id = $1
           ), sizes AS (
             SELECT shelf_id, count(*)::bigint AS documents, sum((SELECT coalesce(sum(value::text::int), 0) FROM jsonb_each(terms)))::bigint AS terms
             FROM standing GROUP BY shelf_id
           )
           (SELECT 'posting' AS what, row(x.*)::text AS row FROM (SELECT * FROM expected EXCEPT SELECT * FROM found) AS x)
           UNION ALL (SELECT 'posting', row(x.*)::text FROM (SELECT * FROM found EXCEPT SELECT * FROM expected) AS x)
           UNION ALL (SELECT 'shelf', row(s.*)::text FROM memory.shelves AS s LEFT JOIN sizes USING (shelf_id)
             WHERE s.tenant_id = $1 AND (s.documents, s.terms) <> (coalesce(sizes.documents, 0), coalesce(sizes.terms, 0)))`,
          [me.tenantId],
        )
        expect(wrong).toEqual([])
      }),
      { numRuns: 12 },
    )
  })
})
