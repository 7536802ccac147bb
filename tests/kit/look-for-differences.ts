import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { Federation } from './federation.ts'
import { explained, isRefusedByPlanners, runBoth } from './federation-comparison.ts'
import { Graph } from './federation-graph.ts'
import { graphModel } from './federation-model.ts'
import { operationModel } from './federation-operation.ts'

// A program: compares generated operations until one differs, and tells which. It runs over a copy of the engine that a
// fault was planted in, in a process of its own.

const graphs = Number(process.argv[2])

async function firstDifference(): Promise<string> {
  for (const [index, model] of fc.sample(graphModel, { seed: 11, numRuns: graphs }).entries()) {
    const graph = new Graph({ ...model, unknown: 0 })
    const federation = new Federation(graph.subgraphs(), { random: () => 0.2 })
    for (const operation of fc.sample(operationModel, { seed: index, numRuns: 10 })) {
      const compared = await runBoth(graph, federation, operation)
      if (!compared || isRefusedByPlanners(compared.federated)) continue
      const { whole, federated } = compared
      const isSame = isDeepStrictEqual(federated.data, whole.data)
      if (!isSame || !isDeepStrictEqual(explained(federated), explained(whole))) return compared.operation.query
    }
  }
  return ''
}

const difference = await firstDifference().catch((error: Error) => `threw ${error.message}`)
console.log(difference === '' ? 'no difference' : `difference: ${difference}`)
process.exit()
