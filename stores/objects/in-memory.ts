import { once, whole } from '../../lib/bytes.ts'
import { type ObjectStore, objectOwner, objectPath } from './port.ts'

interface Kept {
  readonly bytes: Uint8Array
  readonly at: Date
}

/** Objects that end with the process. */
export function inMemoryObjects(): ObjectStore {
  const owners = new Map<string, Map<string, Kept>>()
  const of = (ownerId: string) => owners.get(objectOwner(ownerId)) ?? new Map<string, Kept>()
  return {
    async put(ownerId, name, body) {
      objectPath(ownerId, name)
      const bytes = await whole(body)
      owners.set(ownerId, new Map(of(ownerId)).set(name, { bytes, at: new Date() }))
      return bytes.length
    },
    async get(ownerId, name) {
      objectPath(ownerId, name)
      const kept = of(ownerId).get(name)
      return kept === undefined ? null : once(kept.bytes)
    },
    async list(ownerId, prefix = '', before) {
      const asked = [...of(ownerId)].filter(([name, { at }]) => name.startsWith(prefix) && !(before && at >= before))
      return asked.map(([name]) => name).sort()
    },
    async remove(ownerId, name) {
      objectPath(ownerId, name)
      return of(ownerId).delete(name)
    },
    async removeAll(ownerId) {
      const { size } = of(ownerId)
      owners.delete(ownerId)
      return size
    },
    async health() {
      return true
    },
  }
}
