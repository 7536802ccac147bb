import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { defaultTenantId } from '../../lib/tenants.ts'
import type { SecurityContext } from '../../stores/postgres/security.ts'
import { type Backend, openTestPostgres } from '../../tests/kit/postgres.ts'
import { median, printTable, quantile } from '../table.ts'

// What protection costs: the audit's triggers beside none, and the security context beside none.
//   node bench/security/run.ts [ROUNDS]        PostgreSQL too when MNEMOGRAPH_TEST_POSTGRES_URL names one

const rounds = Number(process.argv[2] ?? 300)
const warmUp = 50
const rows = []
for (const backend of ['PGlite', 'PostgreSQL 18'] as const) {
  if (backend === 'PostgreSQL 18' && !process.env.MNEMOGRAPH_TEST_POSTGRES_URL) continue
  rows.push(...(await measure(backend)))
}
printTable('What protection costs, in ms for each operation', rows)

async function measure(backend: Backend) {
  const database = await openTestPostgres(backend)
  const store = database.open()
  const owner = new pg.Client(database.admin)
  await owner.connect()
  const userId = randomUUID()
  await database.sql(`INSERT INTO app.tenants (id, name) VALUES ($1, 'bench') ON CONFLICT DO NOTHING`, [
    defaultTenantId,
  ])
  await database.sql('INSERT INTO audit.user_keys (user_id) VALUES ($1)', [userId])
  const security: SecurityContext = {
    role: 'agents',
    tenantId: defaultTenantId,
    userId,
    sessionId: null,
    traceId: 'bench',
    deadline: Number.POSITIVE_INFINITY,
  }
  // A twin of an audited table, without triggers: the same rows, the same indexes.
  await database.sql('CREATE TABLE agents.bare (LIKE agents.tools INCLUDING ALL)')
  await database.sql('GRANT SELECT, INSERT, UPDATE ON agents.bare TO mnemograph_agents')
  await database.sql('GRANT UPDATE (description) ON agents.tools TO mnemograph_agents')
  const insert = (table: string, count: number) => () =>
    store.write(security, (tx) =>
      tx.query(
        `INSERT INTO agents.${table} (id, tenant_id, owner_id, name, created_at)
         SELECT gen_random_uuid(), $1, $2, gen_random_uuid()::text, now() FROM generate_series(1, $3)`,
        [defaultTenantId, userId, count],
      ),
    )
  const changed = randomUUID()
  for (const table of ['tools', 'bare']) {
    await database.sql(
      `INSERT INTO agents.${table} (id, tenant_id, owner_id, name, created_at) VALUES ($1, $2, $3, 'changed', now())`,
      [changed, defaultTenantId, userId],
    )
  }
  const update = (table: string) => () =>
    store.write(security, (tx) =>
      tx.query(`UPDATE agents.${table} SET description = gen_random_uuid()::text WHERE id = $1`, [changed]),
    )
  const select = 'SELECT app.current_tenant_id() AS tenant'
  const found = [
    ...(await compare(backend, 'insert of one row', 'audited', insert('tools', 1), insert('bare', 1))),
    ...(await compare(backend, 'insert of 100 rows', 'audited', insert('tools', 100), insert('bare', 100))),
    ...(await compare(backend, 'update of one row', 'audited', update('tools'), update('bare'))),
    ...(await compare(
      backend,
      'statement',
      'with security context',
      () => store.read(security, (db) => db.query(select)),
      () => owner.query(select),
    )),
  ]
  await owner.end()
  await database.close()
  return found
}

/** Both ways in turn, so that whatever else the machine does falls on both. */
async function compare(
  database: Backend,
  operation: string,
  name: string,
  guarded: () => Promise<unknown>,
  bare: () => Promise<unknown>,
) {
  const times = { guarded: [] as number[], bare: [] as number[] }
  for (let round = -warmUp; round < rounds; round++) {
    for (const [way, run] of [
      ['guarded', guarded],
      ['bare', bare],
    ] as const) {
      const start = performance.now()
      await run()
      if (round >= 0) times[way].push(performance.now() - start)
    }
  }
  const [with_, without] = [median(times.guarded), median(times.bare)]
  return [
    {
      database,
      operation,
      measured: name,
      without: without.toFixed(3),
      with: with_.toFixed(3),
      adds: (with_ - without).toFixed(3),
      'p95 with': quantile(times.guarded, 0.95).toFixed(3),
    },
  ]
}
