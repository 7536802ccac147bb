import { inProcessCache } from './cache/in-process.ts'
import type { Cache } from './cache/port.ts'

/** Room is made for this many entries; smaller ones do not fill the bytes. */
const leastEntryBytes = 512

/** A cache of about `maxBytes`, for whoever needs no other store. */
export function openCache(maxBytes: number): Cache {
  return inProcessCache({ maxBytes, maxEntries: Math.max(1, Math.ceil(maxBytes / leastEntryBytes)) })
}
