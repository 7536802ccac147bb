import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { createHttpChannel } from '../../gateway/engine/channel/http.ts'
import type { EngineResponse } from '../../gateway/engine/types.ts'
import { Federation, testContext } from '../kit/federation.ts'

/** A source of events that a test hands out one by one, and that tells when it is closed. */
class Source {
  readonly #waiting: ((result: IteratorResult<unknown>) => void)[] = []
  readonly #ready: unknown[] = []
  readonly closed: Promise<void>
  #close: () => void = () => {}
  asked = 0

  constructor() {
    this.closed = new Promise((resolve) => {
      this.#close = resolve
    })
  }

  emit(value: unknown): void {
    const waiting = this.#waiting.shift()
    if (waiting) waiting({ done: false, value })
    else this.#ready.push(value)
  }

  next(): Promise<IteratorResult<unknown>> {
    this.asked++
    if (this.#ready.length > 0) return Promise.resolve({ done: false, value: this.#ready.shift() })
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  async return(): Promise<IteratorResult<unknown>> {
    for (const waiting of this.#waiting) waiting({ done: true, value: undefined })
    this.#close()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator]() {
    return this
  }
}

function graph(source: Source): Federation {
  return new Federation({
    posts: {
      sdl: `
        type Query { posts: Int }
        type Subscription { added(topic: String): Post! }
        type Post @key(fields: "id") { id: ID! title: String! }`,
      resolvers: { Subscription: { added: { subscribe: () => source } } },
    },
    likes: {
      sdl: 'type Post @key(fields: "id") { id: ID! likes: Int! fans: [String!]! }',
      resolvers: {
        Post: {
          likes: ({ id }: { id: string }) => Number(id) * 10,
          fans: ({ id }: { id: string }) => {
            if (id === '2') throw new Error('no fans')
            return ['x']
          },
        },
      },
    },
  })
}

const event = (id: string) => ({ added: { id, title: `t${id}` } })
const read = ({ text }: EngineResponse) => JSON.parse(text)
const start = (iterable: AsyncIterable<EngineResponse>) => iterable[Symbol.asyncIterator]()

describe('a subscription', () => {
  test('joins each event with what other subgraphs know', async () => {
    const source = new Source()
    const events = start(
      await graph(source).subscribe('subscription($t: String) { new: added(topic: $t) { title likes } }', { t: 'x' }),
    )
    source.emit(event('1'))
    expect(read((await events.next()).value)).toEqual({ data: { new: { title: 't1', likes: 10 } } })
    source.emit(event('3'))
    expect(read((await events.next()).value)).toEqual({ data: { new: { title: 't3', likes: 30 } } })
    await events.return?.()
  })

  test('tells an event’s errors in its own response, and goes on', async () => {
    const source = new Source()
    const events = start(await graph(source).subscribe('subscription { added { title fans } }'))
    source.emit(event('2'))
    expect(read((await events.next()).value)).toMatchObject({ data: null, errors: [{ path: ['added', 'fans'] }] })
    source.emit(event('1'))
    expect(read((await events.next()).value)).toEqual({ data: { added: { title: 't1', fans: ['x'] } } })
    await events.return?.()
  })

  test('asks the source for nothing that its reader has not asked for', async () => {
    const source = new Source()
    const events = start(await graph(source).subscribe('subscription { added { title } }'))
    for (const id of ['1', '2', '3']) source.emit(event(id))
    await events.next()
    expect(source.asked).toBe(1)
    await events.return?.()
  })

  test('closes its source when the reader leaves, also while it waits', async () => {
    const source = new Source()
    const events = start(await graph(source).subscribe('subscription { added { title } }'))
    const next = events.next()
    await events.return?.()
    await source.closed
    expect(await next).toEqual({ done: true, value: undefined })
  })

  test('closes its source when the request is given up', async () => {
    const source = new Source()
    const stop = new AbortController()
    const events = start(
      await graph(source).subscribe('subscription { added { title } }', {}, testContext(stop.signal)),
    )
    const next = events.next()
    stop.abort()
    await source.closed
    expect(await next).toEqual({ done: true, value: undefined })
  })

  test('that cannot begin answers why, once', async () => {
    const wrong = start(await graph(new Source()).subscribe('query { posts }'))
    expect(read((await wrong.next()).value)).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] })
    expect((await wrong.next()).done).toBe(true)
  })
})

describe('over HTTP', () => {
  let server: Server | undefined
  afterEach(async () => {
    server?.closeAllConnections()
    server?.close()
  })

  /** A subgraph that streams these chunks and then does what `end` says. */
  async function streaming(chunks: readonly string[], end: 'ends' | 'waits', closed: () => void = () => {}) {
    server = createServer((_request, response) => {
      response.on('close', closed)
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const chunk of chunks) response.write(chunk)
      if (end === 'ends') response.end()
    }).listen(0)
    await once(server, 'listening')
    const channel = createHttpChannel({
      name: 'posts',
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`,
    })
    const supergraph = graph(new Source())
    return new Federation(
      {},
      {
        supergraphSdl: supergraph.supergraphSdl,
        wrap: (name, local) => (name === 'posts' ? channel : local),
      },
    )
  }

  const next = (id: string) =>
    `event: next\ndata: ${JSON.stringify({ data: { added: { __typename: 'Post', id, title: `t${id}` } } })}\n\n`

  test('events come as they are sent, however the stream is cut, until it completes', async () => {
    const text = `: hello\n\n${next('1')}${next('2').replaceAll('\n', '\r\n')}event: complete\ndata:\n\n`
    const federation = await streaming([...text], 'waits')
    const seen: unknown[] = []
    for await (const response of await federation.subscribe('subscription { added { title } }'))
      seen.push(read(response))
    expect(seen).toEqual([{ data: { added: { title: 't1' } } }, { data: { added: { title: 't2' } } }])
  })

  test('a stream that breaks off ends with a response that says so', async () => {
    const federation = await streaming([next('1')], 'ends')
    const seen: unknown[] = []
    for await (const response of await federation.subscribe('subscription { added { title } }'))
      seen.push(read(response))
    expect(seen).toMatchObject([
      { data: { added: { title: 't1' } } },
      { errors: [{ extensions: { code: 'SUBGRAPH_UNAVAILABLE', serviceName: 'posts' } }] },
    ])
  })

  test('leaving closes the connection', async () => {
    const closed = Promise.withResolvers<void>()
    const federation = await streaming([next('1')], 'waits', closed.resolve)
    const events = start(await federation.subscribe('subscription { added { title } }'))
    await events.next()
    const waiting = events.next()
    await events.return?.()
    await closed.promise
    expect((await waiting).done).toBe(true)
  })
})
