import { createClient } from 'graphql-ws'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { ConfigError, loadConfig } from '../../gateway/config.ts'
import { startGatewayWorld } from '../kit/gateway.ts'

const shop = { sdl: 'type Query { price: Int }', resolvers: { Query: { price: () => 1 } } }
const stock = { sdl: 'type Query { left: Int }', resolvers: { Query: { left: () => 2 } } }
const sent = {
  authorization: 'Bearer secret',
  cookie: 'secret',
  'accept-language': 'de',
  'x-tenant': 'blue',
  'x-debug': '1',
  'x-source': 'client',
}

test('a rule sends headers on, takes some out and adds others, for all subgraphs or for one', async () => {
  await using gateway = await startGatewayWorld(
    { shop, stock },
    {
      env: {
        MNEMOGRAPH_SUBGRAPH_PROPAGATE_HEADERS: 'Accept-Language, x-*',
        MNEMOGRAPH_SUBGRAPH_REMOVE_HEADERS: 'x-debug',
        MNEMOGRAPH_SUBGRAPH_INSERT_HEADERS: '{"x-source": "gateway"}',
        MNEMOGRAPH_SUBGRAPH_STOCK_PROPAGATE_HEADERS: 'authorization',
        MNEMOGRAPH_SUBGRAPH_STOCK_INSERT_HEADERS: '{"x-key": "k"}',
      },
    },
  )
  for (const _lane of ['pipeline', 'fast']) {
    gateway.asked.length = 0
    expect((await gateway.ask('{ price left }', { headers: sent })).body).toEqual({ data: { price: 1, left: 2 } })
    const headersOf = (name: string) => gateway.asked.find(({ subgraph }) => subgraph === name)?.headers
    const toShop = headersOf('shop')
    expect(toShop).toMatchObject({ 'accept-language': 'de', 'x-tenant': 'blue', 'x-source': 'gateway' })
    for (const name of ['x-debug', 'authorization', 'cookie', 'x-key']) expect(toShop).not.toHaveProperty(name)
    const toStock = headersOf('stock')
    expect(toStock).toMatchObject({ authorization: 'Bearer secret', 'x-key': 'k' })
    for (const name of ['accept-language', 'x-tenant', 'x-source', 'cookie']) expect(toStock).not.toHaveProperty(name)
  }
})

test('a pattern sends neither credentials on nor what belongs to a connection', async () => {
  await using gateway = await startGatewayWorld({ shop }, { env: { MNEMOGRAPH_SUBGRAPH_PROPAGATE_HEADERS: '*' } })
  await gateway.ask('{ price }', { headers: { ...sent, te: 'trailers' } })
  const headers = gateway.asked[0]?.headers
  expect(headers).toMatchObject({ 'x-tenant': 'blue', 'content-type': 'application/json' })
  for (const name of ['authorization', 'cookie', 'te']) expect(headers).not.toHaveProperty(name)
  expect(headers?.host).not.toBe(new URL(gateway.url).host)
})

test('the authorization of a WebSocket goes on as that of a request would', async () => {
  await using gateway = await startGatewayWorld(
    { shop },
    { env: { MNEMOGRAPH_SUBGRAPH_PROPAGATE_HEADERS: 'authorization' } },
  )
  const client = createClient({
    url: gateway.url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: { authorization: 'Bearer mine' },
  })
  for await (const answer of client.iterate({ query: '{ price }' })) expect(answer).toEqual({ data: { price: 1 } })
  await client.dispose()
  expect(gateway.asked[0]?.headers.authorization).toBe('Bearer mine')
})

test.each([
  ['PROPAGATE_HEADERS', 'x-a, content-length'],
  ['PROPAGATE_HEADERS', 'bad name'],
  ['SHOP_REMOVE_HEADERS', 'ä'],
  ['INSERT_HEADERS', 'x-a: b'],
  ['INSERT_HEADERS', '{"x-a": 1}'],
  ['INSERT_HEADERS', '{"x-a": "b\\nc"}'],
  ['SHOP_INSERT_HEADERS', '{"Host": "b"}'],
])('%s does not take %j', (name, value) => {
  const env = { [`MNEMOGRAPH_SUBGRAPH_${name}`]: value }
  expect(() => loadConfig({ env, cwd: '/nowhere' })).toThrow(ConfigError)
})
