import { afterEach, describe, expect, test } from 'vitest'
import type { EdgeConfig } from '../../gateway/edge/http.ts'
import { type EdgeWorld, startEdge } from '../kit/edge.ts'
import { Federation } from '../kit/federation.ts'

let world: EdgeWorld | undefined
afterEach(async () => {
  await world?.[Symbol.asyncDispose]()
  world = undefined
})

async function start(config: Partial<EdgeConfig> = {}) {
  const federation = new Federation({
    people: {
      sdl: 'type Query { me: Person  all: [Person!]! } type Person @key(fields: "id") { id: ID! }',
      resolvers: { Query: { me: () => ({ id: '1' }), all: () => [{ id: '1' }, { id: '2' }] } },
    },
    posts: {
      sdl: 'type Person @key(fields: "id") { id: ID!  posts: Int }',
      resolvers: { Person: { __resolveReference: (person: object) => person, posts: () => 3 } },
    },
  })
  world = await startEdge({ served: federation.engine, config })
  return { ...world, federation }
}

const query = 'query Mine { all { posts } }'
const data = { all: [{ posts: 3 }, { posts: 3 }] }
const plan = {
  kind: 'QueryPlan',
  node: {
    kind: 'Sequence',
    nodes: [
      {
        kind: 'Fetch',
        serviceName: 'people',
        operationKind: 'query',
        variableUsages: [],
        operation: '{all{__typename id}}',
      },
      {
        kind: 'Flatten',
        path: ['all', '@'],
        node: {
          kind: 'Fetch',
          serviceName: 'posts',
          operationKind: 'query',
          variableUsages: [],
          operation:
            'query($representations:[_Any!]!){_entities(representations: $representations){...on Person{posts}}}',
          requires: [expect.objectContaining({ kind: 'InlineFragment', typeCondition: 'Person' })],
        },
      },
    ],
  },
}

describe('the query plan', () => {
  test.each(['apollo-expose-query-plan', 'hive-expose-query-plan'])('is told by both lanes (%s)', async (header) => {
    const w = await start()
    for (const _lane of ['pipeline', 'fast']) {
      const response = await w.post({ query }, { authorization: w.bearer, [header]: 'true' })
      expect(response.headers.get('cache-control')).toBe('no-store')
      expect(await response.json()).toEqual({ data, extensions: { queryPlan: plan } })
    }
    // Who does not ask gets the answer alone.
    expect(await (await w.post({ query }, { authorization: w.bearer })).json()).toEqual({ data })
  })

  test('is told instead of an answer, and nothing is fetched', async () => {
    const w = await start()
    for (const _lane of ['pipeline', 'fast']) {
      const response = await w.post({ query }, { authorization: w.bearer, 'apollo-expose-query-plan': 'dry-run' })
      expect(await response.json()).toEqual({ data: null, extensions: { queryPlan: plan } })
    }
    expect(w.federation.requests).toEqual([])
  })

  test.each(['true', 'dry-run'])('is not told to those who may not read the schema (%s)', async (value) => {
    const w = await start()
    const header = { 'apollo-expose-query-plan': value }
    for (const _lane of ['pipeline', 'fast']) {
      expect(await (await w.post({ query }, header)).json()).toEqual({ data })
    }
    await w[Symbol.asyncDispose]()
    const closed = await start({ introspection: 'off' })
    const signedIn = await closed.post({ query }, { ...header, authorization: closed.bearer })
    expect(await signedIn.json()).toEqual({ data })
    await closed[Symbol.asyncDispose]()
    const open = await start({ introspection: 'open' })
    expect(await (await open.post({ query }, header)).json()).toMatchObject({ extensions: { queryPlan: plan } })
  })

  test('does not hide what is wrong with an operation', async () => {
    const w = await start({ introspection: 'open' })
    const asked = { query: 'query ($no: Boolean!) { me @skip(if: $no) { id } }' }
    const response = await w.post(asked, { 'apollo-expose-query-plan': 'true' })
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] })
  })
})

describe('server timing', () => {
  const asks = { 'mnemograph-server-timing': 'true' }
  const partsOf = (response: Response) =>
    response.headers
      .get('server-timing')
      ?.split(', ')
      .map((part) => part.replace(/;dur=\d+\.\d\d$/, ''))

  test('is told by both lanes to those who ask and may read the schema', async () => {
    const w = await start()
    for (const _lane of ['pipeline', 'fast']) {
      const response = await w.post({ query }, { ...asks, authorization: w.bearer })
      expect(partsOf(response)).toEqual(['parse', 'plan', 'fetch-people', 'fetch-posts', 'execute', 'total'])
      expect(await response.json()).toEqual({ data })
      expect((await w.post({ query }, asks)).headers.has('server-timing')).toBe(false)
      expect((await w.post({ query }, { authorization: w.bearer })).headers.has('server-timing')).toBe(false)
    }
  })

  test('makes no difference to what a subgraph is told of the trace', async () => {
    const w = await start({ introspection: 'open' })
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'
    await w.post({ query }, { ...asks, traceparent })
    expect(w.federation.requests.map(({ context }) => context.span?.sampled)).toEqual([false, false])
  })
})
