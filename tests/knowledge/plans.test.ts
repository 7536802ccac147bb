import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { toGlobalId } from '../../lib/ids.ts'
import { defaultTenantId } from '../../lib/tenants.ts'
import { explained, type Plan } from '../kit/plans.ts'
import { describeEachPostgres, type TestPostgres } from '../kit/postgres.ts'
import { viewerOf } from '../kit/room-world.ts'
import { type KnowledgeWorld, openKnowledgeWorld } from './world.ts'

const viewer = viewerOf()
const owners = [viewer.userId, ...Array.from({ length: 9 }, () => randomUUID())]
const conceptsEach = 1000
const plans: (Plan | undefined)[] = []

describeEachPostgres('plans under row-level security', (database) => {
  let world: KnowledgeWorld
  let concept: string
  let far: string
  let memory: string
  beforeAll(async () => {
    world = await openKnowledgeWorld(database(), (postgres) => explained(postgres, plans))
    await fill(database())
    const rows = await database().sql<{ id: string; memory_id: string }>(
      `SELECT id, memory_id FROM knowledge.concepts JOIN knowledge.mentions ON concept_id = id
       WHERE concepts.owner_id = $1 AND key IN ('name 7', 'name 20') ORDER BY key DESC`,
      [viewer.userId],
    )
    concept = toGlobalId('Concept', rows[0]?.id ?? '')
    far = toGlobalId('Concept', rows.at(-1)?.id ?? '')
    memory = toGlobalId('Memory', rows[0]?.memory_id ?? '')
    return () => world.close()
  }, 120_000)

  /** What each statement of an operation scans, in their order, as the role that runs it plans it. */
  async function planned(source: string, variables: Record<string, unknown>): Promise<string[][]> {
    plans.length = 0
    const { errors } = await world.run(viewer, source, variables)
    expect(errors).toEqual([])
    return plans.splice(0).map((plan) => scansOf(plan).sort())
  }

  test('a concept is found by its name over the owner’s keys, and by its id', async () => {
    const byName = await planned('query ($name: String!) { concept(name: $name) { name } }', { name: 'name 7' })
    expect(byName).toEqual([['concepts_owner_id_key_key']])
    const byId = await planned('query ($id: ID!) { concept(id: $id) { name } }', { id: concept })
    expect(byId).toEqual([['concepts_pkey']])
  })

  test('a page of concepts is read in its order, a search over a range of the owner’s keys', async () => {
    expect(await planned('{ concepts(first: 5) { nodes { name } } }', {})).toEqual([['concepts_owner']])
    const found = await planned('{ concepts(search: "name 99") { nodes { name } totalCount } }', {})
    expect(found).toEqual([['concepts_owner_id_key_key'], ['concepts_owner_id_key_key']])
  })

  test('mentions are read by their concept, and a memory’s concepts by the memory', async () => {
    const appears = 'query ($id: ID!) { concept(id: $id) { appearsIn(first: 3) { nodes { count } } } }'
    expect(await planned(appears, { id: concept })).toEqual([['concepts_pkey'], ['mentions_concept']])
    const entities = `query ($of: [_Any!]!) { _entities(representations: $of) {
      ... on Memory { concepts(first: 3) { nodes { name } totalCount } } } }`
    expect(await planned(entities, { of: [{ __typename: 'Memory', id: memory }] })).toEqual([
      ['concepts_pkey', 'mentions_pkey'],
      ['mentions_pkey'],
    ])
  })

  test('relations are read from either end, and nothing of what they do not touch', async () => {
    const related = 'query ($id: ID!) { concept(id: $id) { related { nodes { strength } totalCount } } }'
    const whole = /^all of (?!corpora)/
    const [, relations = [], ...more] = await planned(related, { id: concept })
    expect(relations).toEqual(expect.arrayContaining(['concepts_pkey', 'relations_pkey', 'relations_target']))
    for (const scan of [...relations, ...more.flat()]) expect(scan).not.toMatch(whole)
    for (const walk of [
      'query ($id: ID!, $to: ID!) { neighborhood(id: $id) { concepts { name } } concept(id: $to) { name } }',
      'query ($id: ID!, $to: ID!) { knowledgePath(from: $id, to: $to) { length } }',
    ]) {
      const scans = (await planned(walk, { id: concept, to: far })).flat()
      expect(scans).toEqual(expect.arrayContaining(['concepts_pkey', 'relations_pkey', 'relations_target']))
      for (const scan of scans) expect(scan).not.toMatch(whole)
    }
  })
})

/** The index that serves each scan of a table, or that all of the table is read. */
function scansOf(plan: Plan | undefined): string[] {
  if (plan === undefined) return []
  const below = (plan.Plans ?? []).flatMap(scansOf)
  if (plan['Index Name'] !== undefined) return [plan['Index Name'], ...below]
  return plan['Node Type'] === 'Seq Scan' ? [`all of ${plan['Relation Name']}`, ...below] : below
}

/** Ten owners with a thousand concepts each, ten mentions and ten relations of every concept. */
async function fill(database: TestPostgres): Promise<void> {
  await database.sql(
    `INSERT INTO knowledge.concepts (id, tenant_id, owner_id, key, name, category, mention_count, created_at)
     SELECT gen_random_uuid(), $1::uuid, owner, 'name ' || n, 'Name ' || n, 'NAME', 10, now()
     FROM unnest($2::uuid[]) AS owner, generate_series(1, $3::integer) AS n`,
    [defaultTenantId, owners, conceptsEach],
  )
  await database.sql(
    `INSERT INTO knowledge.mentions (concept_id, memory_id, tenant_id, owner_id, name, category, count, occurred_at)
     SELECT id, gen_random_uuid(), tenant_id, owner_id, name, category, 1, now()
     FROM knowledge.concepts, generate_series(1, 10)`,
  )
  await database.sql(
    `INSERT INTO knowledge.relations (source_id, target_id, type, tenant_id, owner_id, support)
     SELECT least(a.id, b.id), greatest(a.id, b.id), 'CO_OCCURS', a.tenant_id, a.owner_id, 3
     FROM knowledge.concepts AS a JOIN knowledge.concepts AS b
       ON b.owner_id = a.owner_id AND b.ordinal > a.ordinal AND b.ordinal <= a.ordinal + 5`,
  )
  await database.sql(
    `INSERT INTO knowledge.corpora (owner_id, tenant_id, readings) SELECT owner, $1::uuid, 5000 FROM unnest($2::uuid[]) AS owner`,
    [defaultTenantId, owners],
  )
  for (const table of ['concepts', 'mentions', 'relations', 'corpora']) await database.sql(`ANALYZE knowledge.${table}`)
}
