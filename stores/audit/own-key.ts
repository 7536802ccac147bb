import type { Database } from '../postgres/postgres.ts'

/** The key of whoever asks; null once it is destroyed. */
export async function ownKey(db: Database): Promise<Buffer | null> {
  const [row] = await db.query<{ key: Buffer | null }>('SELECT audit.own_key() AS key')
  return row?.key ?? null
}
