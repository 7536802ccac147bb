import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import type { VectorIndex, VectorItem } from '../../stores/vector/port.ts'

/** The length of the contract's vectors: small, so that a wrong order shows. */
export const contractDimensions = 8

export interface VectorWorld {
  /** An index of a model of that name, empty when the name is new. */
  open(model: string): Promise<VectorIndex>
}

const tenantId = randomUUID()

function item(shelfId: string, vector: readonly number[], more: Partial<VectorItem> = {}): VectorItem {
  return { memoryId: randomUUID(), shelfId, tenantId, ownerId: shelfId, version: 1, vector: unit(vector), ...more }
}

function unit(values: readonly number[]): Float32Array {
  const padded = Array.from({ length: contractDimensions }, (_, i) => values[i] ?? 0)
  const length = Math.hypot(...padded) || 1
  return Float32Array.from(padded, (value) => value / length)
}

function cosine(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0)
}

const ids = (hits: readonly { readonly memoryId: string }[]) => hits.map(({ memoryId }) => memoryId)

/** What every vector index must do. */
export function vectorContract(name: string, world: () => VectorWorld): void {
  describe(`vector index: ${name}`, () => {
    let index: VectorIndex
    beforeAll(async () => {
      index = await world().open(`contract ${randomUUID()}`)
    })

    test('answers the nearest first, with their cosines, and no more than asked', async () => {
      const shelf = randomUUID()
      const items = [
        [1, 0],
        [1, 1],
        [0, 1],
        [-1, 0],
      ].map((vector) => item(shelf, vector))
      await index.put(items)
      const hits = await index.nearest([shelf], unit([1, 0.2]), 3)
      expect(ids(hits)).toEqual(ids(items).slice(0, 3))
      const cosines = items.slice(0, 3).map(({ vector }) => cosine(vector, unit([1, 0.2])))
      hits.forEach(({ score }, i) => {
        expect(score).toBeCloseTo(cosines[i] ?? 0, 2)
      })
    })

    test('finds what stands on the shelves asked for, and nothing beside', async () => {
      const shelves = [randomUUID(), randomUUID(), randomUUID()]
      const items = shelves.map((shelf) => item(shelf, [1, 1]))
      await index.put(items)
      const [first = '', second = ''] = shelves
      const query = unit([1, 1])
      expect(ids(await index.nearest([first, second], query, 10)).sort()).toEqual(ids(items.slice(0, 2)).sort())
      expect(ids(await index.compare([first], query, ids(items)))).toEqual(ids(items.slice(0, 1)))
      expect(await index.count([first, second])).toBe(2)
      expect(await index.nearest([], query, 10)).toEqual([])
      expect(await index.nearest([randomUUID()], query, 10)).toEqual([])
      expect(await index.compare([first], query, [])).toEqual([])
    })

    test('keeps the highest version, however often and in whatever order the versions come', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }), {
            minLength: 1,
            maxLength: 4,
          }),
          async (batches) => {
            const shelf = randomUUID()
            const memoryId = randomUUID()
            for (const versions of batches) {
              await index.put(versions.map((version) => item(shelf, [1, version], { memoryId, version })))
            }
            const latest = Math.max(...batches.flat())
            const [hit] = await index.compare([shelf], unit([1, latest]), [memoryId])
            expect(hit?.score).toBeCloseTo(1, 2)
            expect(await index.count([shelf])).toBe(1)
          },
        ),
        { numRuns: 15 },
      )
    })

    test('moves a vector to the shelf of its newest version', async () => {
      const [from, to] = [randomUUID(), randomUUID()]
      const memory = item(from, [1, 0])
      await index.put([memory])
      await index.put([{ ...memory, shelfId: to, version: 2 }])
      expect(await index.nearest([from], unit([1, 0]), 5)).toEqual([])
      expect(ids(await index.nearest([to], unit([1, 0]), 5))).toEqual([memory.memoryId])
    })

    test('forgets what is removed, also when it is not there', async () => {
      const shelf = randomUUID()
      const [gone, stays] = [item(shelf, [1, 0]), item(shelf, [0, 1])]
      await index.put([gone, stays])
      await index.remove([gone.memoryId, randomUUID()])
      await index.remove([])
      expect(ids(await index.nearest([shelf], unit([1, 0]), 5))).toEqual([stays.memoryId])
    })

    test('loses none of the nearest on a shelf that is a small part of all', async () => {
      const [crowd, small] = [randomUUID(), randomUUID()]
      const vectors = fc.sample(fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 8, maxLength: 8 }), {
        numRuns: 440,
        seed: 7,
      })
      const items = vectors.map((vector, i) => item(i % 11 === 0 ? small : crowd, vector))
      await index.put(items)
      const query = unit([0.3, -0.2, 0.5, 0.1, 0.9, -0.4, 0.2, 0.7])
      const own = items.filter(({ shelfId }) => shelfId === small)
      const exact = own
        .map(({ memoryId, vector }) => ({ memoryId, score: cosine(vector, query) }))
        .sort((a, b) => b.score - a.score)
      const found = await index.nearest([small], query, 40)
      expect(new Set(ids(found))).toEqual(new Set(ids(exact)))
      expect(found.map(({ score }) => score)).toEqual(found.map(({ score }) => score).sort((a, b) => b - a))
    })

    test('keeps models apart, and clears one without the other', async () => {
      const shelf = randomUUID()
      const other = await world().open(`contract ${randomUUID()}`)
      const [a, b] = [item(shelf, [1, 0]), item(shelf, [1, 0])]
      await index.put([a])
      await other.put([b])
      expect(ids(await index.nearest([shelf], unit([1, 0]), 5))).toEqual([a.memoryId])
      await other.clear()
      expect(await other.count([shelf])).toBe(0)
      expect(await index.count([shelf])).toBe(1)
    })

    test('is still there when it is opened again', async () => {
      const model = `contract ${randomUUID()}`
      const shelf = randomUUID()
      const [first, second] = await Promise.all([world().open(model), world().open(model)])
      await first.put([item(shelf, [1, 0])])
      expect(await second.count([shelf])).toBe(1)
      expect(await (await world().open(model)).count([shelf])).toBe(1)
      expect(await first.health()).toBe(true)
    })

    test('rejects when its caller has gone', async () => {
      const gone = AbortSignal.abort(new Error('gone'))
      await expect(index.nearest([randomUUID()], unit([1]), 1, gone)).rejects.toThrow('gone')
    })
  })
}
