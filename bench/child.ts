import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { memoryOf } from './server-process.ts'

/** A process that a bench measures: anything that prints `ready at <url>` when it is. Linux alone. */
export interface Child {
  readonly url: string
  /** Milliseconds of processor time so far, in the program and in the kernel for it, of all threads that it has. */
  cpuMs(): number
  /** The largest resident set so far, in bytes. */
  peakMemory(): number
  stop(): Promise<void>
}

export interface ChildOptions {
  /** The processor that it may use, where `taskset` is there to say so. */
  readonly core?: number
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

const hasTaskset = spawnSync('taskset', ['--version']).status === 0

/** @throws with the process' own words when it ends before it is ready. */
export async function startChild(args: readonly string[], options: ChildOptions = {}): Promise<Child> {
  const pinned = options.core !== undefined && hasTaskset ? ['taskset', '-c', `${options.core}`] : []
  const [command = '', ...rest] = [...pinned, process.execPath, ...args]
  const child = spawn(command, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  const url = await readyUrl(child)
  const pid = child.pid ?? 0
  return { url, cpuMs: () => cpuMs(pid), peakMemory: () => memoryOf(pid, 'VmHWM'), stop: () => stop(child) }
}

/** Lets this process, which makes the load, use one processor alone. */
export function pinSelf(core: number): void {
  if (hasTaskset) spawnSync('taskset', ['-cp', `${core}`, `${process.pid}`])
}

/** From the scheduler's own count of each thread, in nanoseconds: the kernel's usual one has steps of ten milliseconds. */
function cpuMs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`)
  return threads.reduce((sum, thread) => sum + threadNs(pid, thread), 0) / 1e6
}

function threadNs(pid: number, thread: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
  } catch {
    // It ended between the listing and the look.
    return 0
  }
}

async function readyUrl(child: ChildProcess): Promise<string> {
  let words = ''
  const listen = (text: string) => {
    words = (words + text).slice(-2000)
  }
  child.stderr?.setEncoding('utf8').on('data', listen)
  if (child.stdout === null) throw new Error('the process has no output')
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /ready at (http:\S+)/.exec(line)?.[1]
    if (url !== undefined) {
      child.stdout.resume()
      return url
    }
    listen(`${line}\n`)
  }
  throw new Error(words.trim() || 'the process ended before it was ready')
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000)
  await exited
  clearTimeout(timer)
}
