import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { addEncryptionKeys, encryptionKeysFile } from '../../lib/field-encryption.ts'
import { addRetiredKeys, retiredKeysFile, retireKey } from '../../lib/key-ring.ts'
import { replaceSecretFile } from '../../lib/secret-file.ts'
import { readSigningKey, signingKeyFile } from '../../lib/tokens.ts'
import type { KeyFile } from './format.ts'

const adding: Readonly<Record<KeyFile, (directory: string, content: string) => void>> = {
  [encryptionKeysFile]: addEncryptionKeys,
  [signingKeyFile]: (directory, content) => retireKey(directory, readSigningKey(content), new Date()),
  [retiredKeysFile]: addRetiredKeys,
}

/**
 * Takes up a key file of a backup. Keys that the directory has already stay the first: what the backup's have encrypted is
 * read, and what they have signed is trusted.
 */
export function takeUpKey(
  directory: string,
  { key, content }: { readonly key: KeyFile; readonly content: string },
): void {
  const path = join(directory, key)
  const present = existsSync(path) ? readFileSync(path, 'utf8') : null
  if (present === content) return
  if (present === null) replaceSecretFile(directory, key, content)
  else adding[key](directory, content)
}
