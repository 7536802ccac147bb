import { noSession, type Viewer } from '../../lib/context.ts'
import type { SecurityContext } from '../../stores/postgres/security.ts'
import type { Stores } from '../../stores/stores.ts'
import { endedSessions, isLive } from './store/sessions.ts'
import { findByLogin } from './store/users.ts'

const nobody: SecurityContext = {
  role: 'users',
  tenantId: null,
  userId: null,
  sessionId: null,
  traceId: 'identity',
  deadline: Number.POSITIVE_INFINITY,
}

/** Whether a sign-in goes on: neither ended nor expired, and its user is active. For the gateway, of each request. */
export function isSessionLive(stores: Stores, sessionId: string): Promise<boolean> {
  return stores.postgres.read(nobody, (db) => isLive(db, sessionId, stores.clock.now()))
}

/** Which of these sign-ins do not go on. For the gateway, of the connections that are open. */
export function sessionsEnded(stores: Stores, sessionIds: readonly string[]): Promise<readonly string[]> {
  const asked = sessionIds.filter((id) => id !== noSession)
  return stores.postgres.read(nobody, (db) => endedSessions(db, asked, stores.clock.now()))
}

/**
 * The user of a name or address, for whoever holds the data directory and so needs no password; null when there is
 * none, or he is suspended.
 */
export async function viewerOfLogin(stores: Stores, login: string): Promise<Viewer | null> {
  const user = await stores.postgres.read(nobody, (db) => findByLogin(db, login))
  if (user === null || user.status !== 'ACTIVE') return null
  return { userId: user.id, tenantId: user.tenantId, sessionId: noSession, role: user.role, scopes: [] }
}
