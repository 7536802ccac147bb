import { randomUUID } from 'node:crypto'
import { openSqlGraph } from '../../stores/graph/sql.ts'
import { projectorContext } from '../../stores/log/log.ts'
import { describeEachPostgres, type TestPostgres } from '../kit/postgres.ts'
import { type GraphFixture, type GraphWorld, graphContract } from './graph.ts'

const tenantId = randomUUID()

async function sqlWorld(database: TestPostgres): Promise<GraphWorld> {
  const postgres = database.open()
  await database.sql("INSERT INTO app.tenants (id, name) VALUES ($1, 'test')", [tenantId])
  return {
    store: openSqlGraph(postgres),
    async fill({ mentions, relations, readings }: GraphFixture) {
      const ownerId = randomUUID()
      const ids = Object.fromEntries(Object.keys(mentions).map((key) => [key, randomUUID()]))
      const concepts = Object.entries(mentions).map(([key, count]) => ({ id: ids[key], key, count }))
      const links = relations.map(([a, b, support]) => {
        const [source, target] = [ids[a], ids[b]].sort()
        return { source, target, support }
      })
      await postgres.write(projectorContext('test'), async (tx) => {
        await tx.query(CONCEPTS, [tenantId, ownerId, JSON.stringify(concepts)])
        await tx.query(RELATIONS, [tenantId, ownerId, JSON.stringify(links)])
        await tx.query('INSERT INTO knowledge.corpora VALUES ($1, $2, $3)', [ownerId, tenantId, readings])
      })
      return { ownerId, ids }
    },
  }
}

const CONCEPTS = `INSERT INTO knowledge.concepts (id, tenant_id, owner_id, key, name, mention_count, created_at)
SELECT id, $1::uuid, $2::uuid, key, key, count, now() FROM jsonb_to_recordset($3::jsonb) AS r (id uuid, key text, count integer)`

const RELATIONS = `INSERT INTO knowledge.relations (source_id, target_id, type, tenant_id, owner_id, support)
SELECT source, target, 'CO_OCCURS', $1::uuid, $2::uuid, support
FROM jsonb_to_recordset($3::jsonb) AS r (source uuid, target uuid, support integer)`

describeEachPostgres('SQL', (database) => graphContract('SQL', () => sqlWorld(database())))
