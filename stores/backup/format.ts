import { encryptionKeysFile } from '../../lib/field-encryption.ts'
import { retiredKeysFile } from '../../lib/key-ring.ts'
import { signingKeyFile } from '../../lib/tokens.ts'
import type { Applied, Partition, Table } from './catalog.ts'

export const formatVersion = 1

/** The key files of a data directory, in the order in which they are taken up. */
export const keyFiles = [encryptionKeysFile, signingKeyFile, retiredKeysFile] as const

export type KeyFile = (typeof keyFiles)[number]

/** The first line of a backup. */
export interface Header {
  readonly mnemograph: 'backup'
  readonly version: number
  /** The moment that it shows. */
  readonly at: string
  readonly migrations: Applied
  readonly partitions: readonly Partition[]
}

/** Any other line, but for rows: those are arrays of the texts of a table's columns, after the line that names it. */
export type Line =
  | { readonly table: string; readonly columns: Table['columns'] }
  | { readonly positions: Readonly<Record<string, number>> }
  | { readonly object: string; readonly owner: string }
  | { readonly bytes: string }
  | { readonly sequences: Readonly<Record<string, string>> }
  | { readonly key: KeyFile; readonly content: string }
