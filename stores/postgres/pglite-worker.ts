import { openAsBlob } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { PGlite } from '@electric-sql/pglite'
import { vector } from '@electric-sql/pglite-pgvector'
import { vacuumOnce } from './autovacuum.ts'
import { type Backend, WireServer } from './wire-server.ts'

/** What the main thread asks of the worker: where the cluster lives and where to listen. */
export interface WorkerOptions {
  /** Cluster directory, or null to keep everything in memory. */
  readonly cluster: string | null
  /** Tar of an initialised cluster to start from when in memory. */
  readonly image: string | null
  readonly socket: string
}

export type WorkerReport = { readonly kind: 'ready' } | { readonly kind: 'dumped'; readonly image: Uint8Array }
export type WorkerRequest = { readonly kind: 'close' } | { readonly kind: 'dump' }

const VACUUM_EVERY_MS = 10_000
const STARTUP = startupMessage({ user: 'postgres', database: 'postgres', client_encoding: 'UTF8' })

async function open(options: WorkerOptions): Promise<PGlite> {
  return PGlite.create({
    dataDir: options.cluster ?? 'memory://',
    extensions: { vector },
    ...(options.image ? { loadDataDir: await openAsBlob(options.image) } : {}),
    // Small segments: a fresh cluster is 24 MB instead of 39, which is what a first start copies.
    initDbStartParams: ['--wal-segsize=1', '--encoding=UTF8', '--locale=C.UTF-8', '--auth=trust'],
  })
}

async function main(port: NonNullable<typeof parentPort>): Promise<void> {
  const options = workerData as WorkerOptions
  const database = await open(options)
  const backend: Backend = {
    greeting: Uint8Array.from(database.execProtocolRawSync(STARTUP)),
    execute: (messages) => execute(database, messages),
  }
  const server = new WireServer(backend)
  await server.listen(options.socket)
  // One table at a time, so that nobody waits long.
  const vacuum = setInterval(() => {
    server.exclusively(() => vacuumOnce(database)).catch((error: Error) => process.emitWarning(error))
  }, VACUUM_EVERY_MS)
  port.on('message', async (request: WorkerRequest) => {
    if (request.kind === 'dump') {
      const tar = await server.exclusively(() => database.dumpDataDir('none'))
      port.postMessage({ kind: 'dumped', image: new Uint8Array(await tar.arrayBuffer()) } satisfies WorkerReport)
      return
    }
    clearInterval(vacuum)
    await server.close()
    await database.close()
    port.close()
  })
  port.postMessage({ kind: 'ready' } satisfies WorkerReport)
}

/** The streaming form hands out the bytes as they are; the others also parse every answer, which costs more than it. */
async function execute(database: PGlite, messages: Uint8Array): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  await database.execProtocolRawStream(messages, {
    // A copy: the bytes lie in the engine's own memory and are overwritten by the next.
    onRawData: (bytes) => chunks.push(bytes.slice()),
  })
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks)
}

function startupMessage(parameters: Record<string, string>): Uint8Array {
  const words = Object.entries(parameters).flat()
  const body = Buffer.from(`${words.join('\0')}\0\0`)
  const head = Buffer.alloc(8)
  head.writeInt32BE(8 + body.length, 0)
  head.writeInt32BE(196608, 4)
  return Uint8Array.from(Buffer.concat([head, body]))
}

if (!parentPort) throw new Error('pglite-worker.ts runs as a worker thread only')
await main(parentPort)
