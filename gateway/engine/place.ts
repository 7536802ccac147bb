import {
  type FieldNode,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isUnionType,
  Kind,
  print,
  type SelectionSetNode,
} from 'graphql'
import { codedError } from '../../lib/errors.ts'
import { fragmentOf, type SettledOperation } from './operation.ts'
import type { Supergraph } from './supergraph.ts'

/**
 * One place in the answer, where an object or a list of objects stands: everything that the operation selects there,
 * over all its fragments.
 *
 * Fields are fetched under names of the engine's own, one for each combination of field, arguments and type. The
 * client's aliases never reach a subgraph, so they can neither hide a key that the engine needs (`id: name`) nor give
 * two types' fields one name that a subgraph refuses; a leaf asked for under two aliases is fetched once.
 */
export interface Place {
  readonly id: number
  readonly fetched: ReadonlyMap<string, FetchedField>
}

export interface FetchedField {
  /** The name in the subgraphs' answers. */
  readonly key: string
  readonly field: GraphQLField<unknown, unknown>
  readonly node: FieldNode
  /** What is selected below; undefined for leaves. */
  readonly place: Place | undefined
}

/** Selections that apply to one type. */
export interface Scope {
  readonly type: GraphQLCompositeType
  readonly set: SelectionSetNode
}

/** More selections than this, with fragments spread out, are refused: fragments can multiply without bound. */
const selectionLimit = 20_000

interface Growing {
  key: string
  field: GraphQLField<unknown, unknown>
  node: FieldNode
  scopes: Scope[]
}

/** Finds the places of an operation. */
export class PlaceFinder {
  readonly #supergraph: Supergraph
  readonly #operation: SettledOperation
  #places = 0
  #selections = 0

  constructor(supergraph: Supergraph, operation: SettledOperation) {
    this.#supergraph = supergraph
    this.#operation = operation
  }

  root(): Place {
    return this.#place([{ type: this.#operation.rootType, set: this.#operation.definition.selectionSet }])
  }

  #place(scopes: readonly Scope[]): Place {
    const growing = new Map<string, Growing>()
    const spread = new Set<string>()
    for (const scope of scopes) this.#collect(scope, growing, spread)
    const fetched = new Map<string, FetchedField>()
    for (const [signature, { key, field, node, scopes: below }] of growing) {
      fetched.set(signature, { key, field, node, place: below.length > 0 ? this.#place(below) : undefined })
    }
    return { id: this.#places++, fetched }
  }

  #collect({ type, set }: Scope, growing: Map<string, Growing>, spread: Set<string>): void {
    for (const selection of set.selections) {
      if (!this.#operation.isIncluded(selection)) continue
      if (++this.#selections > selectionLimit) {
        throw codedError('QUERY_TOO_COMPLEX', `The operation selects more than ${selectionLimit} fields.`)
      }
      if (selection.kind === Kind.FIELD) {
        this.#grow(type, selection, growing)
        continue
      }
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        if (spread.has(selection.name.value)) continue
        spread.add(selection.name.value)
      }
      const fragment = fragmentOf(this.#operation, selection)
      const on = narrowed(this.#supergraph.schema, type, fragment.on)
      this.#collect({ type: on, set: fragment.selectionSet }, growing, spread)
    }
  }

  #grow(type: GraphQLCompositeType, node: FieldNode, growing: Map<string, Growing>): void {
    const field = fieldOf(type, node)
    if (!field) return
    const signature = signatureOf(this.#operation, type, node, field)
    let entry = growing.get(signature)
    if (!entry) {
      entry = { key: this.#freeKey(node, growing), field, node, scopes: [] }
      growing.set(signature, entry)
    }
    const below = getNamedType(field.type)
    if (node.selectionSet && isCompositeType(below)) entry.scopes.push({ type: below, set: node.selectionSet })
  }

  /** The field's own name for the first that takes no arguments, since keys are fetched under theirs. */
  #freeKey(node: FieldNode, growing: ReadonlyMap<string, Growing>): string {
    const name = node.name.value
    const taken = new Set([...growing.values()].map(({ key }) => key))
    if (!node.arguments?.length && !taken.has(name)) return name
    for (let n = 1; ; n++) {
      const key = `${name}_${n}`
      if (!taken.has(key) && !this.#supergraph.fieldNames.has(key)) return key
    }
  }
}

/** The field that a selection means; undefined for `__typename`, `__schema` and `__type`, which no subgraph is asked. */
export function fieldOf(type: GraphQLCompositeType, node: FieldNode): GraphQLField<unknown, unknown> | undefined {
  const name = node.name.value
  if (name.startsWith('__') || isUnionType(type)) return undefined
  const field = type.getFields()[name]
  if (!field) throw codedError('GRAPHQL_VALIDATION_FAILED', `Cannot query field "${name}" on type "${type.name}".`)
  return field
}

/** The type that a fragment's fields are on. */
export function narrowed(
  schema: GraphQLSchema,
  type: GraphQLCompositeType,
  on: string | undefined,
): GraphQLCompositeType {
  if (on === undefined || on === type.name) return type
  const narrower = schema.getType(on)
  if (!isCompositeType(narrower)) throw codedError('GRAPHQL_VALIDATION_FAILED', `Unknown type "${on}".`)
  return narrower
}

/** Two selections at a place with one signature get the same value from a subgraph. */
export function signatureOf(
  operation: SettledOperation,
  parent: GraphQLCompositeType,
  node: FieldNode,
  field: GraphQLField<unknown, unknown>,
): string {
  const given = node.arguments?.length ? node.arguments.map(print).sort().join() : ''
  // Objects of two types are joined, since one alias may mean an interface's field and the narrower one of its type.
  const type = node.selectionSet ? String(field.type).replace(/\w+/, '') : field.type
  const signature = `${node.name.value}(${given}):${type}`
  // Objects that show twice are fetched twice: a null that may not be inside one of them must not take the other.
  // And each field of a mutation is an act of its own, also when two look the same.
  const isAct = operation.definition.operation === 'mutation' && parent === operation.rootType
  return node.selectionSet || isAct ? `${node.alias?.value ?? node.name.value}=${signature}` : signature
}
