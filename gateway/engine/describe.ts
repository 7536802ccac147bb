import type { CompiledEntityFetch, CompiledRootFetch, CompiledStep, Path } from './compile/compile.ts'
import type { PlanDescription } from './types.ts'

/**
 * The plan as a tree, in the words that Apollo's tools use for plans. A fetch of entities at several places at once has
 * no word there; it is a `BatchFetch`, as Hive calls it.
 */
export function describePlan(
  primary: CompiledRootFetch | undefined,
  steps: CompiledStep | undefined,
): { readonly kind: 'QueryPlan'; readonly node?: PlanDescription } {
  const rest = steps && describeStep(steps)
  if (!primary) return rest ? { kind: 'QueryPlan', node: rest } : { kind: 'QueryPlan' }
  const node = { kind: 'Subscription', primary: fetchOf(primary, primary.type), ...(rest ? { rest } : {}) }
  return { kind: 'QueryPlan', node }
}

function describeStep(step: CompiledStep): PlanDescription {
  switch (step.kind) {
    case 'sequence':
      return { kind: 'Sequence', nodes: step.steps.map(describeStep) }
    case 'parallel':
      return { kind: 'Parallel', nodes: step.steps.map(describeStep) }
    case 'root':
      return flattened(step.path, fetchOf(step, step.type))
    case 'entities':
      return describeEntities(step)
  }
}

function describeEntities(fetch: CompiledEntityFetch): PlanDescription {
  const [part, ...more] = fetch.parts
  const [path, ...otherPaths] = part?.paths ?? []
  if (part && path && more.length === 0 && otherPaths.length === 0) {
    return flattened(path, { ...fetchOf(fetch, 'query'), requires: part.requires })
  }
  const entities = fetch.parts.map(({ alias, paths, requires }) => ({ alias, paths: paths.map(words), requires }))
  return { ...fetchOf(fetch, 'query'), kind: 'BatchFetch', entities }
}

function fetchOf(fetch: CompiledRootFetch | CompiledEntityFetch, operationKind: string): PlanDescription {
  const { subgraph, variables, operation } = fetch
  return { kind: 'Fetch', serviceName: subgraph, operationKind, variableUsages: variables, operation }
}

function flattened(path: Path, node: PlanDescription): PlanDescription {
  return path.length === 0 ? node : { kind: 'Flatten', path: words(path), node }
}

function words(path: Path): string[] {
  return path.map((segment) => {
    if (segment === '@') return '@'
    return 'Field' in segment ? segment.Field : `... on ${segment.TypeCondition.join('|')}`
  })
}
