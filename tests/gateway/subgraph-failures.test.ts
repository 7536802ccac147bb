import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type GatewayWorld, type HttpSubgraph, startGatewayWorld } from '../kit/gateway.ts'

type Instead = NonNullable<HttpSubgraph['instead']>

/** What the shop does instead of answering; the stock beside it is always well. */
let shopDoes: Instead | undefined
const shop: HttpSubgraph = {
  sdl: 'type Query { price: Int products: [Product] } type Product @key(fields: "id") { id: ID! name: String }',
  resolvers: { Query: { price: () => 1, products: () => [{ id: '1', name: 'a' }] } },
  instead: (request, response, asked) => shopDoes?.(request, response, asked),
}
const stock: HttpSubgraph = {
  sdl: 'type Query { left: Int } type Product @key(fields: "id") { id: ID! left: Int }',
  resolvers: { Query: { left: () => 2 }, Product: { left: () => 3 } },
}

const json = { 'content-type': 'application/json' }
const always = (does: (...args: Parameters<Instead>) => unknown): Instead => {
  return (...args) => {
    does(...args)
    return true
  }
}

describe('a subgraph that', () => {
  let gateway: GatewayWorld
  beforeAll(async () => {
    gateway = await startGatewayWorld(
      { shop, stock },
      {
        env: {
          MNEMOGRAPH_SUBGRAPH_SHOP_TIMEOUT_MS: '2000',
          MNEMOGRAPH_SUBGRAPH_SHOP_BREAKER_PERCENT: '0',
          MNEMOGRAPH_SUBGRAPH_SHOP_RETRIES: '1',
          MNEMOGRAPH_SUBGRAPH_SHOP_MAX_RESPONSE_BYTES: '1000000',
        },
      },
    )
  })
  afterAll(() => gateway[Symbol.asyncDispose]())

  const hundredMegabytes = (send: (chunk: string) => boolean, end: () => void) => {
    const chunk = 'x'.repeat(1_000_000)
    let left = 100
    const more = () => {
      while (left-- > 0) if (!send(chunk)) return
      end()
    }
    return more
  }

  test.each<[string, Instead, string, RegExp]>([
    ['never answers', always(() => {}), 'DEADLINE_EXCEEDED', /"shop" took longer than 2000 ms/],
    [
      'stops in the middle of its answer',
      always((_, response) => void response.writeHead(200, json).write('{"data":{"pri')),
      'DEADLINE_EXCEEDED',
      /"shop" took longer than 2000 ms/,
    ],
    [
      'breaks off in the middle of its answer',
      always((request, response) => {
        response
          .writeHead(200, { ...json, 'content-length': 100 })
          .write('{"data":{"pri', () => request.socket.destroy())
      }),
      'SUBGRAPH_UNAVAILABLE',
      /"shop" could not be reached/,
    ],
    [
      'answers half of a JSON text',
      always((_, response) => response.writeHead(200, json).end('{"data":{"price":1}')),
      'SUBGRAPH_UNAVAILABLE',
      /"shop" answered broken JSON/,
    ],
    [
      'answers with HTML',
      always((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>1</p>')),
      'SUBGRAPH_UNAVAILABLE',
      /"shop" answered text\/html with status 200/,
    ],
    [
      'answers with 500',
      always((_, response) => response.writeHead(500, { 'content-type': 'text/plain' }).end('oh no')),
      'SUBGRAPH_UNAVAILABLE',
      /"shop" answered text\/plain with status 500/,
    ],
    [
      'answers a value of a wrong type',
      always((_, response) => response.writeHead(200, json).end('{"data":{"price":"much"}}')),
      'INTERNAL_SERVER_ERROR',
      /price/,
    ],
    [
      'answers with 100 MB',
      always((request, response) => {
        response.writeHead(200, json)
        const more = hundredMegabytes(
          (chunk) => response.write(chunk),
          () => response.end(),
        )
        response.on('drain', more)
        request.socket.on('error', () => {})
        more()
      }),
      'SUBGRAPH_UNAVAILABLE',
      /"shop" answered more than 1000000 bytes/,
    ],
  ])('%s gives its part an error, and the rest stands', async (_what, does, code, message) => {
    shopDoes = does
    const answers = [await gateway.ask('{ price left }'), await gateway.ask('{ price left }')]
    shopDoes = undefined
    for (const { status, body } of answers) {
      expect([status, body.data]).toEqual([200, { price: null, left: 2 }])
      expect(body.errors).toEqual([
        {
          message: expect.stringMatching(message),
          path: ['price'],
          extensions: expect.objectContaining({ code }),
        },
      ])
    }
    expect(answers[0]?.text).toBe(answers[1]?.text)
    expect((await gateway.ask('{ price left }')).body).toEqual({ data: { price: 1, left: 2 } })
  })
})

test('a breaker spares a subgraph that fails, shows in the metrics, and outlives a reload', async () => {
  let seen = 0
  shopDoes = always((_, response) => {
    seen++
    response.writeHead(500).end()
  })
  await using gateway = await startGatewayWorld(
    { shop, stock },
    { env: { MNEMOGRAPH_SUBGRAPH_BREAKER_OPEN_MS: '3600000' } },
  )
  for (let i = 0; i < 25; i++) await gateway.ask('{ price left }')
  shopDoes = undefined
  expect(seen).toBe(20)
  const open = async () => {
    const { body } = await gateway.ask('{ price left }')
    expect(body).toMatchObject({
      data: { price: null, left: 2 },
      errors: [{ extensions: { code: 'SUBGRAPH_UNAVAILABLE' } }],
    })
    const metrics = await gateway.metrics()
    expect(metrics).toContain('mnemograph_subgraph_breaker_state{subgraph="shop"} 2')
    expect(metrics).toContain('mnemograph_subgraph_breaker_state{subgraph="stock"} 0')
    expect(metrics).toMatch(/mnemograph_subgraph_refused_total\{subgraph="shop",reason="breaker"\} \d/)
    const ready = await fetch(new URL('/health/ready', gateway.url))
    expect([ready.status, await ready.json()]).toMatchObject([200, { breakers: { shop: 'open', stock: 'closed' } }])
  }
  await open()
  await gateway.reload({ stock: ' extend type Query { more: Int }' })
  expect((await gateway.ask('{ more }')).body.data).toEqual({ more: null })
  await open()
  expect(seen).toBe(20)
})

test('a reload under load fails no request, keeps connections, and answers nothing of the old graph from the cache', async () => {
  await using gateway = await startGatewayWorld(
    {
      shop: { ...shop, headers: { 'cache-control': 'max-age=60' } },
      stock,
    },
    { env: { MNEMOGRAPH_CACHE_BYTES: '1000000', MNEMOGRAPH_SUBGRAPH_CONNECTIONS: '4' } },
  )
  shopDoes = undefined
  let isOver = false
  let answers = 0
  const load = [1, 2, 3, 4].map(async () => {
    while (!isOver) {
      const { status, body } = await gateway.ask('{ products { name left } left }')
      expect([status, body]).toEqual([200, { data: { products: [{ name: 'a', left: 3 }], left: 2 } }])
      answers++
    }
  })
  await expect.poll(() => answers).toBeGreaterThan(20)
  await gateway.ask('{ price }')
  const pricesAsked = () => gateway.asked.filter(({ query }) => query.includes('price')).length
  expect(pricesAsked()).toBe(1)
  for (const field of ['one', 'two', 'three']) {
    await gateway.reload({ stock: ` extend type Query { ${field}: Int }` })
    const before = answers
    await expect.poll(() => answers).toBeGreaterThan(before + 20)
  }
  await gateway.ask('{ price }')
  expect(pricesAsked()).toBe(2)
  isOver = true
  await Promise.all(load)
  expect(gateway.connectionsOf('stock')).toBeLessThanOrEqual(4)
})

describe('a client that goes away', () => {
  test('ends what is asked of the subgraphs, in both lanes', async () => {
    await using gateway = await startGatewayWorld({ shop, stock })
    for (const _lane of ['pipeline', 'fast']) {
      const leave = new AbortController()
      const asked = Promise.withResolvers<{ closed: Promise<unknown> }>()
      shopDoes = always((_, response) => asked.resolve({ closed: once(response, 'close') }))
      const answer = gateway.ask('{ price left }', { signal: leave.signal })
      const { closed } = await asked.promise
      leave.abort()
      await expect(answer).rejects.toThrow()
      await closed
      shopDoes = undefined
      // So that the next one takes the fast lane.
      await gateway.ask('{ price left }')
    }
  })

  test('opens no breaker', async () => {
    await using gateway = await startGatewayWorld({ shop, stock })
    for (let i = 0; i < 25; i++) {
      const leave = new AbortController()
      shopDoes = always((_, response) => {
        response.on('close', () => {})
        leave.abort()
      })
      await expect(gateway.ask('{ price }', { signal: leave.signal })).rejects.toThrow()
    }
    shopDoes = undefined
    expect((await gateway.ask('{ price }')).body).toEqual({ data: { price: 1 } })
    expect(await gateway.metrics()).toContain('mnemograph_subgraph_breaker_state{subgraph="shop"} 0')
  })
})

test('an operation has a deadline, which ends what is asked of subgraphs', async () => {
  await using gateway = await startGatewayWorld({ shop, stock }, { env: { MNEMOGRAPH_OPERATION_TIMEOUT_MS: '2000' } })
  await gateway.ask('{ price left }')
  const closed: Promise<unknown>[] = []
  shopDoes = always((_, response) => closed.push(once(response, 'close')))
  const { status, body } = await gateway.ask('{ price left }')
  shopDoes = undefined
  const error = { message: 'The operation took longer than 2000 ms.', extensions: { code: 'DEADLINE_EXCEEDED' } }
  expect([status, body]).toEqual([504, { errors: [error] }])
  await Promise.all(closed)
  expect(closed).toHaveLength(1)
})
