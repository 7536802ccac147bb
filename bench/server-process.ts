import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const main = join(import.meta.dirname, '../cli/main.ts')

/** The product as an operator starts it: a process of its own. */
export interface ServerProcess {
  readonly url: string
  /** From the start of the process until it said that it was ready. */
  readonly readyMs: number
  readonly pid: number
  /** The largest resident set of the process itself so far, in bytes. */
  peakMemory(): number
  stop(): Promise<void>
}

export async function startServer(data: string, ...flags: string[]): Promise<ServerProcess> {
  const started = performance.now()
  const child = spawn(
    process.execPath,
    ['--max-semi-space-size=32', main, 'start', '--port', '0', '--data', data, ...flags],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, MALLOC_ARENA_MAX: '2' } },
  )
  const url = await readyUrl(child)
  return {
    url,
    readyMs: performance.now() - started,
    pid: child.pid ?? 0,
    peakMemory: () => memoryOf(child.pid ?? 0, 'VmHWM'),
    stop: () => stop(child),
  }
}

/** The resident set of a process and of those it started, in bytes, as it is now. */
export function residentMemory(pid: number): number {
  const list = `/proc/${pid}/task/${pid}/children`
  const children = existsSync(list) ? readFileSync(list, 'utf8').split(' ').filter(Boolean) : []
  return [pid, ...children.map(Number)].reduce((sum, each) => sum + memoryOf(each, 'VmRSS'), 0)
}

/** From Linux' own accounting; 0 for a process that has ended. */
export function memoryOf(pid: number, what: 'VmHWM' | 'VmRSS'): number {
  const path = `/proc/${pid}/status`
  const status = existsSync(path) ? readFileSync(path, 'utf8') : ''
  return Number(new RegExp(`${what}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) * 1024
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
