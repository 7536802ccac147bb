import type { RequestContext } from '../../lib/context.ts'
import type { Database } from '../../stores/postgres/postgres.ts'
import type { Stores } from '../../stores/stores.ts'
import { securityOf } from '../security.ts'
import { createLoaders, type Loaders } from './loaders.ts'

/** What the room's resolvers see. */
export interface AgentsContext {
  readonly stores: Stores
  readonly request: RequestContext
  readonly loaders: Loaders
}

export function createContext(stores: Stores, request: RequestContext): AgentsContext {
  return { stores, request, loaders: createLoaders(stores, request) }
}

/** Reads under the viewer's rights. */
export function read<T>({ stores, request }: AgentsContext, work: (db: Database) => Promise<T>): Promise<T> {
  return stores.postgres.read(securityOf(request, 'agents'), work)
}
