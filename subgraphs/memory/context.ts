import type { RequestContext, Viewer } from '../../lib/context.ts'
import type { Database } from '../../stores/postgres/postgres.ts'
import type { Stores } from '../../stores/stores.ts'
import { requireViewer, securityOf } from '../security.ts'
import { createLoaders, type Loaders } from './loaders.ts'
import { createMasks } from './policies/masks.ts'
import type { MemoryRecord } from './records.ts'

/** What the room's resolvers and services work with, made anew for each execution. */
export class MemoryContext {
  readonly stores: Stores
  readonly request: RequestContext
  /** One operation in this room; several may have one trace. */
  readonly requestId: string
  loaders: Loaders
  masks: ReturnType<typeof createMasks>

  constructor(stores: Stores, request: RequestContext) {
    this.stores = stores
    this.request = request
    this.requestId = stores.ids.next()
    this.loaders = createLoaders(stores, request)
    this.masks = createMasks(this)
  }

  /** @throws UNAUTHENTICATED when nobody is signed in. */
  get viewer(): Viewer {
    return requireViewer(this.request)
  }

  read<T>(work: (db: Database) => Promise<T>): Promise<T> {
    return this.stores.postgres.read(securityOf(this.request, 'memory'), work)
  }

  /** Reads what has expired too, which is there until it is cleaned up. */
  readAll<T>(work: (db: Database) => Promise<T>): Promise<T> {
    return this.stores.postgres.read({ ...securityOf(this.request, 'memory'), moment: undefined }, work)
  }

  /** Notes that memories were read, by themselves or found by a search. */
  noteRead(...memories: readonly (MemoryRecord | null)[]): void {
    const ids = memories.flatMap((memory) => memory?.id ?? [])
    if (ids.length > 0) this.stores.notes.read(ids, this.stores.clock.now())
  }

  /** Forgets what has been loaded: the operation's next mutation changes the rows. */
  renew(): void {
    this.loaders = createLoaders(this.stores, this.request)
    this.masks = createMasks(this)
  }
}
