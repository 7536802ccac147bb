import { randomUUID } from 'node:crypto'
import type { SecurityContext } from '../../stores/postgres/security.ts'

/** A user's context; whatever is not given is new. */
export function contextOf(given: Partial<SecurityContext> = {}): SecurityContext {
  return {
    role: 'memory',
    tenantId: randomUUID(),
    userId: randomUUID(),
    sessionId: null,
    traceId: 'test',
    deadline: Number.POSITIVE_INFINITY,
    ...given,
  }
}
