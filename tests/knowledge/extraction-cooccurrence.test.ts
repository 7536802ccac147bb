import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mostPaired, pairs, strength } from '../../subgraphs/knowledge/extraction/cooccurrence.ts'
import type { Mention } from '../../subgraphs/knowledge/extraction/types.ts'

function message(...keys: string[]): Mention[] {
  return keys.map((key) => ({ name: key, key, category: 'NAME', count: 1, offsets: [] }))
}

describe('pairs', () => {
  test('each two concepts of a message are a pair, the smaller key first, summed over messages', () => {
    expect(pairs([message('b', 'a', 'c'), message('a', 'b'), message('a'), []])).toEqual([
      ['a', 'b', 2],
      ['a', 'c', 1],
      ['b', 'c', 1],
    ])
  })

  test('the most mentioned concepts of a long list are paired', () => {
    const list = message(...Array.from({ length: 100 }, (_, index) => `k${index}`))
    const found = pairs([[...list, { name: 'x', key: 'x', category: 'NAME', count: 9, offsets: [] }]])
    expect(found).toHaveLength((mostPaired * (mostPaired - 1)) / 2)
    expect(found.some(([, b]) => b === 'x')).toBe(true)
  })
})

describe('strength', () => {
  const occurrences = fc
    .tuple(fc.nat(1_000), fc.nat(1_000), fc.nat(1_000), fc.nat(10_000))
    .map(([both, onlyA, onlyB, neither]) => ({
      both: both + 1,
      a: both + 1 + onlyA,
      b: both + 1 + onlyB,
      total: both + 1 + onlyA + onlyB + neither,
    }))

  test('lies between 0 and 1 and does not depend on the order', () => {
    fc.assert(
      fc.property(occurrences, (counts) => {
        const value = strength(counts)
        expect(value).toBeGreaterThanOrEqual(0)
        expect(value).toBeLessThan(1)
        expect(strength({ ...counts, a: counts.b, b: counts.a })).toBeCloseTo(value, 12)
      }),
    )
  })

  test('grows with every further message that holds both', () => {
    fc.assert(
      fc.property(occurrences, ({ both, a, b, total }) => {
        const more = strength({ both: both + 1, a: a + 1, b: b + 1, total: total + 1 })
        expect(more).toBeGreaterThanOrEqual(strength({ both, a, b, total }) - 1e-12)
      }),
    )
  })

  test('no more than chance is 0; always together is near 1; once together is weak', () => {
    expect(strength({ both: 0, a: 5, b: 5, total: 100 })).toBe(0)
    expect(strength({ both: 10, a: 100, b: 100, total: 1_000 })).toBeLessThan(0.001)
    expect(strength({ both: 50, a: 50, b: 50, total: 1_000 })).toBeGreaterThan(0.95)
    expect(strength({ both: 1, a: 1, b: 1, total: 1_000 })).toBeCloseTo(0.25, 2)
    expect(strength({ both: 3, a: 3, b: 3, total: 3 })).toBeCloseTo(0.5625, 2)
  })

  test('a name that is everywhere is weaker than one that belongs here', () => {
    const everywhere = strength({ both: 20, a: 20, b: 800, total: 1_000 })
    expect(strength({ both: 15, a: 20, b: 18, total: 1_000 })).toBeGreaterThan(everywhere)
  })
})
