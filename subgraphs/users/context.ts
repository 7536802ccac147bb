import type { RequestContext } from '../../lib/context.ts'
import { uuidOf } from '../../lib/ids.ts'
import { type Problem, ProblemError } from '../../lib/problems.ts'
import type { Database, Transaction } from '../../stores/postgres/postgres.ts'
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

/**
 * One transaction of the viewer's; a `ProblemError` undoes it and is the answer. For mutations whose answers hold what
 * is told once: unlike `mutate` it keeps no answer.
 */
export async function attempt<A extends object>(
  { stores, request }: UsersContext,
  work: (tx: Transaction) => Promise<A>,
): Promise<A | Problem> {
  try {
    return await stores.postgres.write(securityOf(request, 'users'), work)
  } catch (error) {
    if (error instanceof ProblemError) return error.problem
    throw error
  }
}

/** The security context of somebody who has just proved who he is, in a request that nobody is signed in to yet. */
export function securityAs(
  request: RequestContext,
  who: { readonly tenantId: string; readonly userId: string; readonly sessionId: string | null },
): SecurityContext {
  return { ...securityOf(request, 'users'), ...who }
}

/** Whether an object of the graph is the viewer himself. */
export function isViewer({ request }: UsersContext, { id }: { readonly id: string }): boolean {
  return uuidOf('User', id) === request.viewer?.userId
}
