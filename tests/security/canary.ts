import pg from 'pg'

/**
 * Where a word stands in a database, looked for past all policies: every column of every table, also where its bytes are
 * written in hexadecimal. Answers the tables with how many rows hold it.
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
      const count = Number(counted.rows[0]?.count)
      if (count > 0) found[name] = count
    }
    return found
  } finally {
    await client.end()
  }
}
