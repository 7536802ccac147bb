import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { retireKey } from '../../lib/key-ring.ts'
import { readSigningKey, signingKeyFile } from '../../lib/tokens.ts'
import type { KeyFile } from './format.ts'

/**
 * Takes up a key file of a backup. Keys that the directory has already stay the first: what the backup's have encrypted is
 * read, and what they have signed is trusted.
 */
export function takeUpKey(directory: string, file: { readonly key: KeyFile; readonly content: string }): void {
  const path = join(directory, file.key)
  const present = existsSync(path) ? readFileSync(path, 'utf8') : null
  if (present === file.content) return
  if (present === null) write(directory, path, file.content)
  else if (file.key === 'encryption-keys') write(directory, path, joined(present, file.content))
  else if (file.key === signingKeyFile) retireKey(directory, readSigningKey(file.content), new Date())
  else write(directory, path, both(present, file.content))
}

/** Each retired key once; what the directory says of it holds. */
function both(present: string, content: string): string {
  const all = [...JSON.parse(present), ...JSON.parse(content)] as { publicKey: string }[]
  const once = new Map(all.reverse().map((key) => [key.publicKey, key]))
  return JSON.stringify([...once.values()], null, 2)
}

function joined(first: string, second: string): string {
  const keys = `${first}\n${second}`.split(/[\s,]+/).filter((key) => key !== '')
  return `${[...new Set(keys)].join('\n')}\n`
}

function write(directory: string, path: string, content: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  writeFileSync(path, content, { mode: 0o600 })
}
