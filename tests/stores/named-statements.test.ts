import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NamedStatements } from '../../stores/postgres/named-statements.ts'

test('names a statement that has come before, and no two alike', () => {
  const named = new NamedStatements(10)
  expect(named.nameOf('SELECT 1')).toBeUndefined()
  const name = named.nameOf('SELECT 1')
  expect(name).toMatch(/^\w+$/)
  expect(named.nameOf('SELECT 1')).toBe(name)
  named.nameOf('SELECT 2')
  expect(named.nameOf('SELECT 2')).not.toBe(name)
})

test('names no more texts than it may, whatever comes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 5 }), fc.array(fc.nat(20)), (most, texts) => {
      const named = new NamedStatements(most)
      const given = texts.map((text) => [text, named.nameOf(`SELECT ${text}`)] as const)
      const names = new Map(given.flatMap(([text, name]) => (name === undefined ? [] : [[name, text] as const])))
      expect(names.size).toBeLessThanOrEqual(most)
      for (const [text, name] of given) if (name !== undefined) expect(names.get(name)).toBe(text)
    }),
  )
})

test('names no text that is as long as a list of values makes it', () => {
  const named = new NamedStatements(10)
  const long = `SELECT ${'1, '.repeat(10_000)}1`
  for (let time = 0; time < 3; time++) expect(named.nameOf(long)).toBeUndefined()
})
