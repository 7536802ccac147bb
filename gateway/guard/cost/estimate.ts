import {
  type DirectiveNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLObjectType,
  getNamedType,
  isAbstractType,
  isCompositeType,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import { type Expression, evaluate, most, product, sum, type Variables } from './expression.ts'
import { InputCosts } from './inputs.ts'
import type { CostModel } from './model.ts'
import { sizesOf } from './sizes.ts'
import { constantOf, isConstant, valueIn } from './values.ts'

/** A mutation is dearer than a query beside what it selects, as in Apollo's estimate. */
const mutationWeight = 10

type Sized = ReadonlyMap<string, Expression>
const unsized: Sized = new Map()

/**
 * The most that an operation can cost: each object that it can bring counts its weight, lists are as long as they may
 * be, and of the types that an object may have the dearest counts. The document is valid and within the guard's limits.
 */
export function estimate(model: CostModel, document: DocumentNode, operation: OperationDefinitionNode): Expression {
  const root = model.schema.getRootType(operation.operation)
  if (!root) return 0
  const base = operation.operation === OperationTypeNode.MUTATION ? mutationWeight : 0
  const cost = sum([base, new Estimator(model, document).selections(root, operation.selectionSet, false, unsized)])
  return withDefaults(cost, operation)
}

/** Fills in what the operation says of variables that are not given. */
function withDefaults(cost: Expression, { variableDefinitions = [] }: OperationDefinitionNode): Expression {
  if (typeof cost === 'number') return cost
  const defaults: Record<string, unknown> = {}
  for (const { variable, defaultValue } of variableDefinitions) {
    if (defaultValue) defaults[variable.name.value] = valueIn(defaultValue, constantOf)
  }
  if (Object.keys(defaults).length === 0) return cost
  return (variables) => cost({ ...defaults, ...variables })
}

class Estimator {
  readonly #model: CostModel
  readonly #inputs: InputCosts
  readonly #fragments = new Map<string, FragmentDefinitionNode>()
  /** What is selected below a field, which is the same wherever the field stands. */
  readonly #known = new Map<SelectionSetNode, Map<string, Expression>>()

  /** Coordinates whose keys or required fields are being counted. */
  readonly #open = new Set<string>()

  constructor(model: CostModel, document: DocumentNode) {
    this.#model = model
    this.#inputs = new InputCosts(model)
    for (const node of document.definitions) {
      if (node.kind === Kind.FRAGMENT_DEFINITION) this.#fragments.set(node.name.value, node)
    }
  }

  /**
   * @param isWeighed whether the object itself counts, beside what is selected of it.
   * @param sized the sizes of lists here that the field above tells.
   */
  selections(type: GraphQLCompositeType, set: SelectionSetNode, isWeighed: boolean, sized: Sized): Expression {
    // What a field above tells of sizes is of that place alone.
    if (sized.size > 0) return this.#dearest(type, set, isWeighed, sized)
    const known = this.#known.get(set) ?? new Map<string, Expression>()
    this.#known.set(set, known)
    const key = `${isWeighed} ${type.name}`
    const cost = known.get(key) ?? this.#dearest(type, set, isWeighed, sized)
    // Inside of what holds itself, only a part of it has been counted.
    if (this.#open.size === 0) known.set(key, cost)
    return cost
  }

  #dearest(type: GraphQLCompositeType, set: SelectionSetNode, isWeighed: boolean, sized: Sized): Expression {
    const objects = isAbstractType(type) ? this.#model.schema.getPossibleTypes(type) : [type as GraphQLObjectType]
    return most(
      objects.map((object) =>
        sum([
          isWeighed ? this.#model.typeWeight(object) : 0,
          this.#ofObject(object, set, sized),
          this.#beside(object, object.name),
        ]),
      ),
    )
  }

  /** Keys and required fields may lead back to where they are from; each is counted once on the way. */
  #beside(object: GraphQLObjectType, coordinate: string): Expression {
    const sets = this.#model.fetchedBeside(coordinate)
    if (sets.length === 0 || this.#open.has(coordinate)) return 0
    this.#open.add(coordinate)
    const cost = sum(sets.map((set) => this.#ofObject(object, set, unsized)))
    this.#open.delete(coordinate)
    return cost
  }

  #ofObject(object: GraphQLObjectType, set: SelectionSetNode, sized: Sized): Expression {
    return sum(set.selections.map((selection) => unless(selection, this.#ofSelection(object, selection, sized))))
  }

  #ofSelection(object: GraphQLObjectType, selection: SelectionNode, sized: Sized): Expression {
    if (selection.kind === Kind.FIELD) return this.#ofField(object, selection, sized)
    const fragment = selection.kind === Kind.FRAGMENT_SPREAD ? this.#fragments.get(selection.name.value) : selection
    if (!fragment || !this.#applies(object, fragment.typeCondition?.name.value)) return 0
    return this.#ofObject(object, fragment.selectionSet, sized)
  }

  #applies(object: GraphQLObjectType, condition: string | undefined): boolean {
    if (condition === undefined || condition === object.name) return true
    const type = this.#model.schema.getType(condition)
    return isAbstractType(type) && this.#model.schema.isSubType(type, object)
  }

  #ofField(object: GraphQLObjectType, node: FieldNode, sized: Sized): Expression {
    const name = node.name.value
    const field = object.getFields()[name]
    // The gateway answers `__typename`, `__schema` and `__type` itself.
    if (!field) return 0
    const coordinate = `${object.name}.${name}`
    const sizes = sizesOf(this.#model, coordinate, field, node, sized.get(name))
    const type = getNamedType(field.type)
    const weight = this.#model.weightOf(coordinate)
    const below =
      node.selectionSet && isCompositeType(type)
        ? this.selections(type, node.selectionSet, weight === undefined, sizes.below)
        : (weight ?? this.#model.typeWeight(type))
    const each = isCompositeType(type) ? sum([weight ?? 0, below]) : below
    return sum([product(sizes.own, each), this.#ofArguments(coordinate, field, node), this.#beside(object, coordinate)])
  }

  #ofArguments(coordinate: string, { args }: GraphQLField<unknown, unknown>, node: FieldNode): Expression {
    return sum(
      args.map((argument): Expression => {
        const cost = this.#inputs.ofArgument(coordinate, argument)
        if (!cost) return 0
        const value = node.arguments?.find(({ name }) => name.value === argument.name)?.value
        if (!value) return cost(argument.defaultValue)
        if (isConstant(value)) return cost(valueIn(value, constantOf))
        return (variables) => cost(valueIn(value, variables) ?? argument.defaultValue)
      }),
    )
  }
}

/** The cost of a selection that `@skip` and `@include` may leave out. */
function unless(selection: SelectionNode, cost: Expression): Expression {
  return (selection.directives ?? []).reduce<Expression>((kept, use) => unlessBy(use, kept), cost)
}

function unlessBy(use: DirectiveNode, cost: Expression): Expression {
  const wanted = { skip: false, include: true }[use.name.value]
  const condition = use.arguments?.find(({ name }) => name.value === 'if')?.value
  if (wanted === undefined || !condition || cost === 0) return cost
  const isIncluded = (variables: Variables) => (valueIn(condition, variables) === true) === wanted
  if (isConstant(condition)) return isIncluded(constantOf) ? cost : 0
  return (variables) => (isIncluded(variables) ? evaluate(cost, variables) : 0)
}
