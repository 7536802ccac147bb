import type { ChainableCommander } from 'ioredis'
import type { Log } from '../../lib/log.ts'
import type { RedisStore } from '../redis/redis.ts'
import type { Cache } from './port.ts'

/** A value that is larger as JSON is not kept. Characters. */
const largestValue = 1_000_000
/** No entry is kept for longer, nor the list of them. Milliseconds. */
const longestMs = 24 * 60 * 60 * 1000
/** Keys removed with one command. */
const removedAtOnce = 1_000

/** A cache that all processes on one Redis server share. While it is away nothing is found and nothing is kept. */
export function redisCache({ client, prefix }: RedisStore, logger: Log): Cache {
  // With its length before it, no tenant's name can reach into a key.
  const path = (tenantId: string, key: string) => `${prefix}cache:${tenantId.length}:${tenantId}${key}`
  // Names every key with when it ends. Its user need not be let to look through the server's keys, others' among them.
  const index = `${prefix}cache-keys`
  const away = (error: unknown) => {
    logger.warn({ err: error }, 'The cache cannot be reached')
    return null
  }
  const first = () => client.zrange(index, 0, String(removedAtOnce - 1))
  const all = async (commands: ChainableCommander) => {
    for (const [error] of (await commands.exec()) ?? []) if (error) throw error
  }
  return {
    async get<T>(tenantId: string, key: string) {
      const text = await client.get(path(tenantId, key)).catch(away)
      return text === null ? undefined : (JSON.parse(text) as T)
    },
    async set(tenantId, key, value, seconds) {
      const text = JSON.stringify(value)
      if (text.length > largestValue) return
      const milliseconds = Math.min(longestMs, Math.max(1, Math.round(seconds * 1000)))
      const now = Date.now()
      // Named before it is there, so that nothing stands in no list.
      const commands = client
        .pipeline()
        .zremrangebyscore(index, '-inf', now)
        .zadd(index, now + milliseconds, path(tenantId, key))
        .pexpire(index, longestMs)
        .set(path(tenantId, key), text, 'PX', milliseconds)
      await all(commands).catch(away)
    },
    async delete(tenantId, key) {
      await all(client.pipeline().del(path(tenantId, key)).zrem(index, path(tenantId, key)))
    },
    async clear() {
      for (let keys = await first(); keys.length > 0; keys = await first()) {
        await all(client.pipeline().unlink(keys).zrem(index, keys))
      }
    },
    async close() {},
  }
}
