import fc from 'fast-check'
import { buildSchema, type ExecutionResult, execute, parse, specifiedRules, validate } from 'graphql'
import { expect, test } from 'vitest'
import { PreparedOperation } from '../../lib/execution/prepared.ts'
import { chanceOf, erraticSchema } from '../kit/erratic-schema.ts'
import { randomOperation } from '../kit/random-operation.ts'
import { withUnheard } from '../kit/unheard.ts'
import { VirtualTime } from '../kit/virtual-time.ts'

const rules = specifiedRules.filter(({ name }) => !name.startsWith('NoUnused'))

/** GraphQL.js is the reference: what it answers, and what it tells resolvers, is what ours must. */
test('an operation is answered as the reference implementation answers it', async () => {
  const kinds = fc.constantFrom('query' as const, 'mutation' as const)
  const covered = { errors: 0, 'nothing at all': 0, executions: 0 }
  const property = fc.asyncProperty(fc.nat(), fc.nat(), kinds, async (seed, operationSeed, kind) => {
    let drawn = 0
    const chance = () => chanceOf(`${operationSeed} ${drawn++}`)
    const { text, variables } = randomOperation(erraticSchema(seed), kind, chance)
    const document = parse(text, { noLocation: true })
    expect(validate(erraticSchema(seed), document, rules)).toEqual([])
    const calls: string[] = []
    const time = new VirtualTime()
    const schema = erraticSchema(seed, time, calls)
    // It leaves promises unheard where a list has come to nothing.
    const [expected] = await withUnheard(
      () => execute({ schema, document, variableValues: variables, contextValue: 'context' }),
      () => time.over(),
    )
    const ourTime = new VirtualTime()
    const ourCalls: string[] = []
    const prepared = new PreparedOperation(erraticSchema(seed, ourTime, ourCalls), document)
    // Once more, since much is found out the first time.
    for (const _ of [1, 2]) {
      ourCalls.length = 0
      const [answer, unheard] = await withUnheard(
        () => prepared.execute(variables, 'context'),
        () => ourTime.over(),
      )
      expect(unheard).toEqual([])
      expect(asText(answer.data)).toEqual(asText(expected.data))
      expect(told(answer)).toEqual(told(expected))
      // What is lost anyway is not asked for.
      expect(calls).toEqual(expect.arrayContaining(ourCalls))
      if (!expected.errors) expect(ourCalls).toEqual(calls)
    }
    covered.executions++
    if (expected.errors) covered.errors++
    if (expected.data === null) covered['nothing at all']++
  })
  await fc.assert(property, { numRuns: Number(process.env.EXECUTION_RUNS ?? 1000) })
  console.table(covered)
  expect(covered.errors).toBeGreaterThan(covered.executions / 10)
}, 300_000)

/** With the order of its fields. */
const asText = (data: unknown) => JSON.stringify(data)

/**
 * What is `null` for an error, and the error where it is its own. Where one of several below made it `null`, which of them is
 * told is nobody's promise: "only one error should be added to the errors list per field" (§6.4.4).
 */
function told({ data, errors = [] }: ExecutionResult): Map<string, string> {
  return new Map(
    errors.map((error) => {
      const path = error.path ?? []
      const lost = lostIn(data, path)
      return [lost.join('/'), lost.length === path.length ? `${plain(error.message)} (${error.nodes?.length})` : 'lost']
    }),
  )
}

/** The place on the way to an error that is `null` for it. */
function lostIn(data: unknown, path: readonly (string | number)[]): readonly (string | number)[] {
  let value = data
  for (const [depth, key] of path.entries()) {
    if (value === null) return path.slice(0, depth)
    value = (value as Record<string | number, unknown>)[key]
  }
  expect(value).toBeNull()
  return path
}

/** Which words say that an object is of no type that fits is left to whoever says them. */
function plain(message: string): string {
  return /runtime|Abstract type|Expected `|serialized to nothing/i.test(message) ? 'of no such type' : message
}

test('what has come to nothing tells of one error, and asks no resolver any more', async () => {
  const time = new VirtualTime()
  const asked: string[] = []
  const schema = buildSchema('type Query { dot: Dot } type Dot { must: String!  may: String  next: Dot  name: String }')
  const after = (delay: number, value: unknown) => () =>
    time.after(delay, () => {
      if (value instanceof Error) throw value
      return value
    })
  const values = {
    must: after(1, null),
    may: after(2, new Error('too late to be told of')),
    next: after(3, { name: () => asked.push('name') }),
  }
  const operation = new PreparedOperation(schema, parse('{ dot { must may next { name } } }'))
  const { data, errors } = await operation.execute({}, null, { dot: values })
  expect(data).toEqual({ dot: null })
  expect(errors?.map(({ message }) => message)).toEqual(['Cannot return null for non-nullable field Dot.must.'])
  expect(asked).toEqual([])

  const answered = await operation.execute({}, null, { dot: { ...values, must: after(1, 'here') } })
  expect(answered.data).toMatchObject({ dot: { must: 'here', may: null, next: { name: '1' } } })
  expect(answered.errors?.map(({ message }) => message)).toEqual(['too late to be told of'])
})

test('an operation whose conditions change is answered by what they say now', async () => {
  const schema = buildSchema('type Query { a: Int  b: Int }')
  const operation = new PreparedOperation(schema, parse('query ($a: Boolean!) { a @include(if: $a)  b @skip(if: $a) }'))
  for (const a of [true, false, true]) {
    expect(await operation.execute({ a }, null, { a: 1, b: 2 })).toEqual({ data: a ? { a: 1 } : { b: 2 } })
  }
})
