import { LRUCache } from 'lru-cache'
import type { Cache } from './port.ts'

const maximumEntries = 10_000
const defaultBytes = 64 * 1024 * 1024
/** What an entry takes beside its texts. */
const entryBytes = 200

export interface InProcessCacheOptions {
  readonly now?: () => number
  /** Roughly how much memory it may take; 64 MiB unless told. A larger value is not kept. */
  readonly maxBytes?: number
  readonly maxEntries?: number
}

/** A bounded cache for the embedded form; the least recently used entries go first. */
export function inProcessCache(options: InProcessCacheOptions = {}): Cache {
  const { now = () => performance.now(), maxBytes = defaultBytes, maxEntries = maximumEntries } = options
  const entries = new LRUCache<string, { value: unknown }>({
    max: maxEntries,
    maxSize: maxBytes,
    sizeCalculation: ({ value }, key) => entryBytes + key.length + sizeOf(value),
    perf: { now },
    ttlResolution: 0,
  })
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
    async clear() {
      // With nothing in it, clearing would still go over all of its room.
      if (entries.size > 0) entries.clear()
    },
    async close() {
      entries.clear()
    },
  }
}

/** The bytes of a value's texts, as UTF-16 takes them at most; numbers and names are in `entryBytes`. */
function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length * 2
  if (value === null || typeof value !== 'object') return 8
  return Object.values(value).reduce((sum: number, inner) => sum + sizeOf(inner), 8)
}
