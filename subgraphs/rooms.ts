import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Room } from './subgraph.ts'

/** Every room, found by folder: whatever lies here with an `index.ts` that exports `room`. In the order of their names. */
export async function loadRooms(): Promise<readonly Room<unknown>[]> {
  const names = readdirSync(import.meta.dirname, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(import.meta.dirname, entry.name, 'index.ts')))
    .map((entry) => entry.name)
    .sort()
  return Promise.all(names.map(async (name) => (await import(`./${name}/index.ts`)).room as Room<unknown>))
}
