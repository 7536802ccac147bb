import { once } from 'node:events'
import { type Client, createClient } from 'graphql-ws'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { CachedSessionGate, createIdentity } from '../../gateway/identity.ts'
import { systemClock } from '../../lib/sources.ts'
import { createAccessTokens, loadSigningKey } from '../../lib/tokens.ts'
import { type EdgeWorld, type EdgeWorldOptions, member, startEdge } from '../kit/edge.ts'
import { FakeEngine } from '../kit/fake-engine.ts'

let world: EdgeWorld | undefined
const clients: Client[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) await client.dispose()
  await world?.[Symbol.asyncDispose]()
  world = undefined
})

async function start(options?: EdgeWorldOptions): Promise<EdgeWorld> {
  world = await startEdge(options)
  return world
}

interface Closing {
  readonly code: number
  readonly reason: string
}

function open(w: EdgeWorld, connectionParams: Record<string, unknown> = {}) {
  const closed = Promise.withResolvers<Closing>()
  const client = createClient({
    url: w.url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    connectionParams,
    retryAttempts: 0,
    lazyCloseTimeout: 10_000,
    onNonLazyError: () => {},
    on: { closed: (event) => closed.resolve(event as Closing) },
  })
  clients.push(client)
  return { client, closed: closed.promise }
}

async function all(client: Client, query: string, variables: Record<string, unknown> = {}): Promise<unknown[]> {
  const results: unknown[] = []
  for await (const result of client.iterate({ query, variables })) results.push(result)
  return results
}

/** A socket that speaks the protocol by hand. */
async function raw(w: EdgeWorld, payload?: Record<string, unknown>): Promise<WebSocket> {
  const socket = new WebSocket(w.url.replace('http', 'ws'), 'graphql-transport-ws')
  await once(socket, 'open')
  if (payload !== undefined) {
    socket.send(JSON.stringify({ type: 'connection_init', payload }))
    await once(socket, 'message')
  }
  return socket
}

async function closing(socket: WebSocket): Promise<Closing> {
  const [code, reason] = await once(socket, 'close')
  return { code, reason: String(reason) }
}

describe('operations over WebSocket', () => {
  test('a query, a mutation and a subscription are answered', async () => {
    const { client } = open(await start())
    expect(await all(client, '{ hello whoAmI }')).toEqual([{ data: { hello: 'hello world', whoAmI: null } }])
    expect(await all(client, 'mutation { add(by: 2) }')).toEqual([{ data: { add: 2 } }])
    const counts = await all(client, 'subscription ($to: Int!) { count(to: $to) }', { to: 3 })
    expect(counts).toEqual([1, 2, 3].map((count) => ({ data: { count } })))
  })

  test('answers are those of HTTP', async () => {
    const w = await start()
    const { client } = open(w)
    for (const query of ['{ hello number }', '{ maybe }', '{ nested { value } }']) {
      expect(await all(client, query)).toEqual([await (await w.post({ query })).json()])
    }
  })

  test('ending a subscription ends it for the engine', async () => {
    const w = await start()
    const { client } = open(w)
    const events = client.iterate({ query: 'subscription { forever }' })
    expect(await events.next()).toEqual({ done: false, value: { data: { forever: 1 } } })
    await events.return?.()
    await expect.poll(() => w.engine.requests[0]?.context.signal.aborted).toBe(true)
  })

  test('closing the socket ends all that runs on it', async () => {
    const w = await start()
    const { client } = open(w)
    void client
      .iterate({ query: 'subscription { forever }' })
      .next()
      .catch(() => {})
    void client
      .iterate({ query: '{ hang }' })
      .next()
      .catch(() => {})
    await expect.poll(() => w.engine.requests.length).toBe(2)
    client.terminate()
    await expect.poll(() => w.engine.requests.map(({ context }) => context.signal.aborted)).toEqual([true, true])
  })

  test('a feed that breaks yields errors, masked, and the socket goes on', async () => {
    const { client } = open(await start())
    const results = await all(client, 'subscription { failing }')
    expect(results[0]).toEqual({ data: { failing: 1 } })
    expect(results[1]).toMatchObject({ errors: [{ extensions: { code: 'INTERNAL_SERVER_ERROR' } }] })
    expect(JSON.stringify(results)).not.toContain('secret')
    expect(await all(client, '{ number }')).toEqual([{ data: { number: 42 } }])
  })

  test.each([
    ['{ nothing }', 'GRAPHQL_VALIDATION_FAILED'],
    ['{', 'GRAPHQL_PARSE_FAILED'],
    ['{ __schema { queryType { name } } }', 'UNAUTHENTICATED'],
    [`{ ${'nested {'.repeat(30)} value ${'}'.repeat(30)} }`, 'QUERY_TOO_COMPLEX'],
    ['query A { number } query B { number }', 'OPERATION_RESOLUTION_FAILURE'],
  ])('%s is refused as over HTTP: %s', async (query, code) => {
    const w = await start()
    const { client } = open(w)
    const errors = await all(client, query).catch((error: unknown) => error)
    const overHttp = (await (await w.post({ query })).json()) as { errors: unknown }
    expect(errors).toEqual(overHttp.errors)
    expect(errors).toMatchObject([{ extensions: { code } }])
    expect(w.engine.requests).toEqual([])
  })

  test('too many at once are refused', async () => {
    const w = await start({ config: { maxStreamsPerSocket: 2 } })
    const { client } = open(w)
    const streams = [1, 2].map(() => client.iterate({ query: 'subscription { forever }' }))
    await Promise.all(streams.map((stream) => stream.next()))
    await expect(all(client, '{ number }')).rejects.toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }])
  })
})

describe('who asks', () => {
  test('comes from the payload or the header', async () => {
    const w = await start()
    const { client } = open(w, { authorization: w.bearer })
    expect(await all(client, '{ whoAmI }')).toEqual([{ data: { whoAmI: 'u1' } }])
    const socket = new WebSocket(w.url.replace('http', 'ws'), 'graphql-transport-ws', {
      headers: { authorization: w.bearer },
    })
    await once(socket, 'open')
    socket.send('{"type":"connection_init"}')
    await once(socket, 'message')
    socket.send('{"id":"1","type":"subscribe","payload":{"query":"{ whoAmI }"}}')
    const [message] = await once(socket, 'message')
    expect(String(message)).toBe('{"id":"1","type":"next","payload":{"data":{"whoAmI":"u1"}}}')
  })

  test('must hold: a bad token is closed with 4403', async () => {
    const { client, closed } = open(await start(), { authorization: 'Bearer bad' })
    await all(client, '{ number }').catch(() => {})
    expect(await closed).toMatchObject({ code: 4403 })
  })

  test('ends when the session is revoked', async () => {
    const w = await start()
    const { client, closed } = open(w, { authorization: w.bearer })
    await client.iterate({ query: 'subscription { forever }' }).next()
    w.gate.revoke(member.sessionId)
    expect(await closed).toMatchObject({ code: 4403, reason: 'Session revoked' })
    await expect.poll(() => w.engine.requests[0]?.context.signal.aborted).toBe(true)
  })

  test('ends when the token expires', async () => {
    const key = loadSigningKey(':memory:')
    const { token, expiresAt } = await createAccessTokens(key, systemClock).issue(member)
    // Time stands still, a moment before the end.
    const clock = { now: () => new Date(expiresAt.getTime() - 30) }
    const gate = new CachedSessionGate(async () => true, { ttlMs: 1000 })
    const identity = createIdentity(createAccessTokens(key, clock), gate, clock)
    const w = await start({ edge: { identity, clock } })
    const { client, closed } = open(w, { authorization: `Bearer ${token}` })
    client
      .iterate({ query: 'subscription { forever }' })
      .next()
      .catch(() => {})
    expect(await closed).toMatchObject({ code: 4403, reason: 'Token expired' })
  })
})

describe('a socket', () => {
  test('must speak graphql-transport-ws', async () => {
    const w = await start()
    const socket = new WebSocket(w.url.replace('http', 'ws'))
    expect((await closing(socket)).code).toBe(4406)
  })

  test('must begin with connection_init', async () => {
    const socket = await raw(await start())
    const closed = closing(socket)
    socket.send('{"id":"1","type":"subscribe","payload":{"query":"{ number }"}}')
    expect((await closed).code).toBe(4401)
  })

  test('is closed on a message that is not of the protocol', async () => {
    const socket = await raw(await start(), {})
    const closed = closing(socket)
    socket.send('nonsense')
    expect((await closed).code).toBe(4400)
  })

  test('is closed on a message beyond the limit', async () => {
    const socket = await raw(await start({ config: { maxBodyBytes: 5000 } }), {})
    const closed = closing(socket)
    socket.send('x'.repeat(6000))
    expect((await closed).code).toBe(1009)
  })

  test.each([
    ['https://evil.example', 403],
    ['https://app.example', 101],
  ])('from a page of %s is answered %i', async (origin, status) => {
    const w = await start({ config: { corsOrigins: ['https://app.example'] } })
    const socket = new WebSocket(w.url.replace('http', 'ws'), 'graphql-transport-ws', { origin })
    const answered = await Promise.race([
      once(socket, 'open').then(() => 101),
      once(socket, 'unexpected-response').then(([, response]) => (response as { statusCode: number }).statusCode),
    ])
    expect(answered).toBe(status)
    socket.terminate()
  })

  test('with subscriptions closes with a resumable code when the schema is reloaded', async () => {
    const w = await start()
    const { client, closed } = open(w)
    await client.iterate({ query: 'subscription { forever }' }).next()
    w.live.replace(new FakeEngine('type Query { number: Int }', {}))
    expect(await closed).toMatchObject({ code: 1012, reason: 'Schema reloaded' })
    await expect.poll(() => w.engine.closed).toBe(true)
  })

  test('is closed with 1001 when the server stops, after its queries were answered', async () => {
    const release = Promise.withResolvers<string>()
    const w = await start({ root: { maybe: () => release.promise } })
    const { client, closed } = open(w)
    const idle = open(w)
    await all(idle.client, '{ number }')
    const answer = all(client, '{ maybe }')
    await expect.poll(() => w.engine.requests.length).toBe(2)
    const stopped = w.edge.close(300_000)
    expect(await idle.closed).toMatchObject({ code: 1001 })
    release.resolve('done')
    expect(await answer).toEqual([{ data: { maybe: 'done' } }])
    expect(await closed).toMatchObject({ code: 1001, reason: 'Server is stopping' })
    await stopped
    world = undefined
  })

  test('that was not read for too long is told from where it can go on, and closed with 1013', async () => {
    const big = 'x'.repeat(1 << 20)
    const w = await start({
      config: { streamStallMs: 50 },
      root: {
        forever: async function* () {
          for (;;) yield { forever: 1 }
        },
      },
    })
    w.engine.eventExtensions = (index) => ({ live: { cursor: `c${index}`, resync: false, lagging: false }, big })
    const socket = await raw(w, {})
    const live: { cursor: string; lagging: boolean }[] = []
    socket.on('message', (data) => live.push(JSON.parse(String(data)).payload.extensions.live))
    socket.pause()
    socket.send('{"id":"1","type":"subscribe","payload":{"query":"subscription { forever }"}}')
    const closed = closing(socket)
    // Ended for the engine, the socket lingers for a moment; whoever reads again then sees why.
    await expect.poll(() => w.engine.requests[0]?.context.signal.aborted, { interval: 5 }).toBe(true)
    socket.resume()
    expect(await closed).toEqual({ code: 1013, reason: 'Reader too slow' })
    const [seen, told] = live.slice(-2)
    expect(told).toEqual({ cursor: seen?.cursor, resync: false, lagging: true })
  })

  test('that is not read is closed, and what fed it is ended', async () => {
    const big = 'x'.repeat(1 << 20)
    const w = await start({
      config: { streamStallMs: 50 },
      root: {
        count: async function* () {
          for (;;) yield { count: big.length }
        },
        forever: async function* () {
          for (;;) yield { forever: () => 1 }
        },
      },
    })
    w.engine.eventExtensions = () => ({ big })
    const socket = await raw(w, {})
    socket.pause()
    socket.send('{"id":"1","type":"subscribe","payload":{"query":"subscription { forever }"}}')
    await expect.poll(() => w.engine.requests[0]?.context.signal.aborted, { timeout: 5000 }).toBe(true)
    socket.terminate()
  })
})
