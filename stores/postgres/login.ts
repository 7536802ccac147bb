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
    const roles = await existing(client, SERVICE_ROLES.map(roleName))
    const found = await existing(client, [login])
    if (found.length === 0) await client.query(`CREATE ROLE ${name} LOGIN NOINHERIT NOSUPERUSER NOBYPASSRLS`)
    if (roles.length > 0) await client.query(`GRANT ${roles.join(', ')} TO ${name}`)
  } finally {
    await client.end()
  }
}

async function existing(client: pg.Client, names: string[]): Promise<string[]> {
  const { rows } = await client.query<{ rolname: string }>(
    'SELECT rolname FROM pg_roles WHERE rolname = ANY($1) ORDER BY rolname',
    [names],
  )
  return rows.map(({ rolname }) => rolname)
}
