import type pg from 'pg'
import type { GoneUser } from '../privacy/ledger.ts'

/** Who is erased in the database that is given up. */
export async function goneOf(client: pg.Client): Promise<GoneUser[]> {
  const { rows } = await client.query<GoneUser>('SELECT user_id AS "userId", action FROM users.erasures')
  return rows
}

/**
 * Shuts out whoever is back in the database and was erased before, destroys his key, and asks for the rest to be erased:
 * whatever process runs on the database does it.
 * @returns how many they are
 */
export async function eraseAgain(client: pg.Client, gone: readonly GoneUser[]): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `WITH gone AS (
       SELECT DISTINCT ON (users.id) users.id, users.tenant_id, given.action
       FROM jsonb_to_recordset($1::jsonb) AS given ("userId" uuid, action text) JOIN users.users ON users.id = given."userId"
       WHERE NOT EXISTS (SELECT FROM users.erasures WHERE erasures.user_id = users.id)
       ORDER BY users.id, given.action DESC
     ), keys AS (
       DELETE FROM audit.user_keys USING gone WHERE user_keys.user_id = gone.id
     ), noted AS (
       INSERT INTO users.erasures (user_id, action) SELECT id, action FROM gone
     ), shut AS (
       UPDATE users.users SET status = 'SUSPENDED' FROM gone WHERE users.id = gone.id
     ), asked AS (
       INSERT INTO users.privacy_requests (id, tenant_id, subject_id, requested_by, action, requested_at)
       SELECT gen_random_uuid(), tenant_id, id, id, action, now() FROM gone RETURNING 1
     )
     SELECT count(*)::integer FROM asked`,
    [JSON.stringify(gone)],
  )
  return rows[0]?.count ?? 0
}
