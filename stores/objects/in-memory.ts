import { once, whole } from '../../lib/bytes.ts'
import { type ObjectStore, objectOwner, objectPath } from './port.ts'

/** Objects that end with the process. */
export function inMemoryObjects(): ObjectStore {
  const owners = new Map<string, Map<string, Uint8Array>>()
  const of = (ownerId: string) => owners.get(objectOwner(ownerId)) ?? new Map<string, Uint8Array>()
  return {
    async put(ownerId, name, body) {
      objectPath(ownerId, name)
      const bytes = await whole(body)
      owners.set(ownerId, new Map(of(ownerId)).set(name, bytes))
      return bytes.length
    },
    async get(ownerId, name) {
      objectPath(ownerId, name)
      const bytes = of(ownerId).get(name)
      return bytes === undefined ? null : once(bytes)
    },
    async list(ownerId, prefix = '') {
      return [...of(ownerId).keys()].filter((name) => name.startsWith(prefix)).sort()
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
