import type { RequestContext } from '../../lib/context.ts'
import type { Database } from '../../stores/postgres/postgres.ts'
import type { SecurityContext } from '../../stores/postgres/security.ts'
import type { Stores } from '../../stores/stores.ts'
import { securityOf } from '../security.ts'
import { createLoaders, type Loaders } from './loaders.ts'

/** What the room's resolvers see. */
export interface UsersContext {
  readonly stores: Stores
  readonly request: RequestContext
  readonly loaders: Loaders
}

export function createContext(stores: Stores, request: RequestContext): UsersContext {
  return { stores, request, loaders: createLoaders(stores, request) }
}

/** Reads under the viewer's rights. */
export function read<T>({ stores, request }: UsersContext, work: (db: Database) => Promise<T>): Promise<T> {
  return stores.postgres.read(securityOf(request, 'users'), work)
}

/** The security context of somebody who has just proved who he is, in a request that nobody is signed in to yet. */
export function securityAs(
  request: RequestContext,
  who: { readonly tenantId: string; readonly userId: string; readonly sessionId: string | null },
): SecurityContext {
  return { ...securityOf(request, 'users'), ...who }
}
