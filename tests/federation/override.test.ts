import { describe, expect, test } from 'vitest'
import { Federation } from '../kit/federation.ts'

const posts = [
  { id: '1', createdAt: 'one' },
  { id: '2', createdAt: 'two' },
]
const find = ({ id }: { id: string }) => posts.find((post) => post.id === id) ?? null
const marked = (mark: string) => ({ createdAt: ({ createdAt }: { createdAt: string }) => `${createdAt} of ${mark}` })

/** Two subgraphs with the same posts, of which `b` takes a field over that both can answer. */
const feeds = (from: string) =>
  new Federation({
    a: {
      sdl: `
        type Query { feed: [Post] @shareable ofA: [Post] }
        type Post @key(fields: "id") { id: ID! createdAt: String! @shareable }`,
      resolvers: {
        Query: { feed: () => posts, ofA: () => [posts[1]] },
        Post: { __resolveReference: find, ...marked('a') },
      },
    },
    b: {
      sdl: `
        type Query { feed: [Post] @shareable ofB: [Post] }
        type Post @key(fields: "id") { id: ID! createdAt: String! @override(from: "${from}") @shareable }`,
      resolvers: {
        Query: { feed: () => posts, ofB: () => [posts[0]] },
        Post: { __resolveReference: find, ...marked('b') },
      },
    },
  })

describe('@override of a field that both subgraphs could answer', () => {
  test('takes it from the one that overrides, wherever the parent came from', async () => {
    expect(await feeds('a').run('{ feed { createdAt } ofA { createdAt } ofB { createdAt } }')).toEqual({
      data: {
        feed: [{ createdAt: 'one of b' }, { createdAt: 'two of b' }],
        ofA: [{ createdAt: 'two of b' }],
        ofB: [{ createdAt: 'one of b' }],
      },
    })
  })

  test('changes nothing when it overrides a subgraph that is not there', async () => {
    expect(await feeds('elsewhere').run('{ ofA { createdAt } ofB { createdAt } }')).toEqual({
      data: { ofA: [{ createdAt: 'two of a' }], ofB: [{ createdAt: 'one of b' }] },
    })
  })
})

test('a value without a key is reached through the entity that holds it', async () => {
  const products = [
    { id: 'p1', pid: 'x', category: { id: 'c1', details: { products: 2 } } },
    { id: 'p2', pid: 'y', category: { id: 'c2', details: { products: 1 } } },
    { id: 'p3', pid: 'z', category: null },
  ]
  const byBoth = ({ id, pid }: { id: string; pid: string }) =>
    products.find((product) => product.id === id && product.pid === pid) ?? null
  const federation = new Federation({
    a: {
      sdl: `
        type Query { products: [Product!]! }
        type Product @key(fields: "id") @key(fields: "id pid") { id: ID! pid: ID! category: Category @shareable }
        type Category @key(fields: "id") { id: ID! }`,
      resolvers: { Query: { products: () => products } },
    },
    b: {
      sdl: `
        type Product @key(fields: "id pid") { id: ID! pid: ID! category: Category @shareable }
        type Category { details: Details }
        type Details { products: Int }`,
      resolvers: { Product: { __resolveReference: byBoth } },
    },
  })
  expect(await federation.run('{ products { id category { id details { products } } } }')).toEqual({
    data: {
      products: [
        { id: 'p1', category: { id: 'c1', details: { products: 2 } } },
        { id: 'p2', category: { id: 'c2', details: { products: 1 } } },
        { id: 'p3', category: null },
      ],
    },
  })
})
