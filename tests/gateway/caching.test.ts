import { describe, expect, test } from 'vitest'
import type { Identity } from '../../gateway/identity.ts'
import { member } from '../kit/edge.ts'
import { type GatewayWorld, type HttpSubgraph, startGatewayWorld } from '../kit/gateway.ts'

/** Whoever is named in the authorization asks. */
const identity: Identity = {
  identify: async (name) => ({
    viewer: name === undefined ? null : { ...member, userId: name, sessionId: name },
    expiresAt: null,
  }),
  onRevoked: () => () => {},
  ended: async () => [],
}

const kept = { MNEMOGRAPH_CACHE_BYTES: '1000000' }
let count = 0

/** Each answer has a number of its own, so that a kept one shows. */
function shop(headers: NonNullable<HttpSubgraph['headers']>): HttpSubgraph {
  return {
    sdl: `
      type Query { number(of: Int): Int! products: [Product!]! broken: Int }
      type Mutation { change: Int! }
      type Product @key(fields: "id") { id: ID! }`,
    resolvers: {
      Query: {
        number: () => ++count,
        products: () => [{ id: '1' }, { id: '2' }],
        broken: () => {
          throw new Error('broken')
        },
      },
      Mutation: { change: () => ++count },
    },
    headers,
  }
}

const stock = (headers: Record<string, string>): HttpSubgraph => ({
  sdl: 'type Product @key(fields: "id") { id: ID! left: Int label(in: String): String }',
  resolvers: {
    Product: {
      __resolveReference: ({ id }: { id: string }) => (id === '0' ? null : { id }),
      left: ({ id }: { id: string }) => {
        if (id === '9') throw new Error('not counted')
        return ++count
      },
      label: ({ id }: { id: string }, { in: language }: { in: string }) => `${id} ${language}`,
    },
  },
  headers,
})

const lanes = async (gateway: GatewayWorld, query: string, headers: Record<string, string> = {}) => [
  await gateway.ask(query, { headers }),
  await gateway.ask(query, { headers }),
]

describe('the Cache-Control of an answer', () => {
  test.each([
    ['max-age=60', 'max-age=30', 'max-age=30, public'],
    ['max-age=60, private', 'public, max-age=90', 'max-age=60, private'],
    ['s-maxage=5, max-age=60', 'max-age=60', 'max-age=5, public'],
    ['max-age=60', 'no-cache, max-age=60', 'no-store'],
    ['max-age=60', 'max-age=0', 'no-store'],
    ['max-age=60', '', 'no-store'],
  ])('of parts with %j and %j is %j, in both lanes', async (one, other, whole) => {
    await using gateway = await startGatewayWorld({
      shop: shop({ 'cache-control': one }),
      stock: stock(other === '' ? {} : { 'cache-control': other }),
    })
    const answers = await lanes(gateway, '{ products { label(in: "de") } }')
    expect(answers.map(({ headers }) => headers.get('cache-control'))).toEqual([whole, whole])
    expect(answers[0]?.text).toBe(answers[1]?.text)
    expect(gateway.asked).toHaveLength(4)
  })

  test('of mutations, errors and what no subgraph answered is no-store', async () => {
    await using gateway = await startGatewayWorld({ shop: shop({ 'cache-control': 'max-age=60' }) })
    for (const query of ['mutation { change }', '{ broken }', '{ number broken }', '{ __typename }', '{ nothing }']) {
      for (const { headers } of await lanes(gateway, query)) expect(headers.get('cache-control')).toBe('no-store')
    }
  })

  test('comes from hints of the supergraph where the subgraph says nothing', async () => {
    const hinted: HttpSubgraph = {
      sdl: `
        extend schema @link(url: "https://specs.test/cacheControl/v1.0", import: ["@cacheControl"])
          @composeDirective(name: "@cacheControl")
        directive @cacheControl(maxAge: Int, scope: CacheControlScope, inheritMaxAge: Boolean)
          on FIELD_DEFINITION | OBJECT | INTERFACE | UNION
        enum CacheControlScope { PUBLIC PRIVATE }
        type Query {
          book: Book
          own: Book @cacheControl(maxAge: 9, scope: PRIVATE)
          plain: Int
          short: Int @cacheControl(maxAge: 5)
        }
        type Book @cacheControl(maxAge: 60) { title: String hidden: String @cacheControl(maxAge: 0) author: Author kin: Kin }
        type Author { name: String }
        type Kin @cacheControl(inheritMaxAge: true) { name: String }`,
      resolvers: { Query: { book: () => ({ author: {}, kin: {} }), own: () => ({}) } },
    }
    await using gateway = await startGatewayWorld({ hinted })
    const headerOf = async (query: string) => (await gateway.ask(query)).headers.get('cache-control')
    expect(await headerOf('{ book { title } }')).toBe('max-age=60, public')
    expect(await headerOf('{ book { title kin { name } } }')).toBe('max-age=60, public')
    expect(await headerOf('{ book { author { name } } }')).toBe('no-store')
    expect(await headerOf('{ book { hidden } }')).toBe('no-store')
    expect(await headerOf('{ book { title } own { title } }')).toBe('max-age=9, private')
    expect(await headerOf('{ short }')).toBe('max-age=5, public')
    expect(await headerOf('{ short plain }')).toBe('no-store')
  })
})

describe('a kept answer', () => {
  test('is given again to everyone when it is public, and to its viewer alone when it is private', async () => {
    for (const [scope, shared] of [
      ['public', true],
      ['private', false],
    ] as const) {
      const headers = { 'cache-control': `max-age=60, ${scope}` }
      await using gateway = await startGatewayWorld({ shop: shop(headers) }, { env: kept, identity })
      const ann = await lanes(gateway, '{ number }', { authorization: 'ann' })
      const bob = await lanes(gateway, '{ number }', { authorization: 'bob' })
      expect(ann[1]?.text).toBe(ann[0]?.text)
      expect(bob[1]?.text).toBe(bob[0]?.text)
      expect(ann[0]?.text === bob[0]?.text).toBe(shared)
      expect(gateway.asked).toHaveLength(shared ? 1 : 2)
      expect(await gateway.metrics()).toContain(
        `mnemograph_kept_lookups_total{kind="answer",outcome="hit"} ${shared ? 3 : 2}`,
      )
      expect(bob[1]?.headers.get('cache-control')).toMatch(new RegExp(`^max-age=(59|60), ${scope}$`))
    }
  })

  test('is never given to somebody unknown when it is private, nor across rights', async () => {
    const own = { 'cache-control': 'max-age=60, private' }
    await using gateway = await startGatewayWorld({ shop: shop(own) }, { env: kept, identity })
    await lanes(gateway, '{ number }')
    expect(gateway.asked).toHaveLength(2)
    await using open = await startGatewayWorld(
      { shop: shop({ 'cache-control': 'max-age=60' }) },
      { env: kept, identity },
    )
    await lanes(open, '{ number }')
    await lanes(open, '{ number }', { authorization: 'ann' })
    // The fetch is kept for all; the answers are not one.
    expect(open.asked).toHaveLength(2)
  })

  test('is another for other variables, names and forwarded headers', async () => {
    const headers = { 'cache-control': 'max-age=60' }
    const env = { ...kept, MNEMOGRAPH_SUBGRAPH_PROPAGATE_HEADERS: 'accept-language, authorization' }
    await using gateway = await startGatewayWorld({ shop: shop(headers) }, { env })
    const ask = (of: number, language: string) =>
      gateway.ask('query ($of: Int) { number(of: $of) }', {
        variables: { of },
        headers: { 'accept-language': language, 'x-other': String(of) },
      })
    const texts = [await ask(1, 'de'), await ask(2, 'de'), await ask(1, 'fr'), await ask(1, 'de')].map(
      ({ text }) => text,
    )
    expect(new Set(texts).size).toBe(3)
    expect(texts[3]).toBe(texts[0])
  })

  test('is told apart by credentials that go to subgraphs, when it is private', async () => {
    const headers = { 'cache-control': 'max-age=60, private' }
    const env = { ...kept, MNEMOGRAPH_SUBGRAPH_PROPAGATE_HEADERS: 'authorization' }
    await using gateway = await startGatewayWorld({ shop: shop(headers) }, { env })
    const ann = await lanes(gateway, '{ number }', { authorization: 'ann' })
    const bob = await lanes(gateway, '{ number }', { authorization: 'bob' })
    expect(ann[0]?.text).toBe(ann[1]?.text)
    expect(bob[0]?.text).not.toBe(ann[0]?.text)
  })

  test('is not kept with errors, without leave, or beyond its time', async () => {
    await using gateway = await startGatewayWorld(
      { shop: shop(({ query }) => ({ 'cache-control': query.includes('of:') ? 'max-age=1' : 'max-age=60' })) },
      { env: kept },
    )
    await lanes(gateway, '{ number broken }')
    expect(gateway.asked).toHaveLength(2)
    await lanes(gateway, 'mutation { change }')
    expect(gateway.asked).toHaveLength(4)
    const [first] = await lanes(gateway, '{ number(of: 1) }')
    expect(gateway.asked.length).toBeLessThanOrEqual(6)
    await expect
      .poll(async () => (await gateway.ask('{ number(of: 1) }')).text, { timeout: 5000 })
      .not.toBe(first?.text)
    await using off = await startGatewayWorld({ shop: shop({ 'cache-control': 'max-age=60' }) })
    await lanes(off, '{ number }')
    expect(off.asked).toHaveLength(2)
  })
})

describe('a kept fetch', () => {
  const query = '{ products { id left } }'
  /** The shop's own answer is never kept, so that every request asks for entities. */
  const world = (headers: Record<string, string>) =>
    startGatewayWorld({ shop: shop({}), stock: stock(headers) }, { env: kept, identity })

  const idsAsked = (gateway: GatewayWorld) =>
    gateway.asked
      .filter(({ subgraph }) => subgraph === 'stock')
      .map(({ variables }) => (variables.representations as { id: string }[]).map(({ id }) => id))

  test('of entities asks for those alone that are not known', async () => {
    await using gateway = await startGatewayWorld(
      {
        shop: {
          ...shop({}),
          sdl: `type Query { some(ids: [ID!]!): [Product!]! } type Product @key(fields: "id") { id: ID! }`,
          resolvers: { Query: { some: (_: unknown, { ids }: { ids: string[] }) => ids.map((id) => ({ id })) } },
        },
        stock: stock({ 'cache-control': 'max-age=60' }),
      },
      { env: kept },
    )
    const ask = async (ids: string[]) =>
      (await gateway.ask('query ($ids: [ID!]!) { some(ids: $ids) { id left } }', { variables: { ids } })).body
    const first = await ask(['1', '2'])
    const second = await ask(['3', '2', '0', '1'])
    expect(second.data.some.map(({ id }: { id: string }) => id)).toEqual(['3', '2', '0', '1'])
    expect(second.data.some[1]).toEqual(first.data.some[1])
    expect(second.data.some[3]).toEqual(first.data.some[0])
    expect(idsAsked(gateway)).toEqual([
      ['1', '2'],
      ['3', '0'],
    ])
    expect((await ask(['1', '0', '2'])).data.some[1]).toEqual({ id: '0', left: null })
    expect(idsAsked(gateway)).toHaveLength(2)
    const failing = await ask(['2', '9', '1', '9', '4'])
    expect(failing.errors).toMatchObject([{ path: ['some', 1, 'left'] }, { path: ['some', 3, 'left'] }])
    expect(failing.data.some[0]).toEqual(first.data.some[1])
    await ask(['4'])
    expect(idsAsked(gateway).slice(2)).toEqual([['9', '4'], ['4']])
  })

  test('is private when the subgraph says so, and is another for other arguments', async () => {
    await using gateway = await world({ 'cache-control': 'max-age=60, private' })
    await gateway.ask(query, { headers: { authorization: 'ann' } })
    await gateway.ask(query, { headers: { authorization: 'ann' } })
    expect(idsAsked(gateway)).toHaveLength(1)
    await gateway.ask(query, { headers: { authorization: 'bob' } })
    await gateway.ask(query)
    await gateway.ask(query)
    expect(idsAsked(gateway)).toHaveLength(4)
    const label = (language: string) =>
      gateway.ask('query ($l: String) { products { label(in: $l) } }', {
        variables: { l: language },
        headers: { authorization: 'ann' },
      })
    expect((await label('de')).body.data.products[0]).toEqual({ label: '1 de' })
    expect((await label('fr')).body.data.products[0]).toEqual({ label: '1 fr' })
  })
})
