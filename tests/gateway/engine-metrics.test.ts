import { request } from 'node:http'
import { GraphQLError } from 'graphql'
import { afterEach, describe, expect, test } from 'vitest'
import { engineMetrics } from '../../gateway/engine-metrics.ts'
import { Metrics } from '../../lib/metrics.ts'
import { type EdgeWorld, startEdge } from '../kit/edge.ts'
import { Federation, type FederationOptions } from '../kit/federation.ts'

let world: EdgeWorld | undefined
afterEach(async () => {
  await world?.[Symbol.asyncDispose]()
  world = undefined
})

/** Two subgraphs behind the edge, whose engine's metrics are those that the edge gives. */
async function start(operationTimeoutMs = 5000, options: FederationOptions = {}) {
  const metrics = new Metrics()
  let hanging = 0
  const federation = new Federation(
    {
      people: {
        sdl: 'type Query { me: Person  hang: Int } type Person @key(fields: "id") { id: ID! }',
        resolvers: {
          Query: {
            me: () => ({ id: '1' }),
            hang: () => {
              hanging += 1
              return new Promise(() => {})
            },
          },
        },
      },
      posts: {
        sdl: 'type Person @key(fields: "id") { id: ID!  posts: Int  worst: Int }',
        resolvers: {
          Person: {
            __resolveReference: (person: object) => person,
            posts: () => 3,
            worst: () => {
              throw new GraphQLError('no')
            },
          },
        },
      },
    },
    { ...options, observer: engineMetrics(metrics) },
  )
  world = await startEdge({ served: federation.engine, edge: { metrics }, config: { operationTimeoutMs } })
  const { url, post } = world
  const series = async (name: string) => {
    const text = await (await fetch(new URL('/metrics', url))).text()
    return text.split('\n').filter((line) => line.startsWith(name))
  }
  return { federation, url, post, series, hanging: () => hanging }
}

describe('what goes to a subgraph', () => {
  test('is counted by how it ended', async () => {
    const { post, series } = await start()
    await post({ query: '{ me { posts } }' })
    await post({ query: '{ me { worst } }' })
    expect((await series('mnemograph_subgraph_fetch_seconds_count')).sort()).toEqual([
      'mnemograph_subgraph_fetch_seconds_count{subgraph="people",outcome="ok"} 2',
      'mnemograph_subgraph_fetch_seconds_count{subgraph="posts",outcome="errors"} 1',
      'mnemograph_subgraph_fetch_seconds_count{subgraph="posts",outcome="ok"} 1',
    ])
  })

  test('is counted apart when it fails', async () => {
    const { post, series } = await start(5000, {
      wrap: (_name, channel) => ({
        ...channel,
        execute: async () => {
          throw new Error('down')
        },
      }),
    })
    await post({ query: '{ me { id } }' })
    expect(await series('mnemograph_subgraph_fetch_seconds_count')).toEqual([
      'mnemograph_subgraph_fetch_seconds_count{subgraph="people",outcome="failed"} 1',
    ])
  })

  test.each(['cancelled', 'deadline_exceeded'])('is counted apart when it is %s', async (outcome) => {
    const heeding: FederationOptions = {
      wrap: (_name, channel) => ({
        ...channel,
        execute: (asked) =>
          new Promise((_resolve, reject) => {
            asked.context.signal.addEventListener('abort', () => reject(asked.context.signal.reason as Error))
            void channel.execute(asked)
          }),
      }),
    }
    const { url, series, hanging } = await start(outcome === 'cancelled' ? 5000 : 50, heeding)
    const req = request(url, { method: 'POST', headers: { 'content-type': 'application/json' } })
    req.on('error', () => {})
    req.end('{"query":"{ hang }"}')
    await expect.poll(hanging).toBe(1)
    if (outcome === 'cancelled') req.destroy()
    await expect
      .poll(() => series('mnemograph_subgraph_fetch_seconds_count'))
      .toEqual([`mnemograph_subgraph_fetch_seconds_count{subgraph="people",outcome="${outcome}"} 1`])
    req.destroy()
  })
})

test('plans are counted: made, found again, kept, and let go', async () => {
  const { federation, post, series } = await start(5000, { planCacheSize: 2 })
  const counts = async () => ({
    made: (await series('mnemograph_plan_seconds_count'))[0],
    found: (await series('mnemograph_plan_cache_hits_total'))[0],
    kept: (await series('mnemograph_plan_cache_operations'))[0],
  })
  for (const query of ['{ me { id } }', '{ me { id } }', '{ me { posts } }']) await post({ query })
  expect(await counts()).toEqual({
    made: 'mnemograph_plan_seconds_count 2',
    found: 'mnemograph_plan_cache_hits_total 1',
    kept: 'mnemograph_plan_cache_operations 2',
  })
  await post({ query: '{ me { __typename } }' })
  expect((await counts()).kept).toBe('mnemograph_plan_cache_operations 2')
  await federation.engine.close()
  expect((await counts()).kept).toBe('mnemograph_plan_cache_operations 0')
})
