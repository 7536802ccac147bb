import { LRUCache } from 'lru-cache'
import { type RateLimiterAbstract, RateLimiterMemory } from 'rate-limiter-flexible'
import { overLimiters } from './limiters.ts'
import type { Limits, Rule } from './port.ts'

/** Keys counted at once for each rule; beyond it those unused for longest are forgotten, so a flood cannot fill memory. */
const mostKeys = 100_000

/** Limits of one process. */
export function inProcessLimits(): Limits {
  return overLimiters(inProcessLimiter)
}

/** Makes the limiter of a rule. */
export function inProcessLimiter(rule: Rule): RateLimiterAbstract {
  return new BoundedLimiter(rule)
}

class BoundedLimiter extends RateLimiterMemory {
  readonly #keys: LRUCache<string, true>

  constructor({ name, points, seconds }: Rule) {
    super({ keyPrefix: name, points, duration: seconds })
    this.#keys = new LRUCache<string, true>({ max: mostKeys, dispose: (_, key) => void super.delete(key) })
  }

  override consume(key: string) {
    this.#keys.set(key, true, { noDisposeOnSet: true })
    return super.consume(key)
  }
}
