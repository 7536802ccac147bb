import { graphql, parse } from 'graphql'
import pg from 'pg'
import { createLocalChannel } from '../../gateway/engine/channel/local.ts'
import { compose } from '../../gateway/engine/compose.ts'
import { createEngine } from '../../gateway/engine/engine.ts'
import { parsePage } from '../../lib/connection.ts'
import type { RequestContext } from '../../lib/context.ts'
import type { Database } from '../../stores/postgres/postgres.ts'
import { room } from '../../subgraphs/memory/index.ts'
import { visibleMemories } from '../../subgraphs/memory/store/memory-lists.ts'
import { roomTypeDefs } from '../../subgraphs/subgraph.ts'
import type { Backend } from '../../tests/kit/postgres.ts'
import { openTestPostgres } from '../../tests/kit/postgres.ts'
import { openRoomWorld, viewerOf } from '../../tests/kit/room-world.ts'
import { median, printTable, quantile } from '../table.ts'

// A page of 100 memories through GraphQL, in process, beside the same SQL sent by `pg` to the same database.
//   node bench/memory/read.ts [ROUNDS]        PostgreSQL too when MNEMOGRAPH_TEST_POSTGRES_URL names one

const rounds = Number(process.argv[2] ?? 400)
const query = `{ memories(first: 100) { nodes {
  id content tier visibility externalId occurredAt timeInferred createdAt updatedAt version metadata retentionUntil } } }`
const rows = []
for (const backend of ['PGlite', 'PostgreSQL 18'] as const) {
  if (backend === 'PostgreSQL 18' && !process.env.MNEMOGRAPH_TEST_POSTGRES_URL) continue
  rows.push(...(await measure(backend)))
}
printTable('A page of 100 memories', rows)

async function measure(backend: Backend) {
  const database = await openTestPostgres(backend)
  const world = await openRoomWorld(room, database)
  const viewer = viewerOf()
  await database.sql('INSERT INTO app.tenants (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
    viewer.tenantId,
    'bench',
  ])
  await database.sql('INSERT INTO audit.user_keys (user_id) VALUES ($1)', [viewer.userId])
  const items = Array.from({ length: 100 }, (_, n) => ({
    content: `Note ${n}: the ferry to Port Ellery leaves at ${n % 24}:15 from pier ${n % 7}.`,
  }))
  await world.run(viewer, 'mutation ($input: RememberManyInput!) { rememberMany(input: $input) { __typename } }', {
    input: { items },
  })
  const engine = createEngine({
    supergraphSdl: compose([{ name: 'memory', url: 'http://memory', typeDefs: roomTypeDefs(room, [room]) }]),
    channelFor: () =>
      createLocalChannel({ schema: world.schema, contextFor: ({ context }) => room.context(world.stores, context) }),
  })
  const document = parse(query)
  const context = (): RequestContext => ({
    viewer,
    deadline: Number.POSITIVE_INFINITY,
    signal: new AbortController().signal,
    traceId: 'bench',
    clock: world.clock,
    ids: world.stores.ids,
  })
  const statement = await sameStatement(viewer)
  const client = new pg.Client(database.admin)
  await client.connect()
  const ways = {
    'the same SQL through pg': () => client.query(statement.sql, statement.values),
    'GraphQL through the engine': () =>
      engine.execute({ query, document, operationName: undefined, variables: {}, context: context() }),
    'GraphQL through graphql-js': () =>
      graphql({ schema: world.schema, source: query, contextValue: room.context(world.stores, context()) }),
  }
  const times = new Map(Object.keys(ways).map((name) => [name, [] as number[]]))
  for (let round = -50; round < rounds; round++) {
    for (const [name, run] of Object.entries(ways)) {
      const started = performance.now()
      await run()
      if (round >= 0) times.get(name)?.push(performance.now() - started)
    }
  }
  await client.end()
  await engine.close()
  await world.close()
  await database.close()
  const base = median(times.get('the same SQL through pg') ?? [])
  return [...times].map(([way, samples]) => ({
    database: backend,
    way,
    'median ms': median(samples).toFixed(2),
    'p95 ms': quantile(samples, 0.95).toFixed(2),
    ratio: (median(samples) / base).toFixed(2),
  }))
}

/** The statement that the room sends for the page. */
async function sameStatement(viewer: { userId: string; tenantId: string }) {
  let sent: { sql: string; values: unknown[] } | undefined
  const recorder = {
    query: async (sql: string, values: unknown[]) => {
      sent = { sql, values }
      return []
    },
  } as unknown as Database
  await visibleMemories(recorder, viewer, {}, { order: 'DESC' }, parsePage({ first: 100 }, 'bench'))
  if (!sent) throw new Error('the room sent no statement')
  return sent
}
