import type { Log } from '../../lib/log.ts'
import { ConfigError } from '../config.ts'
import { watchFile } from '../watch-file.ts'
import { ManifestError, readTrustedDocuments, type TrustedDocuments } from './trusted-documents.ts'

/** The trusted documents of a file that may change while the server runs. */
export interface Manifest {
  readonly documents: TrustedDocuments
  close(): void
}

/**
 * Reads a manifest and follows its changes; one that cannot be used never replaces a good one.
 * @throws ConfigError when the first one cannot be used.
 */
export function openManifest(file: string, log: Log): Manifest {
  let documents = readFirst(file)
  const close = watchFile(file, () => {
    try {
      documents = readTrustedDocuments(file)
      log.info({ file }, 'Trusted documents reloaded')
    } catch (error) {
      log.error({ file, err: error }, 'Trusted documents refused; those before them go on')
    }
  })
  return {
    get documents() {
      return documents
    },
    close,
  }
}

function readFirst(file: string): TrustedDocuments {
  try {
    return readTrustedDocuments(file)
  } catch (error) {
    if (error instanceof ManifestError) throw new ConfigError([`MNEMOGRAPH_TRUSTED_DOCUMENTS: ${error.message}`])
    throw error
  }
}
