import type { RequestContext, Viewer } from '../../lib/context.ts'
import type { Database } from '../../stores/postgres/postgres.ts'
import type { Stores } from '../../stores/stores.ts'
import { requireViewer, securityOf } from '../security.ts'
import { createLoaders, type Loaders } from './loaders.ts'

/** What the room's resolvers and services work with, made anew for each execution. */
export class MemoryContext {
  readonly stores: Stores
  readonly request: RequestContext
  loaders: Loaders

  constructor(stores: Stores, request: RequestContext) {
    this.stores = stores
    this.request = request
    this.loaders = createLoaders(stores, request)
  }

  /** @throws UNAUTHENTICATED when nobody is signed in. */
  get viewer(): Viewer {
    return requireViewer(this.request)
  }

  read<T>(work: (db: Database) => Promise<T>): Promise<T> {
    return this.stores.postgres.read(securityOf(this.request, 'memory'), work)
  }

  /** Forgets what has been loaded: the operation's next mutation changes the rows. */
  renew(): void {
    this.loaders = createLoaders(this.stores, this.request)
  }
}
