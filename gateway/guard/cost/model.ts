import {
  type ConstDirectiveNode,
  type ConstValueNode,
  type GraphQLNamedType,
  type GraphQLSchema,
  isAbstractType,
  isCompositeType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isTypeDefinitionNode,
  Kind,
  parse,
  type SelectionSetNode,
} from 'graphql'
import { linkedDirective, readLinks } from '../../engine/links.ts'
import { directive, fieldSets } from '../../engine/supergraph-facts.ts'
import type { Engine } from '../../engine/types.ts'

/** `@listSize` of a field (IBM's GraphQL Cost Directives, section 2.2). */
export interface ListSize {
  readonly assumedSize: number | undefined
  readonly slicingArguments: readonly string[]
  readonly sizedFields: readonly string[]
  readonly requireOneSlicingArgument: boolean
}

/** What a supergraph says of costs: `@cost` and `@listSize`, with the defaults of Apollo's cost specification. */
export interface CostModel {
  readonly schema: GraphQLSchema
  /** How long a list is taken to be when nothing tells. */
  readonly assumedListSize: number
  /** Of a coordinate: `Type.field`, `Type.field(argument:)`; undefined where there is no `@cost`. */
  weightOf(coordinate: string): number | undefined
  /** Of a type: its `@cost`, else 1 for objects and inputs, and nothing for leaves; of several types, the cheapest's. */
  typeWeight(type: GraphQLNamedType): number
  listSize(coordinate: string): ListSize | undefined
  /**
   * What may be fetched beside what is selected: of `Type` the keys by which another subgraph finds it, of `Type.field`
   * the fields that it is computed from (`@requires`).
   */
  fetchedBeside(coordinate: string): readonly SelectionSetNode[]
}

export function readCostModel({ schema, supergraphSdl }: Engine, assumedListSize: number): CostModel {
  const weights = new Map<string, number>()
  const sizes = new Map<string, ListSize>()
  const beside = new Map<string, readonly SelectionSetNode[]>()
  const document = parse(supergraphSdl, { noLocation: true })
  const links = readLinks(document)
  const names = {
    cost: linkedDirective(links, 'cost') ?? 'cost',
    listSize: linkedDirective(links, 'cost', 'listSize') ?? 'listSize',
  }
  const addWeight = (coordinate: string, node: Annotated) => {
    const use = directive(node, names.cost)
    const weight = use && numberOf(argument(use, 'weight'))
    if (weight !== undefined) weights.set(coordinate, Math.max(0, weight))
  }
  for (const node of document.definitions) {
    if (!isTypeDefinitionNode(node)) continue
    const type = node.name.value
    addWeight(type, node)
    beside.set(type, fieldSets(node, 'join__type', 'key'))
    if (!('fields' in node)) continue
    for (const field of node.fields ?? []) {
      const coordinate = `${type}.${field.name.value}`
      addWeight(coordinate, field)
      const use = directive(field, names.listSize)
      if (use) sizes.set(coordinate, readListSize(use))
      if (field.kind !== Kind.FIELD_DEFINITION) continue
      beside.set(coordinate, fieldSets(field, 'join__field', 'requires'))
      for (const input of field.arguments ?? []) addWeight(`${coordinate}(${input.name.value}:)`, input)
    }
  }
  inherit(schema, weights)
  inherit(schema, sizes)
  const typeWeight = (type: GraphQLNamedType): number => {
    const own = weights.get(type.name) ?? (isCompositeType(type) || isInputObjectType(type) ? 1 : 0)
    return isAbstractType(type) ? Math.min(own, ...schema.getPossibleTypes(type).map(typeWeight)) : own
  }
  return {
    schema,
    assumedListSize,
    weightOf: (coordinate) => weights.get(coordinate),
    typeWeight,
    listSize: (coordinate) => sizes.get(coordinate),
    fetchedBeside: (coordinate) => beside.get(coordinate) ?? [],
  }
}

/** What an interface says of a field holds for the fields of its objects that say nothing themselves. */
function inherit<T>(schema: GraphQLSchema, known: Map<string, T>): void {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) && !isInterfaceType(type)) continue
    for (const field of Object.keys(type.getFields())) {
      const coordinate = `${type.name}.${field}`
      if (known.has(coordinate)) continue
      const own = type.getInterfaces().find((shared) => known.has(`${shared.name}.${field}`))
      if (own) known.set(coordinate, known.get(`${own.name}.${field}`) as T)
    }
  }
}

interface Annotated {
  readonly directives?: readonly ConstDirectiveNode[] | undefined
}

function readListSize(use: ConstDirectiveNode): ListSize {
  const one = argument(use, 'requireOneSlicingArgument')
  return {
    assumedSize: numberOf(argument(use, 'assumedSize')),
    slicingArguments: textsOf(argument(use, 'slicingArguments')),
    sizedFields: textsOf(argument(use, 'sizedFields')),
    requireOneSlicingArgument: one?.kind !== Kind.BOOLEAN || one.value,
  }
}

function argument(use: ConstDirectiveNode, name: string): ConstValueNode | undefined {
  return use.arguments?.find((candidate) => candidate.name.value === name)?.value
}

/** A weight is a number in Apollo's specification and a text in IBM's. */
function numberOf(value: ConstValueNode | undefined): number | undefined {
  if (value?.kind !== Kind.INT && value?.kind !== Kind.FLOAT && value?.kind !== Kind.STRING) return undefined
  const number = Number(value.value)
  return Number.isFinite(number) ? number : undefined
}

function textsOf(value: ConstValueNode | undefined): string[] {
  const items = value?.kind === Kind.LIST ? value.values : value === undefined ? [] : [value]
  return items.flatMap((item) => (item.kind === Kind.STRING ? [item.value] : []))
}
