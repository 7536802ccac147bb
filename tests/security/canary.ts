import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import pg from 'pg'
import { unpackText } from '../../lib/packed-text.ts'
import type { RedisStore } from '../../stores/redis/redis.ts'
import { eachKey } from '../kit/redis.ts'

/**
 * Where a word stands in a database, looked for past all policies: every column of every table, also where its bytes are
 * written in hexadecimal, and in what is packed. Answers the tables with how many rows hold it.
 */
export async function scanDatabase(connection: pg.ClientConfig, canary: string): Promise<Record<string, number>> {
  const client = new pg.Client(connection)
  await client.connect()
  try {
    const { rows } = await client.query<{ name: string }>(
      `SELECT class.oid::regclass::text AS name FROM pg_class AS class JOIN pg_namespace AS space ON space.oid = relnamespace
       WHERE relkind IN ('r', 'p') AND NOT relispartition AND nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'`,
    )
    const hex = Buffer.from(canary).toString('hex')
    const found: Record<string, number> = {}
    for (const { name } of rows) {
      const counted = await client.query<{ count: string }>(
        `SELECT count(*) FROM ${name} AS each WHERE each::text ILIKE $1 OR each::text ILIKE $2`,
        [`%${canary}%`, `%${hex}%`],
      )
      const count = Number(counted.rows[0]?.count) + (await countPacked(client, name, canary))
      if (count > 0) found[name] = count
    }
    return found
  } finally {
    await client.end()
  }
}

/** In how many rows a packed content holds a word. */
async function countPacked(client: pg.Client, table: string, canary: string): Promise<number> {
  const { rowCount } = await client.query(
    `SELECT FROM pg_attribute WHERE attrelid = $1::regclass AND attname = 'content_packed'`,
    [table],
  )
  if (rowCount === 0) return 0
  const text = `SELECT content_packed AS packed FROM ${table} WHERE content_packed IS NOT NULL`
  const { rows } = await client.query<{ packed: Buffer }>(text)
  return rows.filter(({ packed }) => unpackText(packed)?.toLowerCase().includes(canary.toLowerCase())).length
}

/** How a word is written where bytes are kept: as it is, in hexadecimal, and in base64 wherever it begins. */
function forms(canary: string): string[] {
  const inner = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), Buffer.from(canary)])
      .toString('base64')
      .replaceAll('=', '')
    // The first and last characters also hold bits of what stands beside it.
    return text.slice(shift === 0 ? 0 : shift + 1, -1)
  })
  return [canary, Buffer.from(canary).toString('hex'), ...inner]
}

/** Whether a word stands in bytes, in any of its forms. */
export function holds(bytes: Uint8Array | string, canary: string): boolean {
  const text = (typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('latin1')).toLowerCase()
  return forms(canary).some((form) => text.includes(form.toLowerCase()))
}

/** The files of a folder that hold a word. The database's own are left out: they keep what is gone until it is written over. */
export function scanFolder(folder: string, canary: string): string[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = files.map((file) => join(file.parentPath, file.name))
  return paths
    .map((path) => relative(folder, path))
    .filter((path) => !path.startsWith('postgres'))
    .filter((path) => holds(path, canary) || holds(readFileSync(join(folder, path)), canary))
}

/** The keys of a system on Redis that hold a word, in their name or their value. */
export async function scanRedis({ prefix }: RedisStore, canary: string): Promise<string[]> {
  const found: string[] = []
  await eachKey(prefix, async (client, key) => {
    // Whatever kind of value it is.
    const value = await client.dumpBuffer(key)
    if (holds(key, canary) || (value && holds(value, canary))) found.push(key)
  })
  return found
}
