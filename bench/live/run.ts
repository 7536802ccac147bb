import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { median, printTable } from '../table.ts'
import { subscription } from './graph.ts'
import type { Measured, Order } from './server.ts'

// Live events to many sockets: the graph's own way, side by side with a bare broadcast of the same bytes.
//   node bench/live/run.ts [sockets] [events]

const sockets = Number(process.argv[2] ?? 1000)
const events = Number(process.argv[3] ?? 100)
const rounds = 3

class Server {
  readonly #child: ChildProcess
  readonly url: string

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.url = `ws://127.0.0.1:${port}/graphql`
  }

  static async start(kind: 'graph' | 'broadcast'): Promise<Server> {
    const child = fork(join(import.meta.dirname, 'server.ts'), [kind], { execArgv: ['--expose-gc'] })
    const [{ port }] = (await once(child, 'message')) as [{ port: number }]
    return new Server(child, port)
  }

  emit(text: string): void {
    this.#child.send({ emit: text } satisfies Order)
  }

  async measure(): Promise<Measured> {
    this.#child.send({ measure: true } satisfies Order)
    const [measured] = (await once(this.#child, 'message')) as [Measured]
    return measured
  }

  stop(): void {
    this.#child.kill('SIGKILL')
  }
}

/** Sockets that have subscribed; `heard` counts the events of all. */
class Crowd {
  readonly #sockets: WebSocket[] = []
  heard = 0
  bytes = 0
  #waiting: { count: number; done: () => void } | undefined

  async join(url: string, count: number, subscribes = true): Promise<void> {
    const opening = Array.from({ length: count }, async () => {
      const socket = new WebSocket(url, 'graphql-transport-ws', { perMessageDeflate: false })
      this.#sockets.push(socket)
      await once(socket, 'open')
      socket.send('{"type":"connection_init"}')
      await once(socket, 'message')
      socket.on('message', (data: Buffer) => this.#hear(data.length))
      if (subscribes) socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: subscription } }))
    })
    await Promise.all(opening)
  }

  /** Resolves when so many events have been heard in all. */
  async until(count: number): Promise<void> {
    if (this.heard < count) await new Promise<void>((done) => (this.#waiting = { count, done }))
  }

  leave(): void {
    for (const socket of this.#sockets) socket.terminate()
  }

  #hear(bytes: number): void {
    this.heard += 1
    this.bytes += bytes
    if (this.#waiting && this.heard >= this.#waiting.count) this.#waiting.done()
  }
}

interface Cost {
  readonly cpu: number
  readonly bytes: number
}

async function fanOut(kind: 'graph' | 'broadcast'): Promise<Cost> {
  const server = await Server.start(kind)
  const crowd = new Crowd()
  await crowd.join(server.url, sockets)
  const text = 'x'.repeat(200)
  // Until every socket has heard one event, not all have subscribed.
  let emitted = 0
  while (crowd.heard < sockets) {
    server.emit(text)
    emitted += 1
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  await server.measure()
  await new Promise((resolve) => setTimeout(resolve, 500))
  const before = await server.measure()
  const [heard, bytes] = [crowd.heard, crowd.bytes]
  for (let event = 1; event <= events; event++) {
    server.emit(text)
    await crowd.until(heard + event * sockets)
  }
  const after = await server.measure()
  crowd.leave()
  server.stop()
  if (emitted > 10) console.error(`${kind}: ${emitted} events until all had subscribed`)
  return { cpu: (after.cpu - before.cpu) / 1000, bytes: crowd.bytes - bytes }
}

/** Memory with idle sockets and one reader that has stopped, while another reads a lot. */
async function memory(): Promise<void> {
  const server = await Server.start('graph')
  const crowd = new Crowd()
  await crowd.join(server.url, sockets, false)
  const stalled = new WebSocket(server.url, 'graphql-transport-ws')
  await once(stalled, 'open')
  stalled.send('{"type":"connection_init"}')
  await once(stalled, 'message')
  stalled.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: subscription } }))
  stalled.pause()
  const reader = new Crowd()
  await reader.join(server.url, 1)
  const rows: Record<string, string>[] = []
  const text = 'x'.repeat(10_000)
  for (let sent = 0; sent <= 20_000; sent++) {
    if (sent % 5000 === 0) {
      const { heap, rss } = await server.measure()
      rows.push({ events: String(sent), 'heap, MB': mega(heap), 'resident, MB': mega(rss) })
    }
    server.emit(text)
    await reader.until(reader.heard + 1)
  }
  printTable(`Memory: ${sockets} idle sockets, one stalled reader, one that reads events of 10 KB`, rows)
  reader.leave()
  crowd.leave()
  stalled.terminate()
  server.stop()
}

const mega = (bytes: number) => (bytes / 1_000_000).toFixed(1)

const costs: Record<'graph' | 'broadcast', Cost[]> = { graph: [], broadcast: [] }
for (let round = 0; round < rounds; round++) {
  for (const kind of ['broadcast', 'graph'] as const) costs[kind].push(await fanOut(kind))
}
const bare = median(costs.broadcast.map(({ cpu }) => cpu))
printTable(
  `${sockets} sockets × ${events} events, CPU time of the server`,
  (['broadcast', 'graph'] as const).map((kind) => {
    const cpu = median(costs[kind].map((cost) => cost.cpu))
    return {
      server: kind === 'graph' ? 'the graph, joining two subgraphs' : 'bare ws broadcast',
      'CPU, ms': cpu.toFixed(0),
      'µs a delivery': ((cpu * 1000) / (sockets * events)).toFixed(1),
      'bytes a delivery': ((costs[kind][0]?.bytes ?? 0) / (sockets * events)).toFixed(0),
      'times the broadcast': (cpu / bare).toFixed(2),
    }
  }),
)
await memory()
