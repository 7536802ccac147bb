import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createHttpChannel, type HttpChannelOptions } from '../../gateway/engine/channel/http.ts'
import type { Channel, SubgraphRequest } from '../../gateway/engine/types.ts'
import type { RequestContext, Viewer } from '../../lib/context.ts'
import { testContext } from '../kit/federation.ts'

type Handler = (request: IncomingMessage & { body: string }, response: ServerResponse, nth: number) => void

let server: Server | undefined
let channel: Channel | undefined

afterEach(async () => {
  await channel?.close()
  server?.closeAllConnections()
  server?.close()
})

async function serving(handler: Handler, options: Partial<HttpChannelOptions> = {}): Promise<Channel> {
  let requests = 0
  server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    handler(Object.assign(request, { body }), response, ++requests)
  }).listen(0)
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql?a=1`
  channel = createHttpChannel({ name: 'shop', url, ...options })
  return channel
}

function asking(change: Partial<SubgraphRequest> = {}): SubgraphRequest {
  return {
    subgraph: 'shop',
    kind: 'query',
    operation: '{ "é" }',
    operationName: undefined,
    variables: { id: 1 },
    context: testContext(),
    ...change,
  }
}

function json(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body))
}

test('sends the operation, the variables and the headers that it was told to', async () => {
  const shop = await serving(
    (request, response) =>
      json(response, { data: { body: JSON.parse(request.body), url: request.url, headers: request.headers } }),
    { headersFor: ({ kind }, body) => ({ 'x-kind': kind, 'x-length': String(body.length) }) },
  )
  const { data } = await shop.execute(asking({ variablesText: '{"id":2}' }))
  expect(data).toMatchObject({
    body: { query: '{ "é" }', variables: { id: 2 } },
    url: '/graphql?a=1',
    headers: { 'content-type': 'application/json', 'x-kind': 'query' },
  })
  expect((await shop.execute(asking())).data).toMatchObject({ body: { variables: { id: 1 } } })
})

test('a GraphQL answer counts whatever its status', async () => {
  const shop = await serving((_request, response) => json(response, { errors: [{ message: 'no' }] }, 500))
  expect(await shop.execute(asking())).toEqual({ errors: [{ message: 'no' }] })
})

test.each<[string, Handler, RegExp]>([
  [
    'HTML',
    (_q, r) => r.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
    /answered text\/html with status 200/,
  ],
  ['an error page', (_q, r) => r.writeHead(500).end('oh no'), /answered no content type with status 500/],
  [
    'half of a JSON text',
    (_q, r) => r.writeHead(200, { 'content-type': 'application/json' }).end('{"data":{'),
    /broken JSON/,
  ],
  ['JSON that is no response', (_q, r) => json(r, [1]), /no GraphQL response/],
  ['errors that are no list', (_q, r) => json(r, { data: {}, errors: 'x' }), /no GraphQL response/],
  ['too much', (_q, r) => json(r, { data: 'x'.repeat(3000) }), /more than 2000 bytes/],
])('%s is an error that says so', async (_what, handler, message) => {
  const shop = await serving(handler, { maxResponseBytes: 2000 })
  await expect(shop.execute(asking())).rejects.toMatchObject({
    message: expect.stringMatching(message),
    extensions: { code: 'SUBGRAPH_UNAVAILABLE' },
  })
})

test('giving up ends the request at the subgraph', async () => {
  const stop = new AbortController()
  const gone = Promise.withResolvers<void>()
  const shop = await serving((_request, response) => {
    response.on('close', () => gone.resolve())
    stop.abort()
  })
  await expect(shop.execute(asking({ context: testContext(stop.signal) }))).rejects.toThrow()
  await gone.promise
})

test('open subscriptions take no connection away from operations', async () => {
  const shop = await serving(
    (request, response) => {
      if (request.headers.accept !== 'text/event-stream') return json(response, { data: { ok: true } })
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('event: next\ndata: {"data":{"n":1}}\n\n')
    },
    { connections: 1 },
  )
  for (let i = 0; i < 3; i++) {
    const stream = await shop.subscribe(asking({ kind: 'subscription' }))
    expect(await stream[Symbol.asyncIterator]().next()).toEqual({ done: false, value: { data: { n: 1 } } })
  }
  expect(await shop.execute(asking())).toEqual({ data: { ok: true } })
})

/** A channel whose subgraph answers each request with its number, when told to. */
async function numbering() {
  const gate = Promise.withResolvers<void>()
  let seen = 0
  const shop = await serving(async (_request, response) => {
    seen++
    const data = { seen, list: [seen] }
    await gate.promise
    json(response, { data })
  })
  return { shop, gate, seen: () => seen }
}

const sharing = (change: Partial<RequestContext> = {}): Partial<SubgraphRequest> => ({
  context: { ...testContext(), writesBefore: 1, ...change },
})
const viewer: Viewer = { userId: 'u', tenantId: 't', sessionId: 's', role: 'MEMBER', scopes: [] }

test('the same query is asked once at a time, and each who asks gets objects of his own', async () => {
  const { shop, gate, seen } = await numbering()
  const asked = [1, 2, 3].map(() => shop.execute(asking(sharing())))
  gate.resolve()
  const [first, second] = await Promise.all(asked)
  expect(seen()).toBe(1)
  expect(first).toEqual(second)
  expect(first?.data).not.toBe(second?.data)
  await shop.execute(asking(sharing()))
  expect(seen()).toBe(2)
})

test.each<[string, Partial<SubgraphRequest>]>([
  ['another viewer', sharing({ viewer })],
  ['other headers of the client', sharing({ clientHeaders: { 'x-a': '1' } })],
  ['a write in between', sharing({ writesBefore: 2 })],
  ['a write that the cache was told of', sharing({ readUnder: '2' })],
  ['other variables', { ...sharing(), variables: { id: 2 } }],
  ['another operation', { ...sharing(), operation: '{ other }' }],
  ['a mutation', { ...sharing(), kind: 'mutation' }],
  ['a context that shares nothing', { context: testContext() }],
])('%s is asked apart', async (_what, other) => {
  const { shop, gate, seen } = await numbering()
  const asked = [shop.execute(asking(sharing())), shop.execute(asking(other))]
  await expect.poll(seen).toBe(2)
  gate.resolve()
  await Promise.all(asked)
})

test('one who gives up a shared query leaves it to the others', async () => {
  const { shop, gate, seen } = await numbering()
  const stop = new AbortController()
  const first = shop.execute(asking(sharing({ signal: stop.signal })))
  const second = shop.execute(asking(sharing()))
  await expect.poll(seen).toBe(1)
  stop.abort()
  await expect(first).rejects.toThrow('given up')
  gate.resolve()
  expect((await second).data).toMatchObject({ seen: 1 })
})
