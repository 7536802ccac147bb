import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import { lockDirectory } from './directory-lock.ts'
import type { WorkerOptions, WorkerReport, WorkerRequest } from './pglite-worker.ts'

/** How `pg` reaches an embedded server: a unix socket in a directory only this user may enter. */
export interface EmbeddedConnection {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
}

/** An initialised cluster to start from, in the two forms that each kind of start reads fastest. */
export interface ClusterTemplate {
  /** Directory to copy for a cluster on disk. */
  readonly directory: string
  /** Tar of the same directory, for a cluster in memory. */
  readonly image: string
}

export interface EmbeddedServer {
  /** The superuser's connection: for migrations and back-ups, never for requests. */
  readonly admin: EmbeddedConnection
  /** The same server as another login. */
  as(user: string): EmbeddedConnection
  /** Ends when the server has ended: with null after `close`, else with what killed it. */
  readonly ended: Promise<Error | null>
  /** A tar of the whole cluster, taken between two statements. */
  dump(): Promise<Uint8Array>
  close(): Promise<void>
}

export interface EmbeddedOptions {
  /** The data directory; `:memory:` keeps nothing and leaves nothing behind. */
  readonly directory: string
  /** Makes the first start fast. Without it the cluster is initialised from nothing. */
  readonly template?: ClusterTemplate | null
}

const PORT = 5432

/** Where the owner's commands find the socket of a server that runs: whoever may enter its directory owns the data as well. */
const socketFile = (directory: string) => join(directory, 'database')

/** The superuser's connection to the server that runs on a data directory, as far as it has said where. */
export function runningServer(directory: string): EmbeddedConnection | null {
  if (!existsSync(socketFile(directory))) return null
  return connectionAs('postgres', readFileSync(socketFile(directory), 'utf8'))
}

function connectionAs(user: string, socketDirectory: string): EmbeddedConnection {
  return { host: socketDirectory, port: PORT, database: 'postgres', user }
}

/**
 * Starts PostgreSQL (PGlite: PostgreSQL 18 with pgvector, in WebAssembly) in a worker thread and serves it on a unix
 * socket. It survives the death of the process (every commit is in the file system) but never fsyncs: a power cut can
 * lose the last writes.
 * @throws DirectoryInUseError when another living process has the directory open
 */
export async function openPglite(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const unlock = options.directory === ':memory:' ? () => {} : lockDirectory(options.directory)
  const socketDirectory = mkdtempSync(join(tmpdir(), 'mnemograph-'))
  const tidy = () => {
    rmSync(socketDirectory, { recursive: true, force: true })
    if (options.directory !== ':memory:') rmSync(socketFile(options.directory), { force: true })
    unlock()
  }
  process.once('exit', tidy)
  try {
    const server = await start(place(options), socketDirectory, () => {
      process.removeListener('exit', tidy)
      tidy()
    })
    if (options.directory !== ':memory:') {
      writeFileSync(socketFile(options.directory), socketDirectory, { mode: 0o600 })
    }
    return server
  } catch (error) {
    process.removeListener('exit', tidy)
    tidy()
    throw error
  }
}

function place(options: EmbeddedOptions): Pick<WorkerOptions, 'cluster' | 'image'> {
  const template = options.template ?? null
  if (options.directory === ':memory:') return { cluster: null, image: template?.image ?? null }
  const cluster = join(resolve(options.directory), 'postgres')
  if (template && !existsSync(join(cluster, 'PG_VERSION'))) copyCluster(template.directory, cluster)
  mkdirSync(cluster, { recursive: true, mode: 0o700 })
  return { cluster, image: null }
}

/** Copies beside the target and renames, so that an interrupted first start leaves no half cluster. */
function copyCluster(template: string, cluster: string): void {
  const draft = `${cluster}.new`
  rmSync(draft, { recursive: true, force: true })
  // Hundreds of small files: the asynchronous form takes half as long again.
  cpSync(template, draft, { recursive: true })
  rmSync(cluster, { recursive: true, force: true })
  renameSync(draft, cluster)
}

async function start(
  place: Pick<WorkerOptions, 'cluster' | 'image'>,
  socketDirectory: string,
  tidy: () => void,
): Promise<EmbeddedServer> {
  const socket = join(socketDirectory, `.s.PGSQL.${PORT}`)
  const worker = new Worker(new URL('./pglite-worker.ts', import.meta.url), {
    workerData: { ...place, socket } satisfies WorkerOptions,
    // The server's flag for its own short-lived objects would give every thread as much; the database has its own heap.
    resourceLimits: { maxYoungGenerationSizeMb: 24 },
  })
  let failure: Error | null = null
  worker.on('error', (error) => {
    failure = error instanceof Error ? error : new Error(String(error))
  })
  const ended = once(worker, 'exit').then(() => {
    tidy()
    return failure
  })
  await Promise.race([
    report(worker, 'ready'),
    ended.then((error) => {
      throw error ?? new Error('the embedded PostgreSQL ended while it started')
    }),
  ])
  const as = (user: string) => connectionAs(user, socketDirectory)
  return {
    admin: as('postgres'),
    as,
    ended,
    async dump() {
      const dumped = report(worker, 'dumped')
      send(worker, { kind: 'dump' })
      return (await dumped).image
    },
    async close() {
      send(worker, { kind: 'close' })
      const error = await ended
      if (error) throw error
    },
  }
}

function send(worker: Worker, request: WorkerRequest): void {
  worker.postMessage(request)
}

function report<K extends WorkerReport['kind']>(worker: Worker, kind: K): Promise<Extract<WorkerReport, { kind: K }>> {
  return new Promise((resolve) => {
    const listen = (message: WorkerReport) => {
      if (message.kind !== kind) return
      worker.off('message', listen)
      resolve(message as Extract<WorkerReport, { kind: K }>)
    }
    worker.on('message', listen)
  })
}
