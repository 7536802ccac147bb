import type {
  BatchFetchNode,
  FetchNode,
  FetchRewrite,
  FlattenNodePathSegment,
  PlanNode,
  QueryPlan,
  RequiresSelection,
} from '@graphql-hive/router-query-planner'

/** A plan in the engine's own words: what to fetch, in which order, and where the answers go. */
export type Step =
  | { readonly kind: 'sequence'; readonly steps: readonly Step[] }
  | { readonly kind: 'parallel'; readonly steps: readonly Step[] }
  | RootFetch
  | EntityFetch

interface Fetch {
  readonly subgraph: string
  readonly operation: string
  /** Names of the client's variables that the operation uses. */
  readonly variables: readonly string[]
}

/** A fetch of fields of a root type, merged into the answer's root or, with a path, into the objects there. */
export interface RootFetch extends Fetch {
  readonly kind: 'root'
  readonly type: 'query' | 'mutation' | 'subscription'
  readonly path: readonly FlattenNodePathSegment[]
  readonly outputRewrites: readonly FetchRewrite[]
}

/** A fetch of entities by their keys, in one or more parts. */
export interface EntityFetch extends Fetch {
  readonly kind: 'entities'
  readonly parts: readonly EntityPart[]
}

export interface EntityPart {
  /** The response key of this part's `_entities` field. */
  readonly alias: string
  readonly representationsVariable: string
  /** Where in the answer its entities are. */
  readonly paths: readonly (readonly FlattenNodePathSegment[])[]
  readonly requires: readonly RequiresSelection[]
  readonly inputRewrites: readonly FetchRewrite[]
  readonly outputRewrites: readonly FetchRewrite[]
}

/** The plan of an operation; of a subscription, the fetch that gives its events apart from what each event runs. */
export interface PlannedSteps {
  readonly primary: RootFetch | undefined
  readonly steps: Step | undefined
}

/** Reads the planner's answer. */
export function readPlan(plan: QueryPlan): PlannedSteps {
  const node = plan.node
  if (!node) return { primary: undefined, steps: undefined }
  if (node.kind === 'Subscription') return { primary: rootFetch(node.primary, []), steps: undefined }
  const [first, ...rest] = node.kind === 'Sequence' ? node.nodes : []
  if (first?.kind === 'Subscription') {
    return { primary: rootFetch(first.primary, []), steps: inOrder(rest.map(readNode)) }
  }
  return { primary: undefined, steps: readNode(node) }
}

export function inOrder(steps: readonly Step[]): Step {
  const [only] = steps
  return only && steps.length === 1 ? only : { kind: 'sequence', steps }
}

function readNode(node: PlanNode): Step {
  switch (node.kind) {
    case 'Sequence':
      return inOrder(node.nodes.map(readNode))
    case 'Parallel':
      return { kind: 'parallel', steps: node.nodes.map(readNode) }
    case 'Fetch':
      return rootFetch(node, [])
    case 'BatchFetch':
      return batchFetch(node)
    case 'Flatten':
      return flattened(node.path, node.node)
    default:
      // The operation is settled before it is planned and subscriptions stand at the front, so nothing else comes.
      throw new Error(`The planner answered with a ${node.kind} node, which this engine does not run.`)
  }
}

function flattened(path: readonly FlattenNodePathSegment[], node: PlanNode): Step {
  if (node.kind === 'Fetch') return node.requires?.length ? entityFetch(node, path) : rootFetch(node, path)
  if (node.kind === 'Sequence') return inOrder(node.nodes.map((inner) => flattened(path, inner)))
  if (node.kind === 'Parallel') return { kind: 'parallel', steps: node.nodes.map((inner) => flattened(path, inner)) }
  if (node.kind === 'Flatten') return flattened([...path, ...node.path], node.node)
  throw new Error(`The planner answered with a ${node.kind} node inside Flatten, which this engine does not run.`)
}

function rootFetch(node: FetchNode, path: readonly FlattenNodePathSegment[]): RootFetch {
  return {
    kind: 'root',
    type: node.operationKind ?? 'query',
    subgraph: node.serviceName,
    operation: node.operation,
    variables: node.variableUsages ?? [],
    path,
    outputRewrites: node.outputRewrites ?? [],
  }
}

function entityFetch(node: FetchNode, path: readonly FlattenNodePathSegment[]): EntityFetch {
  return {
    kind: 'entities',
    subgraph: node.serviceName,
    operation: node.operation,
    variables: node.variableUsages ?? [],
    parts: [
      {
        alias: '_entities',
        representationsVariable: 'representations',
        paths: [path],
        requires: node.requires ?? [],
        inputRewrites: node.inputRewrites ?? [],
        outputRewrites: node.outputRewrites ?? [],
      },
    ],
  }
}

function batchFetch(node: BatchFetchNode): EntityFetch {
  return {
    kind: 'entities',
    subgraph: node.serviceName,
    operation: node.operation,
    variables: node.variableUsages ?? [],
    parts: node.entityBatch.aliases.map((part) => ({
      alias: part.alias,
      representationsVariable: part.representationsVariableName,
      paths: part.paths,
      requires: part.requires,
      inputRewrites: part.inputRewrites ?? [],
      outputRewrites: part.outputRewrites ?? [],
    })),
  }
}
