import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import type { VectorIndex, VectorIndexes, VectorItem } from '../../stores/vector/port.ts'

/** The length of the contract's vectors: small, so that a wrong order shows. */
export const contractDimensions = 8

export interface VectorWorld {
  /** The indexes of a model of that name, empty when the name is new. */
  open(model: string): Promise<VectorIndexes>
}

const tenantId = randomUUID()

function item(shelfId: string, vector: readonly number[], more: Partial<VectorItem> = {}): VectorItem {
  return {
    id: randomUUID(),
    shelfId,
    tenantId,
    ownerId: shelfId,
    kind: 'CONTEXT',
    version: 1,
    vector: unit(vector),
    ...more,
  }
}

function unit(values: readonly number[]): Float32Array {
  const padded = Array.from({ length: contractDimensions }, (_, i) => values[i] ?? 0)
  const length = Math.hypot(...padded) || 1
  return Float32Array.from(padded, (value) => value / length)
}

function cosine(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0)
}

const ids = (hits: readonly { readonly id: string }[]) => hits.map(({ id }) => id)

/** What every vector index must do. */
export function vectorContract(name: string, world: () => VectorWorld): void {
  describe(`vector index: ${name}`, () => {
    let indexes: VectorIndexes
    let index: VectorIndex
    beforeAll(async () => {
      indexes = await world().open(`contract ${randomUUID()}`)
      index = indexes.MEMORIES
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

    test('answers the nearest to each of several items, never itself, and of none from other shelves', async () => {
      const [shelf, other] = [randomUUID(), randomUUID()]
      const items = [
        [1, 0],
        [1, 0.5],
        [0, 1],
      ].map((vector) => item(shelf, vector))
      const [a, b, c] = ids(items)
      const apart = [item(other, [1, 0.1]), item(other, [0, 1])]
      await index.put([...items, ...apart])
      const found = await index.neighbours([shelf], [...ids(items.slice(0, 2)), ...ids(apart), randomUUID()], 2)
      expect([...found].map(([of, hits]) => [of, ids(hits)]).sort()).toEqual(
        [
          [a, [b, c]],
          [b, [a, c]],
        ].sort(),
      )
      expect(found.get(a ?? '')?.[0]?.score).toBeCloseTo(1 / Math.hypot(1, 0.5), 2)
      expect(ids((await index.neighbours([shelf], [a ?? ''], 1)).get(a ?? '') ?? [])).toEqual([b])
      expect(await index.neighbours([], ids(items), 2)).toEqual(new Map())
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
            const id = randomUUID()
            for (const versions of batches) {
              await index.put(versions.map((version) => item(shelf, [1, version], { id, version })))
            }
            const latest = Math.max(...batches.flat())
            const [hit] = await index.compare([shelf], unit([1, latest]), [id])
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
      expect(ids(await index.nearest([to], unit([1, 0]), 5))).toEqual([memory.id])
    })

    test('forgets what is removed, also when it is not there', async () => {
      const shelf = randomUUID()
      const [gone, stays] = [item(shelf, [1, 0]), item(shelf, [0, 1])]
      await index.put([gone, stays])
      await index.remove([gone.id, randomUUID()])
      await index.remove([])
      expect(ids(await index.nearest([shelf], unit([1, 0]), 5))).toEqual([stays.id])
    })

    test('removes all of an owner, on whatever shelf it stands, and nothing of another', async () => {
      const [owner, other, tenant] = [randomUUID(), randomUUID(), randomUUID()]
      const items = [
        item(owner, [1, 0]),
        item(tenant, [1, 0], { ownerId: owner }),
        item(tenant, [0, 1], { ownerId: other }),
      ]
      await index.put(items)
      await index.removeOwner(owner)
      expect(ids(await index.nearest([owner, tenant], unit([1, 0]), 5))).toEqual(ids(items.slice(2)))
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
        .map(({ id, vector }) => ({ id, score: cosine(vector, query) }))
        .sort((a, b) => b.score - a.score)
      const found = await index.nearest([small], query, 40)
      expect(new Set(ids(found))).toEqual(new Set(ids(exact)))
      expect(found.map(({ score }) => score)).toEqual(found.map(({ score }) => score).sort((a, b) => b - a))
    })

    test('keeps models apart, and clears one without the other', async () => {
      const shelf = randomUUID()
      const { MEMORIES: other } = await world().open(`contract ${randomUUID()}`)
      const [a, b] = [item(shelf, [1, 0]), item(shelf, [1, 0])]
      await index.put([a])
      await other.put([b])
      expect(ids(await index.nearest([shelf], unit([1, 0]), 5))).toEqual([a.id])
      await other.clear()
      expect(await other.count([shelf])).toBe(0)
      expect(await index.count([shelf])).toBe(1)
    })

    test('keeps collections apart, and clears one without the other', async () => {
      const shelf = randomUUID()
      const [memory, voice] = [item(shelf, [1, 0]), item(shelf, [1, 0], { kind: 'QUERY' })]
      await index.put([memory])
      await indexes.VOICE_PATTERNS.put([voice])
      expect(ids(await index.nearest([shelf], unit([1, 0]), 5))).toEqual([memory.id])
      expect(ids(await indexes.VOICE_PATTERNS.nearest([shelf], unit([1, 0]), 5))).toEqual([voice.id])
      expect(ids(await indexes.VOICE_PATTERNS.compare([shelf], unit([1, 0]), [memory.id]))).toEqual([])
      await indexes.VOICE_PATTERNS.remove([memory.id])
      expect(await index.count([shelf])).toBe(1)
      await indexes.VOICE_PATTERNS.clear()
      expect(await indexes.VOICE_PATTERNS.count([shelf])).toBe(0)
      expect(await index.count([shelf])).toBe(1)
    })

    test('says what it holds of an item, its numbers only when asked', async () => {
      const shelf = randomUUID()
      const held = item(shelf, [3, 4], { version: 7 })
      await index.put([held])
      const [point, ...others] = await index.find([held.id, randomUUID()], false)
      expect(others).toEqual([])
      expect(point).toEqual({ id: held.id, version: 7, createdAt: expect.any(Date), vector: null })
      const [whole] = await index.find([held.id], true)
      expect(whole?.vector).toHaveLength(contractDimensions)
      expect(whole?.vector?.[0]).toBeCloseTo(0.6, 2)
      expect(await index.find([], true)).toEqual([])
    })

    test('is still there when it is opened again', async () => {
      const model = `contract ${randomUUID()}`
      const shelf = randomUUID()
      const [{ MEMORIES: first }, { MEMORIES: second }] = await Promise.all([world().open(model), world().open(model)])
      await first.put([item(shelf, [1, 0])])
      expect(await second.count([shelf])).toBe(1)
      expect(await (await world().open(model)).MEMORIES.count([shelf])).toBe(1)
      expect(await first.health()).toBe(true)
    })

    test('rejects when its caller has gone', async () => {
      const gone = AbortSignal.abort(new Error('gone'))
      await expect(index.nearest([randomUUID()], unit([1]), 1, gone)).rejects.toThrow('gone')
    })
  })
}
