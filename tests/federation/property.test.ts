import fc from 'fast-check'
import { afterAll, expect, test, vi } from 'vitest'
import { CompositionError } from '../../gateway/engine/compose.ts'
import { type Answer, Federation } from '../kit/federation.ts'
import { explained, isRefusedByPlanners, runBoth } from '../kit/federation-comparison.ts'
import { Graph } from '../kit/federation-graph.ts'
import { graphModel } from '../kit/federation-model.ts'
import { type OperationModel, operationModel, type WrittenOperation } from '../kit/federation-operation.ts'

/** Every third operation goes by the planner that is asked where the native one fails. */
const planners = vi.hoisted(() => ({ isNativeOff: false }))

vi.mock('../../gateway/engine/planner.ts', async (importOriginal) => {
  const actual = await importOriginal<typeof import('../../gateway/engine/planner.ts')>()
  const createHivePlanner: typeof actual.createHivePlanner = (supergraph) => {
    const planner = actual.createHivePlanner(supergraph)
    const plan: typeof planner.plan = (operation, choice) =>
      planners.isNativeOff ? Promise.reject(new Error('The native planner is off.')) : planner.plan(operation, choice)
    return { ...planner, plan }
  }
  return { ...actual, createHivePlanner }
})

// Each graph gets five operations or so. Other cases in every run, so that each run looks where none has looked before.
const runs = Number(process.env.FEDERATION_RUNS ?? 700)
const seed = Number(process.env.FEDERATION_SEED ?? Math.floor(Math.random() * 2 ** 31))

const covered: Record<string, number> = {}
const count = (what: string, happened: boolean) => {
  covered[what] = (covered[what] ?? 0) + (happened ? 1 : 0)
}

afterAll(() => {
  console.table(covered)
  console.log(`FEDERATION_SEED=${seed} FEDERATION_RUNS=${runs} gives the same cases again.`)
  console.log('With FEDERATION_PATH, as a failure names it, that case alone; with FEDERATION_SHRINK=no as it is.')
})

// One engine that stays keeps the planner's process from ending with each graph.
const keeper = new Federation({ keeper: { sdl: 'type Query { n: Int }' } })
afterAll(() => keeper.engine.close())

test('a federated graph answers what the same graph answers as one schema', async () => {
  const property = fc.asyncProperty(
    graphModel,
    fc.array(operationModel, { minLength: 1, maxLength: 12 }),
    async (model, operations) => {
      const graph = new Graph(model)
      const federation = federate(graph)
      count('graphs', true)
      count('graphs that do not compose', federation === undefined)
      if (federation === undefined) return
      for (const [index, operation] of operations.entries()) {
        await compare(graph, federation, operation, index % 3 === 2)
      }
      await federation.engine.close()
    },
  )
  await fc.assert(property, {
    numRuns: runs,
    seed,
    ...path(),
    // Shrinking ends with what it has by then.
    interruptAfterTimeLimit: 500_000,
    endOnFailure: process.env.FEDERATION_SHRINK === 'no',
  })
  expect(covered['operations that the planner gives up on']).toBeLessThanOrEqual((covered.operations ?? 0) / 1000)
}, 600_000)

function path(): { path?: string } {
  return process.env.FEDERATION_PATH === undefined ? {} : { path: process.env.FEDERATION_PATH }
}

function federate(graph: Graph): Federation | undefined {
  try {
    return new Federation(graph.subgraphs(), { random: () => (graph.model.seed % 2 === 0 ? 0.2 : 0.7) })
  } catch (error) {
    if (error instanceof CompositionError) return undefined
    throw error
  }
}

async function compare(
  graph: Graph,
  federation: Federation,
  model: OperationModel,
  isNativeOff: boolean,
): Promise<void> {
  planners.isNativeOff = isNativeOff && !graph.model.hasThings
  const compared = await runBoth(graph, federation, model)
  count('operations that are invalid', compared === undefined)
  if (!compared) return
  const { operation, whole, federated, requests, told } = compared
  const isGivenUp = isRefusedByPlanners(federated)
  count('operations that the planner gives up on', isGivenUp)
  if (isGivenUp) return
  note(graph, operation, whole, requests)
  expect(federated.data, told).toEqual(whole.data)
  // What a subgraph does not have is null without an error, so that these tell fewer.
  if (graph.model.unknown > 0) expect(explained(whole), told).toEqual(expect.arrayContaining(explained(federated)))
  else expect(explained(federated), told).toEqual(explained(whole))
}

function note(graph: Graph, { query, variables }: WrittenOperation, whole: Answer, requests: number): void {
  count('operations', true)
  count('operations over several requests', requests > 1)
  count('answers with errors', (whole.errors?.length ?? 0) > 0)
  count('answers that are null', whole.data === null)
  count('answers with nulls', JSON.stringify(whole.data).includes('null'))
  count('entities that are missing', graph.model.unknown > 0)
  count('variables', Object.keys(variables).length > 0)
  count('@skip or @include', /@(skip|include)/.test(query))
  count('named fragments', query.includes('fragment '))
  count('fragments with types', query.includes('... on'))
  count('aliases', /\w: \w/.test(query))
  count('arguments', query.includes('(x: '))
  count('__typename', query.includes('__typename'))
  for (const feature of graph.touched) count(feature, true)
}
