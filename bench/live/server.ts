import { WebSocketServer } from 'ws'
import { loadConfig } from '../../gateway/config.ts'
import { createEdge } from '../../gateway/edge/http.ts'
import { openIdentity } from '../../gateway/identity.ts'
import { LiveEngine } from '../../gateway/live-engine.ts'
import { createLog } from '../../lib/log.ts'
import { Metrics } from '../../lib/metrics.ts'
import { benchEngine, Emitter, frameOf } from './graph.ts'

// One of the two servers of the bench, in a process of its own: `node server.ts graph | broadcast`. It does what its
// parent tells it, and answers with its own CPU time and memory.

/** What the parent asks for. */
export type Order = { readonly emit: string } | { readonly measure: true }

export interface Measured {
  /** Of the whole process, since it began. Microseconds. */
  readonly cpu: number
  /** After a collection. Bytes. */
  readonly heap: number
  readonly rss: number
}

const emit = process.argv[2] === 'broadcast' ? await broadcast() : await graph()

process.on('message', (order: Order) => {
  if ('emit' in order) return emit(order.emit)
  globalThis.gc?.()
  const { user, system } = process.cpuUsage()
  const { heapUsed: heap, rss } = process.memoryUsage()
  process.send?.({ cpu: user + system, heap, rss } satisfies Measured)
})

async function graph(): Promise<(text: string) => void> {
  const emitter = new Emitter()
  const { config } = loadConfig({ env: {}, cwd: '/nowhere' })
  const edge = await createEdge({
    engine: new LiveEngine(benchEngine(emitter)),
    identity: openIdentity,
    config: { ...config, connections: { perUser: 10_000, perAddress: 10_000 }, streamStallMs: 600_000 },
    log: createLog('error'),
    metrics: new Metrics(),
  })
  const { port } = await edge.listen(0, '127.0.0.1')
  process.send?.({ port })
  return (text) => emitter.emit(text)
}

/** The least that a server can do: the same bytes to every socket. */
async function broadcast(): Promise<(text: string) => void> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
  await new Promise((resolve) => server.once('listening', resolve))
  server.on('connection', (socket) => {
    socket.on('message', (data) => {
      const { type } = JSON.parse(String(data))
      if (type === 'connection_init') socket.send('{"type":"connection_ack"}')
    })
  })
  process.send?.({ port: (server.address() as { port: number }).port })
  let at = 0
  return (text) => {
    const frame = frameOf('1', at++, text)
    for (const socket of server.clients) socket.send(frame)
  }
}
