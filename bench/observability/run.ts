import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Child, pinSelf, startChild } from '../child.ts'
import { gatewayCore, startOurs } from '../gateway/gateways.ts'
import { type Contender, measure } from '../gateway/measure.ts'
import { joined, shop, small } from '../shop/shop.ts'
import { shopSupergraph } from '../shop/supergraph.ts'
import { printTable } from '../table.ts'

// What it costs the gateway to be traced and logged, against one that is not, over remote subgraphs. One that is not is
// there twice: by how much the two differ, figures are not to be trusted.
//   node bench/observability/run.ts [ROUNDS]

const rounds = Number(process.argv[2] ?? 8)
const effort = { connections: 50, rounds, seconds: 0.4 }
const folder = mkdtempSync(join(tmpdir(), 'bench-observability-'))
const running: Child[] = []
const collector = createServer((req, res) => void req.resume().once('end', () => res.end('{}')))

async function keep(starting: Promise<Child>): Promise<Child> {
  const child = await starting
  running.push(child)
  return child
}

async function openShop(): Promise<string> {
  const program = join(import.meta.dirname, '../shop/subgraph.ts')
  const urls: Record<string, string> = {}
  for (const { name } of shop(0)) {
    urls[name] = (await keep(startChild([program, name, '48', 'recorded'], { core: 1 }))).url
  }
  const file = join(folder, 'supergraph.graphql')
  writeFileSync(file, shopSupergraph(urls))
  return file
}

async function startAll(file: string, OTLP_URL: string): Promise<Contender[]> {
  const settings: Record<string, Record<string, string>> = {
    'nothing asked for': {},
    'one request in 100 traced': { MNEMOGRAPH_OTLP_URL: OTLP_URL, MNEMOGRAPH_TRACE_RATIO: '0.01' },
    'nothing asked for, again': {},
    'every request traced': { MNEMOGRAPH_OTLP_URL: OTLP_URL },
    'a line in the log for each': { MNEMOGRAPH_LOG_LEVEL: 'info', MNEMOGRAPH_ACCESS_LOG_LEVEL: 'info' },
  }
  const contenders: Contender[] = []
  for (const [name, env] of Object.entries(settings)) {
    const child = await keep(startOurs(file, { MNEMOGRAPH_DEDUP: 'false', ...env }, gatewayCore))
    contenders.push({ name, url: child.url, counted: [child] })
  }
  return contenders
}

try {
  pinSelf(1)
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve))
  const { port } = collector.address() as AddressInfo
  const contenders = await startAll(await openShop(), `http://127.0.0.1:${port}`)
  for (const [title, operation] of [
    ['A small query of one subgraph', small] as const,
    ['One product from four subgraphs', joined] as const,
  ]) {
    const figures = await measure(contenders, { body: JSON.stringify(operation), ...effort })
    const base = figures.get('nothing asked for')?.cpuMs ?? 0
    printTable(
      title,
      [...figures].map(([name, { cpuMs }]) => ({
        gateway: name,
        'CPU-ms a request': cpuMs.toFixed(3),
        'against nothing': `${(cpuMs / base).toFixed(2)}×`,
      })),
    )
  }
} finally {
  await Promise.all(running.map((child) => child.stop()))
  collector.closeAllConnections()
  collector.close()
  rmSync(folder, { recursive: true })
}
