import { LRUCache } from 'lru-cache'
import type { Cache } from './port.ts'

const maximumEntries = 10_000

/** A bounded cache for the embedded form; the least recently used entries go first. */
export function inProcessCache(now: () => number = () => performance.now()): Cache {
  const entries = new LRUCache<string, { value: unknown }>({ max: maximumEntries, perf: { now }, ttlResolution: 0 })
  // With its length before it, no tenant's name can reach into a key.
  const path = (tenantId: string, key: string) => `${tenantId.length}:${tenantId}${key}`
  return {
    async get<T>(tenantId: string, key: string) {
      return entries.get(path(tenantId, key))?.value as T | undefined
    },
    async set(tenantId, key, value, seconds) {
      entries.set(path(tenantId, key), { value }, { ttl: seconds * 1000 })
    },
    async delete(tenantId, key) {
      entries.delete(path(tenantId, key))
    },
    async close() {
      entries.clear()
    },
  }
}
