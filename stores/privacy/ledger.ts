import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Somebody who was erased, or made anonymous. */
export interface GoneUser {
  readonly userId: string
  readonly action: string
}

/** Where the list is kept in a data directory. */
export const ledgerFile = (directory: string) => join(directory, 'erasures.jsonl')

/** Writes down who is gone, beside the database: an older copy of it does not know. */
export interface Ledger {
  note(user: GoneUser): void
}

/** @param directory the data directory; `:memory:` has nothing that outlives the database. */
export function openLedger(directory: string): Ledger {
  if (directory === ':memory:') return { note() {} }
  const path = ledgerFile(directory)
  return {
    note({ userId, action }) {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      const line = JSON.stringify({ userId, action, at: new Date().toISOString() })
      appendFileSync(path, `${line}\n`, { mode: 0o600, flush: true })
    },
  }
}

/** @throws when a line is not one of ours, but for a last one that was not written to its end */
export function readLedger(path: string): GoneUser[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.slice(0, -1).map((line) => JSON.parse(line) as GoneUser)
}
