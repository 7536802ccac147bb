import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** One step of the database's shape: `prisma/migrations/NNNN_name/{up,down}.sql`. */
export interface Migration {
  readonly id: number
  readonly name: string
  /** Statements to send one by one: a single one, in a transaction, unless the file begins `-- no transaction`. */
  readonly up: readonly string[]
  readonly down: readonly string[]
  readonly transactional: boolean
  /** SHA-256 of up.sql: what was applied must still be what is here. */
  readonly checksum: string
}

export const MIGRATIONS_DIRECTORY = fileURLToPath(new URL('../../prisma/migrations', import.meta.url))

const FOLDER = /^(\d{4})_([a-z0-9_]+)$/
const NO_TRANSACTION = /^--\s*no transaction\b/i
const STATEMENT_BREAK = /^--\s*statement\s*$/im

/** @throws Error for a folder that is misnamed, doubled or lacks a file */
export function readMigrations(directory: string = MIGRATIONS_DIRECTORY): Migration[] {
  const folders = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const migrations = folders.map((folder) => readMigration(directory, folder.name)).sort((a, b) => a.id - b.id)
  for (const [index, migration] of migrations.entries()) {
    if (migrations[index - 1]?.id === migration.id) throw new Error(`two migrations have the number ${migration.id}`)
  }
  return migrations
}

function readMigration(directory: string, folder: string): Migration {
  const match = FOLDER.exec(folder)
  if (!match) throw new Error(`migration folder ${folder} is not named NNNN_lower_case`)
  const up = readSql(join(directory, folder, 'up.sql'))
  const down = readSql(join(directory, folder, 'down.sql'))
  const transactional = !NO_TRANSACTION.test(up)
  return {
    id: Number(match[1]),
    name: match[2] as string,
    up: transactional ? [up] : split(up),
    down: transactional ? [down] : split(down),
    transactional,
    checksum: createHash('sha256').update(up).digest('hex'),
  }
}

function readSql(path: string): string {
  if (!existsSync(path)) throw new Error(`migration file ${path} is missing`)
  return readFileSync(path, 'utf8')
}

/** A script sent whole is one implicit transaction, so statements that refuse one are sent alone. */
function split(sql: string): string[] {
  return sql.split(STATEMENT_BREAK).filter((part) => part.replaceAll(/--.*$/gm, '').trim() !== '')
}
