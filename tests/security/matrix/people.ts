import { randomUUID } from 'node:crypto'
import type { Viewer } from '../../../lib/context.ts'
import { parseGlobalId } from '../../../lib/ids.ts'
import { hashSecret } from '../../../subgraphs/users/passwords.ts'
import { insertSession } from '../../../subgraphs/users/store/sessions.ts'
import { createUser } from '../../../subgraphs/users/store/users.ts'
import { type Person, type Product, person } from '../../kit/product.ts'

/** Somebody of a tenant of his own choice, signed in. Sign-up itself knows one tenant. */
export async function joinTenant(product: Product, tenantId: string, role: Viewer['role'] = 'MEMBER'): Promise<Person> {
  const { stores } = product.server
  const userId = stores.ids.next()
  const sessionId = stores.ids.next()
  const at = stores.clock.now()
  const username = `user-${randomUUID().slice(0, 8)}`
  const security = {
    role: 'users',
    tenantId,
    userId,
    sessionId,
    traceId: 'test',
    deadline: Number.POSITIVE_INFINITY,
  } as const
  const account = {
    id: userId,
    tenantId,
    username,
    email: `${username}@example.test`,
    passwordHash: await hashSecret(`${username}-secret`),
    oneTimeHash: null,
    role,
  }
  await stores.postgres.write(security, async (tx) => {
    await createUser(tx, account, at)
    const expiresAt = new Date(at.getTime() + 3_600_000)
    const session = { id: sessionId, tenantId, ownerId: userId, methods: [], address: null, agent: null, at, expiresAt }
    await insertSession(tx, session)
  })
  const { token } = await stores.tokens.issue({ userId, tenantId, sessionId, role, scopes: [] })
  const joined = person(product.url, token, '')
  const { viewer } = await joined.ask('{ viewer { id } }')
  return { ...joined, id: viewer.id }
}

/** The same person with a token for as long as a long suite takes, which a quarter of an hour may not be. */
export async function lasting(product: Product, who: Person): Promise<Person> {
  const viewer = await viewerOfPerson(product, who)
  const { token } = await product.server.stores.tokens.issue(viewer, new Date(Date.now() + 3_600_000))
  return person(product.url, token, who.id)
}

/** Who a person is to the rooms. */
export async function viewerOfPerson(product: Product, { token }: Person): Promise<Viewer> {
  return (await product.server.stores.tokens.verify(token)).viewer
}

/** The type that a global id names. */
export function typeOf(id: string): string {
  return parseGlobalId(id)?.type ?? 'nothing'
}
