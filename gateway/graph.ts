import { readFileSync } from 'node:fs'
import type { Log } from '../lib/log.ts'
import { type Projectors, runProjectors } from '../stores/projector.ts'
import type { Stores } from '../stores/stores.ts'
import { loadRooms } from '../subgraphs/rooms.ts'
import { type Room, roomSchema } from '../subgraphs/subgraph.ts'
import { createLocalChannel } from './engine/channel/local.ts'
import { createEngine } from './engine/engine.ts'
import type { Channel, Engine } from './engine/types.ts'

/** The product's own graph: its rooms in this process, and what follows their log. */
export interface Graph {
  readonly engine: Engine
  readonly projectors: Projectors
  /** What whoever starts the server should be told. */
  readonly notices: readonly string[]
  close(): Promise<void>
}

const supergraphFile = new URL('../schema/supergraph.graphql', import.meta.url)

/** Opens the rooms over the stores. The supergraph is the one that `npm run schema` composed of them. */
export async function openGraph(stores: Stores, log: Log): Promise<Graph> {
  const rooms = await loadRooms()
  const notices = (await Promise.all(rooms.map((room) => room.prepare?.(stores) ?? []))).flat()
  const channels = new Map(rooms.map((room) => [room.name, roomChannel(room, rooms, stores)]))
  const engine = createEngine({
    supergraphSdl: readFileSync(supergraphFile, 'utf8'),
    channelFor({ name }) {
      const channel = channels.get(name)
      if (!channel) throw new Error(`the supergraph names a room ${name} that is not there: run \`npm run schema\``)
      return channel
    },
  })
  const projectors = await runProjectors(
    stores,
    rooms.flatMap((room) => room.projectors?.(stores) ?? []),
    log,
  )
  return {
    engine,
    projectors,
    notices,
    async close() {
      await projectors.close()
      await engine.close()
    },
  }
}

function roomChannel(room: Room<unknown>, rooms: readonly Room<unknown>[], stores: Stores): Channel {
  return createLocalChannel({
    schema: roomSchema(room, rooms),
    contextFor: ({ context }) => room.context(stores, context),
  })
}
