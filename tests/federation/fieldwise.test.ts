import { expect, test } from 'vitest'
import { Federation } from '../kit/federation.ts'

type Ref = { id: string }

const complete = (ref: { id?: string; code?: string }) => ({ id: '1', code: 'abc', ...ref })

test('an operation that ends the native planner is planned field by field, and the next one is planned', async () => {
  // What is required is found over a second key only: the native planner of this version panics over it.
  const federation = new Federation({
    a: {
      sdl: 'type Query { item: Item } type Item @key(fields: "id") { id: ID! name: String }',
      resolvers: { Query: { item: () => ({ id: '1', name: 'n' }) } },
    },
    b: {
      sdl: 'type Item @key(fields: "code") { code: ID! weight: Int }',
      resolvers: { Item: { weight: ({ code }: { code: string }) => code.length } },
    },
    c: {
      sdl: `
        type Item @key(fields: "id") @key(fields: "code") {
          id: ID! code: ID! weight: Int @external postage: Int @requires(fields: "weight") }`,
      resolvers: {
        Item: { __resolveReference: complete, postage: ({ weight }: { weight: number }) => weight * 100 },
      },
    },
    d: {
      sdl: 'type Item @key(fields: "id") @key(fields: "code") { id: ID! code: ID! size: Int }',
      resolvers: {
        Item: { __resolveReference: complete, size: () => 7 },
      },
    },
  })
  expect(await federation.run('{ item { postage } }')).toEqual({ data: { item: { postage: 300 } } })
  expect(await federation.run('{ item { name size } }')).toEqual({ data: { item: { name: 'n', size: 7 } } })
  expect(await federation.run('{ item { postage } }')).toEqual({ data: { item: { postage: 300 } } })
})

test('a union that has other members in each subgraph shows those of the subgraph that is asked', async () => {
  const one = { __typename: 'One', a: 'a' }
  const both = { __typename: 'Both', label: 'l' }
  const other = { __typename: 'Other', b: 'b' }
  const part = (own: string, things: object[]) => ({
    sdl: `
      type Query { from${own}: Box }
      type Box @key(fields: "id") { id: ID! holder: Holder @shareable }
      type Holder @shareable { things: [Thing!]! }
      type Both @shareable { label: String }
      ${own === 'A' ? 'union Thing = Both | One type One { a: String }' : 'union Thing = Both | Other type Other { b: String }'}`,
    resolvers: {
      Query: { [`from${own}`]: () => ({ id: '1' }) },
      Box: { holder: () => ({ things }) },
    },
  })
  const federation = new Federation({ a: part('A', [both, one]), b: part('B', [both, other]) })
  const things = '{ holder { things { __typename ... on Both { label } ... on One { a } ... on Other { b } } } }'
  expect(await federation.run(`{ fromA ${things} fromB ${things} }`)).toEqual({
    data: { fromA: { holder: { things: [both, one] } }, fromB: { holder: { things: [both, other] } } },
  })
})

test('a field that no subgraph has for every type of an interface is refused', async () => {
  const find = (id: string) => (id === 'p' ? { __typename: 'Person', id } : { __typename: 'Place', id })
  const part = (own: string, foreign: string) => ({
    sdl: `
      type Query { node(id: ID!): Node @shareable }
      interface Node { id: ID! }
      type ${own} implements Node @key(fields: "id") { id: ID! name: String }
      type ${foreign} implements Node @key(fields: "id") { id: ID! @external about${own}: String }`,
    resolvers: {
      Query: { node: (_: unknown, { id }: Ref) => find(id) },
      [own]: { name: ({ id }: Ref) => `n${id}` },
    },
  })
  const federation = new Federation({ a: part('Person', 'Place'), b: part('Place', 'Person') })
  const { data, errors } = await federation.run('{ node(id: "p") { id } }')
  expect(data).toBeUndefined()
  expect(errors).toHaveLength(1)
  expect(
    await federation.run('{ p: node(id: "p") { ... on Person { id name } } q: node(id: "q") { __typename } }'),
  ).toEqual({
    data: { p: { id: 'p', name: 'np' }, q: { __typename: 'Place' } },
  })
})

test('two fields that require one field with different arguments get each its own value', async () => {
  const federation = new Federation({
    a: {
      sdl: 'type Query { product: Product } type Product @key(fields: "id") { id: ID! price(currency: String!): Int details: Details } type Details { size(unit: String!): Int }',
      resolvers: {
        Query: { product: () => ({ id: '1' }) },
        Product: {
          price: (_: Ref, { currency }: { currency: string }) => (currency === 'EUR' ? 10 : 20),
          details: () => ({}),
        },
        Details: { size: (_: unknown, { unit }: { unit: string }) => unit.length },
      },
    },
    b: {
      sdl: `
        type Product @key(fields: "id") {
          id: ID!
          price(currency: String!): Int @external
          details: Details @external
          euros: Int @requires(fields: "price(currency: \\"EUR\\") details { size(unit: \\"mm\\") }")
          dollars: Int @requires(fields: "price(currency: \\"USD\\") details { size(unit: \\"inch\\") }")
        }
        type Details @external { size(unit: String!): Int }`,
      resolvers: {
        Product: {
          euros: ({ price, details }: { price: number; details: { size: number } }) => price + details.size,
          dollars: ({ price, details }: { price: number; details: { size: number } }) => price + details.size,
        },
      },
    },
  })
  expect(await federation.run('{ product { price(currency: "EUR") euros dollars } }')).toEqual({
    data: { product: { price: 10, euros: 12, dollars: 24 } },
  })
})

test('a required value of null is not taken from the same field with other arguments', async () => {
  const federation = new Federation({
    a: {
      sdl: 'type Query { product: Product } type Product @key(fields: "id") { id: ID! price(currency: String): Int }',
      resolvers: {
        Query: { product: () => ({ id: '1' }) },
        Product: { price: (_: Ref, { currency }: { currency?: string }) => (currency === 'EUR' ? null : 20) },
      },
    },
    b: {
      sdl: `
        type Product @key(fields: "id") {
          id: ID! price(currency: String): Int @external inEuros: String @requires(fields: "price(currency: \\"EUR\\")") }`,
      resolvers: { Product: { inEuros: ({ price }: { price: number | null }) => `${price}` } },
    },
  })
  expect(await federation.run('{ product { price inEuros } }')).toEqual({
    data: { product: { price: 20, inEuros: 'null' } },
  })
  expect(await federation.run('{ product { price(currency: "EUR") inEuros usd: price } }')).toEqual({
    data: { product: { price: null, inEuros: 'null', usd: 20 } },
  })
})

test('a variable with a default may stand where null may not, as in the operation', async () => {
  const federation = new Federation({
    a: {
      sdl: 'type Query { list: List } type List @key(fields: "id") { id: ID! items(limit: Int!): [Int!] }',
      resolvers: {
        Query: { list: () => ({ id: '1' }) },
        List: { items: (_: Ref, { limit }: { limit: number }) => [1, 2, 3].slice(0, limit) },
      },
    },
    b: {
      sdl: `
        type List @key(fields: "id") {
          id: ID! items(limit: Int!): [Int!] @external sum: Int @requires(fields: "items(limit: 3)") }`,
      resolvers: { List: { sum: ({ items }: { items: number[] }) => items.reduce((sum, item) => sum + item) } },
    },
  })
  expect(await federation.run('query($limit: Int = 2) { list { items(limit: $limit) sum } }')).toEqual({
    data: { list: { items: [1, 2], sum: 6 } },
  })
  for (const { operation } of federation.requests) expect(operation).not.toMatch(/\$limit: Int[^ ]/)
  expect(federation.requests.map(({ operation }) => operation).join()).toContain('$limit: Int = 2')
})

test('objects that hold others of their type have what they require fetched at each depth', async () => {
  // The native planner of this version asks for the inner objects once more, and selects nothing of them.
  const federation = new Federation({
    a: {
      sdl: `
        type Query { n: Int }
        type Item @key(fields: "id shelf { n }") {
          id: ID! shelf: Shelf! parts: [Item!] @shareable weight: Int @external postage: Int @requires(fields: "weight") }
        type Shelf @shareable { n: Int! }`,
      resolvers: { Item: { postage: ({ weight }: { weight: number }) => weight * 2 } },
    },
    b: {
      sdl: `
        type Query { item: Item }
        type Item @key(fields: "id shelf { n }") { id: ID! shelf: Shelf! parts: [Item!] @shareable weight: Int }
        type Shelf @shareable { n: Int! }`,
      resolvers: {
        Query: { item: () => ({ id: '1', shelf: { n: 1 } }) },
        Item: { parts: () => [{ id: '2', shelf: { n: 2 } }], weight: ({ id }: Ref) => Number(id) },
      },
    },
  })
  expect(await federation.run('{ item { parts { id postage } postage } }')).toEqual({
    data: { item: { parts: [{ id: '2', postage: 4 }], postage: 2 } },
  })
})

test('types of a union may answer one name in different forms, to the client and to what requires it', async () => {
  const federation = new Federation({
    a: {
      sdl: `
        type Query { found: [Found!]! }
        union Found = Book | Film | Song
        type Book @key(fields: "id") { id: ID! length: Int maker: Writer price(currency: String): Int }
        type Film @key(fields: "id") { id: ID! length: [String!] maker: [Studio!] }
        type Song @key(fields: "id") { id: ID! length: String maker: Band }
        type Writer { name: String! }
        type Studio { name: [String] }
        type Band { name: Int }`,
      resolvers: {
        Query: {
          found: () => [
            { __typename: 'Book', id: '1', length: 30, maker: { name: 'Ann' }, price: 5 },
            { __typename: 'Film', id: '2', length: ['1h', '10m'], maker: [{ name: ['Bob', 'Co'] }] },
            { __typename: 'Song', id: '3', length: '3:33', maker: { name: 4 } },
          ],
        },
      },
    },
    b: {
      sdl: `
        type Book @key(fields: "id") {
          id: ID! length: Int @external maker: Writer @external price(currency: String): Int @external
          size: String @requires(fields: "length maker { name } price(currency: \\"EUR\\")") }
        type Writer { name: String! @external }
        type Song @key(fields: "id") {
          id: ID! length: String @external maker: Band @external title: String @requires(fields: "length maker { name }") }
        type Band { name: Int @external }`,
      resolvers: {
        Book: {
          size: (book: { length: number; maker: { name: string }; price: number }) =>
            `${book.length} ${book.maker.name} ${book.price}`,
        },
        Song: { title: (song: { length: string; maker: { name: number } }) => `${song.length} ${song.maker.name}` },
      },
    },
  })
  const query = '{ found { ... on Film { length maker { name } } ... on Book { size } ... on Song { title } } }'
  expect(await federation.run(query)).toEqual({
    data: {
      found: [{ size: '30 Ann 5' }, { length: ['1h', '10m'], maker: [{ name: ['Bob', 'Co'] }] }, { title: '3:33 4' }],
    },
  })
})

test('a subgraph may say of one type alone that a field is never null', async () => {
  const federation = new Federation({
    a: {
      sdl: `
        type Query { found: [Found!]! }
        union Found = Book | Film
        type Book { length: Int! @shareable }
        type Film { length: Int @shareable }`,
      resolvers: {
        Query: {
          found: () => [
            { __typename: 'Book', length: 1 },
            { __typename: 'Film', length: 2 },
          ],
        },
      },
    },
    b: { sdl: 'type Query { book: Book } type Book { length: Int @shareable }' },
  })
  expect(await federation.run('{ found { ... on Book { length } ... on Film { length } } }')).toEqual({
    data: { found: [{ length: 1 }, { length: 2 }] },
  })
})
