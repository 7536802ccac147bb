import fc from 'fast-check'
import { buildSchema, parse } from 'graphql'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../gateway/config.ts'
import { Guard } from '../../gateway/guard/guard.ts'
import { measureOperations } from '../../gateway/guard/measure.ts'
import type { Viewer } from '../../lib/context.ts'
import { member } from '../kit/edge.ts'

const { limits } = loadConfig({ env: {}, cwd: '/nowhere' }).config
const guard = new Guard({ limits, introspection: 'signed-in' })

const schema = buildSchema('type Query { a: Query, b: Int }')
const asked = (text: string, viewer: Viewer | null = null, variables = {}) => ({ text, variables, schema, viewer })

function codeOf(text: string): unknown {
  try {
    guard.admit(asked(text))
    return 'admitted'
  } catch (error) {
    return (error as { extensions: { code: unknown } }).extensions.code
  }
}

const nested = (depth: number) => `${'{ a '.repeat(depth)}${'}'.repeat(depth)}`
const times = (count: number, text: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => text(index)).join(' ')

describe('the guard', () => {
  test.each([
    ['depth', (n: number) => nested(n), limits.depth],
    ['aliases', (n: number) => `{ a { ${times(n, (i) => `x${i}: b`)} } }`, limits.aliases],
    ['directives', (n: number) => `{ a ${times(n, () => '@include(if: true)')} }`, limits.directives],
    ['root fields', (n: number) => `{ ${times(n, () => 'a')} }`, limits.rootFields],
    [
      'root fields in fragments',
      (n: number) => `{ ...F } fragment F on Query { ... { ${times(n, () => 'a')} } }`,
      limits.rootFields,
    ],
    [
      'fragments, spread or not',
      (n: number) => `{ ...F1 } ${times(n, (i) => `fragment F${i} on Query { a }`)}`,
      limits.fragments,
    ],
  ])('admits up to the limit and no further: %s', (_name, text, limit) => {
    expect(codeOf(text(limit))).toBe('admitted')
    expect(codeOf(text(limit + 1))).toBe('QUERY_TOO_COMPLEX')
  })

  test('counts tokens before it builds a tree', () => {
    const few = new Guard({ limits: { ...limits, tokens: 6 }, introspection: 'open' })
    expect(() => few.admit(asked('{ a b c d }'))).not.toThrow()
    // Not a document at all: the count is known before anyone looks at what it says.
    expect(() => few.admit(asked('} } } } } } }'))).toThrow('more than 6 tokens')
  })

  test('is not held up by fragments that multiply', () => {
    const bomb = `{ ...F0 } ${times(60, (i) => `fragment F${i} on Query { a { ...F${i + 1} ...F${i + 1} } }`)} fragment F60 on Query { a }`
    expect(codeOf(bomb)).toBe('QUERY_TOO_COMPLEX')
    const flat = `{ ...F0 } ${times(60, (i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`)} fragment F60 on Query { a }`
    expect(codeOf(flat)).toBe('QUERY_TOO_COMPLEX')
  })

  test('counts fields with their fragments written out', () => {
    const few = new Guard({ limits: { ...limits, fields: 20 }, introspection: 'open' })
    const text = (n: number) => `{ a { ...F } c: a { ...F } } fragment F on Query { ${times(n, (i) => `f${i}`)} }`
    expect(() => few.admit(asked(text(9)))).not.toThrow()
    expect(() => few.admit(asked(text(10)))).toThrow('selects 22 fields')
  })

  test('is not held up by spreads of what is not there', () => {
    const empty = `{ ...F0 } ${times(60, (i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`)}`
    expect(codeOf(empty)).toBe('QUERY_TOO_COMPLEX')
  })

  test('refuses fields repeated until validation would take seconds, however they are written', () => {
    const admitted = Math.floor(Math.sqrt(2 * limits.overlaps))
    for (const text of [
      (n: number) => `{ a { ${times(n, () => 'b')} } }`,
      (n: number) => `{ a { ${times(n, () => '... { b }')} } }`,
      (n: number) => `{ ...F a { ${times(n - 1, () => 'b')} } } fragment F on Query { a { b } }`,
      (n: number) => `{ a { ${times(n, (i) => `b: c${i}`)} } }`,
    ]) {
      const aliases = new Guard({ limits: { ...limits, aliases: 10_000 }, introspection: 'open' })
      expect(() => aliases.admit(asked(text(admitted)))).not.toThrow()
      expect(() => aliases.admit(asked(text(admitted + 2)))).toThrow('same fields')
    }
  })

  test('refuses fragments in a circle', () => {
    expect(codeOf('{ ...A } fragment A on Query { a { ...B } } fragment B on Query { ...A }')).toBe(
      'GRAPHQL_VALIDATION_FAILED',
    )
  })

  test('refuses values nested beyond what can be read', () => {
    const wide = new Guard({ limits: { ...limits, tokens: 1_000_000 }, introspection: 'open' })
    expect(() => wide.admit(asked(`{ a(b: ${'['.repeat(200_000)}${']'.repeat(200_000)}) }`))).toThrow('nests too deep')
  })

  test('bounds how deep variables nest and how many values they hold', () => {
    const few = new Guard({ limits: { ...limits, variableDepth: 3, variableValues: 6 }, introspection: 'open' })
    const given = (variables: Record<string, unknown>) => () => few.admit(asked('{ a }', null, variables))
    expect(given({ a: { b: [1, 2] }, c: 'x', d: null })).not.toThrow()
    expect(given({ a: [[[]]] })).toThrow('nest deeper than 3 levels')
    expect(given({ a: { b: { c: {} } } })).toThrow('nest deeper than 3 levels')
    expect(given({ a: { b: [1, 2, 3] }, c: 'x', d: 1 })).toThrow('more than 6 values')
    let deep: unknown = []
    for (let i = 0; i < 100_000; i++) deep = [deep]
    expect(() => guard.admit(asked('{ a }', null, { deep }))).toThrow('nest deeper')
  })

  test.each(['{ ... @defer { a } }', '{ ...F @defer(if: false) } fragment F on Query { a }', '{ a @stream }'])(
    'says that an answer comes in one piece: %s',
    (text) => {
      expect(codeOf(text)).toBe('INCREMENTAL_DELIVERY_NOT_SUPPORTED')
      expect(() => guard.admit(asked(text))).toThrow('every answer comes in one piece')
    },
  )

  test('names a syntax error', () => {
    expect(codeOf('{ a')).toBe('GRAPHQL_PARSE_FAILED')
  })

  test('lets the schema be read by whom the setting says', () => {
    const query = '{ a ...F } fragment F on Query { ... { x: __type(name: "Query") { name } } }'
    const may = (introspection: 'off' | 'signed-in' | 'open', viewer: typeof member | null) => {
      try {
        new Guard({ limits, introspection }).admit(asked(query, viewer))
        return true
      } catch {
        return false
      }
    }
    expect([may('open', null), may('signed-in', null), may('signed-in', member), may('off', member)]).toEqual([
      true,
      false,
      true,
      false,
    ])
    expect(codeOf('{ __typename }')).toBe('admitted')
  })

  test('lets everyone ask for types that are not there, and for no others', () => {
    const named = 'query ($n: String! = "Query") { __type(name: $n) { name } }'
    const refuses = (text: string, variables = {}) =>
      expect(() => guard.admit(asked(text, null, variables))).toThrow('Sign in')
    expect(codeOf('{ __type(name: "Nothing") { name } }')).toBe('admitted')
    guard.admit(asked(named, null, { n: 'Nothing' }))
    refuses(named)
    refuses(named, { n: 'Query' })
    refuses('{ a: __type(name: "Nothing") { name } b: __type(name: "Query") { name } }')
    refuses('{ __type(name: "Nothing") { name } __schema { queryType { name } } }')
  })

  test('gives the same document for the same text', () => {
    expect(guard.admit(asked('{ a }'))).toBe(guard.admit(asked('{ a }', member)))
  })
})

/** A selection with what it should measure, written out by hand beside it. */
interface Grown {
  readonly text: string
  readonly depth: number
  readonly fields: number
  readonly aliases: number
}

const { selection } = fc.letrec<{ selection: Grown; set: Grown }>((tie) => ({
  set: fc.array(tie('selection'), { minLength: 1, maxLength: 3 }).map((all) => ({
    text: `{ ${all.map(({ text }) => text).join(' ')} }`,
    depth: Math.max(...all.map(({ depth }) => depth)),
    fields: all.reduce((sum, { fields }) => sum + fields, 0),
    aliases: all.reduce((sum, { aliases }) => sum + aliases, 0),
  })),
  selection: fc.oneof(
    { maxDepth: 4 },
    fc.boolean().map((alias) => ({ text: alias ? 'x: a' : 'a', depth: 1, fields: 1, aliases: alias ? 1 : 0 })),
    tie('set').map((set) => ({ ...set, text: `a ${set.text}`, depth: set.depth + 1, fields: set.fields + 1 })),
    tie('set').map((set) => ({ ...set, text: `... on A ${set.text}` })),
    tie('set').map((set) => ({ ...set, text: `... ${set.text}` })),
  ),
}))

test('what is measured is what is there', () => {
  fc.assert(
    fc.property(selection, ({ text, depth, fields, aliases }) => {
      const whole = measureOperations(parse(`{ ${text} }`))
      const inFragment = measureOperations(parse(`{ ...F } fragment F on Query { ${text} }`))
      for (const measures of [whole, inFragment]) {
        expect([...measures.values()]).toMatchObject([{ depth, fields, aliases }])
      }
    }),
  )
})
