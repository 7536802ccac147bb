import { randomUUID } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** Another living process has the data directory open. */
export class DirectoryInUseError extends Error {
  override readonly name = 'DirectoryInUseError'
  readonly directory: string
  readonly pid: number

  constructor(directory: string, pid: number) {
    super(`data directory ${directory} is in use by process ${pid}`)
    this.directory = directory
    this.pid = pid
  }
}

interface Holder {
  readonly pid: number
  /** The kernel's start time of that process where it is known, so that a reused pid is not taken for the holder. */
  readonly started: string | null
  readonly token: string
}

const heldHere = new Set<string>()

/**
 * Takes a data directory for this process. PGlite cannot notice a second writer, and two would lose writes silently.
 * The lock of a process that has died is taken over.
 * @returns a function that gives the directory back
 * @throws DirectoryInUseError
 */
export function lockDirectory(directory: string): () => void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const path = join(resolve(directory), 'lock')
  const mine: Holder = { pid: process.pid, started: startTime(process.pid), token: randomUUID() }
  while (!claim(path, mine)) {
    const holder = read(path)
    if (holder && isAlive(holder)) throw new DirectoryInUseError(directory, holder.pid)
    if (holder) removeStale(path, holder)
  }
  heldHere.add(mine.token)
  return () => {
    heldHere.delete(mine.token)
    if (read(path)?.token === mine.token) rmSync(path, { force: true })
  }
}

/** Linking a finished file makes the lock appear with its content, so that nobody reads half of one. */
function claim(path: string, holder: Holder): boolean {
  const draft = `${path}.${holder.token}`
  writeFileSync(draft, JSON.stringify(holder), { mode: 0o600 })
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
}

/** Of several processes that judge one lock stale, a rename lets one win; a fresh lock caught by it is put back. */
function removeStale(path: string, stale: Holder): void {
  const aside = `${path}.${randomUUID()}`
  try {
    renameSync(path, aside)
    if (read(aside)?.token !== stale.token) linkSync(aside, path)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code !== 'ENOENT' && code !== 'EEXIST') throw error
  } finally {
    rmSync(aside, { force: true })
  }
}

function read(path: string): Holder | null {
  try {
    const holder = JSON.parse(readFileSync(path, 'utf8')) as Partial<Holder>
    return { pid: Number(holder.pid), started: holder.started ?? null, token: String(holder.token) }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    if (error instanceof SyntaxError) return { pid: 0, started: null, token: 'undefined' }
    throw error
  }
}

function isAlive(holder: Holder): boolean {
  if (!Number.isInteger(holder.pid) || holder.pid <= 0) return false
  // In a container every run may have the same pid: the start time tells an earlier run from this one.
  if (holder.pid === process.pid && holder.started === null) return heldHere.has(holder.token)
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  const now = startTime(holder.pid)
  return now === null || (now !== DEAD && (holder.started === null || now === holder.started))
}

const DEAD = 'dead'

/**
 * Clock ticks between boot and the process's start, or `DEAD` for one that has ended and is only still listed
 * (proc(5), fields 22 and 3 of stat); null where there is no /proc.
 */
function startTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? DEAD : (fields[19] ?? null)
  } catch {
    return null
  }
}
