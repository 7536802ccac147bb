import { randomUUID } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * A secret kept in a directory: made on the first use, readable by its owner alone, and whole also when two processes
 * make it at once.
 * @throws when the file is there and others may read it
 */
export function secretFile(directory: string, name: string, make: () => string): string {
  const file = join(directory, name)
  const made = writeOnce(directory, file, make())
  if (made !== null) return made
  if ((statSync(file).mode & 0o077) !== 0) {
    throw new Error(`${file} may be read by others; take their rights away: chmod 600 '${file}'`)
  }
  return readFileSync(file, 'utf8')
}

/** Puts another secret in a file's place, whole or not at all; its owner alone may read it. */
export function replaceSecretFile(directory: string, name: string, content: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const draft = join(directory, `${name}.new`)
  writeFileSync(draft, content, { mode: 0o600 })
  renameSync(draft, join(directory, name))
}

/** Null when the file is there already, also when another process made it a moment ago: linked whole, never half. */
function writeOnce(directory: string, file: string, content: string): string | null {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const draft = `${file}.${randomUUID()}`
  try {
    writeFileSync(draft, content, { flag: 'wx', mode: 0o600 })
    linkSync(draft, file)
    return content
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return null
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
}
