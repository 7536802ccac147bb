import { readFileSync } from 'node:fs'
import type { Log } from '../lib/log.ts'
import { type Projectors, runProjectors } from '../stores/projector.ts'
import type { Stores } from '../stores/stores.ts'
import { roomExecution } from '../subgraphs/execute.ts'
import { loadRooms } from '../subgraphs/rooms.ts'
import type { Channels } from './channels.ts'
import { createLocalChannel } from './engine/channel/local.ts'
import { createEngine } from './engine/engine.ts'
import type { EngineObserver } from './engine/observer.ts'
import type { Engine } from './engine/types.ts'

/** The product's own graph: its rooms, those in this process with what follows their log. */
export interface Graph {
  readonly engine: Engine
  readonly projectors: Projectors
  /** What whoever starts the server should be told. */
  readonly notices: readonly string[]
  close(): Promise<void>
}

export interface GraphOptions {
  /** Stores that are opening: the engine is made while the database starts. */
  readonly opening: Promise<Stores>
  readonly log: Log
  /** Where rooms in processes of their own answer, by name; all others run in this one. */
  readonly urls: Readonly<Record<string, string>>
  /** The ways to those rooms. */
  readonly channels: Channels
  readonly observer: EngineObserver
}

const supergraphFile = new URL('../schema/supergraph.graphql', import.meta.url)

/** Opens the graph over its rooms. The supergraph is the one that `npm run schema` composed of them. */
export async function openGraph({ opening, log, urls, channels, observer }: GraphOptions): Promise<Graph> {
  const rooms = await loadRooms()
  for (const name of Object.keys(urls)) {
    if (!rooms.some((room) => room.name === name)) log.warn({ name, url: urls[name] }, 'A URL is set for no room')
  }
  const here = rooms.filter(({ name }) => urls[name] === undefined)
  let opened: Stores | null = null
  const storesNow = (): Stores => {
    if (opened === null) throw new Error('nothing is executed before the stores are open')
    return opened
  }
  const engine = createEngine({
    supergraphSdl: readFileSync(supergraphFile, 'utf8'),
    observer,
    channelFor({ name }) {
      const url = urls[name]
      if (url !== undefined) return channels.to(name, url)
      const room = here.find((candidate) => candidate.name === name)
      if (!room) throw new Error(`the supergraph names a room ${name} that is not there: run \`npm run schema\``)
      return createLocalChannel(roomExecution(room, rooms, storesNow))
    },
  })
  const stores = await opening
  opened = stores
  const notices = (await Promise.all(here.map((room) => room.prepare?.(stores) ?? []))).flat()
  const projectors = await runProjectors(
    stores,
    here.flatMap((room) => room.projectors?.(stores) ?? []),
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
