import type { ExecutorOptions } from '../lib/execution/executor.ts'
import type { Stores } from '../stores/stores.ts'
import { type Room, roomSchema } from './subgraph.ts'

/**
 * What it takes to run a room's operations, in this process or for a gateway in another: its schema, and fresh loaders
 * for each execution.
 * @param rooms all rooms, since a room's schema shows which ids are theirs.
 */
export function roomExecution(
  room: Room<unknown>,
  rooms: readonly Room<unknown>[],
  stores: () => Stores,
): ExecutorOptions {
  return {
    name: room.name,
    schema: roomSchema(room, rooms),
    contextFor: ({ context }) => room.context(stores(), context),
  }
}
