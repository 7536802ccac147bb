import { execFileSync } from 'node:child_process'
import { chownSync, mkdirSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** A real server for tests: how to reach it, or why it is not there. */
export type StoreResult = { readonly url: string } | { readonly missing: string }

export interface Store {
  readonly name: string
  /** The variable that holds its address. One that is set already names a server that is not ours to start or stop. */
  readonly variable: string
  /** @param label keeps servers that run at the same time apart */
  start(label: string): Promise<StoreResult>
  stop(label: string): void
}

export const ROOT = join(tmpdir(), `mnemograph-stores-${userInfo().uid}`)

/** Servers refuse to run as root: then they run as `nobody`, in folders of his. */
const NOBODY = 65534
const asNobody = userInfo().uid === 0 ? { uid: NOBODY, gid: NOBODY } : {}

export function folder(name: string): string {
  const path = join(ROOT, name)
  mkdirSync(path, { recursive: true })
  if (asNobody.uid !== undefined) {
    chownSync(ROOT, NOBODY, NOBODY)
    chownSync(path, NOBODY, NOBODY)
  }
  return path
}

/** Runs a program as the servers' user and returns what it printed. */
export function run(program: string, args: readonly string[], env: Record<string, string> = {}): string {
  return execFileSync(program, args, {
    ...asNobody,
    cwd: folder('.'),
    env: { PATH: process.env.PATH ?? '', HOME: folder('home'), ...env },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 180_000,
  })
}

const attempts = 3

/** Does again what failed: a registry may be slow or away for a moment, and a busy machine too slow for a server. */
export async function persist<T>(work: () => T | Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === attempts) throw error
    }
  }
}

/** Installs a Python package for the servers' user. */
export async function install(target: string, ...what: readonly string[]): Promise<void> {
  const options = ['--quiet', '--no-deps', '--upgrade', '--target', folder(target)]
  await persist(() => run('python3', ['-m', 'pip', 'install', ...options, ...what]))
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

const startMs = 30_000
const lookMs = 50

/** Whether a server that is said to run listens on its port, which a busy machine may need a while for. */
export async function listens(port: number): Promise<boolean> {
  for (const end = Date.now() + startMs; Date.now() < end; await pause(lookMs)) if (await accepts(port)) return true
  return false
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
