import type { RequestContext, Viewer } from '../lib/context.ts'
import { codedError } from '../lib/errors.ts'
import type { SecurityContext, ServiceRole } from '../stores/postgres/security.ts'

/**
 * The operation's own end cancels its statements, and says why; the database's limit is behind it, for when nobody is
 * left to cancel.
 */
const graceMs = 1_000

/** The request's context as the database judges by it, for one room. */
export function securityOf(request: RequestContext, room: ServiceRole): SecurityContext {
  const { viewer } = request
  return {
    role: room,
    tenantId: viewer?.tenantId ?? null,
    userId: viewer?.userId ?? null,
    sessionId: viewer?.sessionId ?? null,
    traceId: request.traceId,
    moment: request.clock.now(),
    span: request.span,
    deadline: request.deadline + graceMs,
    signal: request.signal,
  }
}

/** @throws UNAUTHENTICATED when nobody is signed in. */
export function requireViewer(request: RequestContext): Viewer {
  if (request.viewer === null) throw codedError('UNAUTHENTICATED', 'Sign in first.')
  return request.viewer
}
