import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CompositionError } from '../../gateway/engine/compose.ts'
import { type EdgeWorld, startEdge } from '../kit/edge.ts'
import { Federation } from '../kit/federation.ts'
import { Graph, graphModel } from '../kit/federation-model.ts'
import { operationModel, writeOperation } from '../kit/federation-operation.ts'

const runs = Number(process.env.LANES_RUNS ?? 40)

/** The bytes that a client gets, but for the ids of traces. */
async function bytes(world: EdgeWorld, body: unknown, accept: string): Promise<string> {
  const response = await world.post(body, { accept })
  const headers = [...response.headers].filter(([name]) => name !== 'date').map((header) => header.join(': '))
  const text = (await response.text()).replaceAll(/[0-9a-f]{32}/g, 'trace')
  return [response.status, ...headers, text].join('\n')
}

function federate(graph: Graph): Federation | undefined {
  try {
    return new Federation(graph.subgraphs())
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
        const first = await bytes(world, { query, variables }, accept)
        expect(await bytes(world, { query, variables }, accept)).toBe(first)
      }
      fast += Number(/lane="fast"} (\d+)/.exec(world.metrics.text())?.[1] ?? 0)
    },
  )
  await fc.assert(property, { numRuns: runs })
  // Most operations are valid, so that most second answers came by the fast lane.
  expect(fast).toBeGreaterThan(runs)
}, 300_000)
