import { writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { drawChart } from '../chart.ts'
import { printTable, quantile } from '../table.ts'
import { fill } from './fill.ts'
import { openTexts } from './texts.ts'
import { timeEncoder } from './time-encoder.ts'
import { openWorld } from './world.ts'

/**
 * What recall costs as one owner's memories grow, on PostgreSQL: through the graph in process, without the encoder's
 * time, with how long the memories took to build and what the database weighs. Building stops after half an hour.
 *
 *   node tools/stores.ts run node bench/memory/curve.ts [MOST] [--draw]     --draw writes docs/recall-growth.svg
 */
const most = Number(process.argv[2] ?? 1_000_000)
const draws = process.argv.includes('--draw')
const sizes = [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000].filter((size) => size <= most)
const longestBuildMs = 30 * 60_000
const chunk = 10_000
const questions = 120
const warmUp = 20
const recall = 'query ($query: String!) { recall(query: $query) { hits { score memory { id content } } } }'

const world = await openWorld('PostgreSQL 18')
const texts = openTexts()
const encoder = timeEncoder(world.stores)
const rows: { memories: number; p50: number; p95: number; buildS: number; megabytes: number; load: number }[] = []
let built = 0
let buildMs = 0
for (const size of sizes) {
  while (built < size && buildMs < longestBuildMs) {
    const started = performance.now()
    const next = Math.min(size, built + chunk)
    await fill(world, built, next)
    buildMs += performance.now() - started
    built = next
    console.error(`${built} memories in ${Math.round(buildMs / 1000)} s`)
  }
  await world.admin?.query('VACUUM ANALYZE')
  rows.push(await measure())
  if (built < size) break
}
printTable(
  `Recall on PostgreSQL, ${cpus().length} cores; without the encoder`,
  rows.map((row) => ({
    memories: row.memories,
    'p50 ms': row.p50.toFixed(1),
    'p95 ms': row.p95.toFixed(1),
    'built in s': Math.round(row.buildS),
    'database MB': Math.round(row.megabytes),
    load: row.load.toFixed(1),
  })),
)
if (built < (sizes.at(-1) ?? 0)) console.log(`\nBuilding stopped after half an hour, at ${built} memories.`)
if (draws) draw()
await world.close()

async function measure() {
  const times: number[] = []
  for (let n = -warmUp; n < questions; n++) {
    const before = encoder.total
    const started = performance.now()
    await world.ask(recall, { query: texts.question(n + warmUp) })
    const took = performance.now() - started - (encoder.total - before)
    if (n >= 0) times.push(took)
  }
  const size = await world.admin?.query<{ bytes: string }>('SELECT pg_database_size(current_database()) AS bytes')
  return {
    memories: built,
    p50: quantile(times, 0.5),
    p95: quantile(times, 0.95),
    buildS: buildMs / 1000,
    megabytes: Number(size?.rows[0]?.bytes ?? 0) / 1e6,
    load: loadavg()[0] ?? 0,
  }
}

function draw(): void {
  const chart = drawChart({
    title: 'Recall as memories grow',
    x: 'memories of one owner',
    y: 'milliseconds, without the encoder',
    isLogarithmic: true,
    lines: [
      { name: 'p50', color: '#2a7ae2', points: rows.map(({ memories, p50 }) => [memories, p50] as const) },
      { name: 'p95', color: '#d9534f', points: rows.map(({ memories, p95 }) => [memories, p95] as const) },
    ],
  })
  writeFileSync(join(import.meta.dirname, '../../docs/recall-growth.svg'), chart)
}
