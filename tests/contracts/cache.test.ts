import { expect, test } from 'vitest'
import { inProcessCache } from '../../stores/cache/in-process.ts'
import { cacheContract } from './cache.ts'

cacheContract('in process', {
  async open() {
    let now = 1
    const cache = inProcessCache(() => now)
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
