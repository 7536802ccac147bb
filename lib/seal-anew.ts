import { type FieldCipher, FieldDecryptionError, type FieldPlace } from './field-encryption.ts'
import type { Log } from './log.ts'

/** What was encrypted under an older of the system's keys, and the key of its owner. */
export interface Outdated {
  readonly sealed: Uint8Array
  readonly key: Uint8Array
}

/** Encrypts a value under the newest key. @returns null, and tells of it, when it opens under no key that is there. */
export function sealAnew(
  { fields, logger }: { readonly fields: FieldCipher; readonly logger: Log },
  { sealed, key }: Outdated,
  place: FieldPlace,
): Buffer | null {
  try {
    return fields.seal(fields.open(sealed, place, key), place, key)
  } catch (error) {
    if (!(error instanceof FieldDecryptionError)) throw error
    const { table, row } = place
    logger.warn({ table, row }, 'What is encrypted there opens under no key that is there')
    return null
  }
}
