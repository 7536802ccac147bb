import {
  type DirectiveNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  type FragmentSpreadNode,
  type GraphQLObjectType,
  type InlineFragmentNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  visit,
} from 'graphql'
import { codedError } from '../../lib/errors.ts'
import type { Refusals } from './access/gate.ts'
import type { Supergraph } from './supergraph.ts'
import { addWitnesses } from './witness.ts'

/** An operation of a document, with what must be known before its variables are. */
export interface PreparedOperation {
  readonly document: DocumentNode
  readonly definition: OperationDefinitionNode
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>
  readonly rootType: GraphQLObjectType
  /** The variables that `@skip` and `@include` look at, in a fixed order. */
  readonly switches: readonly string[]
}

/** One way through an operation: with the variables of its `@skip` and `@include` settled, and what is refused of it. */
export interface SettledOperation extends PreparedOperation {
  /** Undefined when its viewer may see all of it. */
  readonly refusals: Refusals | undefined
  isIncluded(node: SelectionNode): boolean
}

/** Finds the operation in its document. The document has been validated against the schema. */
export function prepareOperation(
  { schema, witnesses }: Pick<Supergraph, 'schema' | 'witnesses'>,
  given: DocumentNode,
  operationName: string | undefined,
): PreparedOperation {
  const document = addWitnesses(given, schema, witnesses)
  const operations = document.definitions.filter((node) => node.kind === Kind.OPERATION_DEFINITION)
  const definition = operationName
    ? operations.find(({ name }) => name?.value === operationName)
    : operations.length === 1
      ? operations[0]
      : undefined
  if (!definition) {
    const what = operationName ? `Unknown operation named "${operationName}".` : 'Must provide an operation name.'
    throw codedError('OPERATION_RESOLUTION_FAILURE', what)
  }
  const rootType = schema.getRootType(definition.operation)
  if (!rootType) {
    throw codedError('GRAPHQL_VALIDATION_FAILED', `The schema has no ${definition.operation}s.`)
  }
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const node of document.definitions) {
    if (node.kind === Kind.FRAGMENT_DEFINITION) fragments.set(node.name.value, node)
  }
  return { document, definition, fragments, rootType, switches: findSwitches(document) }
}

/**
 * The operation as it is for one set of `@skip` and `@include` values. Settling them before planning gives the planner
 * nothing but what is asked for, so that no subgraph is called for a field that is left out.
 */
export function settleOperation(
  prepared: PreparedOperation,
  variables: Readonly<Record<string, unknown>>,
  refusals: Refusals | undefined,
): SettledOperation {
  return { ...prepared, refusals, isIncluded: (node) => isIncluded(node, variables) }
}

/** A text that is the same for two sets of variables exactly when the operation settles the same way for both. */
export function switchKey(prepared: PreparedOperation, variables: Readonly<Record<string, unknown>>): string {
  let key = ''
  for (const name of prepared.switches) key += variables[name] === true ? '1' : '0'
  return key
}

function findSwitches(document: DocumentNode): string[] {
  const names = new Set<string>()
  visit(document, {
    Directive(node) {
      const condition = isSwitch(node) ? node.arguments?.[0]?.value : undefined
      if (condition?.kind === Kind.VARIABLE) names.add(condition.name.value)
    },
  })
  return [...names].sort()
}

function isSwitch({ name }: DirectiveNode): boolean {
  return name.value === 'skip' || name.value === 'include'
}

function isIncluded(node: SelectionNode, variables: Readonly<Record<string, unknown>>): boolean {
  for (const directive of node.directives ?? []) {
    if (!isSwitch(directive)) continue
    const condition = directive.arguments?.[0]?.value
    const value =
      condition?.kind === Kind.VARIABLE
        ? variables[condition.name.value] === true
        : condition?.kind === Kind.BOOLEAN && condition.value
    if (value === (directive.name.value === 'skip')) return false
  }
  return true
}

/** The selections of a fragment and the type that it applies to; undefined when it applies to every type. */
export function fragmentOf(
  operation: PreparedOperation,
  node: InlineFragmentNode | FragmentSpreadNode,
): { readonly selectionSet: FragmentDefinitionNode['selectionSet']; readonly on: string | undefined } {
  if (node.kind === Kind.INLINE_FRAGMENT) {
    return { selectionSet: node.selectionSet, on: node.typeCondition?.name.value }
  }
  const fragment = operation.fragments.get(node.name.value)
  if (!fragment) {
    throw codedError('GRAPHQL_VALIDATION_FAILED', `Unknown fragment "${node.name.value}".`)
  }
  return { selectionSet: fragment.selectionSet, on: fragment.typeCondition.name.value }
}
