import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { createHttpChannel } from '../../gateway/engine/channel/http.ts'
import {
  type BreakerState,
  type ChannelPolicy,
  createResilientChannel,
} from '../../gateway/engine/channel/resilient.ts'
import type { Channel, SubgraphRequest } from '../../gateway/engine/types.ts'
import type { RequestContext } from '../../lib/context.ts'
import { testContext } from '../kit/federation.ts'

type Handler = (request: IncomingMessage, response: ServerResponse, nth: number) => void

let server: Server | undefined
let channel: Channel | undefined
const told: string[] = []
let breaker: BreakerState | undefined

afterEach(async () => {
  await channel?.close()
  server?.closeAllConnections()
  server?.close()
  told.length = 0
})

const calm: ChannelPolicy = {
  retries: 2,
  timeoutMs: 0,
  concurrency: 64,
  queue: 100,
  breakerPercent: 50,
  breakerOpenMs: 60_000,
}

/** A subgraph of a test over HTTP, asked under a policy. */
async function serving(handler: Handler, policy: Partial<ChannelPolicy> = {}): Promise<Channel> {
  let requests = 0
  server = createServer((request, response) => {
    request.resume()
    handler(request, response, ++requests)
  }).listen(0)
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`
  const http = createHttpChannel({ name: 'shop', url, maxResponseBytes: 2000 })
  channel = createResilientChannel(
    'shop',
    http,
    { ...calm, ...policy },
    {
      retried: () => told.push('retried'),
      refused: (_, why) => told.push(why),
      breaker: (_, state) => {
        breaker = state
      },
    },
  )
  return channel
}

function asking(context: RequestContext = testContext(), kind: SubgraphRequest['kind'] = 'query'): SubgraphRequest {
  return { subgraph: 'shop', kind, operation: '{ a }', operationName: undefined, variables: {}, context }
}

function ok(response: ServerResponse, data: unknown = { a: 1 }): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data }))
}

const failing: [string, Handler][] = [
  ['the connection broke', (request) => request.socket.destroy()],
  ['a proxy found no one', (_request, response) => response.writeHead(503).end()],
]

const unavailable = { extensions: { code: 'SUBGRAPH_UNAVAILABLE' } }

describe('a query that nobody answered', () => {
  test.each(failing)('is sent again when %s; a mutation never is', async (_what, fail) => {
    let seen = 0
    const shop = await serving((request, response) => {
      seen++
      if (seen % 3 !== 0) fail(request, response, seen)
      else ok(response, { seen })
    })
    expect(await shop.execute(asking())).toEqual({ data: { seen: 3 } })
    expect(told).toEqual(['retried', 'retried'])
    await expect(shop.execute(asking(testContext(), 'mutation'))).rejects.toMatchObject(unavailable)
    expect(seen).toBe(4)
  })

  test('fails when the attempts are used up', async () => {
    let seen = 0
    const shop = await serving(
      (request) => {
        seen++
        request.socket.destroy()
      },
      { retries: 1 },
    )
    await expect(shop.execute(asking())).rejects.toMatchObject(unavailable)
    expect(seen).toBe(2)
  })

  test('is not sent again when no time is left, or nobody waits any more', async () => {
    let seen = 0
    const stop = new AbortController()
    const shop = await serving((request) => {
      seen++
      if (seen === 2) stop.abort(new Error('the client left'))
      request.socket.destroy()
    })
    const late = { ...testContext(), deadline: Date.now() }
    await expect(shop.execute(asking(late))).rejects.toMatchObject(unavailable)
    expect(seen).toBe(1)
    await expect(shop.execute(asking(testContext(stop.signal)))).rejects.toThrow('the client left')
    expect(seen).toBe(2)
  })

  test('is not sent again when the subgraph answered, though not in GraphQL', async () => {
    let seen = 0
    const shop = await serving((_request, response) => {
      seen++
      response.writeHead(500, { 'content-type': 'text/html' }).end('<p>')
    })
    await expect(shop.execute(asking())).rejects.toMatchObject(unavailable)
    expect(seen).toBe(1)
  })
})

describe('a time limit of its own', () => {
  test('ends the request at a subgraph that answers late, or never to an end', async () => {
    const closed: Promise<unknown>[] = []
    const shop = await serving(
      (_request, response, nth) => {
        closed.push(once(response, 'close'))
        if (nth === 2) response.writeHead(200, { 'content-type': 'application/json' }).write('{"data":{')
      },
      { timeoutMs: 30 },
    )
    for (let nth = 1; nth <= 2; nth++) {
      await expect(shop.execute(asking())).rejects.toMatchObject({
        message: 'Subgraph "shop" took longer than 30 ms.',
        extensions: { code: 'DEADLINE_EXCEEDED' },
      })
      await closed[nth - 1]
    }
  })

  test('leaves nothing behind on a signal that outlives many requests, as a subscription has', async () => {
    const { signal } = new AbortController()
    let ties = 0
    const { addEventListener, removeEventListener } = signal
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      ties++
      return addEventListener.apply(signal, args)
    }
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      ties--
      return removeEventListener.apply(signal, args)
    }
    const shop = await serving((_request, response) => ok(response), { timeoutMs: 60_000 })
    for (let i = 0; i < 3; i++) await shop.execute(asking(testContext(signal)))
    expect(ties).toBe(0)
  })

  test('leaves one alone that answers in time, and a stream that is open', async () => {
    const next = Promise.withResolvers<void>()
    const shop = await serving(
      (request, response) => {
        if (request.headers.accept !== 'text/event-stream') return ok(response)
        response
          .writeHead(200, { 'content-type': 'text/event-stream' })
          .write('event: next\ndata: {"data":{"n":1}}\n\n')
        void next.promise.then(() => response.end('event: next\ndata: {"data":{"n":2}}\n\nevent: complete\ndata:\n\n'))
      },
      { timeoutMs: 2000 },
    )
    expect(await shop.execute(asking())).toEqual({ data: { a: 1 } })
    const events: unknown[] = []
    const opened = performance.now()
    for await (const event of await shop.subscribe(asking(testContext(), 'subscription'))) {
      events.push(event)
      await expect.poll(() => performance.now() - opened).toBeGreaterThan(2050)
      next.resolve()
    }
    expect(events).toEqual([{ data: { n: 1 } }, { data: { n: 2 } }])
  })
})

describe('a subgraph that is asked by many', () => {
  test('gets so many at a time; the rest wait, and what exceeds that is refused', async () => {
    const open: ServerResponse[] = []
    const shop = await serving((_request, response) => open.push(response), { concurrency: 2, queue: 1 })
    const answers = [1, 2, 3].map(() => shop.execute(asking()))
    await expect(shop.execute(asking())).rejects.toMatchObject({ extensions: { code: 'SUBGRAPH_OVERLOADED' } })
    await expect.poll(() => open).toHaveLength(2)
    for (const response of open.splice(0)) ok(response)
    await expect.poll(() => open).toHaveLength(1)
    for (const response of open.splice(0)) ok(response)
    expect(await Promise.all(answers)).toEqual([1, 2, 3].map(() => ({ data: { a: 1 } })))
    expect(told).toEqual(['overloaded'])
  })

  test('is not asked for one that stopped waiting', async () => {
    const open: ServerResponse[] = []
    const stop = new AbortController()
    const shop = await serving((_request, response) => open.push(response), { concurrency: 1 })
    const first = shop.execute(asking())
    const given = shop.execute(asking(testContext(stop.signal)))
    stop.abort(new Error('the client left'))
    await expect.poll(() => open).toHaveLength(1)
    for (const response of open) ok(response)
    await first
    await expect(given).rejects.toThrow('the client left')
    expect(open).toHaveLength(1)
  })
})

describe('a breaker', () => {
  async function ask(shop: Channel, times: number, context = testContext()): Promise<string[]> {
    const outcomes: string[] = []
    for (let i = 0; i < times; i++) {
      outcomes.push(
        await shop.execute(asking(context)).then(
          () => 'answered',
          (error: Error) => error.message,
        ),
      )
    }
    return outcomes
  }

  test('leaves a subgraph alone that fails too often, and finds out when it is back', async () => {
    let seen = 0
    let isWell = false
    const shop = await serving(
      (_request, response) => {
        seen++
        if (isWell) ok(response)
        else response.writeHead(200, { 'content-type': 'text/html' }).end('<p>')
      },
      { breakerOpenMs: 50 },
    )
    await ask(shop, 20)
    expect([seen, breaker]).toEqual([20, 'open'])
    const started = performance.now()
    await expect(shop.execute(asking())).rejects.toMatchObject(unavailable)
    expect(told).toEqual(['breaker'])
    expect(seen).toBe(20)
    isWell = true
    await expect.poll(() => ask(shop, 1)).toEqual(['answered'])
    expect(performance.now() - started).toBeGreaterThanOrEqual(49)
    expect([seen, breaker]).toEqual([21, 'closed'])
  })

  test('stays closed for a few failures, however many answers come', async () => {
    const shop = await serving((_request, response, nth) => {
      if (nth % 3 === 0) response.writeHead(200).end('half')
      else ok(response)
    })
    const outcomes = await ask(shop, 45)
    expect(outcomes.filter((outcome) => outcome === 'answered')).toHaveLength(30)
    expect(breaker).toBe('closed')
  })

  test('counts neither clients that leave nor answers that are too large', async () => {
    const shop = await serving((request, response, nth) => {
      if (nth <= 25) ok(response, 'x'.repeat(3000))
      else request.socket.destroy()
    })
    for (const outcome of await ask(shop, 25)) expect(outcome).toMatch(/more than 2000 bytes/)
    const gone = testContext(AbortSignal.abort(new Error('the client left')))
    await ask(shop, 25, gone)
    expect(breaker).toBe('closed')
  })
})
