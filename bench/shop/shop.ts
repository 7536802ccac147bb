import type { Resolvers } from '../../tests/kit/federation.ts'

/** A shop of four subgraphs: what the benches of the gateway ask about. */
export interface ShopSubgraph {
  readonly name: string
  /** In the first version's grammar, which every gateway reads. */
  readonly sdl: string
  readonly resolvers: Resolvers
}

const sentence = 'lorem ipsum dolor sit amet '

const users = 30

/** Each product has five reviews by some of thirty users, who also sell, comment and keep warehouses. */
export function shop(products: number): readonly ShopSubgraph[] {
  const list = Array.from({ length: products }, (_, index) => productOf(index, products))
  return [
    {
      name: 'products',
      sdl: `
        type Query { products: [Product!]!  product(id: ID!): Product }
        type Product @key(fields: "id") {
          id: ID!  name: String!  description: String  price: Int  tags: [String!]!  seller: User!  similar: [Product!]!
        }
        extend type User @key(fields: "id") { id: ID! @external }`,
      resolvers: {
        Query: {
          products: () => list,
          product: (_: unknown, { id }: Reference) => list[numberOf(id)] ?? null,
        },
        Product: { __resolveReference: ({ id }: Reference) => list[numberOf(id)] ?? null },
      },
    },
    {
      name: 'reviews',
      sdl: `
        extend type Query { latestReviews: [Review!]! }
        extend type Product @key(fields: "id") { id: ID! @external  reviews: [Review!]! }
        type Review { id: ID!  body: String!  stars: Int  author: User!  comments: [Comment!]! }
        type Comment { text: String!  author: User! }
        extend type User @key(fields: "id") { id: ID! @external }`,
      resolvers: {
        Query: { latestReviews: () => list.slice(0, 5).map(({ id }) => reviewOf(id, 4)) },
        Product: { reviews: ({ id }: Reference) => [0, 1, 2, 3, 4].map((stars) => reviewOf(id, stars)) },
      },
    },
    {
      name: 'users',
      sdl: `
        extend type Query { viewer: User }
        type User @key(fields: "id") { id: ID!  name: String!  email: String  address: Address  favourites: [Product!]! }
        type Address { street: String  city: String  zip: String }
        extend type Product @key(fields: "id") { id: ID! @external }`,
      resolvers: {
        Query: { viewer: () => ({ id: 'u0' }) },
        User: {
          name: ({ id }: Reference) => `User ${id}`,
          email: ({ id }: Reference) => `${id}@example.com`,
          address: () => ({ street: 'Main street 1', city: 'Bern', zip: '3000' }),
          favourites: () => list.slice(0, 5).map(({ id }) => ({ id })),
        },
      },
    },
    {
      name: 'stock',
      sdl: `
        extend type Product @key(fields: "id") { id: ID! @external  inStock: Boolean!  warehouse: Warehouse }
        type Warehouse { id: ID!  name: String!  shelf: Int  keeper: User! }
        extend type User @key(fields: "id") { id: ID! @external }`,
      resolvers: {
        Product: {
          inStock: () => true,
          warehouse: ({ id }: Reference) => {
            const number = numberOf(id)
            return { id: `w${number}`, name: 'West', shelf: number % 7, keeper: { id: `u${number % users}` } }
          },
        },
      },
    },
  ]
}

interface Reference {
  readonly id: string
}

function productOf(index: number, products: number) {
  const id = `p${index}`
  const similar = [1, 2].map((step) => ({ id: `p${(index + step) % products}`, name: `Product ${step} on` }))
  const seller = { id: `u${index % users}` }
  return { id, name: `Product ${id}`, description: sentence.repeat(3), price: index, tags: ['a', 'b'], seller, similar }
}

function reviewOf(product: string, stars: number) {
  const number = numberOf(product)
  const author = { id: `u${(stars * 7 + number) % users}` }
  const comments = stars === 0 ? [{ text: 'So it is.', author: { id: `u${(number + 3) % users}` } }] : []
  return { id: `${product}r${stars}`, body: sentence.repeat(2), stars, author, comments }
}

function numberOf(id: string): number {
  return Number(id.slice(1))
}

/** An operation as clients send it. */
export interface ShopOperation {
  readonly query: string
  readonly variables?: Readonly<Record<string, unknown>>
}

/** What a shop's first page shows, from all four subgraphs: people and products stand at many places of it. */
export const wide: ShopOperation = {
  query: `query Wide {
  products {
    id name description price tags
    seller { id name address { city } }
    inStock warehouse { id name shelf keeper { name } }
    similar { id name inStock }
    reviews { id body stars author { id name email } comments { text author { name } } }
  }
  viewer { id name email favourites { id name price inStock seller { name } } }
  latestReviews { id body stars author { id name } }
}`,
}

/** A list and three levels below it, each from another subgraph: few places, many entities. */
export const list: ShopOperation = {
  query: `query List {
  products {
    id name description price tags inStock warehouse { id name shelf }
    reviews { id body stars author { id name email address { street city zip } } }
  }
}`,
}

/** Some fields of one product, from one subgraph. */
export const small: ShopOperation = {
  query: 'query Small($id: ID!) { product(id: $id) { id name price } }',
  variables: { id: 'p1' },
}

/** One product with a part from each of the four subgraphs. */
export const joined: ShopOperation = {
  query: `query Joined($id: ID!) {
  product(id: $id) { id name price inStock seller { name } reviews { stars author { name } } }
}`,
  variables: { id: 'p1' },
}
