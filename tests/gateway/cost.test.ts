import fc from 'fast-check'
import { buildSchema, type OperationDefinitionNode, parse } from 'graphql'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../gateway/config.ts'
import type { Engine } from '../../gateway/engine/types.ts'
import { CostControl, type CostSettings } from '../../gateway/guard/cost/control.ts'
import { systemClock } from '../../lib/sources.ts'
import { type EdgeWorld, member, startEdge } from '../kit/edge.ts'
import { Federation } from '../kit/federation.ts'
import { operationModel, writeOperation } from '../kit/federation-operation.ts'
import { transportNames, transports } from '../kit/transports.ts'

const unlimited: CostSettings = { limit: 0, budget: null, assumedListSize: 10 }

const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9",
  import: ["@key", "@shareable", "@external", "@requires", "@cost", "@listSize"])
`

async function startShop(costs: Partial<CostSettings> = {}, edge: Parameters<typeof startEdge>[0] = {}) {
  const federation = new Federation({
    shop: {
      sdl: `${link}
        type Query {
          user: User
          users(first: Int, last: Int = 3, filter: Filter, sort: Sort @cost(weight: 4)): [User!]
          sized(count: Int, other: Int): [User] @listSize(assumedSize: 7, slicingArguments: ["count", "other"], requireOneSlicingArgument: false)
          strict(count: Int, other: Int): [User] @listSize(slicingArguments: ["count", "other"])
          page(first: Int): Page @listSize(assumedSize: 20, slicingArguments: ["first"], sizedFields: ["edges", "nodes"], requireOneSlicingArgument: false)
          relay(first: Int): Connection
          nodes(ids: [ID!]!): [Thing]
          plain: [User]
          thing: Thing
          grid: [[User]] @listSize(assumedSize: 3)
        }
        type Mutation { add(items: [Item!]): User }
        input Filter { deep: Filter, price: Int @cost(weight: 5) }
        input Item { name: String, parts: [Item!] }
        enum Sort { UP DOWN }
        type Page { edges: [Edge!]! nodes: [User!]! total: Int @cost(weight: 6) }
        type Connection { edges: [Edge!]! nodes: [User!]! other: [User] }
        type Edge { node: User }
        interface Thing { id: ID! friends: [User] @listSize(assumedSize: 2) }
        type User implements Thing { id: ID! dear: Int @cost(weight: 9) friends: [User] }
        type Gem implements Thing @cost(weight: 30) { id: ID! carat: Carat friends: [User] }
        scalar Carat @cost(weight: 2)`,
      resolvers: {
        Query: {
          user: () => ({ id: '1' }),
          users: () => [{ id: '1' }, { id: '2' }],
          plain: () => [{ id: '1' }],
          nodes: () => [{ __typename: 'User', id: '1' }, null],
        },
        Mutation: { add: () => ({ id: '1' }) },
      },
    },
  })
  return startEdge({ ...edge, served: federation.engine, config: { costs: { ...unlimited, ...costs } } })
}

interface Cost {
  readonly estimated: number
  readonly actual: number
}

async function costOf(world: EdgeWorld, query: string, variables: Record<string, unknown> = {}): Promise<Cost> {
  const answer = await transports.POST(world, { query, variables, extensions: { cost: true } })
  if (answer.extensions === undefined) throw new Error(JSON.stringify(answer))
  return answer.extensions.cost as Cost
}

describe('the estimate', () => {
  test.each([
    ['objects count one each, leaves nothing', '{ user { id } }', 1],
    ['what the schema says of a field takes the place of its type', '{ user { dear } }', 10],
    ['a list has as many as the argument says', '{ users(first: 5) { id } }', 5],
    ['or as its default says', '{ users { id } }', 3],
    ['or as @listSize says of slicing arguments, the highest of them', '{ sized(count: 2, other: 4) { id } }', 4],
    ['or assumes', '{ sized { id } }', 7],
    ['or as many as any list of which nothing is known', '{ plain { id } }', 10],
    ['in each list of a list', '{ grid { id } }', 30],
    ['the size of a page is that of its lists', '{ page(first: 4) { edges { node { id } } nodes { id } total } }', 19],
    ['also when it is assumed', '{ page { edges { node { id } } } }', 41],
    ['and by convention where no directive says so', '{ relay(first: 4) { edges { node { id } } other { id } } }', 19],
    ['as many objects as there are ids', '{ nodes(ids: ["1", "2", "3"]) { id } }', 90],
    ['of an interface the dearest type counts', '{ thing { id ... on User { dear } ... on Gem { carat } } }', 32],
    [
      'not both, and the cheaper one when it selects more',
      '{ thing { ... on User { a: dear b: dear c: dear d: dear } } }',
      37,
    ],
    ['what an interface says of a field holds for its types', '{ user { friends { id } } }', 3],
    ['arguments cost what the schema says', '{ users(first: 1, sort: UP) { id } }', 5],
    [
      'and so do input objects, however deep',
      '{ users(first: 1, filter: { price: 1, deep: { price: 2 } }) { id } }',
      13,
    ],
    [
      'a mutation is dearer, and grows with its input',
      'mutation { add(items: [{ name: "a" }, { parts: [{}, {}] }]) { id } }',
      15,
    ],
    ['fragments are written out', '{ ...F } fragment F on Query { user { ...G } } fragment G on User { dear }', 10],
    ['what is left out costs nothing', '{ user @skip(if: true) { id } ... @include(if: false) { user { id } } }', 0],
    ['what the gateway answers itself costs nothing', '{ __typename }', 0],
  ])('%s', async (_name, query, expected) => {
    await using world = await startShop()
    expect((await costOf(world, query)).estimated).toBe(expected)
  })

  test('follows the variables of each request', async () => {
    await using world = await startShop()
    const page = 'query ($n: Int = 2) { page(first: $n) { edges { node { id } } } }'
    const estimated = async (query: string, variables: Record<string, unknown>) =>
      (await costOf(world, query, variables)).estimated
    expect(await estimated(page, { n: 10 })).toBe(21)
    expect(await estimated(page, { n: 3 })).toBe(7)
    expect(await estimated(page, {})).toBe(5)
    expect(await estimated(page, { n: null })).toBe(41)
    const some =
      'query ($ids: [ID!]!, $f: Filter, $b: Boolean!) { nodes(ids: $ids) { id } users(first: 1, filter: $f) @include(if: $b) { id } }'
    expect(await estimated(some, { ids: ['1', '2'], f: { price: 1 }, b: true })).toBe(67)
    expect(await estimated(some, { ids: ['1'], b: false })).toBe(30)
  })

  test('asks for exactly one slicing argument where the schema does', async () => {
    await using world = await startShop()
    const ask = (query: string) => transports.POST(world, { query, extensions: { cost: true } }, world.bearer)
    const refused = {
      errors: [{ message: expect.stringContaining('exactly one'), extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }],
    }
    expect(await ask('{ strict { id } }')).toMatchObject(refused)
    expect(await ask('{ strict(count: 1, other: 2) { id } }')).toMatchObject(refused)
    expect(await ask('{ strict(count: 2) { id } }')).toMatchObject({ extensions: { cost: { estimated: 2 } } })
  })

  test('follows a path into an input object, which not every composition takes', () => {
    const supergraphSdl = `
      directive @listSize(assumedSize: Int, slicingArguments: [String!], requireOneSlicingArgument: Boolean) on FIELD_DEFINITION
      type Query {
        found(by: By = { page: { first: 4 } }): [User]
          @listSize(slicingArguments: ["by.page.first"], assumedSize: 3, requireOneSlicingArgument: false)
      }
      input By { page: Page }
      input Page { first: Int }
      type User { id: ID! }`
    const engine = { schema: buildSchema(supergraphSdl), supergraphSdl } as Engine
    const control = new CostControl(unlimited, systemClock)
    const estimated = (text: string, variables = {}) => {
      const document = parse(text)
      const operation = document.definitions[0] as OperationDefinitionNode
      const asked = { document, operation, variables, viewer: null, isOwner: false, isAsked: true }
      return control.charge(asked, engine)?.estimated
    }
    // Beside the users: two input objects where they are given.
    expect(estimated('{ found(by: { page: { first: 7 } }) { id } }')).toBe(9)
    expect(estimated('query ($by: By) { found(by: $by) { id } }', { by: { page: { first: 5 } } })).toBe(7)
    expect(estimated('query ($n: Int) { found(by: { page: { first: $n } }) { id } }', { n: 6 })).toBe(8)
    expect(estimated('{ found { id } }')).toBe(6)
  })

  test('reads nothing while it is off', () => {
    const untouchable = new Proxy({} as Engine, {
      get() {
        throw new Error('the engine was looked at')
      },
    })
    const document = parse('{ id }')
    const operation = document.definitions[0] as OperationDefinitionNode
    const asked = { document, operation, variables: {}, viewer: member, isOwner: false, isAsked: false }
    expect(new CostControl(unlimited, systemClock).charge(asked, untouchable)).toBeUndefined()
    expect(() => new CostControl({ ...unlimited, limit: 1 }, systemClock).charge(asked, untouchable)).toThrow(
      'looked at',
    )
  })

  test('is counted in the metrics, so that a limit can be chosen by it', async () => {
    await using world = await startShop({ limit: 100 })
    for (const n of [5, 50]) await world.post({ query: `{ users(first: ${n}) { id } }` })
    expect(world.metrics.text()).toContain('mnemograph_operation_cost_bucket{le="10"} 1')
    expect(world.metrics.text()).toContain('mnemograph_operation_cost_sum 55')
  })

  test('stands beside what the answer did cost', async () => {
    await using world = await startShop()
    expect(await costOf(world, '{ users(first: 5) { id } plain { id dear } }')).toMatchObject({
      estimated: 105,
      actual: 3,
    })
    expect(await costOf(world, 'mutation { add { id } }')).toMatchObject({ estimated: 11, actual: 11 })
  })

  test('is told to whom asks, and to nobody else', async () => {
    await using world = await startShop()
    expect(await transports.POST(world, { query: '{ user { id } }' })).toEqual({ data: { user: { id: '1' } } })
    for (const _lane of ['pipeline', 'fast']) {
      for (const name of transportNames) {
        const request = { query: '{ user { id } }', extensions: { cost: true } }
        expect(await transports[name](world, request)).toEqual({
          data: { user: { id: '1' } },
          extensions: { cost: { estimated: 1, actual: 1 } },
        })
      }
    }
  })
})

describe('an operation beyond the limit', () => {
  test.each(transportNames)('is refused over %s, in both lanes, and one within it is answered', async (name) => {
    await using world = await startShop({ limit: 5 })
    const query = 'query ($n: Int) { users(first: $n) { id } }'
    for (const _lane of ['pipeline', 'fast']) {
      expect(await transports[name](world, { query, variables: { n: 6 } })).toEqual({
        errors: [
          {
            message: 'The operation may cost 6; at most 5 is allowed.',
            extensions: { code: 'QUERY_TOO_COMPLEX', cost: { estimated: 6, limit: 5 } },
          },
        ],
      })
      expect(await transports[name](world, { query, variables: { n: 5 } })).toHaveProperty('data')
    }
  })

  test('is refused before a subscription opens', async () => {
    await using world = await startEdge({ config: { costs: { ...unlimited, limit: 1 } } })
    expect(await transports.SSE(world, { query: 'subscription { count(to: 1) }' })).toEqual({ data: { count: 1 } })
  })
})

describe('the budget of a viewer', () => {
  const budget = { points: 10, perSecond: 2 }

  /** A clock that the test moves. */
  function stopped() {
    let now = Date.now()
    const pass = (seconds: number) => {
      now += seconds * 1000
    }
    return { clock: { now: () => new Date(now) }, pass }
  }

  const headersOf = (response: Response) =>
    ['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset', 'retry-after'].map((name) =>
      response.headers.get(name),
    )

  test('is spent, tells what is left, and fills up again; in both lanes alike', async () => {
    const { clock, pass } = stopped()
    await using world = await startShop({ budget }, { edge: { clock } })
    const ask = (n: number, authorization = world.bearer) =>
      world.post({ query: 'query ($n: Int) { users(first: $n) { id } }', variables: { n } }, { authorization })
    for (const _lane of ['pipeline', 'fast']) {
      expect(headersOf(await ask(6))).toEqual(['10', '4', '3', null])
      const refused = await ask(6)
      expect(refused.status).toBe(429)
      expect(headersOf(refused)).toEqual(['10', '4', '3', '1'])
      expect(await refused.json()).toEqual({
        errors: [
          {
            message: 'The operation costs 6, and 4 of the budget are left.',
            extensions: { code: 'RATE_LIMITED', retryAfter: 1 },
          },
        ],
      })
      pass(1)
      expect(headersOf(await ask(6))).toEqual(['10', '0', '5', null])
      pass(60)
    }
    // What can never be paid for is not a matter of waiting.
    expect(await (await ask(11)).json()).toMatchObject({ errors: [{ extensions: { code: 'QUERY_TOO_COMPLEX' } }] })
  })

  test('is of one viewer, and strangers have none', async () => {
    const { clock } = stopped()
    await using world = await startShop({ budget }, { edge: { clock } })
    const { token } = await world.tokens.issue({ ...member, userId: 'u2' })
    const request = { query: '{ users(first: 10) { id } }' }
    const ask = async (authorization?: string) => Object.keys(await transports.POST(world, request, authorization))
    expect(await ask(world.bearer)).toEqual(['data'])
    expect(await ask(world.bearer)).toEqual(['errors'])
    expect(await ask(`Bearer ${token}`)).toEqual(['data'])
    for (let i = 0; i < 3; i++) expect(await ask()).toEqual(['data'])
  })

  test.each(transportNames)('holds over %s', async (name) => {
    const { clock } = stopped()
    await using world = await startShop({ budget }, { edge: { clock } })
    const request = { query: '{ users(first: 6) { id } }', extensions: { cost: true } }
    expect(await transports[name](world, request, world.bearer)).toMatchObject({
      extensions: { cost: { estimated: 6, budget: { limit: 10, remaining: 4, resetsIn: 3 } } },
    })
    expect(await transports[name](world, request, world.bearer)).toMatchObject({
      errors: [{ extensions: { code: 'RATE_LIMITED', retryAfter: 1 } }],
    })
  })

  test('comes from the settings', () => {
    const costs = (env: Record<string, string>) => loadConfig({ env, cwd: '/nowhere' }).config.costs
    expect(costs({})).toEqual({ limit: 1_000_000, budget: null, assumedListSize: 10 })
    expect(costs({ MNEMOGRAPH_COST_BUDGET: '1000' }).budget).toEqual({ points: 1000, perSecond: 17 })
    const given = costs({
      MNEMOGRAPH_MAX_COST: '0',
      MNEMOGRAPH_COST_BUDGET: '50',
      MNEMOGRAPH_COST_BUDGET_PER_SECOND: '5',
    })
    expect(given).toMatchObject({ limit: 0, budget: { points: 50, perSecond: 5 } })
  })
})

/** Counts what resolvers bring, by the weights that the schema gives. */
class Meter {
  spent = 0

  bring<T>(weight: number, value: T): T {
    this.spent += weight * (Array.isArray(value) ? value.length : 1)
    return value
  }
}

/** Two subgraphs whose lists are always as long as their schema lets them be. */
function generous(meter: Meter) {
  const many = (x: number | null | undefined, otherwise: number) =>
    Array.from({ length: x ?? otherwise }, (_, index) => ({ __typename: 'User', id: String(index) }))
  type Args = { x?: number | null }
  return new Federation({
    people: {
      sdl: `${link}
        type Query {
          users(x: Int = 1): [User!]! @listSize(assumedSize: 2, slicingArguments: ["x"], requireOneSlicingArgument: false)
          user: User
          page(x: Int): Page @listSize(assumedSize: 2, slicingArguments: ["x"], sizedFields: ["nodes", "edges"], requireOneSlicingArgument: false)
          found: [Found!]! @listSize(assumedSize: 2)
          named: [Named] @listSize(assumedSize: 3)
          clubs: [Club!] @listSize(assumedSize: 2)
        }
        type Club @key(fields: "seat { code }") { seat: Seat! }
        type Seat @shareable { code: ID! }
        type Address @shareable { street: String @cost(weight: 2) }
        type Page @shareable { nodes: [User!] edges: [Edge!] total: Int @cost(weight: 4) }
        type Edge @shareable @cost(weight: 2) { node: User }
        interface Named { name: String }
        type User implements Named @key(fields: "id") @cost(weight: 3) {
          id: ID!  name: String @cost(weight: 2)  address: Address
          friends(x: Int): [User!] @listSize(assumedSize: 2, slicingArguments: ["x"], requireOneSlicingArgument: false)
        }
        type Robot implements Named { name: String parts: [Part!] @listSize(assumedSize: 3) }
        type Part @cost(weight: 0) { bolts: Int @cost(weight: 1) }
        union Found = User | Robot`,
      resolvers: {
        Query: {
          users: (_: unknown, { x }: Args) => meter.bring(3, many(x, 2)),
          user: () => meter.bring(3, { id: '1' }),
          clubs: () => meter.bring(1, [{}, {}]),
          page: (_: unknown, { x }: Args) => meter.bring(1, { x }),
          found: () => [meter.bring(1, { __typename: 'Robot' }), meter.bring(3, { __typename: 'User', id: '1' })],
          named: () => [
            meter.bring(3, { __typename: 'User', id: '1' }),
            meter.bring(1, { __typename: 'Robot' }),
            meter.bring(1, { __typename: 'Robot' }),
          ],
        },
        Club: { seat: () => meter.bring(1, { code: 's' }) },
        Address: { street: () => meter.bring(2, 'Main Street') },
        Page: {
          nodes: ({ x }: Args) => meter.bring(3, many(x, 2)),
          edges: ({ x }: Args) => meter.bring(2, many(x, 2)),
          total: () => meter.bring(4, 1),
        },
        Edge: { node: () => meter.bring(3, { id: '1' }) },
        User: {
          name: () => meter.bring(2, 'Ada'),
          address: () => meter.bring(1, {}),
          friends: (_: unknown, { x }: Args) => meter.bring(3, many(x, 2)),
        },
        Robot: { name: () => 'R2', parts: () => meter.bring(0, [{}, {}, {}]) },
        Part: { bolts: () => meter.bring(1, 3) },
      },
    },
    posts: {
      sdl: `${link}
        type Club @key(fields: "seat { code }") { seat: Seat! founder: User }
        type Seat @shareable { code: ID! }
        type Address @shareable { street: String @cost(weight: 2) }
        type User @key(fields: "id") {
          id: ID!
          address: Address @external
          label: String @requires(fields: "address { street }")
          posts(x: Int): [Post!]! @listSize(assumedSize: 1, slicingArguments: ["x"], requireOneSlicingArgument: false)
        }
        type Post { author: User  tags: [Tag] @listSize(assumedSize: 2) }
        type Tag { text: String }`,
      resolvers: {
        Club: { founder: () => meter.bring(3, { id: '1' }) },
        User: { label: () => 'l', posts: (_: unknown, { x }: Args) => meter.bring(1, many(x, 1)) },
        Post: { author: () => meter.bring(3, { id: '1' }), tags: () => meter.bring(1, [{}, {}]) },
        Tag: { text: () => 't' },
      },
    },
  })
}

const runs = Number(process.env.COST_RUNS ?? 300)

test('the estimate is never below what runs: generated operations over lists that are as long as they may be', async () => {
  const meter = new Meter()
  const federation = generous(meter)
  await using world = await startEdge({ served: federation.engine, config: { costs: unlimited } })
  const seen = { answered: 0, exact: 0, dear: 0 }
  const property = fc.asyncProperty(operationModel, async (model) => {
    const { query, variables } = writeOperation(federation.engine.schema, model)
    meter.spent = 0
    const { extensions, data } = await transports.POST(world, { query, variables, extensions: { cost: true } })
    if (data === undefined || extensions === undefined) return
    const { estimated, actual } = extensions.cost as Cost
    seen.answered += 1
    if (estimated === meter.spent) seen.exact += 1
    if (meter.spent > 20) seen.dear += 1
    expect(estimated).toBeGreaterThanOrEqual(meter.spent)
    expect(estimated).toBeGreaterThanOrEqual(actual)
  })
  await fc.assert(property, { numRuns: runs })
  // Neither empty nor a bound that nothing reaches: many operations resolve exactly what was estimated.
  expect(seen.answered).toBeGreaterThan(runs / 2)
  expect(seen.exact).toBeGreaterThan(runs / 30)
  expect(seen.dear).toBeGreaterThan(runs / 20)
}, 120_000)
