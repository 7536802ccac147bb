import { auditContext } from '../audit/context.ts'
import { projectorContext } from '../log/log.ts'
import type { Stores } from '../stores.ts'
import { type Examination, insist } from './check.ts'

/** A projector that is so far behind is stuck rather than busy. */
const mostBehind = 100_000

/** Looks at every store, and at what keeps them in step. */
export function storeExaminations(stores: Stores): readonly Examination[] {
  const { postgres, graph, objects, cache } = stores
  return [
    {
      name: 'postgres',
      async look() {
        const { ok, version, latencyMs, problem } = await postgres.health()
        insist(ok, problem ?? 'not well')
        return `version ${version}, ${latencyMs.toFixed(1)} ms`
      },
    },
    { name: 'vectors', look: () => lookAtVectors(stores) },
    { name: 'graph', look: () => answers(graph.health(), 'answers') },
    { name: 'objects', look: () => answers(objects.health(), 'answers') },
    {
      name: 'cache',
      async look() {
        const key = `doctor ${stores.ids.next()}`
        await cache.set('doctor', key, 1, 10)
        insist((await cache.get('doctor', key)) === 1, 'does not give back what it was given')
        await cache.delete('doctor', key)
        return 'gives back what it was given'
      },
    },
    { name: 'log', look: () => lookAtLog(stores) },
    { name: 'projectors', look: () => lookAtProjectors(stores) },
    { name: 'partitions', look: () => lookAtPartitions(stores) },
  ]
}

async function answers(healthy: Promise<boolean>, detail: string): Promise<string> {
  insist(await healthy, 'does not answer')
  return detail
}

/** Every index that is searched or filled, each in its own store. */
async function lookAtVectors({ vectors, embeddings }: Stores): Promise<string> {
  insist(await vectors.health(), 'the store of the index that is searched does not answer')
  const indexes = await embeddings.status()
  const away = indexes.filter(({ done }) => done === null).map(({ name }) => name)
  insist(away.length === 0, `no answer from ${away.join(', ')}`)
  const told = indexes.map(({ name, state, done, total }) => `${name} ${state.toLowerCase()}, ${done} of ${total}`)
  return told.join('; ') || `model ${vectors.model}`
}

function lookAtLog({ postgres }: Stores): Promise<string> {
  return postgres.read(projectorContext('doctor'), async (db) => {
    const [head] = await db.query<{ xid: string; seq: string }>('SELECT xid, seq FROM events.head()')
    insist(head !== undefined, 'has no head')
    return `settled up to ${head?.xid}/${head?.seq}`
  })
}

/** How many events each projector has still to take in. */
function lookAtProjectors({ postgres, log }: Stores): Promise<string> {
  return postgres.read(projectorContext('doctor'), async (db) => {
    const positions = await db.query<{ projector: string; xid: string; seq: string; epoch: number }>(
      'SELECT projector, epoch, xid::text, seq::text FROM events.positions ORDER BY projector',
    )
    const behind = await Promise.all(
      positions.map(async ({ projector, epoch, xid, seq }) => {
        const waiting = await log.read({ epoch, xid: BigInt(xid), seq: BigInt(seq) }, mostBehind)
        return { projector, waiting: waiting.length }
      }),
    )
    const stuck = behind.filter(({ waiting }) => waiting >= mostBehind).map(({ projector }) => projector)
    insist(stuck.length === 0, `${stuck.join(', ')} is ${mostBehind} events behind or more`)
    return behind.map(({ projector, waiting }) => `${projector} ${waiting} events behind`).join(', ') || 'none runs'
  })
}

/** Without a partition for the month, rows fall into the default one, which nothing ever drops. */
function lookAtPartitions({ postgres }: Stores): Promise<string> {
  return postgres.read(auditContext('doctor'), async (db) => {
    const missing = await db.query<{ name: string }>(
      `SELECT class.oid::regclass::text AS name FROM pg_partitioned_table JOIN pg_class AS class ON class.oid = partrelid
       JOIN pg_namespace AS space ON space.oid = class.relnamespace
       WHERE partstrat = 'r' AND space.nspname IN ('events', 'audit', 'agents') AND NOT EXISTS (
         SELECT FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
         WHERE inhparent = class.oid AND child.relname = class.relname || '_' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMM'))`,
    )
    insist(missing.length === 0, `this month’s is missing of ${missing.map(({ name }) => name).join(', ')}`)
    return 'this month’s are there'
  })
}
