import { describe, expect, test } from 'vitest'
import { silentLog } from '../../lib/log.ts'
import { inProcessCache } from '../../stores/cache/in-process.ts'
import { redisCache } from '../../stores/cache/redis.ts'
import { openTestRedis, passTime, skipRedis } from '../kit/redis.ts'
import { cacheContract } from './cache.ts'

cacheContract('in process', {
  async open() {
    let now = 1
    const cache = inProcessCache({ now: () => now })
    return {
      cache,
      async pass(seconds) {
        now += seconds * 1000
      },
      close: () => cache.close(),
    }
  },
})

test('the in-process cache holds a bounded number of entries, the least recently used first to go', async () => {
  const cache = inProcessCache()
  await cache.set('t', 'first', 1, 60)
  await cache.set('t', 'used', 1, 60)
  for (let i = 0; i < 9_999; i++) {
    await cache.set('t', `k${i}`, i, 60)
    await cache.get('t', 'used')
  }
  expect(await cache.get('t', 'first')).toBeUndefined()
  expect(await cache.get('t', 'used')).toBe(1)
  await cache.close()
})

test('the in-process cache holds a bounded amount of text', async () => {
  const cache = inProcessCache({ maxBytes: 10_000 })
  for (const key of ['a', 'b', 'c', 'd']) await cache.set('t', key, { text: 'x'.repeat(1500) }, 60)
  expect(await cache.get('t', 'a')).toBeUndefined()
  expect(await cache.get('t', 'd')).toEqual({ text: 'x'.repeat(1500) })
  await cache.set('t', 'large', 'x'.repeat(6000), 60)
  expect(await cache.get('t', 'large')).toBeUndefined()
  expect(await cache.get('t', 'd')).toBeDefined()
  await cache.close()
})

describe.skipIf(skipRedis)('on Redis (set MNEMOGRAPH_TEST_REDIS_URL)', () => {
  cacheContract('Redis', {
    async open() {
      const redis = await openTestRedis()
      return {
        cache: redisCache(redis, silentLog()),
        pass: (seconds) => passTime(redis, seconds * 1000),
        close: () => redis.close(),
      }
    },
  })

  test('while it is away nothing is found and nothing fails; what must be forgotten says so', async () => {
    const redis = await openTestRedis()
    const cache = redisCache(redis, silentLog())
    await cache.set('t', 'k', 1, 60)
    await redis.close()
    expect(await cache.get('t', 'k')).toBeUndefined()
    await cache.set('t', 'k', 2, 60)
    await expect(cache.delete('t', 'k')).rejects.toThrow()
  })
})
