import { type RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible'
import type { Limits, Rule, Taken } from './port.ts'

/**
 * The port over limiters of rate-limiter-flexible, one for each rule.
 * @param make a limiter of the rule; called once for each.
 */
export function overLimiters(make: (rule: Rule) => RateLimiterAbstract): Limits {
  const limiters = new Map<string, RateLimiterAbstract>()
  const limiterOf = (rule: Rule): RateLimiterAbstract => {
    const limiter = limiters.get(rule.name) ?? make(rule)
    limiters.set(rule.name, limiter)
    return limiter
  }
  return {
    async take(rule, key) {
      try {
        return toTaken(true, await limiterOf(rule).consume(key))
      } catch (refused) {
        // The library rejects with the count when it is full, and with an error when its store fails.
        if (refused instanceof RateLimiterRes) return toTaken(false, refused)
        throw refused
      }
    },
    async giveBack(rule, key) {
      await limiterOf(rule).reward(key)
    },
    async reset(rule, key) {
      await limiterOf(rule).delete(key)
    },
  }
}

function toTaken(allowed: boolean, { remainingPoints, msBeforeNext }: RateLimiterRes): Taken {
  return { allowed, remaining: remainingPoints, resetsInMs: msBeforeNext }
}
