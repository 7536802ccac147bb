import fc from 'fast-check'
import { buildSchema, type ExecutionResult, execute, parse, printSchema, validate } from 'graphql'
import { afterAll, expect, test } from 'vitest'
import { CompositionError } from '../../gateway/engine/compose.ts'
import { type Answer, Federation } from '../kit/federation.ts'
import { Graph, type GraphModel, graphModel } from '../kit/federation-model.ts'
import {
  type OperationModel,
  operationModel,
  type WrittenOperation,
  writeOperation,
} from '../kit/federation-operation.ts'

const runs = Number(process.env.FEDERATION_RUNS ?? 300)
const seed = process.env.FEDERATION_SEED === undefined ? undefined : Number(process.env.FEDERATION_SEED)

const covered: Record<string, number> = {}
const count = (what: string, happened: boolean) => {
  covered[what] = (covered[what] ?? 0) + (happened ? 1 : 0)
}

afterAll(() => {
  console.table(covered)
})

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
      for (const operation of operations) await compare(graph, federation, operation)
    },
  )
  await fc.assert(property, {
    numRuns: runs,
    ...(seed === undefined ? {} : { seed }),
    ...path(),
    endOnFailure: process.env.FEDERATION_SHRINK === 'no',
  })
  expect(covered['operations that the planner gives up on']).toBeLessThan((covered.operations ?? 0) / 50)
}, 600_000)

function path(): { path?: string } {
  return process.env.FEDERATION_PATH === undefined ? {} : { path: process.env.FEDERATION_PATH }
}

function federate(graph: Graph): Federation | undefined {
  try {
    return new Federation(graph.subgraphs())
  } catch (error) {
    if (error instanceof CompositionError) return undefined
    throw error
  }
}

async function compare(graph: Graph, federation: Federation, model: OperationModel): Promise<void> {
  const schema = buildSchema(printSchema(federation.engine.schema))
  const operation = writeOperation(schema, model)
  const document = parse(operation.query)
  if (validate(schema, document).length > 0) {
    count('operations that are invalid', true)
    return
  }
  const whole = await execute({
    schema,
    document,
    variableValues: operation.variables,
    rootValue: {},
    fieldResolver: graph.wholeResolver,
    typeResolver: (value) => (value as { __typename: string }).__typename,
  })
  const before = federation.requests.length
  const federated = await federation.run(operation.query, operation.variables)
  const isGivenUp = isPlannersFailure(federated)
  count('operations that the planner gives up on', isGivenUp)
  if (isGivenUp) return
  note(graph.model, operation, whole, federation.requests.length - before)
  const told = [
    ...Object.entries(graph.subgraphs()).map(([name, { sdl }]) => `# ${name}\n${sdl}`),
    operation.query,
    JSON.stringify(operation.variables),
    ...federation.requests.slice(before).map((request) => `${request.subgraph} ${request.operation}`),
    `one schema: ${JSON.stringify(whole.errors)}`,
    `federated: ${JSON.stringify(federated.errors)}`,
  ].join('\n')
  expect(federated.data, told).toEqual(JSON.parse(JSON.stringify(whole.data)))
  const nulls = explained(whole as Answer)
  // What a subgraph does not have is null without an error, so that these tell fewer.
  if (graph.model.unknown > 0) expect(nulls, told).toEqual(expect.arrayContaining(explained(federated)))
  else expect(explained(federated), told).toEqual(nulls)
}

/**
 * Whether the planner found no plan, or ended in a panic: it does for some entities that hold entities of their own
 * type, and for requirements over a second key. Such operations are refused, and are few.
 */
function isPlannersFailure({ data, errors }: Answer): boolean {
  return data === undefined && /^(Failed to plan query|The planner failed)/.test(errors?.[0]?.message ?? '')
}

/**
 * The nulls that errors explain, by their paths. Where a null takes its surroundings with it, which of several errors
 * inside is told depends on timing in any executor, so all stand for the one null that shows.
 */
function explained({ data, errors }: Answer | ExecutionResult): string[] {
  const places = new Set<string>()
  for (const { path = [] } of errors ?? []) {
    let value: unknown = data
    let depth = 0
    while (depth < path.length && value !== null && value !== undefined) {
      value = (value as Record<string | number, unknown>)[path[depth] as string]
      depth++
    }
    // An error at a place that does not show is of a field that another one requires.
    if (value === null) places.add(path.slice(0, depth).join('.'))
  }
  return [...places].sort()
}

function note(
  model: GraphModel,
  { query, variables }: WrittenOperation,
  whole: ExecutionResult,
  requests: number,
): void {
  const fields = [...model.entities.flatMap(({ fields }) => fields), ...model.roots]
  const graph = new Graph(model)
  const entities = model.entities.map((_, index) => `E${index}`)
  count('operations', true)
  count('operations over several requests', requests > 1)
  count('answers with errors', (whole.errors?.length ?? 0) > 0)
  count('answers that are null', whole.data === null)
  count('answers with nulls', JSON.stringify(whole.data).includes('null'))
  count('variables', Object.keys(variables).length > 0)
  count('@skip or @include', /@(skip|include)/.test(query))
  count('named fragments', query.includes('fragment '))
  count('fragments with types', query.includes('... on'))
  count('aliases', /\w: \w/.test(query))
  count('arguments', query.includes('(x: '))
  count('__typename', query.includes('__typename'))
  count(
    'interfaces',
    fields.some(({ kind }) => kind === 'Node'),
  )
  count(
    'unions',
    fields.some(({ kind }) => kind === 'Any'),
  )
  count(
    'lists of lists',
    fields.some(({ lists }) => lists === 2),
  )
  count(
    '@shareable',
    fields.some((field) => graph.owners(field).length > 1),
  )
  for (const type of entities) {
    const own = graph.fieldsOf(type).map(([, field]) => field)
    count(
      '@requires',
      own.some((field) => graph.requiredOf(type, field) !== undefined),
    )
    count(
      '@override',
      own.some((field) => graph.overridden(type, field) !== undefined),
    )
  }
  count(
    '@provides',
    fields.some((field) => graph.providedBy(field) !== undefined),
  )
  count(
    'several keys',
    model.entities.some(({ keys }) => new Set(keys.slice(0, model.subgraphs)).size > 1),
  )
  count('entities that are missing', model.unknown > 0)
}
