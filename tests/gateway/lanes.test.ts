import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CompositionError } from '../../gateway/engine/compose.ts'
import { type EdgeWorld, member, startEdge } from '../kit/edge.ts'
import { Federation } from '../kit/federation.ts'
import { Graph } from '../kit/federation-graph.ts'
import { graphModel } from '../kit/federation-model.ts'
import { operationModel, writeOperation } from '../kit/federation-operation.ts'

const runs = Number(process.env.LANES_RUNS ?? 40)

/** The bytes that a client gets, but for the ids of traces. */
async function bytes(world: EdgeWorld, body: unknown, accept: string, more: Record<string, string> = {}) {
  const response = await world.post(body, { accept, ...more })
  const headers = [...response.headers].filter(([name]) => name !== 'date').map((header) => header.join(': '))
  const text = (await response.text()).replaceAll(/[0-9a-f]{32}/g, 'trace')
  return [response.status, ...headers, text].join('\n')
}

function federate(graph: Graph): Federation | undefined {
  try {
    // A progressive override is drawn for each request, and the lanes must draw alike to be compared.
    return new Federation(graph.subgraphs(), { random: () => 0.5 })
  } catch (error) {
    if (error instanceof CompositionError) return undefined
    throw error
  }
}

test('the fast lane answers generated operations over generated graphs byte for byte as the pipeline does', async () => {
  let fast = 0
  const property = fc.asyncProperty(
    graphModel,
    fc.array(operationModel, { minLength: 1, maxLength: 8 }),
    fc.boolean(),
    fc.constantFrom('application/json', 'application/graphql-response+json'),
    async (model, operations, showSubgraphErrors, accept) => {
      const graph = new Graph(model)
      const federation = federate(graph)
      if (federation === undefined) return
      await using world = await startEdge({ served: federation.engine, edge: { showSubgraphErrors } })
      for (const operation of operations) {
        const { query, variables } = writeOperation(federation.engine.schema, operation)
        graph.begin()
        const first = await bytes(world, { query, variables }, accept)
        graph.begin()
        expect(await bytes(world, { query, variables }, accept)).toBe(first)
      }
      fast += Number(/lane="fast"} (\d+)/.exec(world.metrics.text())?.[1] ?? 0)
    },
  )
  await fc.assert(property, { numRuns: runs })
  // Most operations are valid, so that most second answers came by the fast lane.
  expect(fast).toBeGreaterThan(runs)
}, 300_000)

test.each([
  ['data', { query: '{ hello number nested { value } }' }],
  ['data for a viewer', { query: '{ whoAmI }' }],
  ['null', { query: '{ maybe }' }],
  ['an unexpected error', { query: '{ number broken }' }],
  ['a variable of the wrong type', { query: 'query ($n: String) { hello(name: $n) }', variables: { n: [1] } }],
  ['a missing variable', { query: 'query ($to: Int!) { a: hello  number @include(if: true)  b: hello(name: "x") }' }],
  ['one of two operations', { query: 'query A { number }  query B { hello }', operationName: 'B' }],
  ['no operation of the name', { query: 'query A { number }', operationName: 'B' }],
  ['its cost', { query: '{ number }', extensions: { cost: true } }],
  ['a mutation', { query: 'mutation { add(by: 0) }' }],
  ['introspection', { query: '{ __type(name: "Query") { name } }' }],
])('with the lane on and off the answers are the same: %s', async (_what, body) => {
  const worlds = [await startEdge(), await startEdge({ config: { fastLane: false } })]
  for (const accept of ['application/json', 'application/graphql-response+json']) {
    for (const isSignedIn of [true, false]) {
      const answers: string[] = []
      for (const world of worlds) {
        const headers = isSignedIn ? { authorization: world.bearer } : {}
        for (let call = 0; call < 2; call++)
          answers.push(await bytes(world, body, accept, headers as Record<string, string>))
      }
      expect(new Set(answers).size, answers.join('\n\n')).toBe(1)
    }
  }
  for (const world of worlds) await world.edge.close(0)
})

test('a token that is revoked between two calls is refused alike in both lanes', async () => {
  const answers: string[] = []
  for (const fastLane of [true, false]) {
    await using world = await startEdge({ config: { fastLane } })
    const ask = () => bytes(world, { query: '{ whoAmI }' }, 'application/json', { authorization: world.bearer })
    await ask()
    expect(await ask()).toContain('u1')
    expect(/lane="fast"} (\d+)/.exec(world.metrics.text())?.[1]).toBe(fastLane ? '1' : undefined)
    world.gate.revoke(member.sessionId)
    answers.push(await ask())
  }
  expect(answers[0]).toContain('401')
  expect(answers[1]).toBe(answers[0])
})
