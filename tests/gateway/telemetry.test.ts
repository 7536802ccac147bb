import { request } from 'node:http'
import { createClient } from 'graphql-ws'
import { pino } from 'pino'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { LogLevel } from '../../lib/log.ts'
import { type EdgeWorld, type EdgeWorldOptions, member, startEdge } from '../kit/edge.ts'

let world: EdgeWorld | undefined

async function start(options?: EdgeWorldOptions): Promise<EdgeWorld> {
  world = await startEdge(options)
  return world
}

/** An edge whose log is kept. */
async function startLogged(accessLogLevel: LogLevel, options: EdgeWorldOptions = {}) {
  const lines: Record<string, unknown>[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const w = await start({ ...options, config: { ...options.config, accessLogLevel }, edge: { log } })
  return { w, lines }
}

afterEach(async () => {
  await world?.[Symbol.asyncDispose]()
  world = undefined
})

const scraped = async (w: EdgeWorld) => (await fetch(new URL('/metrics', w.url))).text()
const seriesOf = async (w: EdgeWorld, name: string) =>
  (await scraped(w)).split('\n').filter((line) => line.startsWith(name))

describe('the client that sent an operation', () => {
  test.each([
    ['Apollo', { 'apollographql-client-name': 'web', 'apollographql-client-version': '1.2.3' }],
    ['Hive', { 'graphql-client-name': 'web', 'graphql-client-version': '1.2.3' }],
    ['Hive with x-', { 'x-graphql-client-name': 'web', 'x-graphql-client-version': '1.2.3' }],
  ])('is counted in both lanes and in a stream, as %s names it', async (_name, headers) => {
    const w = await start()
    for (const accept of ['application/json', 'application/json', 'text/event-stream']) {
      await (await w.post({ query: '{ number }' }, { ...headers, accept })).text()
    }
    await (await w.post({ query: 'subscription { count(to: 1) }' }, { ...headers, accept: 'text/event-stream' })).text()
    expect(await seriesOf(w, 'mnemograph_client_operations_total{')).toEqual([
      'mnemograph_client_operations_total{client="web",version="1.2.3"} 4',
    ])
  })

  test('is counted on a socket, by its connection_init', async () => {
    const w = await start()
    const client = createClient({
      url: w.url.replace('http', 'ws'),
      webSocketImpl: WebSocket,
      connectionParams: { 'apollographql-client-name': 'ios' },
    })
    for await (const _ of client.iterate({ query: '{ number }' })) break
    await client.dispose()
    expect(await seriesOf(w, 'mnemograph_client_operations_total{')).toEqual([
      'mnemograph_client_operations_total{client="ios",version=""} 1',
    ])
  })

  test('makes no more series than there is room for, and none of what is no name', async () => {
    const w = await start()
    for (let index = 0; index < 130; index++) {
      await w.post({ query: '{ number }' }, { 'apollographql-client-name': `c${index}` })
    }
    await w.post({ query: '{ number }' }, { 'apollographql-client-name': 'x'.repeat(65) })
    await w.post({ query: '{ number }' }, { 'apollographql-client-name': '"} 1' })
    const series = await seriesOf(w, 'mnemograph_client_operations_total{')
    expect(series).toHaveLength(100)
    expect(series.at(-1)).toContain('client="c129"')
  })
})

describe('how an operation ended', () => {
  const outcomes = async (w: EdgeWorld) =>
    (await seriesOf(w, 'mnemograph_operation_seconds_count')).map((line) => line.replace(/^.*{(.*)}/, '$1'))

  const lanes = ['fast', 'pipeline']
  const twice = async (w: EdgeWorld, query: string) => {
    await w.post({ query })
    await w.post({ query })
  }

  test('is told for both lanes: answered, with errors', async () => {
    const w = await start()
    for (const query of ['{ number }', '{ broken }', 'mutation { add(by: 1) }']) await twice(w, query)
    expect((await outcomes(w)).sort()).toEqual(
      lanes
        .flatMap((lane) => [
          `kind="mutation",lane="${lane}",outcome="ok" 1`,
          `kind="query",lane="${lane}",outcome="error" 1`,
          `kind="query",lane="${lane}",outcome="ok" 1`,
        ])
        .sort(),
    )
    expect(await seriesOf(w, 'mnemograph_errors_total{')).toContain(
      'mnemograph_errors_total{code="INTERNAL_SERVER_ERROR"} 2',
    )
  })

  test('is told for both lanes: out of time', async () => {
    const w = await start({ config: { operationTimeoutMs: 60 } })
    await twice(w, '{ hang }')
    expect((await outcomes(w)).sort()).toEqual(
      lanes.map((lane) => `kind="query",lane="${lane}",outcome="deadline_exceeded" 1`),
    )
    expect(await seriesOf(w, 'mnemograph_errors_total{')).toContain(
      'mnemograph_errors_total{code="DEADLINE_EXCEEDED"} 2',
    )
  })

  test('is told of those whose client went away, which is no failure in the log', async () => {
    const { w, lines } = await startLogged('info')
    for (const lane of ['pipeline', 'fast']) {
      const req = request(w.url, { method: 'POST', headers: { 'content-type': 'application/json' } })
      req.on('error', () => {})
      req.end('{"query":"{ hang }"}')
      await expect
        .poll(() => seriesOf(w, 'mnemograph_operations_in_flight'))
        .toEqual(['mnemograph_operations_in_flight 1'])
      req.destroy()
      await expect.poll(() => outcomes(w)).toContain(`kind="query",lane="${lane}",outcome="cancelled" 1`)
    }
    expect(await seriesOf(w, 'mnemograph_operations_in_flight')).toEqual(['mnemograph_operations_in_flight 0'])
    expect(lines.map(({ level, outcome }) => [level, outcome])).toEqual([
      [30, 'cancelled'],
      [30, 'cancelled'],
    ])
  })

  test('is told of those that were refused, by their codes', async () => {
    const w = await start()
    await w.post({ query: '{ nothing }' })
    await w.post({ query: '{ number' })
    await w.post({ query: '{ number }' }, { authorization: 'Bearer x' })
    await w.post('{"not')
    const errors = await seriesOf(w, 'mnemograph_errors_total{')
    for (const code of ['GRAPHQL_VALIDATION_FAILED', 'GRAPHQL_PARSE_FAILED', 'UNAUTHENTICATED', 'BAD_REQUEST']) {
      expect(errors).toContain(`mnemograph_errors_total{code="${code}"} 1`)
    }
  })
})

describe('the access log', () => {
  const query = 'query Greet($name: String) { hello(name: $name) }'
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

  test('has a line for each operation, with nothing of its text and variables', async () => {
    const { w, lines } = await startLogged('info')
    const headers = { traceparent, authorization: w.bearer, 'apollographql-client-name': 'web' }
    await w.post({ query, variables: { name: 'private' } }, headers)
    await w.post({ query, variables: { name: 'private' } }, headers)
    await w.post({ query: '{ coded broken }' })
    expect(lines).toHaveLength(4)
    const [first, second, ...rest] = lines
    for (const [line, lane] of [[first, 'pipeline'] as const, [second, 'fast'] as const]) {
      expect(line).toEqual({
        level: 30,
        time: expect.any(Number),
        pid: expect.any(Number),
        hostname: expect.any(String),
        msg: 'Operation',
        traceId: '0af7651916cd43dd8448eb211c80319c',
        kind: 'query',
        operation: 'Greet',
        lane,
        user: member.userId,
        client: 'web',
        clientVersion: '',
        outcome: 'ok',
        ms: expect.any(Number),
      })
    }
    // The fault's cause stands in a line of its own.
    expect(rest.find(({ msg }) => msg === 'Operation')).toMatchObject({
      outcome: 'error',
      codes: ['INTERNAL_SERVER_ERROR'],
    })
    expect(JSON.stringify(lines)).not.toMatch(/private|hello/)
  })

  test('has none below its level', async () => {
    const { w, lines } = await startLogged('debug')
    await w.post({ query })
    await w.post({ query: '{ nothing }' })
    expect(lines).toEqual([])
  })
})

test('the event loop and the process tell of themselves', async () => {
  const { registerProcessMetrics } = await import('../../lib/process-metrics.ts')
  const w = await start()
  registerProcessMetrics(w.metrics)
  const text = await scraped(w)
  for (const name of [
    'nodejs_eventloop_lag_p99_seconds',
    'nodejs_eventloop_utilization',
    'process_cpu_seconds_total',
  ]) {
    expect(text).toMatch(new RegExp(`^${name} [\\d.e-]+$`, 'm'))
  }
})
