import { noSession, type RequestContext, type Viewer } from '../../lib/context.ts'
import type { Stores } from '../../stores/stores.ts'
import { MemoryContext } from './context.ts'

interface Owner {
  readonly tenantId: string
  readonly ownerId: string
}

/**
 * What a job works with in an owner's name, for so many milliseconds.
 * @param job its name, which stands where a request has its trace
 */
export function inNameOf(stores: Stores, { tenantId, ownerId }: Owner, job: string, ms: number): MemoryContext {
  const { clock, ids } = stores
  const viewer: Viewer = { userId: ownerId, tenantId, sessionId: noSession, role: 'MEMBER', scopes: [] }
  const request: RequestContext = {
    viewer,
    deadline: Date.now() + ms,
    signal: AbortSignal.timeout(ms),
    traceId: job,
    clock,
    ids,
  }
  return new MemoryContext(stores, request)
}
