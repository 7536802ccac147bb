import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { nobodyObserves } from '../../gateway/engine/observer.ts'
import { drawChart } from '../chart.ts'
import { list, shop } from '../shop/shop.ts'
import { median, printTable, quantile } from '../table.ts'
import { asking, cost, play } from './played.ts'
import { star } from './star.ts'

// What the engine costs beside the least that any gateway must do: read the subgraphs' answers as JSON. How that grows
// with entities and with subgraphs, drawn in docs/; and what many different operations cost.
//
//   node --max-semi-space-size=32 bench/engine/run.ts [--operations=10000]

const docs = join(import.meta.dirname, '../../docs')
const operations = Number(
  process.argv.find((flag) => flag.startsWith('--operations='))?.slice('--operations='.length) ?? 10_000,
)

interface Measured {
  readonly size: number
  readonly reading: number
  readonly whole: number
  readonly bytes: number
}

async function entities(): Promise<void> {
  const measured: Measured[] = []
  for (const size of [1, 10, 100, 1000]) measured.push(await measure(size, shop(size), list.query, 20_000 / size))
  report('Entities in a list, four subgraphs', 'entities', measured, 'gateway-entities.svg', true)
}

async function subgraphs(): Promise<void> {
  const measured: Measured[] = []
  for (const size of [2, 4, 6, 8, 10, 12]) {
    const { parts, query } = star(size, 100)
    measured.push(await measure(size, parts, query, 400))
  }
  report('Subgraphs that each add to 100 entities', 'subgraphs', measured, 'gateway-subgraphs.svg', false)
}

async function measure(size: number, parts: ReturnType<typeof shop>, query: string, runs: number): Promise<Measured> {
  const { engine, texts } = play(parts)
  const request = asking(query)
  const { text, errors } = await engine.execute(request())
  if (errors.length > 0) throw new Error(errors[0]?.message)
  const times = Math.max(10, Math.round(runs / 4))
  const reading = await cost(() => texts().map((each) => JSON.parse(each)), times)
  const whole = await cost(() => engine.execute(request()), times)
  await engine.close()
  return { size, reading, whole, bytes: text.length }
}

function report(
  title: string,
  what: string,
  measured: readonly Measured[],
  file: string,
  isLogarithmic: boolean,
): void {
  const rows = measured.map(({ size, reading, whole, bytes }) => ({
    [what]: size,
    'answer, KiB': (bytes / 1024).toFixed(1),
    'reading JSON, CPU-ms': reading.toFixed(3),
    'engine with it, CPU-ms': whole.toFixed(3),
    ratio: (whole / reading).toFixed(2),
    'of it for each, µs': ((whole / size) * 1000).toFixed(1),
  }))
  printTable(title, rows)
  const line = (name: string, color: string, value: (of: Measured) => number) => ({
    name,
    color,
    points: measured.map((of) => [of.size, value(of)] as const),
  })
  const lines = [
    line('the engine, with reading', '#2f81f7', ({ whole }) => whole),
    line('reading the subgraphs’ JSON', '#d29922', ({ reading }) => reading),
  ]
  writeFileSync(join(docs, file), drawChart({ title, x: what, y: 'CPU-ms a request', isLogarithmic, lines }))
}

/** Different operations one after another: what planning each costs, what a known one costs, and what is kept. */
async function plans(): Promise<void> {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const planned: number[] = []
  let kept = 0
  const observer = {
    ...nobodyObserves,
    planned: (seconds: number) => planned.push(seconds * 1000),
    plansKept: (change: number) => {
      kept += change
    },
  }
  const { engine } = play(shop(1), observer)
  const operation = (n: number) => list.query.replace('List', `List${n}`).replace('stars', `stars as${n}: stars`)
  await engine.execute(asking(operation(operations))())
  const rows: Record<string, string | number>[] = []
  const counts = [1, 10, 100, 1000, operations].filter((count, index, all) => all.indexOf(count) === index)
  let done = 0
  for (const count of counts) {
    for (; done < count; done++) await engine.execute(asking(operation(done))())
    gc()
    const known = asking(operation(done - 1))
    rows.push({
      operations: count,
      'plans kept': kept,
      'heap, MiB': (process.memoryUsage().heapUsed / 2 ** 20).toFixed(0),
      'planning a new one, ms: median': median(planned.slice(-1000)).toFixed(2),
      p95: quantile(planned.slice(-1000), 0.95).toFixed(2),
      'running a known one, CPU-ms': (await cost(() => engine.execute(known()), 200)).toFixed(3),
    })
  }
  await engine.close()
  printTable('Different operations', rows)
}

await entities()
await subgraphs()
await plans()
