import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { memoryOf } from './server-process.ts'

/** A process that a bench measures: anything that prints `ready at <url>` when it is. Linux alone. */
export interface Child {
  readonly url: string
  /** Milliseconds of processor time so far, in the program and in the kernel for it, of all its threads. */
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

const tickMs = 10
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

function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The program's name, in brackets, may hold spaces; user and system time are the 12th and 13th fields behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * tickMs
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
