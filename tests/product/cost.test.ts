import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Person, type Product, startProduct } from '../kit/product.ts'

let product: Product
let ada: Person

beforeAll(async () => {
  product = await startProduct()
  ada = await product.join()
  const items = Array.from({ length: 30 }, (_, n) => ({
    content: `Ada met Grace in Paris, Berlin and Rome about Compiler ${n}`,
  }))
  await ada.ask(
    'mutation ($items: [RememberInput!]!) { rememberMany(input: { items: $items }) { ... on RememberManySuccess { cursor } } }',
    { items },
  )
  await product.settled()
}, 120_000)
afterAll(() => product.close())

interface Answer {
  readonly data: unknown
  readonly errors?: unknown
  readonly extensions: { readonly cost: { readonly estimated: number; readonly actual: number } }
}

/** Everything that came, leaves left out: an independent count, with weights of one. */
function objectsIn(value: unknown): number {
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + objectsIn(item), 0)
  if (typeof value !== 'object' || value === null) return 0
  return 1 + Object.values(value).reduce<number>((sum, item) => sum + objectsIn(item), 0)
}

test.each([
  ['{ viewer { id profile { __typename } } }'],
  ['{ memories { edges { cursor node { id } } nodes { id owner { id } } pageInfo { hasNextPage } } }'],
  ['{ memories(first: 25) { nodes { concepts { nodes { id related { edges { node { concept { id } } } } } } } } }'],
  [
    '{ memories(last: 7) { nodes { concepts(first: 2) { nodes { name appearsIn(first: 3) { nodes { memory { id } } } } } } } }',
  ],
  ['{ recall(query: "Who met Grace?") { hits { memory { id } why { part } } } }'],
  ['{ recall(query: "Who met Grace?", first: 20) { hits { memory { concepts { totalCount nodes { id } } } } } }'],
  ['{ concepts { nodes { related { nodes { concept { id } } } } } }'],
  ['{ memoryTierDistribution { tier count } settings { key } }'],
])('is never estimated below what the product answers: %s', async (query) => {
  const response = await fetch(product.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${ada.token}` },
    body: JSON.stringify({ query, extensions: { cost: true } }),
  })
  const { data, errors, extensions } = (await response.json()) as Answer
  expect(errors).toBeUndefined()
  // The answer itself is no object that was asked for.
  expect(extensions.cost.estimated).toBeGreaterThanOrEqual(objectsIn(data) - 1)
  expect(extensions.cost.estimated).toBeGreaterThanOrEqual(extensions.cost.actual)
  expect(extensions.cost.actual).toBeGreaterThanOrEqual(objectsIn(data) - 1)
})
