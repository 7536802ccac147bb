import type { Balance } from '../guard/cost/budgets.ts'
import { type Charge, Overspent } from '../guard/cost/control.ts'
import { type RateBalance, RateLimited } from '../guard/rates.ts'
import type { Answer } from './errors.ts'

/** An answer with how often its client may ask again; one that shared caches may keep says nothing of one client. */
export function withRate(answer: Answer, balance: RateBalance | undefined): Answer {
  if (balance === undefined || answer.cachePolicy?.scope === 'PUBLIC') return answer
  return { ...answer, headers: { ...balanceHeaders(balance), ...answer.headers } }
}

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
function balanceHeaders({ limit, remaining, resetsIn }: Balance | RateBalance): Record<string, string> {
  return {
    'ratelimit-limit': String(limit),
    'ratelimit-remaining': String(remaining),
    'ratelimit-reset': String(resetsIn),
  }
}

/** When to try again what was refused for having been asked too often, or for costing too much. */
export function retryHeaders(error: unknown): Record<string, string> | undefined {
  if (!(error instanceof Overspent || error instanceof RateLimited)) return undefined
  const retryAfter = error instanceof Overspent ? error.retryAfter : error.balance.resetsIn
  return { ...balanceHeaders(error.balance), 'retry-after': String(retryAfter) }
}

/** Rare, so it may cost a parse of the answer. */
function withCost(text: string, { estimated, limit, balance, actual }: Charge): string {
  const response = JSON.parse(text) as { data?: unknown; extensions?: Record<string, unknown> }
  const cost = { estimated, actual: actual(response.data), limit, budget: balance }
  return JSON.stringify({ ...response, extensions: { ...response.extensions, cost } })
}
