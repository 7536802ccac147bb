import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Cache } from '../../stores/cache/port.ts'

export interface CacheWorld {
  open(): Promise<{
    readonly cache: Cache
    /** Lets the cache's time pass. */
    pass(seconds: number): Promise<void>
    close(): Promise<void>
  }>
}

/** What every cache must do, wherever it keeps its entries. */
export function cacheContract(name: string, world: CacheWorld): void {
  describe(`cache: ${name}`, () => {
    let opened: Awaited<ReturnType<CacheWorld['open']>>
    let cache: Cache
    beforeAll(async () => {
      opened = await world.open()
      cache = opened.cache
    })
    afterAll(() => opened.close())

    test('gives back what was put in last, and nothing where nothing was', async () => {
      // As JSON has it: a minus zero becomes a zero there.
      const value = fc.jsonValue().map((json) => JSON.parse(JSON.stringify(json)))
      await fc.assert(
        fc.asyncProperty(fc.string(), fc.string({ minLength: 1 }), value, value, async (tenant, key, first, second) => {
          await cache.delete(tenant, key)
          expect(await cache.get(tenant, key)).toBeUndefined()
          await cache.set(tenant, key, first, 60)
          await cache.set(tenant, key, second, 60)
          expect(await cache.get(tenant, key)).toEqual(second)
        }),
        { numRuns: 50 },
      )
    })

    test('keeps tenants apart, whatever their names and keys', async () => {
      await fc.assert(
        fc.asyncProperty(fc.string(), fc.string(), fc.string(), fc.string(), async (tenant, key, other, otherKey) => {
          fc.pre(tenant !== other || key !== otherKey)
          await cache.set(tenant, key, 'mine', 60)
          await cache.set(other, otherKey, 'theirs', 60)
          expect(await cache.get(tenant, key)).toBe('mine')
        }),
        { examples: [['a', 'b/c', 'a/b', 'c']] },
      )
    })

    test('forgets an entry when its time is over, and not before', async () => {
      await cache.set('t', 'short', 1, 1)
      await cache.set('t', 'long', 2, 60)
      expect(await cache.get('t', 'short')).toBe(1)
      await opened.pass(1.1)
      expect(await cache.get('t', 'short')).toBeUndefined()
      expect(await cache.get('t', 'long')).toBe(2)
    })

    test('begins the time of an entry anew when it is put in again', async () => {
      await cache.set('t', 'k', 1, 1)
      await cache.set('t', 'k', 2, 60)
      await opened.pass(1.1)
      expect(await cache.get('t', 'k')).toBe(2)
    })

    test('is empty when it has been cleared, whosever the entries were, and then keeps again', async () => {
      const keys = Array.from({ length: 2_500 }, (_, index) => `key ${index}`)
      await Promise.all(keys.map((key) => cache.set('t', key, 1, 60)))
      await cache.set('other', 'k', 1, 60)
      await cache.clear()
      expect(await Promise.all(keys.map((key) => cache.get('t', key)))).toEqual(keys.map(() => undefined))
      expect(await cache.get('other', 'k')).toBeUndefined()
      await cache.clear()
      await cache.set('t', 'k', 2, 60)
      expect(await cache.get('t', 'k')).toBe(2)
    })

    test('deletes what it is told to, and minds no absence', async () => {
      await cache.set('t', 'k', 1, 60)
      await cache.delete('t', 'k')
      await cache.delete('t', 'k')
      expect(await cache.get('t', 'k')).toBeUndefined()
    })
  })
}
