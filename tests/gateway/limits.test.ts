import { expect, test } from 'vitest'
import { loadConfig } from '../../gateway/config.ts'
import { startEdge } from '../kit/edge.ts'
import { transportNames, transports } from '../kit/transports.ts'

const incremental = '{ hello ... @defer { number } }'
const fragments = (count: number) => {
  const names = Array.from({ length: count }, (_, i) => `F${i}`)
  return `{ ...${names.join(' ...')} } ${names.map((name) => `fragment ${name} on Query { number }`).join(' ')}`
}
const given = (name: unknown) => ({ query: 'query ($name: String) { hello(name: $name) }', variables: { name } })

const { limits } = loadConfig({ env: {}, cwd: '/nowhere' }).config
const few = { fragments: 5, variableDepth: 3, variableValues: 20 }

/** What is asked beyond a limit, how it is refused, and its twin within. */
const cases: readonly [string, object, object, object][] = [
  [
    'incremental delivery',
    { query: incremental },
    {
      message: expect.stringContaining('one piece'),
      extensions: { code: 'INCREMENTAL_DELIVERY_NOT_SUPPORTED' },
    },
    { query: incremental.replace('@defer ', '') },
  ],
  [
    'more fragments than the setting',
    { query: fragments(6) },
    { message: expect.stringContaining('6 fragments'), extensions: { code: 'QUERY_TOO_COMPLEX' } },
    { query: fragments(5) },
  ],
  [
    'variables that nest deeper than the setting',
    given([[['Ada']]]),
    { message: expect.stringContaining('nest deeper'), extensions: { code: 'QUERY_TOO_COMPLEX' } },
    given('Ada'),
  ],
  [
    'more values in the variables than the setting',
    given(Array.from({ length: 20 }, () => 'Ada')),
    { message: expect.stringContaining('more than 20 values'), extensions: { code: 'QUERY_TOO_COMPLEX' } },
    given('Grace'),
  ],
]

test.each(cases)(
  'is refused over every transport, also when its twin is known: %s',
  async (_name, asked, error, twin) => {
    await using bounded = await startEdge({ config: { limits: { ...limits, ...few } } })
    for (const name of transportNames) {
      for (const _lane of ['pipeline', 'fast']) {
        expect(await transports[name](bounded, { ...twin })).toHaveProperty('data')
        expect(await transports[name](bounded, { ...asked })).toMatchObject({ errors: [error] })
      }
    }
  },
)
