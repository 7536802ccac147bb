import type { RequestContext } from '../../lib/context.ts'
import type { SecurityContext } from '../../stores/postgres/security.ts'
import type { Stores } from '../../stores/stores.ts'
import { securityOf } from '../security.ts'
import { createUserLoader, type UserLoader } from './loaders.ts'

/** What the room's resolvers see. */
export interface UsersContext {
  readonly stores: Stores
  readonly request: RequestContext
  readonly users: UserLoader
}

export function createContext(stores: Stores, request: RequestContext): UsersContext {
  return { stores, request, users: createUserLoader(stores, request) }
}

/** The security context of somebody who has just proved who he is, in a request that nobody is signed in to yet. */
export function securityAs(
  request: RequestContext,
  who: { readonly tenantId: string; readonly userId: string; readonly sessionId: string },
): SecurityContext {
  return { ...securityOf(request, 'users'), ...who }
}
