import { describe, expect, test } from 'vitest'
import type { Channel, SubgraphResponse } from '../../gateway/engine/types.ts'
import { codedError } from '../../lib/errors.ts'
import { Federation, type FederationOptions, testContext } from '../kit/federation.ts'

function graph(options: FederationOptions = {}): Federation {
  return new Federation(
    {
      a: {
        sdl: `
          type Query { posts: [Post!]! post: Post other: Int }
          type Post @key(fields: "id") { id: ID! title: String }`,
        resolvers: {
          Query: {
            posts: () => ['1', '2'].map((id) => ({ id, title: `t${id}` })),
            post: () => ({ id: '1' }),
            other: () => 5,
          },
        },
      },
      b: {
        sdl: `
          type Query { count: Int }
          type Post @key(fields: "id") { id: ID! likes: Int author: Author must: Int! } type Author { name: String! tags: [String!] }`,
        resolvers: {
          Query: { count: () => 7 },
          Post: {
            likes: ({ id }: { id: string }) => Number(id),
            author: ({ id }: { id: string }) => {
              if (id === '2') throw codedError('FORBIDDEN', 'not this one')
              return { name: 'Ann', tags: ['x', null] }
            },
            must: () => 1,
          },
        },
      },
    },
    options,
  )
}

/** Answers in place of subgraph b. */
function instead(answer: (given: SubgraphResponse) => SubgraphResponse | Promise<SubgraphResponse>): FederationOptions {
  return {
    wrap: (name, channel): Channel =>
      name === 'b' ? { ...channel, execute: async (request) => answer(await channel.execute(request)) } : channel,
  }
}

test('a field that may not be null takes its neighbours with it, and only its own error is told', async () => {
  const federation = new Federation({
    a: {
      sdl: 'type Query { first: Int! second: Int! third: Int }',
      resolvers: {
        Query: {
          first: () => {
            throw codedError('BAD_USER_INPUT', 'not so')
          },
          second: () => 2,
          third: () => 3,
        },
      },
    },
  })
  expect(await federation.run('{ third second first }')).toEqual({
    data: null,
    errors: [{ message: 'not so', path: ['first'], extensions: { code: 'BAD_USER_INPUT', serviceName: 'a' } }],
  })
  expect(await federation.run('{ third second }')).toEqual({ data: { third: 3, second: 2 } })
})

test('an error of an entity stands at its place in the answer, with its code and its subgraph', async () => {
  expect(await graph().run('{ all: posts { id by: author { name tags } } }')).toEqual({
    data: {
      all: [
        { id: '1', by: { name: 'Ann', tags: null } },
        { id: '2', by: null },
      ],
    },
    errors: [
      {
        message: 'Cannot return null for non-nullable field Author.tags.',
        path: ['all', 0, 'by', 'tags', 1],
        extensions: { code: 'INTERNAL_SERVER_ERROR', serviceName: 'b' },
      },
      { message: 'not this one', path: ['all', 1, 'by'], extensions: { code: 'FORBIDDEN', serviceName: 'b' } },
    ],
  })
})

test('an error of an entity that stands at several places stands at each', async () => {
  const { errors } = await new Federation({
    a: {
      sdl: 'type Query { list: [Item!] } type Item @key(fields: "id") { id: ID! }',
      resolvers: { Query: { list: () => [{ id: '1' }, { id: '1' }] } },
    },
    b: {
      sdl: 'type Item @key(fields: "id") { id: ID! name: String }',
      resolvers: {
        Item: {
          name: () => {
            throw new Error('no name')
          },
        },
      },
    },
  }).run('{ list { name } }')
  expect(errors?.map(({ path }) => path)).toEqual([
    ['list', 0, 'name'],
    ['list', 1, 'name'],
  ])
})

describe('a subgraph that fails takes only its own fields with it', () => {
  const query = '{ other count posts { title likes } }'
  const rest = {
    other: 5,
    posts: [
      { title: 't1', likes: null },
      { title: 't2', likes: null },
    ],
  }

  test('when it cannot be reached', async () => {
    const down = instead(() => {
      throw codedError('SUBGRAPH_UNAVAILABLE', 'b is away')
    })
    expect(await graph(down).run(query)).toEqual({
      data: { ...rest, count: null },
      errors: [
        { message: 'b is away', path: ['count'], extensions: { code: 'SUBGRAPH_UNAVAILABLE', serviceName: 'b' } },
        { message: 'b is away', path: ['posts'], extensions: { code: 'SUBGRAPH_UNAVAILABLE', serviceName: 'b' } },
      ],
    })
    expect(await graph(down).run('{ post { title must } }')).toMatchObject({
      data: { post: null },
      errors: [{ message: 'b is away', path: ['post'] }],
    })
  })

  test.each<[string, SubgraphResponse]>([
    ['errors without a path', { errors: [{ message: 'all broken' }] }],
    ['nothing', {}],
    ['data that is no object', { data: [] as never }],
    ['errors that are no errors', { data: null, errors: [{} as never] }],
  ])('when it answers %s', async (_what, response) => {
    const { data, errors } = await graph(instead(() => response)).run(query)
    expect(data).toEqual({ ...rest, count: null })
    expect(errors?.map(({ path, extensions }) => [path, extensions?.serviceName])).toEqual([
      [['count'], 'b'],
      [['posts'], 'b'],
    ])
  })

  test('when it answers fewer entities than it was asked for', async () => {
    const few = instead(({ data }) => ({ data: { ...data, _entities: [{ likes: 1 }] } }))
    expect(await graph(few).run('{ posts { title likes } }')).toMatchObject({
      data: {
        posts: [
          { title: 't1', likes: 1 },
          { title: 't2', likes: null },
        ],
      },
      errors: [{ message: 'Subgraph "b" answered 1 of 2 entities.', path: ['posts'] }],
    })
  })

  test('when it answers values of a wrong type', async () => {
    const odd = instead(() => ({ data: { _entities: [{ likes: 'many' }, { likes: { a: 1 } }] } }))
    expect(await graph(odd).run('{ posts { title likes } }')).toMatchObject({
      data: {
        posts: [
          { title: 't1', likes: null },
          { title: 't2', likes: null },
        ],
      },
      errors: [{ path: ['posts', 0, 'likes'] }, { path: ['posts', 1, 'likes'] }],
    })
    const flat = instead(() => ({ data: { _entities: [{ author: 'Ann' }, { author: [{ name: 'x' }] }] } }))
    expect(await graph(flat).run('{ posts { author { name } } }')).toMatchObject({
      data: { posts: [{ author: null }, { author: null }] },
      errors: [{ path: ['posts', 0, 'author'] }, { path: ['posts', 1, 'author'] }],
    })
  })

  test('when it leaves something out that may not be null', async () => {
    const holes = instead(() => ({ data: { _entities: [{ must: null }, {}] } }))
    expect(await graph(holes).run('{ posts { id must } }')).toMatchObject({
      data: null,
      errors: [{ path: ['posts', 0, 'must'] }, { path: ['posts', 1, 'must'] }],
    })
  })
})

describe('an operation that is given up', () => {
  test('answers with what it has, and asks no subgraph any more', async () => {
    const stop = new AbortController()
    const federation = graph(
      instead(() => {
        stop.abort(codedError('DEADLINE_EXCEEDED', 'out of time'))
        return new Promise(() => {})
      }),
    )
    expect(await federation.run('{ post { title likes } }', {}, testContext(stop.signal))).toEqual({
      data: { post: { title: null, likes: null } },
      errors: [{ message: 'out of time', path: ['post'], extensions: { code: 'DEADLINE_EXCEEDED', serviceName: 'b' } }],
    })
    const asked = federation.requests.length
    expect(await federation.run('{ other }', {}, testContext(stop.signal))).toMatchObject({
      data: { other: null },
      errors: [{ extensions: { code: 'DEADLINE_EXCEEDED' } }],
    })
    expect(federation.requests).toHaveLength(asked)
  })
})
