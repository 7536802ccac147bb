import { type RateLimiterAbstract, RateLimiterRedis } from 'rate-limiter-flexible'
import type { RedisStore } from '../redis/redis.ts'
import { overLimiters } from './limiters.ts'
import type { Limits, Rule } from './port.ts'

/**
 * Limits that all processes on one Redis server share. Only for a server that keeps its keys: one that evicts them
 * would begin counts anew.
 * @param insurance counts while the server is away
 */
export function redisLimits({ client, prefix }: RedisStore, insurance: (rule: Rule) => RateLimiterAbstract): Limits {
  return overLimiters(
    (rule) =>
      new RateLimiterRedis({
        storeClient: client,
        rejectIfRedisNotReady: true,
        keyPrefix: `${prefix}limits:${rule.name}`,
        points: rule.points,
        duration: rule.seconds,
        insuranceLimiter: insurance(rule),
      }),
  )
}
