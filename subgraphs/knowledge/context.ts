import type { RequestContext } from '../../lib/context.ts'
import type { Stores } from '../../stores/stores.ts'
import { createLoaders, type Loaders } from './loaders.ts'

/** What the room's resolvers see. */
export interface KnowledgeContext {
  readonly stores: Stores
  readonly request: RequestContext
  readonly loaders: Loaders
}

export function createContext(stores: Stores, request: RequestContext): KnowledgeContext {
  return { stores, request, loaders: createLoaders(stores, request) }
}
