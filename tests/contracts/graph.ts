import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import type { GraphStore } from '../../stores/graph/port.ts'

/** A graph of one owner: how many memories mention each concept, and how many mention both of a pair. */
export interface GraphFixture {
  readonly mentions: Readonly<Record<string, number>>
  readonly relations: readonly (readonly [a: string, b: string, support: number])[]
  /** All memories of the owner. */
  readonly readings: number
}

export interface GraphWorld {
  readonly store: GraphStore
  /** Puts a graph of a new owner where the store reads from; answers his id and that of each concept. */
  fill(graph: GraphFixture): Promise<{ readonly ownerId: string; readonly ids: Readonly<Record<string, string>> }>
}

/** With these counts a relation is the stronger the more memories mention both. */
const even = { a: 10, b: 10, c: 10, d: 10, e: 10, f: 10, far: 10, alone: 10 }
const fixture: GraphFixture = {
  mentions: even,
  // a–b strong, a–c weaker; both lead to d, and over e and f on to far.
  relations: [
    ['a', 'b', 9],
    ['a', 'c', 5],
    ['b', 'd', 6],
    ['c', 'd', 9],
    ['d', 'e', 8],
    ['e', 'f', 8],
    ['f', 'far', 8],
  ],
  readings: 100,
}

/** What every graph store must do. */
export function graphContract(name: string, open: () => Promise<GraphWorld>): void {
  describe(`graph store: ${name}`, () => {
    let world: GraphWorld
    let owner: string
    let id: Readonly<Record<string, string>>
    beforeAll(async () => {
      world = await open()
      const filled = await world.fill(fixture)
      owner = filled.ownerId
      id = filled.ids
    })

    const of = (key: string) => id[key] ?? ''
    const nameOf = (uuid: string) => Object.keys(id).find((key) => id[key] === uuid)
    const all = { minStrength: 0, type: null, limit: 10, after: null }
    const related = async (keys: readonly string[], options: Partial<Parameters<GraphStore['related']>[2]> = {}) =>
      (await world.store.related(owner, keys.map(of), { ...all, ...options })).map((found) => ({
        ...found,
        conceptId: nameOf(found.conceptId),
        relatedId: nameOf(found.relatedId),
      }))

    test('tells what concepts relate to, the strongest first, for many at once', async () => {
      const found = await related(['d', 'a', 'alone'])
      expect(found.map(({ conceptId, relatedId, support }) => [conceptId, relatedId, support])).toEqual([
        ['d', 'c', 9],
        ['d', 'e', 8],
        ['d', 'b', 6],
        ['a', 'b', 9],
        ['a', 'c', 5],
      ])
      for (const { strength, type } of found) {
        expect(type).toBe('CO_OCCURS')
        expect(strength).toBeGreaterThan(0)
        expect(strength).toBeLessThanOrEqual(1)
      }
    })

    test('computes the strength from the counts', async () => {
      // both 9, a 10, b 10, 100 memories: ln(9 · 101 / 100) / ln(101 / 9) · 9/10 · 10/11
      const [first] = await related(['a'])
      const expected = ((Math.log((9 * 101) / 100) / Math.log(101 / 9)) * 9 * 10) / (10 * 11)
      expect(first?.strength).toBeCloseTo(expected, 12)
    })

    test('goes on after a place, as far as the limit, above a strength and of a type', async () => {
      const [first, second] = await related(['d'], { limit: 2 })
      const after = { strength: second?.strength ?? 0, id: of(second?.relatedId ?? '') }
      expect((await related(['d'], { after })).map(({ relatedId }) => relatedId)).toEqual(['b'])
      expect((await related(['d'], { minStrength: first?.strength ?? 0 })).map((each) => each.relatedId)).toEqual(['c'])
      expect(await related(['d'], { type: 'CAUSES' })).toEqual([])
      expect(await related(['d'], { type: 'CO_OCCURS' })).toHaveLength(3)
    })

    test('is no relation when two concepts meet as often as chance would have it', async () => {
      const filled = await world.fill({ mentions: { x: 50, y: 50 }, relations: [['x', 'y', 20]], readings: 100 })
      const x = filled.ids.x ?? ''
      expect(await world.store.related(filled.ownerId, [x], all)).toEqual([])
      expect(await world.store.path(filled.ownerId, x, filled.ids.y ?? '', 4)).toBeNull()
    })

    const around = async (key: string, options: Partial<Parameters<GraphStore['neighborhood']>[2]> = {}) => {
      const bounds = { depth: 2, minStrength: 0, limit: 100, ...options }
      const { conceptIds, links } = await world.store.neighborhood(owner, of(key), bounds)
      const named = links.map(({ from, to }) => `${nameOf(from)}–${nameOf(to)}`)
      return { names: conceptIds.map(nameOf), links: named.sort() }
    }

    test('shows what lies around, the nearest and strongest first, with the relations among it, each once', async () => {
      expect(await around('a', { depth: 1 })).toEqual({ names: ['a', 'b', 'c'], links: ['a–b', 'a–c'] })
      expect(await around('a')).toEqual({ names: ['a', 'b', 'c', 'd'], links: ['a–b', 'a–c', 'b–d', 'c–d'] })
      expect((await around('d')).names).toEqual(['d', 'c', 'e', 'b', 'f', 'a'])
      expect((await around('d', { limit: 3 })).names).toEqual(['d', 'c', 'e'])
      expect(await around('alone')).toEqual({ names: ['alone'], links: [] })
      const [strongest] = await related(['a'])
      const minStrength = strongest?.strength ?? 0
      expect(await around('a', { depth: 4, minStrength })).toEqual({ names: ['a', 'b'], links: ['a–b'] })
    })

    const path = async (from: string, to: string, maxDepth = 4) => {
      const links = await world.store.path(owner, of(from), of(to), maxDepth)
      return links?.map(({ from, to, strength }) => [nameOf(from), nameOf(to), strength > 0])
    }

    test('finds a shortest way, the strongest among equals, and none beyond its depth', async () => {
      const step = (from: string, to: string) => [from, to, true]
      // Over b: 9 and 6; over c: 5 and 9. The first product is greater.
      expect(await path('a', 'd')).toEqual([step('a', 'b'), step('b', 'd')])
      expect(await path('d', 'a')).toEqual([step('d', 'b'), step('b', 'a')])
      expect(await path('a', 'f')).toHaveLength(4)
      expect(await path('a', 'far')).toBeUndefined()
      expect(await path('a', 'far', 5)).toHaveLength(5)
      expect(await path('a', 'alone', 6)).toBeUndefined()
      expect(await path('a', 'a')).toEqual([])
    })

    test('answers nothing of another owner’s concepts, and nothing of those that are not there', async () => {
      const stranger = randomUUID()
      for (const [asker, concept] of [
        [stranger, of('a')],
        [owner, randomUUID()],
      ] as const) {
        expect(await world.store.related(asker, [concept], all)).toEqual([])
        const bounds = { depth: 2, minStrength: 0, limit: 10 }
        expect(await world.store.neighborhood(asker, concept, bounds)).toEqual({ conceptIds: [], links: [] })
        expect(await world.store.path(asker, concept, of('b'), 4)).toBeNull()
      }
      expect(await world.store.related(owner, [], all)).toEqual([])
    })

    test('says that it is well, and stops when its signal aborts', async () => {
      expect(await world.store.health()).toBe(true)
      const gone = AbortSignal.abort(new Error('gone'))
      await expect(world.store.related(owner, [of('a')], all, gone)).rejects.toThrow('gone')
    })
  })
}
