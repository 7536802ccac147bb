import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import type { ObjectStore } from '../objects/port.ts'
import { migrationsOf, partitionsOf, sequencesOf, type Table, tablesOf } from './catalog.ts'
import { writeLines } from './file.ts'
import { formatVersion, type Header, keyFiles, type Line } from './format.ts'

export interface BackupOptions {
  /** Of somebody past row-level security: the embedded server's `admin`, a superuser, or a role with BYPASSRLS. */
  readonly connection: pg.ClientConfig
  /** Null where there are none. */
  readonly objects: ObjectStore | null
  /** Whose key files go along; null for none. */
  readonly keysOf: string | null
  readonly signal: AbortSignal
  readonly onProgress: (done: BackupCounts, table: string) => void
}

export interface BackupCounts {
  rows: number
  objects: number
}

const rowsAtOnce = 1_000

/**
 * Writes the whole system, as it was at one moment, into a file. Others go on reading and writing meanwhile on a
 * PostgreSQL server; on the embedded one they wait.
 */
export async function backUp(path: string, options: BackupOptions): Promise<BackupCounts> {
  const client = new pg.Client({ ...options.connection, application_name: 'mnemograph backup' })
  client.on('error', () => {})
  await client.connect()
  const counts: BackupCounts = { rows: 0, objects: 0 }
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    // Whoever is not past row-level security gets an error here, and not a backup with half of the rows.
    await client.query(`SET LOCAL row_security = off; SET LOCAL statement_timeout = 0; SET LOCAL TimeZone = 'UTC';
      SET LOCAL DateStyle = 'ISO'; SET LOCAL search_path = pg_catalog, public`)
    await writeLines(path, lines(client, options, counts), options.signal)
    await client.query('COMMIT')
    return counts
  } finally {
    await client.end()
  }
}

async function* lines(client: pg.Client, options: BackupOptions, counts: BackupCounts): AsyncGenerator<string> {
  yield JSON.stringify(await headerOf(client))
  for (const table of await tablesOf(client)) {
    yield say({ table: table.name, columns: table.columns })
    for await (const rows of pagesOf(client, table)) {
      yield* rows
      counts.rows += rows.length
      options.onProgress(counts, table.name)
    }
  }
  yield say({ positions: await positionsOf(client) })
  if (options.objects) yield* objectLines(client, options.objects, options, counts)
  // After the rows: what they have used is at or below.
  yield say({ sequences: await sequencesOf(client) })
  for (const name of options.keysOf === null ? [] : keyFiles) {
    const content = readIfThere(join(options.keysOf ?? '', name))
    if (content !== null) yield say({ key: name, content })
  }
}

function say(line: Line): string {
  return JSON.stringify(line)
}

async function headerOf(client: pg.Client): Promise<Header> {
  const { rows } = await client.query<{ at: Date }>('SELECT now() AS at')
  const [migrations, partitions] = [await migrationsOf(client), await partitionsOf(client)]
  return {
    mnemograph: 'backup',
    version: formatVersion,
    at: (rows[0]?.at ?? new Date()).toISOString(),
    migrations,
    partitions,
  }
}

/** Every value as PostgreSQL writes it, so that it comes back as the same, whatever its type. */
async function* pagesOf(client: pg.Client, { name, columns }: Table): AsyncGenerator<string[]> {
  const values = columns.map(({ name: column }) => `${pg.escapeIdentifier(column)}::text`).join(', ')
  const order = name === 'events.log' ? 'ORDER BY xid, seq' : ''
  await client.query(
    `DECLARE page NO SCROLL CURSOR FOR SELECT array_to_json(ARRAY[${values}])::text AS line FROM ${name} ${order}`,
  )
  for (let isMore = true; isMore; ) {
    const { rows } = await client.query<{ line: string }>(`FETCH ${rowsAtOnce} FROM page`)
    if (rows.length > 0) yield rows.map(({ line }) => line)
    isMore = rows.length === rowsAtOnce
  }
  await client.query('CLOSE page')
}

/** How many of the log's events each projector has taken in. What makes vectors begins anew: they are in no backup. */
async function positionsOf(client: pg.Client): Promise<Record<string, number>> {
  const { rows } = await client.query<{ projector: string; events: number }>(
    `SELECT projector, (SELECT count(*)::integer FROM events.log WHERE (log.xid, log.seq) <= (positions.xid, positions.seq)) AS events
     FROM events.positions JOIN app.system ON system.epoch = positions.epoch WHERE projector NOT LIKE 'vectors %'`,
  )
  return Object.fromEntries(rows.map(({ projector, events }) => [projector, events]))
}

async function* objectLines(
  client: pg.Client,
  objects: ObjectStore,
  options: BackupOptions,
  counts: BackupCounts,
): AsyncGenerator<string> {
  const { rows } = await client.query<{ id: string }>('SELECT id FROM users.users ORDER BY id')
  for (const { id: owner } of rows) {
    for (const name of await objects.list(owner)) {
      const body = await objects.get(owner, name)
      // It may have gone since.
      if (body === null) continue
      yield say({ object: name, owner })
      for await (const chunk of body) yield say({ bytes: Buffer.from(chunk).toString('base64') })
      counts.objects += 1
      options.onProgress(counts, 'objects')
    }
  }
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
