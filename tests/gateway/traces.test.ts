import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from 'graphql-ws'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { loadConfig } from '../../gateway/config.ts'
import { compose } from '../../gateway/engine/compose.ts'
import { openServer } from '../../gateway/server.ts'
import { silentLog } from '../../lib/log.ts'
import { Metrics } from '../../lib/metrics.ts'
import { tracerFor } from '../../lib/tracing.ts'
import { startEdge } from '../kit/edge.ts'
import { FakeCollector } from '../kit/fake-collector.ts'
import { startGatewayWorld } from '../kit/gateway.ts'
import { openTestPostgres, urlOf } from '../kit/postgres.ts'
import { type Person, person, startProduct } from '../kit/product.ts'
import { startRoomChild } from '../kit/room-process.ts'

let collector: FakeCollector
beforeEach(async () => {
  collector = await FakeCollector.start()
})
afterEach(() => collector[Symbol.asyncDispose]())

const traceId = '0af7651916cd43dd8448eb211c80319c'
const callersSpan = 'b7ad6b7169203331'
const traceparent = (flags = '01') => `00-${traceId}-${callersSpan}-${flags}`

const remember = `mutation Note($content: String!) {
  remember(input: { content: $content }) { ... on RememberSuccess { memory { id } } } }`
const read = `query Read($id: ID!) {
  viewer { username } memory(id: $id) { content owner { username } } }`

/** Remembers something private, then reads it twice within one trace: once by each lane. */
async function work(ann: Person, url: string): Promise<void> {
  const { remember: made } = await ann.ask(remember, { content: 'a private matter' })
  for (const _lane of ['pipeline', 'fast']) {
    await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${ann.token}`,
        traceparent: traceparent(),
        'apollographql-client-name': 'web',
      },
      body: JSON.stringify({ query: read, variables: { id: made.memory.id } }),
    })
  }
}

const first = 'GraphQL Operation'

test('a query is one trace, from the edge to the statements, with nothing private in it', async () => {
  const product = await startProduct({ env: { MNEMOGRAPH_OTLP_URL: collector.url } })
  const ann = await product.join()
  await work(ann, product.url)
  await product.close()

  expect(new Set(collector.paths)).toEqual(new Set(['/v1/traces']))
  expect(collector.branches(traceId)).toEqual([
    `${first} > fetch memory > subgraph memory > loader > statement`,
    `${first} > fetch users > subgraph users > loader > statement`,
    `${first} > plan`,
  ])
  const roots = collector.spans.filter((span) => span.traceId === traceId && span.name === first)
  expect(roots).toHaveLength(2)
  for (const { parentSpanId, attributes, service } of roots) {
    expect([parentSpanId, service]).toEqual([callersSpan, 'mnemograph'])
    expect(attributes).toEqual({
      'graphql.operation.type': 'query',
      'graphql.operation.name': 'Read',
      'graphql.client.name': 'web',
      'graphql.client.version': '',
      'http.response.status_code': 200,
      'mnemograph.outcome': 'ok',
    })
  }
  // The mutation, and the sign-up, are traces of their own.
  expect(new Set(collector.spans.map((span) => span.traceId)).size).toBe(3)
  const told = JSON.stringify(collector.spans)
  for (const secret of ['a private matter', ann.token, `${ann.id}`, '-secret', 'SELECT ', 'username', 'SET LOCAL']) {
    expect(told).not.toContain(secret)
  }
}, 60_000)

test('nothing is sent when the share is 0, also when the caller is traced', async () => {
  const product = await startProduct({ env: { MNEMOGRAPH_OTLP_URL: collector.url, MNEMOGRAPH_TRACE_RATIO: '0' } })
  await work(await product.join(), product.url)
  await product.close()
  expect(collector.paths).toEqual([])
}, 60_000)

test('a failed fetch is marked as one, by its code alone', async () => {
  const away = { sdl: 'type Query { a: Int }', instead: (_req: unknown, res: ServerResponse) => res.destroy() }
  {
    await using gateway = await startGatewayWorld({ away }, { env: { MNEMOGRAPH_OTLP_URL: collector.url } })
    await gateway.ask('{ a }')
  }
  expect(collector.spans.find(({ name }) => name === 'fetch away')?.attributes).toEqual({
    'graphql.operation.type': 'query',
    'mnemograph.outcome': 'failed',
    'error.type': 'SUBGRAPH_UNAVAILABLE',
  })
})

describe('a subgraph over HTTP', () => {
  const one = { sdl: 'type Query { a: Int }', resolvers: { Query: { a: () => 1 } } }
  const sent = (flags?: string) => ({ traceparent: traceparent(flags), tracestate: 'vendor=1' })

  test('is told which span asks', async () => {
    const seen: IncomingHttpHeaders[] = []
    {
      await using gateway = await startGatewayWorld({ one }, { env: { MNEMOGRAPH_OTLP_URL: collector.url } })
      await gateway.ask('{ a }', { headers: sent() })
      seen.push(...gateway.asked.map(({ headers }) => headers))
    }
    const fetched = collector.spans.find(({ name }) => name === 'fetch one')
    expect(seen).toMatchObject([{ traceparent: `00-${traceId}-${fetched?.spanId}-01`, tracestate: 'vendor=1' }])
  })

  test.each(['00', '01'])('is told what its caller decided (%s) where the gateway keeps no traces', async (flags) => {
    await using gateway = await startGatewayWorld({ one })
    await gateway.ask('{ a }', { headers: sent(flags) })
    expect(gateway.asked[0]?.headers).toMatchObject({
      traceparent: expect.stringMatching(new RegExp(`^00-${traceId}-[0-9a-f]{16}-${flags}$`)),
      tracestate: 'vendor=1',
    })
  })
})

describe('the edge alone', () => {
  async function start(ratio: number) {
    const metrics = new Metrics()
    const config = { url: `${collector.url}/v1/traces`, ratio, service: 'edge' }
    const tracer = await tracerFor(config, '', silentLog(), metrics)
    const world = await startEdge({ edge: { metrics, tracer } })
    return {
      ...world,
      metrics,
      async stop() {
        await world[Symbol.asyncDispose]()
        await tracer?.close()
      },
    }
  }

  test('leaves out what its caller leaves out, and says so to subgraphs', async () => {
    const world = await start(1)
    await world.post({ query: '{ number }' }, { traceparent: traceparent('00'), tracestate: 'vendor=1' })
    const { context } = world.engine.requests[0] ?? expect.unreachable()
    expect([context.traceId, context.span?.sampled, context.traceState]).toEqual([traceId, false, 'vendor=1'])
    await world.stop()
    expect(collector.spans).toEqual([])
  })

  test('records what its caller records, whatever its own share', async () => {
    const world = await start(0.000001)
    await world.post({ query: '{ number }' }, { traceparent: traceparent() })
    await world.post({ query: '{ number }' })
    await world.stop()
    expect(collector.spans.map((span) => [span.service, span.traceId])).toEqual([['edge', traceId]])
  })

  test('tells of failures by their codes', async () => {
    const world = await start(1)
    await world.post({ query: '{ broken }' })
    await world.post({ query: '{ nothing }' }, { accept: 'application/graphql-response+json' })
    await world.stop()
    expect(collector.spans.map(({ attributes }) => attributes)).toMatchObject([
      { 'mnemograph.outcome': 'error', 'error.type': 'INTERNAL_SERVER_ERROR', 'http.response.status_code': 200 },
      { 'http.response.status_code': 400 },
    ])
    expect(JSON.stringify(collector.spans)).not.toMatch(/secret|nothing|broken/)
  })

  test("goes on with a socket operation's trace, which its extensions carry", async () => {
    const world = await start(1)
    const client = createClient({ url: world.url.replace('http', 'ws'), webSocketImpl: WebSocket })
    for await (const _ of client.iterate({ query: '{ number }', extensions: { traceparent: traceparent() } })) break
    await client.dispose()
    await world.stop()
    expect(collector.spans.map((span) => [span.traceId, span.parentSpanId, span.name])).toEqual([
      [traceId, callersSpan, first],
    ])
  })

  test('counts what it sends, and what it loses', async () => {
    const world = await start(1)
    const metrics = new Metrics()
    const nowhere = { url: new URL('/nowhere', world.url).href, ratio: 1, service: '' }
    const lost = await tracerFor(nowhere, '', silentLog(), metrics)
    lost?.begin('x', traceId).end()
    await lost?.close()
    expect(metrics.text()).toContain('mnemograph_trace_spans_total{outcome="lost"} 1')
    await world.post({ query: '{ number }' })
    await world.stop()
    expect(world.metrics.text()).toContain('mnemograph_trace_spans_total{outcome="sent"} 1')
  })
})

const required = process.env.MNEMOGRAPH_REQUIRE_STORES === '1'
const skip = !process.env.MNEMOGRAPH_TEST_POSTGRES_URL && !required

test.skipIf(skip)(
  'a trace goes through a room in another process',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'traces-'))
    const database = await openTestPostgres('PostgreSQL 18')
    const settings = {
      MNEMOGRAPH_DATABASE_URL: urlOf(database.admin),
      MNEMOGRAPH_DATA: folder,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    }
    const room = await startRoomChild('memory', settings)
    const { config } = loadConfig({
      env: { ...settings, MNEMOGRAPH_PORT: '0', MNEMOGRAPH_SUBGRAPH_MEMORY_URL: room.url },
      cwd: '/nowhere',
    })
    const server = await openServer({ config, log: silentLog(), listen: true })
    const url = `${server.url}/graphql`
    await work(await signUp(url), url)
    const metrics = await (await fetch(new URL('/metrics', room.url))).text()
    await server.close()
    await room.end('SIGTERM')
    await database.close()
    rmSync(folder, { recursive: true })

    expect(collector.branches(traceId)).toContain(
      `${first} > fetch memory > room memory > subgraph memory > loader > statement`,
    )
    expect(new Set(collector.spans.map(({ service }) => service))).toEqual(new Set(['mnemograph', 'mnemograph-memory']))
    expect(metrics).toMatch(/mnemograph_statement_seconds_count\{role="memory"\} \d/)
  },
  120_000,
)

async function signUp(url: string): Promise<Person> {
  const input = { username: 'ann', email: 'ann@example.test', password: 'correct horse battery' }
  const query = `mutation ($input: SignUpInput!) {
    signUp(input: $input) { ... on SignUpSuccess { session { accessToken user { id } } } } }`
  const { data } = await person(url, '', '').send(query, { input })
  return person(url, data.signUp.session.accessToken, data.signUp.session.user.id)
}

/** The files that the gateway has loaded when it is ready, told by V8's coverage when it ends. */
async function loadedBy(env: Record<string, string>): Promise<Set<string>> {
  const folder = mkdtempSync(join(tmpdir(), 'loaded-'))
  const supergraph = join(folder, 'supergraph.graphql')
  writeFileSync(supergraph, compose([{ name: 'one', url: 'http://127.0.0.1:9', typeDefs: 'type Query { a: Int }' }]))
  const main = join(import.meta.dirname, '../../cli/main.ts')
  const args = [main, 'gateway', '--supergraph', supergraph, '--port', '0', '--open']
  const child = spawn(process.execPath, args, { env: { ...process.env, ...env, NODE_V8_COVERAGE: folder } })
  const exited = once(child, 'exit')
  await once(child.stdout, 'data')
  child.kill('SIGTERM')
  await exited
  const reports = readdirSync(folder).filter((name) => name.endsWith('.json'))
  const loaded = reports.flatMap((name) => {
    const { result } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as { result: { url: string }[] }
    return result.map(({ url }) => url.replace(/^.*\/(?=node_modules\/@opentelemetry\/|gateway\/main)/, ''))
  })
  rmSync(folder, { recursive: true })
  return new Set(loaded.filter((url) => /^(node_modules|gateway)/.test(url)).map((url) => url.split('/')[1] ?? ''))
}

test('nothing of OpenTelemetry is loaded unless traces are kept', async () => {
  const [off, on] = await Promise.all([loadedBy({}), loadedBy({ MNEMOGRAPH_OTLP_URL: collector.url })])
  expect([...off]).toEqual(['main.ts'])
  expect([...on].sort()).toEqual(['@opentelemetry', 'main.ts'])
}, 60_000)
