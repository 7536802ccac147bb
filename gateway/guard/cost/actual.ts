import {
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLNamedType,
  getNamedType,
  isCompositeType,
  isUnionType,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  type SelectionSetNode,
} from 'graphql'
import type { CostModel } from './model.ts'

/**
 * What an answer did cost: the weights of the objects and values that are in it, without those of arguments. Where
 * an object could be of several types, the cheapest counts.
 */
export function actualCost(
  model: CostModel,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  data: unknown,
): number {
  const root = model.schema.getRootType(operation.operation)
  if (!root || !isRecord(data)) return 0
  const base = operation.operation === OperationTypeNode.MUTATION ? 10 : 0
  return base + new Counter(model, document).object(root, [operation.selectionSet], data)
}

interface Selected {
  readonly coordinate: string
  readonly type: GraphQLNamedType
  readonly below: SelectionSetNode[]
}

class Counter {
  readonly #model: CostModel
  readonly #fragments = new Map<string, FragmentDefinitionNode>()

  constructor(model: CostModel, document: DocumentNode) {
    this.#model = model
    for (const node of document.definitions) {
      if (node.kind === Kind.FRAGMENT_DEFINITION) this.#fragments.set(node.name.value, node)
    }
  }

  object(type: GraphQLCompositeType, sets: readonly SelectionSetNode[], data: Record<string, unknown>): number {
    const selected = new Map<string, Selected>()
    for (const set of sets) this.#collect(type, set, selected)
    let cost = 0
    for (const [key, found] of selected) cost += this.#value(found, data[key])
    return cost
  }

  #value(found: Selected, value: unknown): number {
    if (value === null || value === undefined) return 0
    if (Array.isArray(value)) return value.reduce<number>((total, item) => total + this.#value(found, item), 0)
    const { type, coordinate, below } = found
    const own = this.#model.weightOf(coordinate) ?? this.#model.typeWeight(type)
    return isCompositeType(type) && isRecord(value) ? own + this.object(type, below, value) : own
  }

  #collect(type: GraphQLCompositeType, set: SelectionSetNode, selected: Map<string, Selected>): void {
    for (const selection of set.selections) {
      if (selection.kind !== Kind.FIELD) {
        const fragment = selection.kind === Kind.FRAGMENT_SPREAD ? this.#fragments.get(selection.name.value) : selection
        const on = fragment?.typeCondition && this.#model.schema.getType(fragment.typeCondition.name.value)
        if (fragment) this.#collect(isCompositeType(on) ? on : type, fragment.selectionSet, selected)
        continue
      }
      const field = isUnionType(type) ? undefined : type.getFields()[selection.name.value]
      if (!field) continue
      const key = (selection.alias ?? selection.name).value
      const found = selected.get(key) ?? {
        coordinate: `${type.name}.${field.name}`,
        type: getNamedType(field.type),
        below: [],
      }
      if (selection.selectionSet) found.below.push(selection.selectionSet)
      selected.set(key, found)
    }
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
