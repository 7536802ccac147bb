import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const main = join(import.meta.dirname, '../cli/main.ts')

/** The product as an operator starts it: a process of its own. */
export interface ServerProcess {
  readonly url: string
  /** From the start of the process until it said that it was ready. */
  readonly readyMs: number
  /** The largest resident set so far, in bytes. */
  peakMemory(): number
  stop(): Promise<void>
}

export async function startServer(data: string, ...flags: string[]): Promise<ServerProcess> {
  const started = performance.now()
  const child = spawn(
    process.execPath,
    ['--max-semi-space-size=64', main, 'start', '--port', '0', '--data', data, ...flags],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const url = await readyUrl(child)
  return {
    url,
    readyMs: performance.now() - started,
    peakMemory: () => peakMemory(child.pid ?? 0),
    stop: () => stop(child),
  }
}

/** Peak resident set of a process, from Linux' own accounting. */
export function peakMemory(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024
}

async function readyUrl(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('the server has no output')
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /ready at (http:\S+)/.exec(line)?.[1]
    if (url !== undefined) {
      child.stdout.resume()
      return url
    }
  }
  throw new Error('the server ended before it was ready')
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })
}
