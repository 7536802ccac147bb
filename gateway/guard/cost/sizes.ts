import {
  type FieldNode,
  type GraphQLField,
  type GraphQLOutputType,
  getNamedType,
  getNullableType,
  isCompositeType,
  isListType,
  isUnionType,
  type ValueNode,
} from 'graphql'
import { codedError } from '../../../lib/errors.ts'
import type { Expression, Variables } from './expression.ts'
import type { CostModel, ListSize } from './model.ts'
import { constantOf, isConstant, valueIn } from './values.ts'

/** The size of lists that a field brings: its own, or those of fields below it. */
export interface Sizes {
  readonly own: Expression
  readonly below: ReadonlyMap<string, Expression>
}

const relayLists = ['edges', 'nodes']
const relayArguments = ['first', 'last']
const nothingBelow: ReadonlyMap<string, Expression> = new Map()

/**
 * How many objects a field brings for each time that it is asked for.
 * @param given what the field above says of its size, when it says anything (`sizedFields`).
 */
export function sizesOf(
  model: CostModel,
  coordinate: string,
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
  given: Expression | undefined,
): Sizes {
  const depth = listDepth(field.type)
  const declared = model.listSize(coordinate) ?? conventional(field)
  const size = declared && sizeBy(model, coordinate, field, node, declared)
  const inner = model.assumedListSize ** Math.max(0, depth - 1)
  const times = (expression: Expression): Expression =>
    inner === 1 ? expression : typeof expression === 'number' ? expression * inner : (v) => expression(v) * inner
  if (size !== undefined && declared && declared.sizedFields.length > 0) {
    const below = new Map(declared.sizedFields.map((name) => [name, size]))
    return { own: depth === 0 ? 1 : times(given ?? model.assumedListSize), below }
  }
  if (depth === 0) return { own: 1, below: nothingBelow }
  return { own: times(size ?? given ?? model.assumedListSize), below: nothingBelow }
}

/** What Relay's conventions say where no directive does: `first` and `last` size a page, `ids` ask for as many objects. */
function conventional({ args, type }: GraphQLField<unknown, unknown>): ListSize | undefined {
  const named = (names: readonly string[]) => args.map(({ name }) => name).filter((name) => names.includes(name))
  const slicingArguments = named(relayArguments)
  const isList = listDepth(type) > 0
  const returned = getNamedType(type)
  const fields = isCompositeType(returned) && !isUnionType(returned) ? returned.getFields() : {}
  const rest = { assumedSize: undefined, requireOneSlicingArgument: false }
  if (slicingArguments.length > 0 && isList) return { ...rest, slicingArguments, sizedFields: [] }
  const sizedFields = relayLists.filter((name) => fields[name] !== undefined)
  if (slicingArguments.length > 0 && sizedFields.length > 0) return { ...rest, slicingArguments, sizedFields }
  const ids = named(['ids'])
  return ids.length > 0 && isList ? { ...rest, slicingArguments: ids, sizedFields: [] } : undefined
}

function sizeBy(
  model: CostModel,
  coordinate: string,
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
  { assumedSize, slicingArguments, requireOneSlicingArgument }: ListSize,
): Expression {
  const otherwise = assumedSize ?? model.assumedListSize
  if (slicingArguments.length === 0) return otherwise
  const slicing = slicingArguments.map((path) => {
    // A path with dots leads into an input object, as Apollo and Cosmo have it.
    const [name, ...inside] = path.split('.')
    return {
      inside,
      value: node.arguments?.find((argument) => argument.name.value === name)?.value,
      byDefault: countOf(follow(field.args.find((argument) => argument.name === name)?.defaultValue, inside)),
    }
  })
  const decide = (variables: Variables): number => {
    const given = slicing.map(({ value, inside }) => countOf(follow(valueIn(value, variables), inside)))
    const counts = given.filter((count) => count !== undefined)
    const defaults = slicing.flatMap(({ byDefault }) => byDefault ?? [])
    if (requireOneSlicingArgument && counts.length !== 1 && (counts.length > 1 || defaults.length === 0)) {
      throw codedError(
        'GRAPHQL_VALIDATION_FAILED',
        `The field ${coordinate} takes exactly one of ${slicingArguments.map((name) => `"${name}"`).join(', ')}.`,
      )
    }
    if (counts.length > 0) return Math.max(...counts)
    // A null may be given in place of the default, and mean what the subgraph assumes.
    return defaults.length > 0 ? Math.max(...defaults, assumedSize ?? 0) : otherwise
  }
  const values: (ValueNode | undefined)[] = slicing.map(({ value }) => value)
  const isFixed = !requireOneSlicingArgument && values.every((value) => value === undefined || isConstant(value))
  return isFixed ? decide(constantOf) : decide
}

function follow(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, name) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>)[name] : undefined,
    value,
  )
}

/** A number of objects, or as many as there are in a list. */
function countOf(value: unknown): number | undefined {
  if (Array.isArray(value)) return value.length
  return typeof value === 'number' && Number.isFinite(value) ? Math.max(0, value) : undefined
}

function listDepth(type: GraphQLOutputType): number {
  const nullable = getNullableType(type)
  return isListType(nullable) ? 1 + listDepth(nullable.ofType) : 0
}
