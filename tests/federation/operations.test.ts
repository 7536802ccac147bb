import { parse } from 'graphql'
import { describe, expect, test } from 'vitest'
import { createEngine } from '../../gateway/engine/engine.ts'
import { SupergraphError } from '../../gateway/engine/supergraph.ts'
import { Federation, type SubgraphFixture, testContext } from '../kit/federation.ts'

const shop: SubgraphFixture = {
  sdl: `
    type Query { product: Product products: [Product!]! }
    type Mutation { add(by: Int!): Counter! }
    type Counter @key(fields: "id") { id: ID! value: Int! }
    type Product @key(fields: "id") { id: ID! name: String price(currency: String = "EUR"): Int root: Query @shareable }`,
}
const stock: SubgraphFixture = {
  sdl: `
    type Query { depots: Int }
    type Mutation { multiply(by: Int!): Counter! }
    type Counter @key(fields: "id") { id: ID! seen: Int! }
    type Product @key(fields: "id") { id: ID! left(in: String): Int root: Query @shareable }`,
}

function graph(): Federation {
  let value = 2
  return new Federation({
    shop: {
      ...shop,
      resolvers: {
        Query: { product: () => ({ id: '1', name: 'a' }), products: () => [{ id: '1', name: 'a' }, { id: '2' }] },
        Mutation: {
          add: (_: unknown, { by }: { by: number }) => {
            value += by
            return { id: 'c', value }
          },
        },
        Counter: { __resolveReference: () => ({ id: 'c', value }) },
        Product: {
          price: (_: unknown, { currency }: { currency: string }) => currency.length,
          root: () => ({}),
        },
      },
    },
    stock: {
      ...stock,
      resolvers: {
        Mutation: {
          multiply: (_: unknown, { by }: { by: number }) => {
            value *= by
            return { id: 'c' }
          },
        },
        Counter: { seen: () => value },
        Product: {
          left: ({ id }: { id: string }, { in: where }: { in?: string }) => Number(id) * 10 + (where?.length ?? 0),
          root: () => ({}),
        },
      },
    },
  })
}

describe('mutations', () => {
  test('run in the order of the operation, each with all that is below it', async () => {
    expect(
      await graph().run(
        'mutation { a: add(by: 1) { value seen } b: multiply(by: 10) { value seen } c: add(by: 5) { value seen } d: add(by: 5) { seen } }',
      ),
    ).toEqual({
      data: { a: { value: 3, seen: 3 }, b: { value: 30, seen: 30 }, c: { value: 35, seen: 35 }, d: { seen: 40 } },
    })
  })

  test('of one subgraph go to it together', async () => {
    const federation = graph()
    expect(await federation.run('mutation { add(by: 1) { value } again: add(by: 1) { value } }')).toEqual({
      data: { add: { value: 3 }, again: { value: 4 } },
    })
    expect(federation.requests).toHaveLength(1)
  })
})

describe('operations', () => {
  test('variables go only to the subgraphs that use them', async () => {
    const federation = graph()
    expect(
      await federation.run(
        'query($c: String, $w: String = "x", $u: Boolean!) { products { price(currency: $c) left(in: $w) @include(if: $u) } }',
        {
          c: 'USDX',
          u: true,
        },
      ),
    ).toEqual({
      data: {
        products: [
          { price: 4, left: 11 },
          { price: 4, left: 21 },
        ],
      },
    })
    expect(federation.requests.map(({ variables }) => Object.keys(variables))).toEqual([
      ['c'],
      ['w', 'representations'],
    ])
  })

  test('what is skipped is not fetched', async () => {
    const federation = graph()
    const query =
      'query($s: Boolean!, $i: Boolean!) { product { name left @skip(if: $s) ... @include(if: $i) { price } } }'
    expect(await federation.run(query, { s: true, i: false })).toEqual({ data: { product: { name: 'a' } } })
    expect(federation.requests).toHaveLength(1)
    expect(await federation.run(query, { s: false, i: true })).toEqual({
      data: { product: { name: 'a', left: 10, price: 3 } },
    })
    expect(await federation.run('query($i: Boolean!) { product @include(if: $i) { left } }', { i: false })).toEqual({
      data: {},
    })
  })

  test('__typename stands wherever it is asked for, under any alias', async () => {
    expect(
      await graph().run(
        '{ __typename q: __typename product { __typename id: __typename left } __schema { __typename } }',
      ),
    ).toEqual({
      data: {
        __typename: 'Query',
        q: 'Query',
        product: { __typename: 'Product', id: 'Product', left: 10 },
        __schema: { __typename: '__Schema' },
      },
    })
    expect(await graph().run('mutation { __typename }')).toEqual({ data: { __typename: 'Mutation' } })
  })

  test('aliases may hide keys', async () => {
    expect(await graph().run('{ products { id: name name: left __typename: id } }')).toEqual({
      data: {
        products: [
          { id: 'a', name: 10, __typename: '1' },
          { id: null, name: 20, __typename: '2' },
        ],
      },
    })
  })

  test('one field with two sets of arguments under two aliases is two fields', async () => {
    expect(
      await graph().run(
        '{ a: products { f: left(in: "x") } b: products { f: left(in: "xyz") g: left f2: left(in: "x") } }',
      ),
    ).toEqual({
      data: {
        a: [{ f: 11 }, { f: 21 }],
        b: [
          { f: 13, g: 10, f2: 11 },
          { f: 23, g: 20, f2: 21 },
        ],
      },
    })
  })

  test('fields come in the order of the operation, fragments where they are spread', async () => {
    const federation = graph()
    const { engine } = federation
    const text = JSON.stringify(
      (await federation.run('{ product { left ...F name left } } fragment F on Product { price id name }')).data,
    )
    expect(text).toBe('{"product":{"left":10,"price":3,"id":"1","name":"a"}}')
    expect(engine.schema.getQueryType()?.name).toBe('Query')
  })

  test('the root may be reached from inside', async () => {
    expect(await graph().run('{ product { root { __typename } } }')).toEqual({
      data: { product: { root: { __typename: 'Query' } } },
    })
  })

  test('variables of a wrong type are the caller’s fault', async () => {
    const federation = graph()
    expect(await federation.run('query($c: String) { product { price(currency: $c) } }', { c: 5 })).toEqual({
      errors: [
        {
          message: 'Variable "$c" got invalid value 5; String cannot represent a non string value: 5',
          locations: [{ line: 1, column: 7 }],
          extensions: { code: 'BAD_USER_INPUT' },
        },
      ],
    })
    expect(federation.requests).toHaveLength(0)
  })

  test('fragments that multiply are refused before they are planned', async () => {
    const fragments = Array.from(
      { length: 20 },
      (_, i) => `fragment F${i} on Query { a: product { root { ...F${i + 1} } } b: product { root { ...F${i + 1} } } }`,
    )
    const { errors } = await graph().run(`{ ...F0 } ${fragments.join(' ')} fragment F20 on Query { __typename }`)
    expect(errors).toMatchObject([{ extensions: { code: 'QUERY_TOO_COMPLEX' } }])
  })
})

describe('supergraphs', () => {
  test('of Federation 1 are served', async () => {
    const supergraphSdl = `
      schema @core(feature: "https://specs.apollo.dev/core/v0.2") @core(feature: "https://specs.apollo.dev/join/v0.1", for: EXECUTION) { query: Query }
      directive @core(feature: String!, as: String, for: core__Purpose) repeatable on SCHEMA
      directive @join__field(graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet) on FIELD_DEFINITION
      directive @join__type(graph: join__Graph!, key: join__FieldSet) repeatable on OBJECT | INTERFACE
      directive @join__owner(graph: join__Graph!) on OBJECT | INTERFACE
      directive @join__graph(name: String!, url: String!) on ENUM_VALUE
      enum core__Purpose { EXECUTION SECURITY }
      scalar join__FieldSet
      enum join__Graph { SHOP @join__graph(name: "shop" url: "http://shop.test") STOCK @join__graph(name: "stock" url: "http://stock.test") }
      type Query { product: Product @join__field(graph: SHOP) products: [Product!]! @join__field(graph: SHOP) }
      type Product @join__owner(graph: SHOP) @join__type(graph: SHOP, key: "id") @join__type(graph: STOCK, key: "id") {
        id: ID! @join__field(graph: SHOP)
        name: String @join__field(graph: SHOP)
        left(in: String): Int @join__field(graph: STOCK)
      }`
    const federation = new Federation(
      {
        shop: { ...shop, resolvers: { Query: { products: () => [{ id: '1', name: 'a' }] } } },
        stock: { ...stock, resolvers: { Product: { left: ({ id }: { id: string }) => Number(id) } } },
      },
      { supergraphSdl },
    )
    expect(await federation.run('{ products { id name left } __type(name: "join__Graph") { name } }')).toEqual({
      data: { products: [{ id: '1', name: 'a', left: 1 }], __type: null },
    })
  })

  test.each([
    ['is not GraphQL', 'type {', /does not parse/],
    ['names no subgraphs', 'type Query { a: Int }', /join__Graph/],
  ])('one that %s is refused', (_what, supergraphSdl, reason) => {
    const open = () =>
      createEngine({
        supergraphSdl,
        channelFor: () => {
          throw new Error('no subgraph is reached')
        },
      })
    expect(open).toThrow(SupergraphError)
    expect(open).toThrow(reason)
  })
})

test('a plan and its code can be read', async () => {
  const { engine } = graph()
  const query = '{ products { left(in: "x") } }'
  const request = { query, document: parse(query), operationName: undefined, variables: {}, context: testContext() }
  const { plan, code } = await engine.explain(request)
  expect(plan).toBe(
    [
      'sequence',
      '  fetch from shop: {products{__typename id}}',
      '  entities from stock at products.@: query($representations:[_Any!]!){_entities(representations: $representations){...on Product{left_1: left(in: "x")}}}',
    ].join('\n'),
  )
  expect(code).toContain(`found.addKeyed(object, "Product", object["id"], '{"__typename":"Product","id":')`)
})
