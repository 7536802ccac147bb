import { expect, test } from 'vitest'
import { nobodyObserves } from '../../gateway/engine/observer.ts'
import { Federation, type FederationOptions } from '../kit/federation.ts'

/** A shop that counts its plans: those that were made, and the operations that keep theirs now and kept at most. */
function counted(options: FederationOptions) {
  const counts = { planned: 0, kept: 0, most: 0 }
  const observer = {
    ...nobodyObserves,
    planned: () => {
      counts.planned++
    },
    plansKept: (change: 1 | -1) => {
      counts.kept += change
      counts.most = Math.max(counts.most, counts.kept)
    },
  }
  const subgraphs = {
    products: {
      sdl: 'type Query { product(id: ID!): Product }  type Product @key(fields: "id") { id: ID! name: String! }',
      resolvers: { Query: { product: (_: unknown, { id }: { id: string }) => ({ id, name: `name ${id}` }) } },
    },
    stock: {
      sdl: 'type Product @key(fields: "id") { id: ID! inStock: Boolean! }',
      resolvers: { Product: { inStock: () => true } },
    },
  }
  return { federation: new Federation(subgraphs, { ...options, observer }), counts }
}

/** An operation that no other number has. */
const operation = (n: number, more = '') => `{ product(id: "${n}") { as${n}: name inStock ${more} } }`

async function askFor(federation: Federation, operations: number): Promise<void> {
  for (let n = 0; n < operations; n++) {
    const { data } = await federation.run(operation(n))
    expect(data).toEqual({ product: { [`as${n}`]: `name ${n}`, inStock: true } })
  }
}

test('of many different operations the latest keep their plans, and all are answered', async () => {
  const { federation, counts } = counted({ planCacheSize: 20 })
  await askFor(federation, 60)
  expect(counts).toEqual({ planned: 60, kept: 20, most: 20 })
  await federation.run(operation(59))
  expect(counts.planned).toBe(60)
  await federation.run(operation(0))
  expect(counts.planned).toBe(61)
  await federation.engine.close()
})

test('operations with much code keep fewer plans', async () => {
  const { federation, counts } = counted({ planCacheCharacters: 10_000 })
  await askFor(federation, 40)
  const ofSmall = counts.kept
  expect(ofSmall).toBeGreaterThan(1)
  expect(ofSmall).toBeLessThan(40)
  const aliases = Array.from({ length: 40 }, (_, i) => `a${i}: name`).join(' ')
  for (let n = 0; n < 10; n++) await federation.run(operation(n, aliases))
  expect(counts.kept).toBeLessThan(ofSmall)
  expect(counts.kept).toBeGreaterThan(0)
  await federation.engine.close()
  expect(counts.kept).toBe(0)
})
