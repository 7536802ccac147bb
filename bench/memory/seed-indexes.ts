import { loadavg } from 'node:os'
import { printTable, quantile } from '../table.ts'
import { openTexts } from './texts.ts'
import { openWorld, type World } from './world.ts'

/**
 * What the indexes that the seeds name, and that no query of ours uses, would cost when memories are written: batches of
 * 1,000 with metadata and an analysis each, with them and without, by turns.
 *
 *   node tools/stores.ts run node bench/memory/seed-indexes.ts [ROUNDS]
 */
const rounds = Number(process.argv[2] ?? 20)
const batch = 1000
const indexes = [
  'CREATE INDEX seeds_metadata ON memory.revisions USING gin (metadata jsonb_path_ops) WHERE known_until IS NULL',
  'CREATE INDEX seeds_analysis ON memory.revisions USING gin (context_analysis jsonb_path_ops) WHERE known_until IS NULL',
  'CREATE INDEX seeds_tier ON memory.revisions (tier) WHERE known_until IS NULL',
]
const drop = 'DROP INDEX memory.seeds_metadata, memory.seeds_analysis, memory.seeds_tier'
const remember = `mutation ($input: RememberManyInput!) { answer: rememberMany(input: $input) { ... on Problem { message } } }`
const texts = openTexts()

const world = await openWorld('PostgreSQL 18')
const times: Record<'with' | 'without', number[]> = { with: [], without: [] }
// The database ends what is idle when it is dropped.
world.admin?.on('error', () => {})
await write(world, 0)
for (let round = 1; round <= rounds; round++) {
  times.without.push(await write(world, 2 * round))
  for (const index of indexes) await world.admin?.query(index)
  times.with.push(await write(world, 2 * round + 1))
  await world.admin?.query(drop)
}
const [without, having] = [quantile(times.without, 0.5), quantile(times.with, 0.5)]
printTable(`${batch} memories written on PostgreSQL 18, ${rounds} rounds, load ${loadavg()[0]?.toFixed(1)}`, [
  { 'p50 ms without': without.toFixed(0), 'with the indexes': having.toFixed(0), ratio: (having / without).toFixed(2) },
])
await world.close()

async function write({ ask }: World, round: number): Promise<number> {
  const items = Array.from({ length: batch }, (_, n) => ({
    content: texts.turn(round * batch + n),
    metadata: { round, n, tags: [`a${n % 7}`, `b${n % 50}`] },
    contextAnalysis: { topics: [`t${n % 20}`, `u${n % 33}`], words: n },
  }))
  const started = performance.now()
  const { answer } = await ask<{ answer: { message?: string } }>(remember, { input: { items } })
  if (answer.message !== undefined) throw new Error(answer.message)
  return performance.now() - started
}
