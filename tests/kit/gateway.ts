import { once } from 'node:events'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildSubgraphSchema } from '@apollo/subgraph'
import { execute, parse } from 'graphql'
import { expect, vi } from 'vitest'
import { loadConfig } from '../../gateway/config.ts'
import { compose } from '../../gateway/engine/compose.ts'
import { type Identity, openIdentity } from '../../gateway/identity.ts'
import { startGateway } from '../../gateway/main.ts'
import { silentLog } from '../../lib/log.ts'
import type { Resolvers } from './federation.ts'

/** A subgraph of a test, over HTTP. */
export interface HttpSubgraph {
  readonly sdl: string
  readonly resolvers?: Resolvers
  /** Headers of its answers. */
  readonly headers?: Record<string, string> | ((asked: AskedRequest) => Record<string, string>)
  /** Answers in its place; whatever is not true lets it answer itself. */
  readonly instead?: (request: IncomingMessage, response: ServerResponse, asked: AskedRequest) => unknown
}

/** What a subgraph was asked. */
export interface AskedRequest {
  readonly subgraph: string
  readonly query: string
  readonly variables: Record<string, unknown>
  readonly headers: IncomingHttpHeaders
}

export interface GatewayAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: a test knows what it selected
  readonly body: any
}

/** `mnemograph gateway` in this process, over subgraphs that answer on ports of their own. */
export interface GatewayWorld extends AsyncDisposable {
  readonly url: string
  /** Every request that a subgraph got, in order. */
  readonly asked: AskedRequest[]
  ask(query: string, options?: AskOptions): Promise<GatewayAnswer>
  metrics(): Promise<string>
  /** How many connections a subgraph was opened in all. */
  connectionsOf(subgraph: string): number
  /** Puts a supergraph in place in which subgraphs have more in their SDL, and waits until it is served. */
  reload(more: Readonly<Record<string, string>>): Promise<void>
}

export interface AskOptions {
  readonly variables?: Record<string, unknown>
  readonly headers?: Record<string, string>
  readonly signal?: AbortSignal
}

export interface GatewayWorldOptions {
  /** Settings, with their prefix. */
  readonly env?: Record<string, string>
  readonly identity?: Identity
}

const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@shareable", "@composeDirective"])\n`

export async function startGatewayWorld(
  subgraphs: Readonly<Record<string, HttpSubgraph>>,
  { env = {}, identity = openIdentity }: GatewayWorldOptions = {},
): Promise<GatewayWorld> {
  const asked: AskedRequest[] = []
  const folder = mkdtempSync(join(tmpdir(), 'gateway-'))
  const supergraphFile = join(folder, 'supergraph.graphql')
  const servers: Server[] = []
  const connections = new Map<string, number>()
  const opened = Object.entries(subgraphs).map(async ([name, subgraph]) => {
    const { server, url } = await serve(name, subgraph, asked)
    servers.push(server)
    server.on('connection', () => connections.set(name, (connections.get(name) ?? 0) + 1))
    return { name, url, typeDefs: link + subgraph.sdl }
  })
  const services = await Promise.all(opened)
  writeFileSync(supergraphFile, compose(services))
  const { config } = loadConfig({
    env: { MNEMOGRAPH_PORT: '0', MNEMOGRAPH_INTROSPECTION: 'open', ...env },
    cwd: folder,
  })
  const gateway = await startGateway({ config, log: silentLog(), identity, key: null, supergraphFile })
  const url = `${gateway.url}/graphql`
  const metrics = async () => (await fetch(`${gateway.url}/metrics`)).text()
  const reloads = async () => Number(/reloads_total\{outcome="replaced"\} (\d+)/.exec(await metrics())?.[1] ?? 0)
  return {
    url,
    asked,
    ask: (query, options) => post(url, query, options),
    metrics,
    connectionsOf: (subgraph) => connections.get(subgraph) ?? 0,
    async reload(more) {
      const before = await reloads()
      const changed = services.map((one) => ({ ...one, typeDefs: one.typeDefs + (more[one.name] ?? '') }))
      writeFileSync(`${supergraphFile}.new`, compose(changed))
      renameSync(`${supergraphFile}.new`, supergraphFile)
      await vi.waitFor(async () => expect(await reloads()).toBe(before + 1), { timeout: 20_000, interval: 20 })
    },
    async [Symbol.asyncDispose]() {
      for (const server of servers) server.closeAllConnections()
      await gateway.close()
      for (const server of servers) server.close()
      rmSync(folder, { recursive: true })
    },
  }
}

async function serve(name: string, subgraph: HttpSubgraph, asked: AskedRequest[]) {
  const { sdl, resolvers = {}, instead, headers = {} } = subgraph
  const schema = buildSubgraphSchema([{ typeDefs: parse(link + sdl), resolvers }])
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const { query, variables } = JSON.parse(body) as Pick<AskedRequest, 'query' | 'variables'>
    const one: AskedRequest = { subgraph: name, query, variables, headers: request.headers }
    asked.push(one)
    if (instead?.(request, response, one) === true) return
    const result = await execute({ schema, document: parse(query), variableValues: variables, contextValue: one })
    const own = typeof headers === 'function' ? headers(one) : headers
    response.writeHead(200, { 'content-type': 'application/json', ...own }).end(JSON.stringify(result))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql` }
}

async function post(url: string, query: string, options: AskOptions = {}): Promise<GatewayAnswer> {
  const { variables = {}, headers = {}, signal } = options
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query, variables }),
    ...(signal === undefined ? {} : { signal }),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, body: JSON.parse(text) }
}
