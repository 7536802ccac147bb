import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ConflictStrategy, decide, type Side } from '../../subgraphs/memory/service/sync/decide.ts'
import { byAge, canonical, mergeTexts, mergeValues } from '../../subgraphs/memory/service/sync/merge.ts'

const json = fc.jsonValue({ maxDepth: 4 })
const side: fc.Arbitrary<Side<unknown>> = fc.record({
  body: json,
  version: fc.integer({ min: 1, max: 3 }),
  at: fc.integer({ min: 0, max: 2 }).map((ms) => new Date(ms)),
})
const strategies: readonly ConflictStrategy[] = ['NEWEST', 'SOURCE', 'TARGET', 'MERGE']

const merged = (one: Side<unknown>, other: Side<unknown>) => mergeValues(...byAge(one, other))

test('a merge is the same from either side', () => {
  fc.assert(
    fc.property(side, side, (one, other) => {
      expect(canonical(merged(one, other))).toBe(canonical(merged(other, one)))
    }),
  )
})

test('a value merged with itself is itself, and what was merged stays so', () => {
  fc.assert(
    fc.property(json, json, (older, newer) => {
      expect(mergeValues(older, older)).toEqual(older)
      const both = mergeValues(older, newer)
      expect(canonical(mergeValues(older, both))).toBe(canonical(both))
      expect(canonical(mergeValues(newer, both))).toBe(canonical(both))
    }),
  )
})

test('a merge loses no key and no item of a list', () => {
  const objects = fc.dictionary(fc.string(), fc.array(fc.integer()))
  fc.assert(
    fc.property(objects, objects, (older, newer) => {
      const both = mergeValues(older, newer) as Record<string, number[]>
      for (const given of [older, newer]) {
        for (const [key, items] of Object.entries(given)) expect(both[key]).toEqual(expect.arrayContaining(items))
      }
      expect(Object.keys(both).every((key) => key in older || key in newer)).toBe(true)
    }),
  )
})

test('texts keep each line of both, once more only where one of them had it more than once', () => {
  expect(mergeTexts('a\nb', 'b\nc')).toBe('a\nb\nc')
  expect(mergeTexts('a\nb\nc', 'c\na')).toBe('a\nb\nc')
  const text = fc.array(fc.constantFrom('x', 'y', 'z')).map((lines) => lines.join('\n'))
  fc.assert(
    fc.property(text, text, (older, newer) => {
      const lines = new Set(mergeTexts(older, newer).split('\n'))
      expect(lines).toEqual(new Set([...older.split('\n'), ...newer.split('\n')]))
    }),
  )
})

test('a key that means something to JavaScript is a key like any other', () => {
  const older = JSON.parse('{"__proto__": {"a": 1}, "b": 1}')
  const newer = JSON.parse('{"__proto__": {"c": 2}}')
  expect(canonical(mergeValues(older, newer))).toBe('{"__proto__":{"a":1,"c":2},"b":1}')
  expect(({} as Record<string, unknown>).c).toBeUndefined()
})

test('whoever alone has changed a thing is right, whatever the strategy', () => {
  fc.assert(
    fc.property(side, side, fc.constantFrom(...strategies), fc.boolean(), (source, target, strategy, bothWays) => {
      fc.pre(canonical(source.body) !== canonical(target.body))
      const earlier = { version: 99, at: new Date(99) }
      const changedSource = decide({ source, target, mark: { source: earlier, target } }, strategy, bothWays)
      expect(changedSource).toEqual({ step: 'TO_TARGET', conflict: false })
      const changedTarget = decide({ source, target, mark: { source, target: earlier } }, strategy, bothWays)
      expect(changedTarget).toEqual({ step: bothWays ? 'TO_SOURCE' : 'KEEP', conflict: false })
    }),
  )
})

test('where both have, both ways round come to the same, but for what the strategy prefers', () => {
  const there = { TO_TARGET: 'source', TO_SOURCE: 'target', MERGE: 'both', NONE: 'none', KEEP: 'kept' } as const
  const back = { TO_TARGET: 'target', TO_SOURCE: 'source', MERGE: 'both', NONE: 'none', KEEP: 'kept' } as const
  fc.assert(
    fc.property(side, side, fc.constantFrom('NEWEST' as const, 'MERGE' as const), (one, other, strategy) => {
      const forth = decide({ source: one, target: other, mark: null }, strategy, true)
      const reverse = decide({ source: other, target: one, mark: null }, strategy, true)
      expect(there[forth.step]).toBe(back[reverse.step])
    }),
  )
})
