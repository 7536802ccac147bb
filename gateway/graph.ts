import { readFileSync } from 'node:fs'
import { CacheHints } from '../lib/cache-hints.ts'
import type { Log } from '../lib/log.ts'
import { publicAddress } from '../lib/public-address.ts'
import { runJobs } from '../stores/jobs.ts'
import { type Projectors, runProjectors } from '../stores/projector.ts'
import type { Stores } from '../stores/stores.ts'
import { roomExecution } from '../subgraphs/execute.ts'
import { loadRooms } from '../subgraphs/rooms.ts'
import { createCaching, type Keeping } from './cache/caching.ts'
import { UntilWritten } from './cache/freshness.ts'
import { followWrites } from './cache/writes.ts'
import type { Channels } from './channels.ts'
import { createLocalChannel } from './engine/channel/local.ts'
import { createEngine } from './engine/engine.ts'
import type { EngineObserver } from './engine/observer.ts'
import type { Channel, Engine } from './engine/types.ts'

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
  /** Where answers are kept until anything is written; undefined when none are. */
  readonly keeping: Keeping | undefined
}

const supergraphFile = new URL('../schema/supergraph.graphql', import.meta.url)

/** Opens the graph over its rooms. The supergraph is the one that `npm run schema` composed of them. */
export async function openGraph({ opening, log, urls, channels, observer, keeping }: GraphOptions): Promise<Graph> {
  const rooms = await loadRooms()
  for (const [name, url] of Object.entries(urls)) {
    if (!rooms.some((room) => room.name === name)) {
      log.warn({ name, url: publicAddress(url) }, 'A URL is set for no room')
    }
  }
  const here = rooms.filter(({ name }) => urls[name] === undefined)
  let opened: Stores | null = null
  const storesNow = (): Stores => {
    if (opened === null) throw new Error('nothing is executed before the stores are open')
    return opened
  }
  const supergraphSdl = readFileSync(supergraphFile, 'utf8')
  const freshness = new UntilWritten()
  const caching = keeping && createCaching(supergraphSdl, freshness, keeping)
  const planned = createEngine({
    supergraphSdl,
    observer,
    channelFor({ name }) {
      const url = urls[name]
      // A room elsewhere says itself how long its answers may be kept.
      if (url !== undefined) return around(channels.to(name, url), undefined)
      const room = here.find((candidate) => candidate.name === name)
      if (!room) throw new Error(`the supergraph names a room ${name} that is not there: run \`npm run schema\``)
      const execution = roomExecution(room, rooms, storesNow)
      return around(createLocalChannel(execution), caching && new CacheHints(execution.schema))
    },
  })
  function around(channel: Channel, hints: CacheHints | undefined): Channel {
    return caching ? caching.around(channel, hints) : channel
  }
  const engine = caching ? caching.answersOf(planned) : planned
  const stores = await opening
  opened = stores
  const notices = (await Promise.all(here.map((room) => room.prepare?.(stores) ?? []))).flat()
  const projectors = await runProjectors(
    stores,
    here.flatMap((room) => room.projectors?.(stores) ?? []),
    log,
  )
  const jobs = runJobs(
    here.flatMap((room) => room.jobs?.(stores) ?? []),
    stores.leases,
    log,
  )
  const unfollow = caching ? followWrites(stores, freshness, log) : () => {}
  return {
    engine,
    projectors,
    notices,
    async close() {
      unfollow()
      await jobs.close()
      await projectors.close()
      await engine.close()
    },
  }
}
