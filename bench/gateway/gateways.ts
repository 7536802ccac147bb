import { join } from 'node:path'
import { type Child, startChild } from '../child.ts'
import type { ShopSubgraph } from '../shop/shop.ts'

/** What a gateway is started over. */
export interface World {
  readonly supergraphFile: string
  readonly subgraphs: readonly (ShopSubgraph & { readonly url: string })[]
}

export interface Gateway {
  readonly name: string
  start(world: World): Promise<Child>
}

/** The processor that gateways have for themselves. */
export const gatewayCore = 0

const peers = join(import.meta.dirname, 'peers')
const main = join(import.meta.dirname, '../../cli/main.ts')

const peer = (file: string, ...args: string[]) =>
  startChild([join(peers, file), ...args], { core: gatewayCore, env: { NODE_ENV: 'production' } })

/** What `cli/bin.js` gives a gateway's process. */
const flags = ['--max-semi-space-size=64', '--heap-growing-percent=50']

/** Ours as its command starts it. */
export function startOurs(
  supergraphFile: string,
  env: Readonly<Record<string, string>>,
  core?: number,
): Promise<Child> {
  const args = [...flags, main, 'gateway', '--supergraph', supergraphFile, '--open', '--port', '0']
  return startChild(args, {
    ...(core === undefined ? {} : { core }),
    env: { MALLOC_ARENA_MAX: '2', MNEMOGRAPH_LOG_LEVEL: 'error', ...env },
  })
}

const ours = (env: Readonly<Record<string, string>>) => (world: World) =>
  startOurs(world.supergraphFile, env, gatewayCore)

export const stock = 'Apollo Gateway'

/** Each answers every request by itself: whatever shares the work of requests at the same time is off. */
export const gateways: readonly Gateway[] = [
  { name: stock, start: ({ supergraphFile }) => peer('apollo-gateway.js', supergraphFile) },
  { name: 'Mercurius', start: ({ subgraphs }) => peer('mercurius.js', mercuriusServices(subgraphs)) },
  {
    name: 'Hive Gateway, JS planner',
    start: ({ supergraphFile }) => peer('hive-gateway.js', supergraphFile, 'js', 'off'),
  },
  {
    name: 'Hive Gateway, Rust planner',
    start: ({ supergraphFile }) => peer('hive-gateway.js', supergraphFile, 'rust', 'off'),
  },
  { name: 'Mnemograph, pipeline', start: ours({ MNEMOGRAPH_FAST_LANE: 'false', MNEMOGRAPH_DEDUP: 'false' }) },
  { name: 'Mnemograph, fast lane', start: ours({ MNEMOGRAPH_DEDUP: 'false' }) },
]

/** The wide query's plan written out by a person, with nothing around it: what is left to win. */
export const byHand: Gateway = {
  name: 'the same plan by hand',
  start: ({ subgraphs }) => {
    const urls = Object.fromEntries(subgraphs.map(({ name, url }) => [name, url]))
    return peer('by-hand.js', JSON.stringify(urls))
  },
}

/** The same as they come, where requests that are the same share work. */
export const sharing: readonly Gateway[] = [
  {
    name: 'Hive Gateway, Rust planner, as it comes',
    start: ({ supergraphFile }) => peer('hive-gateway.js', supergraphFile, 'rust', 'on'),
  },
  { name: 'Mnemograph, as it comes', start: ours({}) },
]

/** Apollo Server that answers `body` with what `url` answered once. */
export function startCached(api: string, url: string, body: string): Promise<Child> {
  return peer('apollo-server-cached.js', url, api, body)
}

function mercuriusServices(subgraphs: World['subgraphs']): string {
  const services = subgraphs.map(({ name, sdl, url }) => ({
    name,
    url,
    schema: sdl.replace(/(?<!extend )type Query/, 'extend type Query'),
  }))
  return JSON.stringify(services)
}
