import { existsSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { controlFile } from '../gateway/control.ts'
import type { Server } from '../gateway/server.ts'
import { controlClient, type GraphClient } from './graph-client.ts'
import type { Progress } from './progress.ts'
import { readSettings } from './settings.ts'

/** The graph, as a command uses it. */
export interface Connected {
  readonly client: GraphClient
  /** Waits until concepts and vectors are up to date, where this process is the one that makes them. */
  settle(progress: Progress, signal: AbortSignal): Promise<void>
}

export interface WithServerOptions {
  readonly data: string | undefined
  /** In whose name the command works. */
  readonly user: string
}

/** Runs work against the server that holds the data directory, or against one that is opened for as long as it takes. */
export async function withServer<T>(
  options: WithServerOptions,
  work: (connected: Connected) => Promise<T>,
): Promise<T> {
  const config = readSettings({ data: options.data })
  const running = await findRunning(config.data)
  if (running !== null) {
    return work({ client: controlClient(running, options.user), settle: async () => {} })
  }
  // Only now: a command that finds a server need not carry one.
  const [{ openServer }, { createLog }] = await Promise.all([import('../gateway/server.ts'), import('../lib/log.ts')])
  const log = createLog(config.logLevel === 'info' ? 'warn' : config.logLevel)
  const server = await openServer({ config, log, listen: false })
  try {
    return await work({
      client: controlClient(server.controlSocket, options.user),
      settle: (progress, signal) => settle(server, progress, signal),
    })
  } finally {
    await server.close()
  }
}

const look = 250

async function settle(server: Server, progress: Progress, signal: AbortSignal): Promise<void> {
  const timer = setInterval(() => progress.show('reading concepts and meanings …'), look)
  try {
    await server.projectors.caughtUp(signal)
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    clearInterval(timer)
  }
}

/** The control socket of a server that runs on the data directory; a file left by one that was killed does not count. */
async function findRunning(data: string): Promise<string | null> {
  if (data === ':memory:' || !existsSync(controlFile(data))) return null
  const path = readFileSync(controlFile(data), 'utf8')
  return (await answers(path)) ? path : null
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
