import type { Balance } from '../guard/cost/budgets.ts'
import type { Charge, Overspent } from '../guard/cost/control.ts'
import type { Answer } from './errors.ts'

/** An answer with what its viewer has left, and with what it costs when that was asked for. */
export function withCharge(answer: Answer, charge: Charge | undefined, isAsked: boolean): Answer {
  if (charge === undefined) return answer
  const { balance } = charge
  const told = isAsked ? { ...answer, text: withCost(answer.text, charge) } : answer
  if (balance === undefined) return told
  // What is left is the viewer's own business, so no shared cache may keep the answer that tells of it.
  const cachePolicy = answer.cachePolicy && ({ ...answer.cachePolicy, scope: 'PRIVATE' } as const)
  return { ...told, cachePolicy, headers: balanceHeaders(balance) }
}

/** Headers in the form of the IETF's draft that most servers and clients know (RateLimit header fields, version 6). */
function balanceHeaders({ limit, remaining, resetsIn }: Balance): Record<string, string> {
  return {
    'ratelimit-limit': String(limit),
    'ratelimit-remaining': String(remaining),
    'ratelimit-reset': String(resetsIn),
  }
}

export function overspentHeaders({ balance, retryAfter }: Overspent): Record<string, string> {
  return { ...balanceHeaders(balance), 'retry-after': String(retryAfter) }
}

/** Rare, so it may cost a parse of the answer. */
function withCost(text: string, { estimated, limit, balance, actual }: Charge): string {
  const response = JSON.parse(text) as { data?: unknown; extensions?: Record<string, unknown> }
  const cost = { estimated, actual: actual(response.data), limit, budget: balance }
  return JSON.stringify({ ...response, extensions: { ...response.extensions, cost } })
}
