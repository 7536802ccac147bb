import {
  type DocumentNode,
  type FieldNode,
  type GraphQLCompositeType,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isUnionType,
  Kind,
  print,
  type SelectionNode,
  type VariableDefinitionNode,
  visit,
} from 'graphql'
import { fragmentOf, type SettledOperation } from './operation.ts'
import { type FetchedField, fieldOf, narrowed, type Place, type Scope, signatureOf } from './place.ts'
import type { Supergraph } from './supergraph.ts'

/** Fields by the name they are fetched under, each with what is selected below it. */
type Fields = Map<string, { readonly fetched: FetchedField; readonly scopes: Scope[] }>

/** What is selected at a place, whatever type the object has, and what only for some object types. */
interface Merged {
  readonly fields: Fields
  readonly byType: Map<string, Fields>
  /** Whether the client asks for `__typename` here. */
  typename: boolean
}

const typename: FieldNode = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } }

/**
 * Writes the operation that the planner plans: fragments spread out, fields merged and named as they are fetched,
 * nothing that `@skip` and `@include` leave out, no introspection and no directives.
 */
export class Normalizer {
  readonly #supergraph: Supergraph
  readonly #operation: SettledOperation

  constructor(supergraph: Supergraph, operation: SettledOperation) {
    this.#supergraph = supergraph
    this.#operation = operation
  }

  /**
   * The operation's text, of all fields at the root or of one. Undefined when there is nothing to fetch.
   * @param only The name under which the one field is fetched.
   */
  text(root: Place, only?: string): string | undefined {
    const { definition, rootType } = this.#operation
    const all = this.#selections([{ type: rootType, set: definition.selectionSet }], root, rootType)
    const selections = only === undefined ? all : all.filter((node) => keyOf(node) === only)
    if (selections.every((node) => node === typename)) return undefined
    const selectionSet = { kind: Kind.SELECTION_SET, selections } as const
    const document: DocumentNode = {
      kind: Kind.DOCUMENT,
      definitions: [
        {
          kind: Kind.OPERATION_DEFINITION,
          operation: definition.operation,
          variableDefinitions: usedVariables(definition.variableDefinitions ?? [], selections),
          selectionSet,
        },
      ],
    }
    return print(document)
  }

  /**
   * Fragments on interfaces and unions are spread out to the object types that they mean here: the planner does not
   * follow every nesting of them.
   */
  #selections(scopes: readonly Scope[], place: Place, type: GraphQLCompositeType): SelectionNode[] {
    const merged: Merged = { fields: new Map(), byType: new Map(), typename: false }
    const possible = this.#possible(type)
    for (const scope of scopes) this.#add(scope, place, type, possible, merged)
    const selections: SelectionNode[] = this.#needsTypename(type, merged) ? [typename] : []
    for (const { fetched, scopes: below } of merged.fields.values()) selections.push(this.#field(fetched, below))
    for (const [on, fields] of merged.byType) {
      const inside = [...fields.values()].map(({ fetched, scopes: below }) => this.#field(fetched, below))
      selections.push({
        kind: Kind.INLINE_FRAGMENT,
        typeCondition: { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: on } },
        selectionSet: { kind: Kind.SELECTION_SET, selections: inside },
      })
    }
    return selections.length > 0 ? selections : [typename]
  }

  #possible(type: GraphQLCompositeType): readonly string[] {
    return isAbstractType(type) ? this.#supergraph.schema.getPossibleTypes(type).map(({ name }) => name) : [type.name]
  }

  #add(scope: Scope, place: Place, type: GraphQLCompositeType, types: readonly string[], merged: Merged): void {
    for (const selection of scope.set.selections) {
      if (!this.#operation.isIncluded(selection)) continue
      if (selection.kind === Kind.FIELD) {
        if (selection.name.value === '__typename') merged.typename = true
        for (const fields of this.#targets(selection, type, types, merged)) {
          this.#addField(selection, scope.type, place, fields)
        }
        continue
      }
      const fragment = fragmentOf(this.#operation, selection)
      const on = narrowed(this.#supergraph.schema, scope.type, fragment.on)
      const meant = new Set(this.#possible(on))
      const inside = types.filter((name) => meant.has(name))
      if (inside.length > 0) this.#add({ type: on, set: fragment.selectionSet }, place, type, inside, merged)
    }
  }

  /** Where a field goes: to all types together where they share it, or to each of those that it is meant for. */
  #targets(node: FieldNode, type: GraphQLCompositeType, types: readonly string[], merged: Merged): Fields[] {
    if (node.name.value.startsWith('__')) return []
    const isShared = !isUnionType(type) && type.getFields()[node.name.value] !== undefined
    if (isShared && types.length === this.#possible(type).length) return [merged.fields]
    return types.map((name) => {
      const known = merged.byType.get(name)
      if (known) return known
      const fields: Fields = new Map()
      merged.byType.set(name, fields)
      return fields
    })
  }

  #addField(node: FieldNode, type: GraphQLCompositeType, place: Place, fields: Fields): void {
    const field = fieldOf(type, node)
    const fetched = field && place.fetched.get(signatureOf(this.#operation, type, node, field))
    if (!fetched) return
    const known = fields.get(fetched.key)
    const entry = known ?? { fetched, scopes: [] }
    if (!known) fields.set(fetched.key, entry)
    const below = getNamedType(fetched.field.type)
    if (node.selectionSet && isCompositeType(below)) entry.scopes.push({ type: below, set: node.selectionSet })
  }

  #field({ key, node, field, place }: FetchedField, below: readonly Scope[]): FieldNode {
    const type = getNamedType(field.type)
    return {
      kind: Kind.FIELD,
      name: node.name,
      ...(key === node.name.value ? {} : { alias: { kind: Kind.NAME, value: key } }),
      ...(node.arguments === undefined ? {} : { arguments: node.arguments }),
      ...(place && isCompositeType(type)
        ? { selectionSet: { kind: Kind.SELECTION_SET, selections: this.#selections(below, place, type) } }
        : {}),
    }
  }

  /** Where the answer depends on the object's type: on what is selected, or on whether clients may see it. */
  #needsTypename(type: GraphQLCompositeType, { byType, typename: asked }: Merged): boolean {
    if (!isAbstractType(type)) return false
    if (asked || byType.size > 0) return true
    const possible = this.#supergraph.possibleTypes.get(type.name) ?? []
    return [...possible].some((name) => this.#supergraph.schema.getType(name) === undefined)
  }
}

function keyOf(node: SelectionNode): string | undefined {
  return node.kind === Kind.FIELD ? (node.alias ?? node.name).value : undefined
}

function usedVariables(
  definitions: readonly VariableDefinitionNode[],
  selections: readonly SelectionNode[],
): VariableDefinitionNode[] {
  const used = new Set<string>()
  for (const selection of selections) visit(selection, { Variable: (node) => void used.add(node.name.value) })
  return definitions
    .filter(({ variable }) => used.has(variable.name.value))
    .map((definition) => ({ ...definition, directives: [] }))
}
