import type { RequestContext } from '../lib/context.ts'
import { inSpan } from '../lib/trace.ts'
import type { Database } from '../stores/postgres/postgres.ts'
import type { ServiceRole } from '../stores/postgres/security.ts'
import type { Stores } from '../stores/stores.ts'
import { securityOf } from './security.ts'

export type Read = <T>(work: (db: Database) => Promise<T>) => Promise<T>

/** How the loaders of one execution read: each of their batches is one piece of its trace. */
export function loaderReads(stores: Stores, request: RequestContext, room: ServiceRole): Read {
  const security = securityOf(request, room)
  return (work) =>
    inSpan(request.span, 'loader', { 'mnemograph.room': room }, (span) =>
      stores.postgres.read(span === request.span ? security : { ...security, span }, work),
    )
}
