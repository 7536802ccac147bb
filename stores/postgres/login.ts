import pg from 'pg'
import { roleName, SERVICE_ROLES } from './security.ts'

/** The embedded server's login for requests. */
export const SERVICE_LOGIN = 'mnemograph'

/**
 * Lets a login act as every service role that exists. It inherits nothing: outside a security context it may do nothing.
 * The login is made when it is not there (without a password: fit for the embedded server's private socket only).
 */
export async function grantServiceRoles(admin: pg.ClientConfig, login: string = SERVICE_LOGIN): Promise<void> {
  const client = new pg.Client(admin)
  client.on('error', () => {})
  await client.connect()
  try {
    const name = client.escapeIdentifier(login)
    const found = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [login])
    if (found.rows.length === 0) await client.query(`CREATE ROLE ${name} LOGIN NOINHERIT NOSUPERUSER NOBYPASSRLS`)
    const roles = await missingRoles(client, login)
    if (roles.length > 0) await client.query(`GRANT ${roles.join(', ')} TO ${name}`)
  } finally {
    await client.end()
  }
}

/** Service roles that exist and that the login may not act as yet. */
async function missingRoles(client: pg.Client, login: string): Promise<string[]> {
  const { rows } = await client.query<{ rolname: string }>(
    `SELECT rolname FROM pg_roles WHERE rolname = ANY($1) AND NOT EXISTS (
       SELECT FROM pg_auth_members WHERE roleid = pg_roles.oid AND member = $2::regrole) ORDER BY rolname`,
    [SERVICE_ROLES.map(roleName), client.escapeIdentifier(login)],
  )
  return rows.map(({ rolname }) => rolname)
}
