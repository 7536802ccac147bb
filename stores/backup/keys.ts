import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { retireKey } from '../../lib/key-ring.ts'
import { replaceSecretFile } from '../../lib/secret-file.ts'
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
  if (present === null) replaceSecretFile(directory, file.key, file.content)
  else if (file.key === 'encryption-keys') replaceSecretFile(directory, file.key, joined(present, file.content))
  else if (file.key === signingKeyFile) retireKey(directory, readSigningKey(file.content), new Date())
  else replaceSecretFile(directory, file.key, both(present, file.content))
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
