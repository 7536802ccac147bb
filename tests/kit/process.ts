import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const main = join(import.meta.dirname, '../../cli/main.ts')

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command to its end. */
export function runCommand(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const child = launch(args, env)
  const output = { stdout: '', stderr: '' }
  child.stdout?.on('data', (chunk: Buffer) => {
    output.stdout += chunk.toString()
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    output.stderr += chunk.toString()
  })
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, ...output })))
}

/** A server as an operator starts it. */
export interface Running {
  readonly url: string
  readonly pid: number
  /** What it printed until it was ready. */
  readonly lines: readonly string[]
  /** Ends it with a signal and waits until it is gone. */
  end(signal: NodeJS.Signals): Promise<void>
}

export async function startCommand(args: readonly string[], env: Record<string, string> = {}): Promise<Running> {
  const child = launch(args, env)
  let complaints = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    complaints += chunk.toString()
  })
  const lines: string[] = []
  let url: string | null = null
  for await (const line of createInterface({ input: child.stdout ?? process.stdin })) {
    lines.push(line)
    url ??= /ready at (http:\S+)/.exec(line)?.[1] ?? null
    // The last line of what a start prints.
    if (url !== null && line.includes('Vectors')) break
  }
  if (url === null || child.pid === undefined)
    throw new Error(`the server did not start: ${lines.join('\n')}\n${complaints}`)
  child.stdout?.resume()
  return { url: `${url}/graphql`, pid: child.pid, lines, end: (signal) => end(child, signal) }
}

function launch(args: readonly string[], env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, [main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, MNEMOGRAPH_LOG_LEVEL: 'error', ...env },
  })
}

function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill(signal)
  })
}
