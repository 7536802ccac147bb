import pg from 'pg'

/** How many values are under a key, by where they are kept. */
export type KeyUse = ReadonlyMap<string, Readonly<Record<string, number>>>

/**
 * Which of the system's keys encrypt what is kept in the database.
 * @param connection of somebody past row-level security
 */
export async function keysInUse(connection: pg.ClientConfig): Promise<KeyUse> {
  const client = new pg.Client({ ...connection, application_name: 'mnemograph keys' })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query('BEGIN READ ONLY; SET LOCAL row_security = off')
    const { rows } = await client.query<{ key: string; source: string; amount: number }>(USE)
    await client.query('COMMIT')
    const uses = new Map<string, Record<string, number>>()
    for (const { key, source, amount } of rows) uses.set(key, { ...uses.get(key), [source]: amount })
    return uses
  } finally {
    await client.end()
  }
}

const USE = `SELECT encode(substring(sealed FROM 2 FOR 4), 'hex') AS key, source, count(*)::integer AS amount
  FROM (SELECT 'users.totp' AS source, secret AS sealed FROM users.totp
        UNION ALL SELECT 'users.encrypted_fields', sealed FROM users.encrypted_fields WHERE length(sealed) > 5
        UNION ALL SELECT 'audit.entry_values', sealed FROM audit.entry_values WHERE sealed IS NOT NULL) AS kept
  GROUP BY 1, 2 ORDER BY 1, 2`
