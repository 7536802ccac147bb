import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { type Child, pinSelf, startChild } from '../child.ts'
import { joined, type ShopOperation, shop, small, wide } from '../shop/shop.ts'
import { shopApi, shopSupergraph } from '../shop/supergraph.ts'
import { printTable } from '../table.ts'
import { byHand, type Gateway, gateways, sharing, startCached, stock, type World } from './gateways.ts'
import { compareInProcess } from './in-process.ts'
import { type Contender, type Figures, measure } from './measure.ts'

// Gateways side by side, over four remote subgraphs that answer from memory. README.md beside this file says more.
//
//   npm ci --prefix bench/gateway && node bench/gateway/run.ts [--quick] [--only=part of a name,…]

const products = 62
const loadCore = 1
const quick = process.argv.includes('--quick')
const only = process.argv
  .find((flag) => flag.startsWith('--only='))
  ?.slice('--only='.length)
  .split(',')
const effort = { connections: 50, rounds: quick ? 4 : 12, seconds: 0.4 }

const folder = mkdtempSync(join(tmpdir(), 'bench-gateway-'))
const running: Child[] = []
const cached = 'Apollo Server, a kept string'

async function keep(starting: Promise<Child>): Promise<Child> {
  const child = await starting
  running.push(child)
  return child
}

async function openWorld(): Promise<World> {
  const program = join(import.meta.dirname, '../shop/subgraph.ts')
  const subgraphs = await Promise.all(
    shop(0).map(async (subgraph) => {
      const args = [program, subgraph.name, `${products}`, 'recorded']
      return { ...subgraph, url: (await keep(startChild(args, { core: loadCore }))).url }
    }),
  )
  const supergraphFile = join(folder, 'supergraph.graphql')
  writeFileSync(supergraphFile, shopSupergraph(Object.fromEntries(subgraphs.map(({ name, url }) => [name, url]))))
  return { supergraphFile, subgraphs }
}

/** Those that start here; of the others it says why they do not. */
async function start(list: readonly Gateway[], world: World): Promise<Contender[]> {
  const contenders: Contender[] = []
  for (const { name, start } of list) {
    if (only && list.length > 1 && !only.some((part) => name.includes(part))) continue
    try {
      const child = await keep(start(world))
      contenders.push({ name, url: child.url, counted: [child] })
    } catch (error) {
      console.log(`${name} does not run here: ${(error as Error).message.split('\n').slice(-8).join('\n  ')}`)
    }
  }
  return contenders
}

async function ask({ url }: Contender, body: string): Promise<string> {
  const headers = { 'content-type': 'application/json' }
  return (await fetch(url, { method: 'POST', headers, body })).text()
}

/** Those that answer as ours does, which is the last; of the others it shows what they answer. */
async function withRightAnswers(contenders: readonly Contender[], body: string) {
  const answers = await Promise.all(contenders.map((contender) => ask(contender, body)))
  const own = answers.at(-1) ?? ''
  if (own.includes('"errors":')) throw new Error(`The gateway that is measured answers errors: ${own.slice(0, 300)}`)
  const right = contenders.filter(({ name }, index) => {
    const answer = answers[index] ?? ''
    const isRight = isDeepStrictEqual(JSON.parse(answer), JSON.parse(own))
    if (!isRight) console.log(`${name} is left out, since it answers otherwise: ${answer.slice(0, 150)}`)
    return isRight
  })
  return { own, right }
}

function rowsOf(figures: ReadonlyMap<string, Figures>): Record<string, string>[] {
  const base = figures.get(stock)
  return [...figures].map(([name, { cpuMs, perSecond, p95, peakMemory }]) => ({
    gateway: name,
    'CPU-ms a request': cpuMs.toFixed(3),
    ...(base ? { 'less than stock': `${(base.cpuMs / cpuMs).toFixed(1)}×` } : {}),
    'requests a second': perSecond.toFixed(0),
    'p95, ms': p95.toFixed(1),
    'peak memory, MiB': (peakMemory / 2 ** 20).toFixed(0),
  }))
}

async function compete(title: string, operation: ShopOperation, contenders: readonly Contender[]): Promise<void> {
  const body = JSON.stringify(operation)
  const { own, right } = await withRightAnswers(contenders, body)
  const [any] = right
  if (any === undefined) return
  const reference = await startCached(shopApi(), any.url, body).catch((error: Error) => {
    console.log(`${cached} does not run here: ${error.message}`)
  })
  const all = reference ? [...right, { name: cached, url: reference.url, counted: [reference] }] : right
  const figures = await measure(all, { body, ...effort })
  await reference?.stop()
  printTable(`${title}: ${(own.length / 1024).toFixed(1)} KiB`, rowsOf(figures))
}

async function compareForms(): Promise<void> {
  const options = { body: JSON.stringify(wide), ...effort }
  const { remote, inProcess } = await compareInProcess(folder, products, options)
  const row = (form: string, { cpuMs, perSecond, p95 }: Figures) => ({
    'four subgraphs that resolve': form,
    'CPU-ms a request, theirs with it': cpuMs.toFixed(3),
    'less than remote': `${(remote.cpuMs / cpuMs).toFixed(2)}×`,
    'requests a second': perSecond.toFixed(0),
    'p95, ms': p95.toFixed(1),
  })
  printTable('The wide query with the subgraphs\u2019 own work, on one processor', [
    row('in processes of their own', remote),
    row('in the gateway\u2019s process', inProcess),
  ])
}

try {
  pinSelf(loadCore)
  const world = await openWorld()
  const alone = await start(gateways, world)
  await compete('A wide query over four subgraphs', wide, [...(await start([byHand], world)), ...alone])
  await compete('A small query of one subgraph', small, alone)
  await compete('One product from four subgraphs', joined, alone)
  const together = await start(sharing, world)
  await compete('The wide query where the same requests at the same time share work', wide, together)
  await compete('The small query where they do', small, together)
  if (!only) await compareForms()
} finally {
  await Promise.all(running.map((child) => child.stop()))
  rmSync(folder, { recursive: true })
}
