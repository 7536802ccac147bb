import pg from 'pg'
import type { ObjectStore } from '../objects/port.ts'
import { migrate } from '../postgres/migrate.ts'
import { readMigrations } from '../postgres/migrations.ts'
import { MIGRATION_ROLE } from '../postgres/roles.ts'
import type { GoneUser } from '../privacy/ledger.ts'
import type { BackupCounts } from './backup.ts'
import { type Applied, allTables, migrationsOf, type Partition } from './catalog.ts'
import { eraseAgain, goneOf } from './erased.ts'
import { BackupFileError, readLines } from './file.ts'
import { formatVersion, type Header, type Line } from './format.ts'
import { Loader } from './loader.ts'

export interface RestoreOptions {
  /** Of the database's owner. */
  readonly connection: pg.ClientConfig
  readonly objects: ObjectStore
  /** Whether what is in the database is given up for what is in the file. */
  readonly replace: boolean
  /** Who was erased, as far as it is written down outside the database. */
  readonly gone: readonly GoneUser[]
  /** Takes up a key file. */
  readonly onKey: (line: Extract<Line, { key: string }>) => void
  readonly signal: AbortSignal
  readonly onProgress: (done: BackupCounts, what: string) => void
}

export interface Restored extends BackupCounts {
  /** The moment that the backup shows. */
  readonly at: string
  /** How many users are to be erased again. */
  readonly erasing: number
}

/** The database is not one that a backup may be restored into. */
export class RestoreTargetError extends Error {
  override readonly name = 'RestoreTargetError'
}

/**
 * Brings the whole system back, in one transaction: all of it or nothing. A new epoch of the log begins, so that cursors
 * from before lead nobody to the wrong place. Whoever was erased after the backup is shut out in the same transaction,
 * with a request that erases him.
 * @param header what `examine` found.
 * @throws BackupFileError, RestoreTargetError
 */
export async function restore(path: string, header: Header, options: RestoreOptions): Promise<Restored> {
  const client = new pg.Client({ ...options.connection, application_name: 'mnemograph restore' })
  client.on('error', () => {})
  await client.connect()
  try {
    await requireTarget(client, options.replace)
    await migrateTo(options.connection, client, header.migrations)
    const restored = await load(client, path, header, options)
    await migrate(options.connection, { direction: 'up' })
    return restored
  } finally {
    await client.end()
  }
}

/**
 * Reads the file through once, so that nothing is touched for one that is not whole.
 * @throws BackupFileError
 */
export async function examine(path: string, signal: AbortSignal): Promise<Header> {
  let header: Header | undefined
  for await (const line of readLines(path, signal)) header ??= readHeader(path, line)
  if (header === undefined) throw new BackupFileError(`${path} is empty`)
  const known = new Map(readMigrations().map(({ id, checksum }) => [id, checksum]))
  if (header.migrations.some(([id, checksum]) => known.get(id) !== checksum)) {
    throw new BackupFileError(
      `${path} is of another program, or of a newer one: it has migrations that this one does not know`,
    )
  }
  return header
}

function readHeader(path: string, line: string): Header {
  const header = parse(line)
  if (header?.mnemograph !== 'backup') throw new BackupFileError(`${path} is no backup`)
  if (header.version !== formatVersion)
    throw new BackupFileError(`${path} is of a format that this program does not know`)
  return header as Header
}

function parse(line: string): Partial<Header> | null {
  try {
    return JSON.parse(line) as Partial<Header>
  } catch {
    return null
  }
}

async function requireTarget(client: pg.Client, replace: boolean): Promise<void> {
  const { rows: others } = await client.query<{ count: number }>(
    `SELECT count(*)::integer FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`,
  )
  if ((others[0]?.count ?? 0) > 0) {
    throw new RestoreTargetError('the database is in use: stop every process that is connected to it first')
  }
  if (!replace && (await holdsUsers(client))) {
    throw new RestoreTargetError(
      'the database holds users already: restore into an empty one, or give it up with --replace',
    )
  }
}

async function holdsUsers(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>(`SELECT to_regclass('users.users') IS NOT NULL AS there`)
  if (!rows[0]?.there) return false
  // Past row-level security, or not at all.
  await client.query('SET row_security = off')
  const found = await client.query('SELECT FROM users.users LIMIT 1')
  await client.query('RESET row_security')
  return found.rows.length > 0
}

/** The database gets the schema that the rows are of; the newest follows when they are there. */
async function migrateTo(connection: pg.ClientConfig, client: pg.Client, wanted: Applied): Promise<void> {
  const last = wanted.at(-1)?.[0] ?? 0
  const { rows } = await client.query<{ there: boolean }>(
    `SELECT to_regclass('public.mnemograph_migrations') IS NOT NULL AS there`,
  )
  const newer = rows[0]?.there ? (await migrationsOf(client)).some(([id]) => id > last) : false
  if (!newer) {
    await migrate(connection, { direction: 'up', to: last })
    return
  }
  if (await holdsUsers(client)) {
    throw new RestoreTargetError('the backup is of an older schema than the database: restore it into an empty one')
  }
  await migrate(connection, { direction: 'down', to: last })
}

async function load(client: pg.Client, path: string, header: Header, options: RestoreOptions): Promise<Restored> {
  const owners = new Set<string>()
  const counts: BackupCounts = { rows: 0, objects: 0 }
  await client.query('BEGIN')
  try {
    const gone = [...options.gone, ...(await goneOf(client))]
    const loader = await prepare(client, header)
    for await (const item of itemsOf(readLines(path, options.signal), options.signal)) {
      if (item.kind === 'rows') counts.rows += await loader.rows(item.lines)
      else if (item.kind === 'object') {
        owners.add(item.owner)
        await options.objects.put(item.owner, item.name, item.body)
        counts.objects += 1
      } else if ('table' in item.line) loader.begin(item.line.table, item.line.columns)
      else if ('key' in item.line) options.onKey(item.line)
      else if ('positions' in item.line) await loader.positions(item.line.positions)
      else if ('sequences' in item.line) await loader.sequences(item.line.sequences)
      options.onProgress(counts, loader.table)
    }
    await loader.finish()
    const erasing = await eraseAgain(client, gone)
    await client.query('COMMIT')
    return { ...counts, at: header.at, erasing }
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    for (const owner of owners) await options.objects.removeAll(owner)
    throw error
  }
}

async function prepare(client: pg.Client, header: Header): Promise<Loader> {
  const tables = await allTables(client)
  const { rows } = await client.query<{ epoch: number }>('SELECT epoch FROM app.system')
  await client.query(`SET LOCAL ROLE ${MIGRATION_ROLE}; SET LOCAL statement_timeout = 0; SET LOCAL TimeZone = 'UTC'`)
  await client.query(`TRUNCATE ${tables.map(({ name }) => name).join(', ')}`)
  await makePartitions(client, header.partitions)
  return Loader.over(client, tables, rows[0]?.epoch ?? 0)
}

async function makePartitions(client: pg.Client, partitions: readonly Partition[]): Promise<void> {
  for (const { parent, name, bound } of partitions) {
    const { rows } = await client.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [name])
    if (!rows[0]?.there) await client.query(`CREATE TABLE ${name} PARTITION OF ${parent} ${bound}`)
  }
}

type Item =
  | { readonly kind: 'rows'; readonly lines: readonly string[] }
  | { readonly kind: 'object'; readonly owner: string; readonly name: string; readonly body: AsyncIterable<Uint8Array> }
  | { readonly kind: 'line'; readonly line: Line }

const charactersAtOnce = 1 << 20

/** Gathers rows into batches, and the bytes of an object into its body. An object is read before the next item is asked for. */
async function* itemsOf(lines: AsyncGenerator<string>, signal: AbortSignal): AsyncGenerator<Item> {
  await lines.next()
  let rows: string[] = []
  let size = 0
  let object: { owner: string; name: string; chunks: Uint8Array[] } | null = null
  const done = function* (): Generator<Item> {
    if (rows.length > 0) yield { kind: 'rows', lines: rows }
    if (object) yield { kind: 'object', owner: object.owner, name: object.name, body: from(object.chunks) }
    rows = []
    size = 0
    object = null
  }
  for await (const text of lines) {
    signal.throwIfAborted()
    if (text.startsWith('[')) {
      rows.push(text)
      size += text.length
      if (size >= charactersAtOnce) yield* done()
      continue
    }
    const line = JSON.parse(text) as Line
    if ('bytes' in line) object?.chunks.push(Buffer.from(line.bytes, 'base64'))
    else yield* done()
    if ('object' in line) object = { owner: line.owner, name: line.object, chunks: [] }
    else if (!('bytes' in line)) yield { kind: 'line', line }
  }
  yield* done()
}

async function* from(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}
