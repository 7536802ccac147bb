import type pg from 'pg'

/** A table as a backup holds it. */
export interface Table {
  readonly name: string
  readonly columns: readonly { readonly name: string; readonly type: string }[]
}

/** A part of a table that is divided by time: rows of old months belong in theirs. */
export interface Partition {
  readonly parent: string
  readonly name: string
  readonly bound: string
}

/** Which migrations a database has, and by which text. */
export type Applied = readonly (readonly [id: number, checksum: string])[]

/**
 * What no backup holds: who is at work now, counts of attempts, and what is derived from the log. Where projectors stand
 * is told in places of the new log.
 */
const leftOut = [
  'app.leases',
  'app.rate_limits',
  'events.positions',
  'events.trimmed',
  'memory.embeddings',
  'memory.vector_indexes',
]

const FROM_TABLES = `FROM pg_class AS class JOIN pg_namespace AS space ON space.oid = class.relnamespace
  WHERE class.relkind IN ('r', 'p') AND NOT class.relispartition AND space.nspname NOT LIKE 'pg\\_%'
    AND space.nspname NOT IN ('information_schema', 'public')`

/** Every table of the system that holds what cannot be made again. */
export async function tablesOf(client: pg.Client): Promise<Table[]> {
  const { rows } = await client.query<Table>(
    `SELECT format('%I.%I', space.nspname, class.relname) AS name,
       (SELECT json_agg(json_build_object('name', attname, 'type', format_type(atttypid, atttypmod)) ORDER BY attnum)
        FROM pg_attribute WHERE attrelid = class.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '') AS columns
     ${FROM_TABLES} ORDER BY 1`,
  )
  return rows.filter(({ name }) => !leftOut.includes(name))
}

/** A table as it is emptied and filled again. */
export interface Target {
  readonly name: string
  /** Whether policies hold for its owner too. */
  readonly forced: boolean
}

/** All tables, also those that no backup holds. */
export async function allTables(client: pg.Client): Promise<Target[]> {
  const { rows } = await client.query<Target>(
    `SELECT format('%I.%I', space.nspname, class.relname) AS name, class.relforcerowsecurity AS forced ${FROM_TABLES}`,
  )
  return rows
}

/** The months' partitions of tables that are divided by time. */
export async function partitionsOf(client: pg.Client): Promise<Partition[]> {
  const { rows } = await client.query<Partition>(
    `SELECT format('%I.%I', space.nspname, parent.relname) AS parent, format('%I.%I', space.nspname, child.relname) AS name,
            pg_get_expr(child.relpartbound, child.oid) AS bound
     FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid JOIN pg_class AS parent ON parent.oid = inhparent
     JOIN pg_namespace AS space ON space.oid = child.relnamespace
     JOIN pg_partitioned_table ON partrelid = parent.oid AND partstrat = 'r'
     WHERE pg_get_expr(child.relpartbound, child.oid) <> 'DEFAULT' AND space.nspname = (SELECT nspname FROM pg_namespace WHERE oid = parent.relnamespace)
     ORDER BY 2`,
  )
  return rows
}

export async function sequencesOf(client: pg.Client): Promise<Record<string, string>> {
  const { rows } = await client.query<{ name: string; value: string }>(
    `SELECT format('%I.%I', schemaname, sequencename) AS name, last_value::text AS value FROM pg_sequences
     WHERE last_value IS NOT NULL AND schemaname NOT LIKE 'pg\\_%' AND schemaname <> 'public' ORDER BY 1`,
  )
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]))
}

export async function migrationsOf(client: pg.Client): Promise<Applied> {
  const { rows } = await client.query<{ id: number; checksum: string }>(
    'SELECT id, checksum FROM public.mnemograph_migrations ORDER BY id',
  )
  return rows.map(({ id, checksum }) => [id, checksum] as const)
}
