import { buildSchema, execute, parse, printSchema, validate } from 'graphql'
import type { Answer, Federation } from './federation.ts'
import type { Graph } from './federation-graph.ts'
import { type OperationModel, type WrittenOperation, writeOperation } from './federation-operation.ts'

/** One operation, answered by one schema and by the federated graph. */
export interface Compared {
  readonly operation: WrittenOperation
  readonly whole: Answer
  readonly federated: Answer
  /** How many requests the subgraphs got for it. */
  readonly requests: number
  /** Everything about it, for whoever must find out why the two differ. */
  readonly told: string
}

/** Runs an operation both ways; undefined when it is not valid. */
export async function runBoth(
  graph: Graph,
  federation: Federation,
  model: OperationModel,
): Promise<Compared | undefined> {
  const schema = buildSchema(printSchema(federation.engine.schema))
  const operation = writeOperation(schema, model)
  const document = parse(operation.query)
  if (validate(schema, document).length > 0) return undefined
  graph.begin()
  graph.touched.clear()
  const whole = await execute({
    schema,
    document,
    variableValues: operation.variables,
    rootValue: {},
    fieldResolver: graph.wholeResolver,
    typeResolver: (value) => (value as { __typename: string }).__typename,
  })
  const before = federation.requests.length
  graph.begin()
  const federated = await federation.run(operation.query, operation.variables)
  const told = [
    ...Object.entries(graph.subgraphs()).map(([name, { sdl }]) => `# ${name}\n${sdl}`),
    operation.query,
    JSON.stringify(operation.variables),
    ...federation.requests.slice(before).map((request) => `${request.subgraph} ${request.operation}`),
    `one schema: ${JSON.stringify(whole.errors)}`,
    `federated: ${JSON.stringify(federated.errors)}`,
  ].join('\n')
  const requests = federation.requests.length - before
  return { operation, whole: JSON.parse(JSON.stringify(whole)), federated, requests, told }
}

/** Whether the operation was refused because no planner found a plan for it. */
export function isRefusedByPlanners({ data, errors }: Answer): boolean {
  return data === undefined && /^(Failed to plan query|The planner failed)/.test(errors?.[0]?.message ?? '')
}

/**
 * The nulls that errors explain, by their paths. Where a null takes its surroundings with it, which of several errors
 * inside is told depends on timing in any executor, so all stand for the one null that shows.
 */
export function explained({ data, errors }: Answer): string[] {
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
