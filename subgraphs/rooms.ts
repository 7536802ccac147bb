import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Room } from './subgraph.ts'

/** The names of all rooms, found by folder: whatever lies here with an `index.ts`. In their order. */
export function roomNames(): readonly string[] {
  return readdirSync(import.meta.dirname, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(import.meta.dirname, entry.name, 'index.ts')))
    .map((entry) => entry.name)
    .sort()
}

/** Every room, as its `index.ts` exports it. */
export async function loadRooms(): Promise<readonly Room<unknown>[]> {
  return Promise.all(roomNames().map(async (name) => (await import(`./${name}/index.ts`)).room as Room<unknown>))
}
