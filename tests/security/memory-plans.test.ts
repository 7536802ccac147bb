import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { toGlobalId } from '../../lib/ids.ts'
import { explained, type Plan } from '../kit/plans.ts'
import { describeEachPostgres, type TestPostgres } from '../kit/postgres.ts'
import { type MemoryWorld, openMemoryWorld } from '../memory/world.ts'

const owners = 10
const memoriesEach = 1000
const plans: (Plan | undefined)[] = []

/** The tables that a plan reads from end to end, and the indexes that it looks things up in. */
function scansOf(plan: Plan | undefined): string[] {
  if (!plan) return []
  const index = plan['Index Name']
  const table = plan['Node Type'] === 'Seq Scan' ? `all of ${plan['Relation Name']}` : null
  return [...new Set([...(index ? [index] : []), ...(table ? [table] : []), ...(plan.Plans ?? []).flatMap(scansOf)])]
}

describeEachPostgres('plans of the memory room under row-level security', (database) => {
  let world: MemoryWorld
  let session: string
  beforeAll(async () => {
    world = await openMemoryWorld({ database: database() })
    Object.assign(world.stores, { postgres: explained(world.stores.postgres, plans) })
    session = await fill(database(), world)
    return () => world.close()
  }, 120_000)

  /** What each statement of an operation scans, as the role that runs it plans it. */
  async function planned(source: string, variables: Record<string, unknown> = {}): Promise<string[][]> {
    plans.length = 0
    await world.ask(world.owner, source, variables)
    return plans.splice(0).map((plan) => scansOf(plan).sort())
  }
  const readThrough = (scans: readonly string[][]) => scans.flat().filter((scan) => scan.startsWith('all of'))

  test('a page of memories is read in its order, a memory by its id', async () => {
    const [page] = await planned('{ memories(first: 5) { nodes { content } } }')
    expect(page).toEqual(expect.arrayContaining(['memories_owner', 'memories_public', 'revisions_current']))
    expect(readThrough([page ?? []])).toEqual([])
    const [row] = await world.database.sql<{ id: string }>(
      'SELECT id FROM memory.memories WHERE owner_id = $1 LIMIT 1',
      [world.owner.userId],
    )
    const id = toGlobalId('Memory', row?.id ?? '')
    const [one] = await planned('query ($id: ID!) { memory(id: $id) { content } }', { id })
    expect(one).toEqual(expect.arrayContaining(['memories_pkey', 'revisions_current']))
    const asOf = world.clock.now().toISOString()
    const then = await planned('query ($id: ID!, $asOf: DateTime) { memory(id: $id, asOf: $asOf) { content } }', {
      id,
      asOf,
    })
    expect(readThrough([one ?? [], ...then])).toEqual([])
  })

  test.each(['RECENTLY_UPDATED_FIRST', 'LEAST_RECENTLY_UPDATED_FIRST'])(
    'a page of memories by their last revision is read in that order, %s',
    async (orderBy) => {
      const query = `query ($orderBy: MemoryOrder, $after: String) { memories(first: 5, orderBy: $orderBy, after: $after) {
        nodes { content } pageInfo { endCursor } } }`
      const { pageInfo } = (await world.ask(world.owner, query, { orderBy })).memories
      for (const after of [null, pageInfo.endCursor]) {
        const [page] = await planned(query, { orderBy, after })
        expect(page).toEqual(expect.arrayContaining(['memories_owner_updated', 'memories_public_updated']))
        expect(readThrough([page ?? []])).toEqual([])
      }
    },
  )

  test('what lies under a session is read by its session', async () => {
    const query = `query ($id: ID!) { chatSession(id: $id) { memories(first: 3) { totalCount nodes { content
      revisions { nodes { version } } } } } }`
    const scans = await planned(query, { id: session })
    expect(scans.flat()).toContain('memories_session')
    expect(readThrough(scans)).toEqual([])
  })

  test('what says what a message says is read by the message', async () => {
    const query = `query ($id: ID!) { chatSession(id: $id) { messages(first: 3) { nodes { memories(first: 3) {
      totalCount nodes { content } } } } } }`
    const scans = await planned(query, { id: session })
    expect(scans.flat()).toEqual(expect.arrayContaining(['memories_message', 'sources_message', 'memories_pkey']))
    // There are no prompts.
    expect(readThrough(scans).filter((scan) => scan !== 'all of prompts')).toEqual([])
  })

  test('recall looks its terms up shelf by shelf, and what fits a filter by its id', async () => {
    const shelves = shelvesOf(world)
    expect(scansOf(await planOf(database(), world, 'measure_shelves', [shelves]))).toEqual(['shelves_pkey'])
    const words = "ARRAY['term7', 'term8']"
    expect(scansOf(await planOf(database(), world, 'count_postings', [shelves, words]))).toEqual(['postings_pkey'])
    for (const filter of [null, { tiers: ['WORKING'] }, { metadata: { n: 7 } }]) {
      const scans = scansOf(await planOfSearch(database(), world, filter !== null))
      expect(scans).toContain('postings_pkey')
      expect(readThrough([scans])).toEqual([])
      const rest = await planned(
        'query ($filter: MemoryFilter) { recall(query: "term7 term8", filter: $filter) { hits { rank } } }',
        { filter },
      )
      expect(readThrough(rest)).toEqual([])
    }
  })

  test('recall’s search reads nothing but by the statements that are planned here', async () => {
    const [search] = await database().sql<{ body: string; settings: string[] }>(
      `SELECT prosrc AS body, proconfig AS settings FROM pg_proc WHERE oid = 'memory.search'::regproc`,
    )
    const read = [...(search?.body ?? '').matchAll(/\b(?:FROM|JOIN)\s+([\w.]+)/g)].map(([, name]) => name)
    expect(read).toEqual(['memory.measure_shelves', 'memory.count_postings', 'memory.weigh_postings'])
    expect(search?.settings).toContain('plan_cache_mode=force_generic_plan')
  })

  test('indexes on metadata and on the tier would serve none of the room’s queries', async () => {
    const seeds = ['seeds_metadata', 'seeds_tier']
    await database().sql(
      `CREATE INDEX seeds_metadata ON memory.revisions USING gin (metadata jsonb_path_ops) WHERE known_until IS NULL;
       CREATE INDEX seeds_tier ON memory.revisions (owner_id, tier) WHERE known_until IS NULL`,
    )
    await database().sql('ANALYZE memory.revisions')
    try {
      const query = `query ($filter: MemoryFilter) {
        memories(filter: $filter, first: 5) { totalCount nodes { id } } recall(query: "term7", filter: $filter) { hits { rank } }
        memoryStats(tier: WORKING) { count } memoryTierDistribution { count } }`
      for (const filter of [{ metadata: { n: 7 } }, { tiers: ['WORKING'] }]) {
        const scans = (await planned(query, { filter })).flat()
        expect(scans).toContain('revisions_current')
        expect(scans.filter((scan) => seeds.includes(scan))).toEqual([])
      }
      expect(scansOf(await planOfSearch(database(), world, true))).not.toEqual(
        expect.arrayContaining(seeds.slice(0, 1)),
      )
      // Whoever is past the policies is served: it is they that keep a look-up by containment from the index.
      const [past] = await database().sql<{ 'QUERY PLAN': readonly { Plan: Plan }[] }>(
        `EXPLAIN (FORMAT JSON) SELECT id FROM memory.revisions WHERE metadata @> '{"n": 7}' AND known_until IS NULL`,
      )
      expect(scansOf(past?.['QUERY PLAN'][0]?.Plan)).toEqual(['seeds_metadata'])
    } finally {
      await database().sql('DROP INDEX memory.seeds_metadata, memory.seeds_tier')
    }
  })

  test('what the viewer was given is looked up by whom it was given to', async () => {
    const search = scansOf(await planOf(database(), world, 'match_granted', ["ARRAY['term7', 'term8']", '5000']))
    expect(readThrough([search])).toEqual([])
    const given = scansOf(await planOf(database(), world, 'granted', ['5000']))
    expect(given).toEqual(expect.arrayContaining(['grants_grantee', 'memories_pkey']))
    expect(readThrough([given])).toEqual([])
  })

  test('what was known at a moment is looked up by its words of then, and listed in its order', async () => {
    const nothing = ['NULL', 'NULL', 'NULL', 'NULL', 'NULL', 'NULL']
    const values = ["ARRAY['term7', 'term8']", 'ARRAY[1, 0.5]', '200', "'2026-01-01'", ...nothing]
    const scans = scansOf(await planOf(database(), world, 'search_as_of', values))
    expect(scans).toEqual(expect.arrayContaining(['postings_pkey', 'past_postings_pkey', 'shelves_pkey']))
    expect(readThrough([scans])).toEqual([])
    const asOf = new Date(Date.now() + 1000).toISOString()
    const [page] = await planned('query ($asOf: DateTime) { memories(first: 5, asOf: $asOf) { nodes { content } } }', {
      asOf,
    })
    expect(page).toContain('memories_owner')
    expect(readThrough([page ?? []])).toEqual([])
  })

  test('a shelf of vectors is read as a shelf', async () => {
    const [first] = await database().sql<{ text: string }>(
      'SELECT embedding::text AS text FROM memory.embeddings LIMIT 1',
    )
    const vector = Float32Array.from(JSON.parse(first?.text ?? '[]'))
    plans.length = 0
    const { openPgvector } = await import('../../stores/vector/pgvector.ts')
    const { MEMORIES: vectors } = await openPgvector(world.stores.postgres, world.stores.encoder)
    const hits = await vectors.nearest([world.owner.userId], vector, 10)
    expect(hits).toHaveLength(10)
    await vectors.compare(
      [world.owner.userId],
      vector,
      hits.map(({ id }) => id),
    )
    const scans = plans.splice(0).map(scansOf)
    expect(scans.length).toBeGreaterThanOrEqual(2)
    for (const scan of scans) expect(scan.join()).toMatch(/^embeddings_\w+$/)
  })
})

/** The shelves that the viewer searches, as SQL. */
const shelvesOf = ({ owner: { userId, tenantId } }: MemoryWorld) => `ARRAY['${userId}', '${tenantId}']::uuid[]`

/** The plan of the statement by which recall's search weighs what it finds. */
function planOfSearch(database: TestPostgres, world: MemoryWorld, filtered: boolean): Promise<Plan | undefined> {
  const words = ["ARRAY['term7', 'term8']", 'ARRAY[1, 0.5]', 'ARRAY[20, 20]', '1000', '0.09']
  const filter = [String(filtered), filtered ? `ARRAY['WORKING']` : 'NULL', 'NULL', 'NULL', 'NULL', 'NULL', 'NULL']
  return planOf(database, world, 'weigh_postings', [shelvesOf(world), ...words, '200', ...filter])
}

/** The plan of a function's own body, as its owner runs it for the viewer with these arguments, whatever they are. */
async function planOf(
  database: TestPostgres,
  world: MemoryWorld,
  name: string,
  values: readonly string[],
): Promise<Plan | undefined> {
  const [row] = await database.sql<{ body: string; names: string[]; types: string[] }>(
    `SELECT pg_get_function_sqlbody(oid) AS body, proargnames[1:pronargs] AS names,
       ARRAY(SELECT format_type(type, NULL) FROM unnest(proargtypes) AS type) AS types
     FROM pg_proc WHERE oid = ('memory.' || $1)::regproc`,
    [name],
  )
  const body = (row?.body ?? '').replace(/^BEGIN ATOMIC/, '').replace(/;\s*END$/, '')
  const query = (row?.names ?? []).reduce(
    (sql, argument, i) => sql.replace(new RegExp(`\\b${name}\\.${argument}\\b`, 'g'), `$${i + 1}`),
    body,
  )
  const { userId, tenantId } = world.owner
  await database.sql('BEGIN')
  try {
    await database.sql(
      `SELECT set_config('mnemograph.user_id', $1, true), set_config('mnemograph.tenant_id', $2, true)`,
      [userId, tenantId],
    )
    await database.sql('SET LOCAL ROLE mnemograph_definer')
    await database.sql('SET LOCAL plan_cache_mode = force_generic_plan')
    await database.sql(`PREPARE planned (${row?.types.join(', ')}) AS ${query}`)
    const [plan] = await database.sql<{ 'QUERY PLAN': readonly { Plan: Plan }[] }>(
      `EXPLAIN (FORMAT JSON) EXECUTE planned (${values.join(', ')})`,
    )
    return plan?.['QUERY PLAN'][0]?.Plan
  } finally {
    await database.sql('ROLLBACK')
    await database.sql('DEALLOCATE ALL')
  }
}

/** Ten owners of a thousand memories each, ten terms a memory, a session of the first hundred; answers its id. */
async function fill(database: TestPostgres, world: MemoryWorld): Promise<string> {
  const { userId, tenantId } = world.owner
  const session = randomUUID()
  const model = world.stores.vectors.model
  await database.sql(
    `INSERT INTO memory.chat_sessions (id, tenant_id, owner_id, mode, memory_count, created_at, updated_at)
     VALUES ($1, $2, $3, 'SIMPLE', 100, now(), now())`,
    [session, tenantId, userId],
  )
  for (let owner = 0; owner < owners; owner++) {
    const ownerId = owner === 0 ? userId : randomUUID()
    await database.sql(MEMORIES, [tenantId, ownerId, owner === 0 ? session : null, memoriesEach])
    await database.sql(REVISIONS, [ownerId])
    await database.sql(POSTINGS, [ownerId])
    await database.sql(EMBEDDINGS, [ownerId, model, world.stores.encoder.dimensions])
    await database.sql('INSERT INTO memory.shelves VALUES ($1, $2, $1, $3, $4)', [
      ownerId,
      tenantId,
      memoriesEach,
      10 * memoriesEach,
    ])
  }
  await database.sql(MESSAGES, [session, memoriesEach])
  await database.sql(TOLD, [session])
  await database.sql(SOURCES, [session])
  await database.sql(GRANTS)
  await database.sql(PAST)
  await database.sql(SHELVES, [tenantId])
  await database.sql('VACUUM ANALYZE')
  return toGlobalId('ChatSession', session)
}

const MEMORIES = `INSERT INTO memory.memories (id, tenant_id, owner_id, session_id, position, visibility, created_at, updated_at)
SELECT gen_random_uuid(), $1, $2, CASE WHEN n < 100 THEN $3::uuid END, CASE WHEN n < 100 THEN n END,
       CASE WHEN n % 100 = 0 THEN 'PUBLIC' ELSE 'PRIVATE' END, now(), now()
FROM generate_series(0, $4::int - 1) AS n`

/** Each of the owner's memories was told by a message of the session, and then by the next one. */
const MESSAGES = `INSERT INTO memory.messages (id, tenant_id, owner_id, session_id, position, role, content, occurred_at, time_inferred, created_at)
SELECT gen_random_uuid(), tenant_id, owner_id, id, n, 'USER', 'text', now(), true, now()
FROM memory.chat_sessions, generate_series(0, $2::int - 1) AS n WHERE id = $1`
const TOLD = `UPDATE memory.memories SET message_id = messages.id
FROM memory.messages, (SELECT id, row_number() OVER (ORDER BY ordinal) - 1 AS n FROM memory.memories) AS numbered
WHERE messages.session_id = $1 AND messages.position = numbered.n AND memories.id = numbered.id AND memories.owner_id = messages.owner_id`
const SOURCES = `INSERT INTO memory.sources (id, tenant_id, owner_id, memory_id, kind, message_id, occurred_at, created_at)
SELECT gen_random_uuid(), memories.tenant_id, memories.owner_id, memories.id, 'MESSAGE', following.id, now(), now()
FROM memory.memories JOIN memory.messages ON messages.id = memories.message_id
JOIN memory.messages AS following ON following.session_id = $1 AND following.position = messages.position + 1`

const REVISIONS = `INSERT INTO memory.revisions (id, memory_id, version, tenant_id, owner_id, content, content_hash, terms, tier,
  visibility, metadata, occurred_at, time_inferred, known_from)
SELECT gen_random_uuid(), id, 1, tenant_id, owner_id, 'text ' || ordinal, '', (SELECT jsonb_object_agg('term' || (ordinal * 7 + i * i) % 500, 1) FROM generate_series(1, 10) AS i),
  CASE WHEN ordinal % 10 = 0 THEN 'WORKING' ELSE 'EPISODIC' END, visibility, jsonb_build_object('n', ordinal % 50), now(), true, now()
FROM memory.memories WHERE owner_id = $1`

const POSTINGS = `INSERT INTO memory.postings (shelf_id, term, memory_id, tenant_id, owner_id, frequency, length)
SELECT owner_id, term.key, memory_id, tenant_id, owner_id, 1, 10 FROM memory.revisions, jsonb_each(terms) AS term
WHERE owner_id = $1 AND visibility = 'PRIVATE'`

/** What others gave each other, and the shelves of a tenant's many users: tables large enough to be worth an index. */
const GRANTS = `INSERT INTO memory.grants (memory_id, subject_id, subject_kind, grantee_id, tenant_id, owner_id, created_at)
SELECT id, subject, 'USER', subject, tenant_id, owner_id, now()
FROM (SELECT *, gen_random_uuid() AS subject FROM memory.memories) AS given`
/** As if each memory had said the same before. */
const PAST = `INSERT INTO memory.past_postings
SELECT shelf_id, term, memory_id, 0, tenant_id, owner_id, frequency, length, false, '2025-01-01', '2026-01-01' FROM memory.postings`
const SHELVES = `INSERT INTO memory.shelves SELECT gen_random_uuid(), $1, NULL, 1, 1 FROM generate_series(1, 2000)`

const EMBEDDINGS = `INSERT INTO memory.embeddings (model, memory_id, shelf_id, tenant_id, owner_id, version, embedding)
SELECT $2, id, owner_id, tenant_id, owner_id, 1, (SELECT array_agg(sin(ordinal * i)) FROM generate_series(1, $3::int) AS i)::halfvec
FROM memory.memories WHERE owner_id = $1`
