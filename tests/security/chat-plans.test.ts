import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { toGlobalId } from '../../lib/ids.ts'
import { systemClock } from '../../lib/sources.ts'
import { pastDecisions } from '../../subgraphs/memory/store/routing.ts'
import { securityOf } from '../../subgraphs/security.ts'
import { explained, type Plan } from '../kit/plans.ts'
import { describeEachPostgres } from '../kit/postgres.ts'
import { type MemoryWorld, openMemoryWorld } from '../memory/world.ts'

const owners = 10
const sessionsEach = 1000
const decisionsEach = 5
const plans: (Plan | undefined)[] = []

/** The indexes that a plan looks things up in, and the tables that it reads from end to end. */
function scansOf(plan: Plan | undefined): string[] {
  if (!plan) return []
  const index = plan['Index Name']
  const table = plan['Node Type'] === 'Seq Scan' ? `all of ${plan['Relation Name']}` : null
  return [...(index ? [index] : []), ...(table ? [table] : []), ...(plan.Plans ?? []).flatMap(scansOf)]
}

describeEachPostgres('plans of chat under row-level security', (database) => {
  let world: MemoryWorld
  let session: string
  beforeAll(async () => {
    world = await openMemoryWorld({ database: database() })
    Object.assign(world.stores, { postgres: explained(world.stores.postgres, plans) })
    session = await fill()
    return () => world.close()
  }, 120_000)

  /** Each owner has five thousand decisions in a thousand sessions; each session continues the first of its twenty. */
  async function fill(): Promise<string> {
    const { userId, tenantId } = world.owner
    const first = randomUUID()
    for (let owner = 0; owner < owners; owner++) {
      const ownerId = owner === 0 ? userId : randomUUID()
      await database().sql(
        `WITH named AS (
           SELECT n, CASE WHEN n = 0 AND $2 = $5::uuid THEN $3::uuid ELSE gen_random_uuid() END AS id
           FROM generate_series(0, $4::int - 1) AS n
         )
         INSERT INTO memory.chat_sessions (id, tenant_id, owner_id, mode, parent_id, created_at, updated_at)
         SELECT named.id, $1, $2::uuid, 'SIMPLE', CASE WHEN root.n < named.n THEN root.id END, now(), now()
         FROM named JOIN named AS root ON root.n = named.n - named.n % 20 ORDER BY named.n`,
        [tenantId, ownerId, first, sessionsEach, userId],
      )
      await database().sql(
        `INSERT INTO memory.router_decisions (id, tenant_id, owner_id, session_id, request, terms, mode, created_at)
         SELECT gen_random_uuid(), $1, $2, session.id, 'r', ARRAY['t' || n], 'SIMPLE', $4::timestamptz - make_interval(hours => n * 80)
         FROM generate_series(1, $3::int) AS n, memory.chat_sessions AS session WHERE session.owner_id = $2`,
        [tenantId, ownerId, decisionsEach, world.clock.now()],
      )
    }
    await database().sql('VACUUM ANALYZE memory.chat_sessions, memory.router_decisions')
    return toGlobalId('ChatSession', first)
  }

  async function planned(source: string, variables: Record<string, unknown> = {}): Promise<string[]> {
    plans.length = 0
    await world.ask(world.owner, source, variables)
    return plans.splice(0).flatMap(scansOf)
  }

  test('the hours of a router are read from its index', async () => {
    expect(await planned('{ routerAnalytics { requests } }')).toEqual(['router_decisions_analytics'])
  })

  test('experience is read owner by owner, the latest first', async () => {
    const request = { viewer: world.owner, clock: systemClock, traceId: 'test', deadline: Number.POSITIVE_INFINITY }
    const security = securityOf({ ...request, signal: new AbortController().signal } as never, 'memory')
    plans.length = 0
    await world.stores.postgres.read(security, (db) => pastDecisions(db, world.owner))
    expect(plans.splice(0).flatMap(scansOf)).toEqual(['router_decisions_recent'])
  })

  test('what lies under a session, and what continues it, is read by its session', async () => {
    const query = `query ($id: ID!) { chatSession(id: $id) { ancestors { id } children(first: 3) { nodes {
      routingDecisions(first: 3) { nodes { mode } } reasoningChains(first: 3) { nodes { confidence } } } } } }`
    const scans = await planned(query, { id: session })
    expect(scans).toEqual(expect.arrayContaining(['chat_sessions_parent', 'router_decisions_session']))
    expect(scans.filter((scan) => scan === 'all of router_decisions' || scan === 'all of chat_sessions')).toEqual([])
  })
})
