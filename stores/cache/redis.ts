import type { Log } from '../../lib/log.ts'
import type { RedisStore } from '../redis/redis.ts'
import type { Cache } from './port.ts'

/** A value that is larger as JSON is not kept. Characters. */
const largestValue = 1_000_000

/** A cache that all processes on one Redis server share. While it is away nothing is found and nothing is kept. */
export function redisCache({ client, prefix }: RedisStore, logger: Log): Cache {
  // With its length before it, no tenant's name can reach into a key.
  const path = (tenantId: string, key: string) => `${prefix}cache:${tenantId.length}:${tenantId}${key}`
  const away = (error: unknown) => {
    logger.warn({ err: error }, 'The cache cannot be reached')
    return null
  }
  return {
    async get<T>(tenantId: string, key: string) {
      const text = await client.get(path(tenantId, key)).catch(away)
      return text === null ? undefined : (JSON.parse(text) as T)
    },
    async set(tenantId, key, value, seconds) {
      const text = JSON.stringify(value)
      if (text.length > largestValue) return
      await client.set(path(tenantId, key), text, 'PX', Math.max(1, Math.round(seconds * 1000))).catch(away)
    },
    async delete(tenantId, key) {
      await client.del(path(tenantId, key))
    },
    async close() {},
  }
}
