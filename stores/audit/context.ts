import type { SecurityContext } from '../postgres/security.ts'

/** How long what is done in the background may take. Milliseconds. */
const timeoutMs = 60_000

/** The audit's own context: it seals for everyone and answers nobody. */
export function auditContext(traceId: string): SecurityContext {
  const deadline = Date.now() + timeoutMs
  return { role: 'audit', tenantId: null, userId: null, sessionId: null, traceId, deadline }
}
