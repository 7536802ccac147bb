import { defaultTenantId } from '../../lib/tenants.ts'
import type { SecurityContext } from '../../stores/postgres/security.ts'
import type { Stores } from '../../stores/stores.ts'
import { hashSecret } from './passwords.ts'
import { countUsers, createUser, findByLogin, replaceOneTimeSecret, takenName } from './store/users.ts'
import { newOneTimeSecret } from './tokens.ts'

const username = 'admin'
const email = 'admin@localhost'

/** How the operator signs in until he has set a password. */
export interface OneTimeSecret {
  readonly username: string
  readonly secret: string
}

/**
 * Sees to it, before anyone can sign up, that there is an admin and a way to sign in as him.
 *
 * While he has set no password, every start makes a new one-time secret and the old one is void. The secret signs in
 * once; within that sign-in it is also the present password for `changePassword`. Whoever loses it starts again.
 * @returns what to tell the operator; null once a password is set.
 */
export async function prepareAdmin(stores: Stores): Promise<OneTimeSecret | null> {
  const { admin, users } = await stores.postgres.read(contextOf(null), async (db) => ({
    admin: await findByLogin(db, username),
    users: await countUsers(db),
  }))
  if (admin === null && users > 0) return null
  if (admin !== null && (admin.role !== 'ADMIN' || admin.passwordHash !== null)) return null
  const secret = newOneTimeSecret()
  const hash = await hashSecret(secret)
  const done = admin === null ? await makeAdmin(stores, hash) : await renew(stores, admin.id, hash)
  return done ? { username, secret } : null
}

async function renew(stores: Stores, id: string, hash: string): Promise<boolean> {
  return stores.postgres.write(contextOf(id), (tx) => replaceOneTimeSecret(tx, id, hash, stores.clock.now()))
}

/** What whoever starts the server is told. */
export async function adminNotices(stores: Stores): Promise<string[]> {
  const made = await prepareAdmin(stores)
  return made === null
    ? []
    : [`Sign in as \`${made.username}\` with the one-time secret ${made.secret} and set a password.`]
}

/** False when another process that starts at the same time has made the admin: that one tells the secret. */
async function makeAdmin(stores: Stores, oneTimeHash: string): Promise<boolean> {
  const id = stores.ids.next()
  const account = {
    id,
    tenantId: defaultTenantId,
    username,
    email,
    passwordHash: null,
    oneTimeHash,
    role: 'ADMIN',
  } as const
  try {
    await stores.postgres.write(contextOf(id), (tx) => createUser(tx, account, stores.clock.now()))
    return true
  } catch (error) {
    if (takenName(error) === null) throw error
    return false
  }
}

function contextOf(userId: string | null): SecurityContext {
  return { role: 'users', tenantId: defaultTenantId, userId, sessionId: null, traceId: 'start', deadline: Infinity }
}
