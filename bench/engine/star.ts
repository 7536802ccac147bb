import type { ShopSubgraph } from '../shop/shop.ts'

/** Entities of one type, of which each of several subgraphs knows four fields, and a query of them all. */
export function star(subgraphs: number, entities: number): { parts: readonly ShopSubgraph[]; query: string } {
  const ids = Array.from({ length: entities }, (_, index) => ({ id: `i${index}` }))
  const names = Array.from({ length: subgraphs }, (_, index) => `part${index}`)
  const parts = names.map((name, index) => ({
    name,
    sdl: `
      ${index === 0 ? 'type Query { items: [Item!]! }' : ''}
      ${index === 0 ? 'type' : 'extend type'} Item @key(fields: "id") {
        id: ID!${index === 0 ? '' : ' @external'}
        ${name}Name: String!  ${name}Count: Int!  ${name}Tags: [String!]!  ${name}Note: String
      }`,
    resolvers: {
      ...(index === 0 ? { Query: { items: () => ids } } : {}),
      Item: {
        [`${name}Name`]: ({ id }: { id: string }) => `${name} of ${id}`,
        [`${name}Count`]: () => index,
        [`${name}Tags`]: () => ['a', 'b'],
        [`${name}Note`]: () => 'lorem ipsum dolor sit amet',
      },
    },
  }))
  const fields = names.map((name) => `${name}Name ${name}Count ${name}Tags ${name}Note`)
  return { parts, query: `{ items { id ${fields.join(' ')} } }` }
}
