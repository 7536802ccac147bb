import { describe, expect, test } from 'vitest'
import { Federation } from '../kit/federation.ts'

type Product = { id: string; price?: number; weight?: number; size?: { w: number; h: number } }

describe('@requires', () => {
  test('gives a resolver what it needs from elsewhere, nested and with fragments, and hides it from the client', async () => {
    const federation = new Federation({
      a: {
        sdl: `
          type Query { products: [Product!]! }
          type Product @key(fields: "id") { id: ID! size: Size box: Box price(currency: String): Int }
          type Size @shareable { w: Int h: Int }
          interface Box { id: ID! }
          type Crate implements Box { id: ID! nails: Int }
          type Bag implements Box { id: ID! colour: String }`,
        resolvers: {
          Query: {
            products: () => [
              { id: '1', size: { w: 2, h: 3 }, box: { __typename: 'Crate', id: 'c', nails: 9 } },
              { id: '2', size: null, box: { __typename: 'Bag', id: 'b', colour: 'red' } },
            ],
          },
          Product: { price: (_: unknown, { currency }: { currency?: string }) => (currency === 'EUR' ? 10 : 20) },
        },
      },
      b: {
        sdl: `
          type Product @key(fields: "id") {
            id: ID!
            size: Size @external
            box: Box @external
            price(currency: String): Int @external
            area: Int @requires(fields: "size { w h }")
            packed: String @requires(fields: "box { id ... on Crate { nails } ... on Bag { colour } }")
            euros: Int @requires(fields: "price(currency: \\"EUR\\")")
            dollars: Int @requires(fields: "price(currency: \\"USD\\")")
          }
          type Size @shareable { w: Int h: Int }
          interface Box { id: ID! }
          type Crate implements Box { id: ID! @external nails: Int @external }
          type Bag implements Box { id: ID! @external colour: String @external }`,
        resolvers: {
          Product: {
            area: ({ size }: Product) => (size ? size.w * size.h : null),
            packed: ({ box }: { box: object }) => JSON.stringify(box),
            euros: ({ price }: Product) => price,
            dollars: ({ price }: Product) => price,
          },
        },
      },
    })
    const { data, errors } = await federation.run('{ products { area packed euros dollars price } }')
    expect(errors).toBeUndefined()
    const [first, second] = (data as { products: Record<string, unknown>[] }).products
    expect({ ...first, packed: JSON.parse(first?.packed as string) }).toEqual({
      area: 6,
      packed: { id: 'c', nails: 9 },
      euros: 10,
      dollars: 20,
      price: 20,
    })
    expect(second).toMatchObject({ area: null, euros: 10, dollars: 20 })
    expect(JSON.parse(second?.packed as string)).toEqual({ id: 'b', colour: 'red' })
  })

  test('may go back and forth between two subgraphs', async () => {
    const federation = new Federation({
      a: {
        sdl: `
          type Query { feed: [Post!]! }
          type Post @key(fields: "id") {
            id: ID! byExpert: Boolean @external
            suggested: String @requires(fields: "byExpert")
          }`,
        resolvers: {
          Query: { feed: () => [{ id: '1' }, { id: '2' }] },
          Post: { suggested: ({ byExpert }: { byExpert: boolean }) => (byExpert ? 'read' : 'skip') },
        },
      },
      b: {
        sdl: `
          type Post @key(fields: "id") { id: ID! author: Author byExpert: Boolean @requires(fields: "author { years }") }
          type Author @key(fields: "id") { id: ID! years: Int @external }`,
        resolvers: {
          Post: {
            author: ({ id }: { id: string }) => ({ id: `a${id}` }),
            byExpert: ({ author }: { author: { years: number } }) => author.years > 5,
          },
        },
      },
      c: {
        sdl: 'type Author @key(fields: "id") { id: ID! years: Int }',
        resolvers: { Author: { years: ({ id }: { id: string }) => (id === 'a1' ? 10 : 1) } },
      },
    })
    expect(await federation.run('{ feed { suggested } }')).toEqual({
      data: { feed: [{ suggested: 'read' }, { suggested: 'skip' }] },
    })
  })

  test('a failure of what is required shows where it happened', async () => {
    const federation = new Federation({
      a: {
        sdl: 'type Query { products: [Product!]! } type Product @key(fields: "id") { id: ID! weight: Int }',
        resolvers: {
          Query: { products: () => [{ id: '1' }, { id: '2' }] },
          Product: {
            weight({ id }: Product) {
              if (id === '2') throw new Error('no scales')
              return 3
            },
          },
        },
      },
      b: {
        sdl: 'type Product @key(fields: "id") { id: ID! weight: Int @external postage: Int @requires(fields: "weight") }',
        resolvers: {
          Product: { postage: ({ weight }: { weight: number | null }) => (weight === null ? null : weight * 2) },
        },
      },
    })
    expect(await federation.run('{ products { postage } }')).toEqual({
      data: { products: [{ postage: 6 }, { postage: null }] },
      errors: [
        {
          message: 'no scales',
          path: ['products', 1, 'weight'],
          extensions: { code: 'INTERNAL_SERVER_ERROR', serviceName: 'a' },
        },
      ],
    })
  })

  test('a failure of what is required does not stand at another field that the client calls by its name', async () => {
    const federation = new Federation({
      a: {
        sdl: 'type Query { product: Product } type Product @key(fields: "id") { id: ID! weight: Int box: Box note: String } type Box { size: Int }',
        resolvers: {
          Query: { product: () => ({ id: '1', note: null, box: {} }) },
          Product: {
            weight() {
              throw new Error('no scales')
            },
          },
          Box: {
            size() {
              throw new Error('no rule')
            },
          },
        },
      },
      b: {
        sdl: `
          type Product @key(fields: "id") {
            id: ID! weight: Int @external box: Box @external postage: Int @requires(fields: "weight box { size }") }
          type Box { size: Int @external }`,
        resolvers: { Product: { postage: () => 2 } },
      },
    })
    const { data, errors } = await federation.run('{ product { weight: note box: note postage } }')
    expect(data).toEqual({ product: { weight: null, box: null, postage: 2 } })
    expect(errors?.map(({ message, path }) => ({ message, path }))).toEqual([
      { message: 'no scales', path: ['product'] },
      { message: 'no rule', path: ['product'] },
    ])
    const selected = await federation.run('{ product { weight box { size } postage } }')
    expect(selected.errors?.map(({ path }) => path)).toEqual([
      ['product', 'weight'],
      ['product', 'box', 'size'],
    ])
  })

  test('a failure of what one type requires does not stand at what the client selects of another type', async () => {
    const federation = new Federation({
      a: {
        sdl: `
          type Query { found: [Found!]! }
          union Found = Book | Film
          type Book @key(fields: "id") { id: ID! weight: Int }
          type Film @key(fields: "id") { id: ID! weight: Int year: Int }`,
        resolvers: {
          Query: {
            found: () => [
              { __typename: 'Book', id: '1', weight: 3 },
              { __typename: 'Film', id: '2', year: null },
            ],
          },
          Film: {
            weight() {
              throw new Error('no scales')
            },
          },
        },
      },
      b: {
        sdl: 'type Film @key(fields: "id") { id: ID! weight: Int @external postage: Int @requires(fields: "weight") }',
        resolvers: { Film: { postage: () => 2 } },
      },
    })
    const { data, errors } = await federation.run(
      '{ found { ... on Book { number: weight } ... on Film { number: year postage } } }',
    )
    expect(data).toEqual({ found: [{ number: 3 }, { number: null, postage: 2 }] })
    expect(errors?.map(({ path }) => path)).toEqual([['found', 1, 'weight']])
  })
})

describe('@provides', () => {
  const reviews = {
    sdl: `
      type Query { reviews: [Review!]! }
      type Review { author: User! @provides(fields: "name address { city }") about: Media @provides(fields: "... on Book { title }") }
      type User @key(fields: "id") { id: ID! name: String! @external address: Address @external }
      type Address { city: String @external }
      union Media = Book | Film
      type Book @key(fields: "id") { id: ID! title: String @external }
      type Film @key(fields: "id") { id: ID! }`,
    resolvers: {
      Query: {
        reviews: () => [
          {
            author: { id: '1', name: 'Ann', address: { city: 'Bern' } },
            about: { __typename: 'Book', id: 'b', title: 'provided' },
          },
          { author: { id: '2', name: 'Bob', address: null }, about: { __typename: 'Film', id: 'f' } },
        ],
      },
    },
  }
  const users = {
    sdl: `
      type User @key(fields: "id") { id: ID! name: String! @shareable address: Address @shareable age: Int }
      type Address { city: String @shareable zip: String }
      type Book @key(fields: "id") { id: ID! title: String @shareable }
      type Film @key(fields: "id") { id: ID! title: String @shareable }`,
    resolvers: {
      User: {
        name: () => 'from users',
        address: () => ({ city: 'Basel', zip: '4000' }),
        age: () => 30,
      },
      Book: { title: () => 'from users' },
      Film: { title: () => 'from users' },
    },
  }

  test('saves the way to another subgraph, also for what is nested', async () => {
    const federation = new Federation({ reviews, users })
    expect(await federation.run('{ reviews { author { name address { city } } } }')).toEqual({
      data: {
        reviews: [{ author: { name: 'Ann', address: { city: 'Bern' } } }, { author: { name: 'Bob', address: null } }],
      },
    })
    expect(federation.requests.map(({ subgraph }) => subgraph)).toEqual(['reviews'])
  })

  test('leaves the rest to the other subgraph', async () => {
    const federation = new Federation({ reviews, users })
    expect(
      await federation.run('{ reviews { author { age } about { ... on Book { title } ... on Film { title } } } }'),
    ).toEqual({
      data: {
        reviews: [
          { author: { age: 30 }, about: { title: 'provided' } },
          { author: { age: 30 }, about: { title: 'from users' } },
        ],
      },
    })
  })
})

describe('@override', () => {
  const subgraphs = (label: string) => ({
    a: {
      sdl: 'type Query { items: [Item!]! } type Item @key(fields: "id") { id: ID! stock: String name: String }',
      resolvers: { Query: { items: () => [{ id: '1', stock: 'old', name: 'n' }] } },
    },
    b: {
      sdl: `type Item @key(fields: "id") { id: ID! stock: String @override(from: "a"${label}) }`,
      resolvers: { Item: { stock: () => 'new' } },
    },
  })

  test('moves a field to another subgraph', async () => {
    const federation = new Federation(subgraphs(''))
    expect(await federation.run('{ items { name stock } }')).toEqual({ data: { items: [{ name: 'n', stock: 'new' }] } })
  })

  test('moves it for a share of the requests', async () => {
    let drawn = 0
    const federation = new Federation(subgraphs(', label: "percent(30)"'), { random: () => drawn })
    const stock = async (random: number) => {
      drawn = random
      return ((await federation.run('{ items { stock } }')).data as { items: [{ stock: string }] }).items[0].stock
    }
    expect([await stock(0), await stock(0.29), await stock(0.3), await stock(0.99), await stock(0.1)]).toEqual([
      'new',
      'new',
      'old',
      'old',
      'new',
    ])
  })

  test('moves it where its label is on', async () => {
    const on = new Set<string>()
    const federation = new Federation(subgraphs(', label: "moved"'), { isLabelOn: (label) => on.has(label) })
    expect(await federation.run('{ items { stock } }')).toEqual({ data: { items: [{ stock: 'old' }] } })
    on.add('moved')
    expect(await federation.run('{ items { stock } }')).toEqual({ data: { items: [{ stock: 'new' }] } })
  })
})

describe('@inaccessible', () => {
  const federation = () =>
    new Federation({
      a: {
        sdl: `
          type Query {
            things: [Thing] shapes: [Shape] hidden: String @inaccessible
            colours: [Colour] best: Colour! search(colour: Colour, secret: Int = 1 @inaccessible, by: By): String
          }
          interface Thing { id: ID! }
          type Seen implements Thing @key(fields: "code") { id: ID! code: String! @inaccessible }
          type Unseen implements Thing @inaccessible { id: ID! }
          union Shape = Seen | Unseen
          enum Colour { RED ULTRAVIOLET @inaccessible }
          input By { name: String token: String @inaccessible }`,
        resolvers: {
          Query: {
            things: () => [
              { __typename: 'Seen', id: '1', code: 'x' },
              { __typename: 'Unseen', id: '2' },
            ],
            shapes: () => [{ __typename: 'Unseen', id: '2' }],
            colours: () => ['RED', 'ULTRAVIOLET'],
            best: () => 'ULTRAVIOLET',
          },
        },
      },
      b: {
        sdl: 'type Seen @key(fields: "code") { code: String! @inaccessible size: Int }',
        resolvers: { Seen: { size: ({ code }: { code: string }) => code.length } },
      },
    })

  test('hides fields, arguments, types, values and input fields from clients', async () => {
    const { data } = await federation().run(
      `{ query: __type(name: "Query") { fields { name args { name } } } unseen: __type(name: "Unseen") { name }
         shape: __type(name: "Shape") { possibleTypes { name } } colour: __type(name: "Colour") { enumValues { name } }
         by: __type(name: "By") { inputFields { name } } seen: __type(name: "Seen") { fields { name } } }`,
    )
    expect(data).toEqual({
      query: {
        fields: [
          { name: 'things', args: [] },
          { name: 'shapes', args: [] },
          { name: 'colours', args: [] },
          { name: 'best', args: [] },
          { name: 'search', args: [{ name: 'colour' }, { name: 'by' }] },
        ],
      },
      unseen: null,
      shape: { possibleTypes: [{ name: 'Seen' }] },
      colour: { enumValues: [{ name: 'RED' }] },
      by: { inputFields: [{ name: 'name' }] },
      seen: { fields: [{ name: 'id' }, { name: 'size' }] },
    })
  })

  test('shows hidden types and values as null, and still follows hidden keys', async () => {
    expect(await federation().run('{ things { id } shapes { __typename } colours }')).toEqual({
      data: { things: [{ id: '1' }, null], shapes: [null], colours: ['RED', null] },
    })
    expect(await federation().run('{ things { ... on Seen { size } } }')).toEqual({
      data: { things: [{ size: 1 }, null] },
    })
  })

  test('a hidden value where null may not stand is an error', async () => {
    expect(await federation().run('{ best }')).toMatchObject({ data: null, errors: [{ path: ['best'] }] })
  })
})

test('a subgraph that fails does not take away what another one gave of the same object', async () => {
  const federation = new Federation({
    a: {
      sdl: 'type Query { me: User } type User @key(fields: "id") { id: ID! home: Home @shareable } type Home @shareable { city: String }',
      resolvers: { Query: { me: () => ({ id: '1', home: { city: 'x' } }) } },
    },
    b: {
      sdl: 'type User @key(fields: "id") { id: ID! home: Home @shareable } type Home { city: String @shareable zip: String }',
      resolvers: {
        User: {
          home: () => {
            throw new Error('no zip')
          },
        },
      },
    },
  })
  expect(await federation.run('{ me { home { city zip } } }')).toMatchObject({
    data: { me: { home: { city: 'x', zip: null } } },
    errors: [{ message: 'no zip', path: ['me', 'home'] }],
  })
})

test('@shareable fields are taken from whoever is on the way', async () => {
  const federation = new Federation({
    a: {
      sdl: 'type Query { me: User } type User @key(fields: "id") { id: ID! name: String @shareable home: Home @shareable } type Home @shareable { city: String }',
      resolvers: { Query: { me: () => ({ id: '1', name: 'a', home: { city: 'x' } }) } },
    },
    b: {
      sdl: 'type Query { you: User } type User @key(fields: "id") { id: ID! name: String @shareable age: Int home: Home @shareable } type Home { city: String @shareable zip: String }',
      resolvers: {
        Query: { you: () => ({ id: '2', name: 'b' }) },
        User: { home: () => ({ city: 'x', zip: '1' }), age: () => 1 },
      },
    },
  })
  expect(await federation.run('{ me { name } you { name age } }')).toEqual({
    data: { me: { name: 'a' }, you: { name: 'b', age: 1 } },
  })
  expect(federation.requests.map(({ subgraph }) => subgraph).sort()).toEqual(['a', 'b'])
  expect(await federation.run('{ me { home { city zip } } }')).toEqual({
    data: { me: { home: { city: 'x', zip: '1' } } },
  })
})
