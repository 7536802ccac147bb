import {
  type DocumentNode,
  type FieldNode,
  type GraphQLCompositeType,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isObjectType,
  Kind,
  print,
  type SelectionNode,
  type VariableDefinitionNode,
  visit,
} from 'graphql'
import { fragmentOf, type SettledOperation } from './operation.ts'
import { type FetchedField, fieldOf, narrowed, type Place, type Scope, signatureOf } from './place.ts'
import type { Supergraph } from './supergraph.ts'

/** Fields of one type at a place, merged by the name they are fetched under, and narrower types beside them. */
interface Merged {
  readonly fields: Map<string, { readonly fetched: FetchedField; readonly scopes: Scope[] }>
  readonly narrower: Map<string, Scope[]>
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

  #selections(scopes: readonly Scope[], place: Place, type: GraphQLCompositeType): SelectionNode[] {
    const merged = this.#merge(scopes, place, type)
    const selections: SelectionNode[] = []
    if (this.#needsTypename(type, merged)) selections.push(typename)
    for (const { fetched, scopes: below } of merged.fields.values()) selections.push(this.#field(fetched, below))
    for (const [on, inside] of merged.narrower) {
      selections.push({
        kind: Kind.INLINE_FRAGMENT,
        typeCondition: { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: on } },
        selectionSet: {
          kind: Kind.SELECTION_SET,
          selections: this.#selections(inside, place, narrowed(this.#supergraph.schema, type, on)),
        },
      })
    }
    return selections.length > 0 ? selections : [typename]
  }

  #merge(scopes: readonly Scope[], place: Place, type: GraphQLCompositeType): Merged {
    const merged: Merged = { fields: new Map(), narrower: new Map(), typename: false }
    for (const scope of scopes) this.#add(scope, place, type, merged)
    return merged
  }

  #add(scope: Scope, place: Place, type: GraphQLCompositeType, merged: Merged): void {
    for (const selection of scope.set.selections) {
      if (!this.#operation.isIncluded(selection)) continue
      if (selection.kind === Kind.FIELD) {
        this.#addField(selection, scope.type, place, merged)
        continue
      }
      const fragment = fragmentOf(this.#operation, selection)
      const on = narrowed(this.#supergraph.schema, scope.type, fragment.on)
      const inside: Scope = { type: on, set: fragment.selectionSet }
      if (on === type || isObjectType(type)) this.#add(inside, place, type, merged)
      else merged.narrower.set(on.name, [...(merged.narrower.get(on.name) ?? []), inside])
    }
  }

  #addField(node: FieldNode, type: GraphQLCompositeType, place: Place, merged: Merged): void {
    if (node.name.value === '__typename') merged.typename = true
    const field = fieldOf(type, node)
    const fetched = field && place.fetched.get(signatureOf(this.#operation, type, node, field))
    if (!fetched) return
    const known = merged.fields.get(fetched.key)
    const entry = known ?? { fetched, scopes: [] }
    if (!known) merged.fields.set(fetched.key, entry)
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
  #needsTypename(type: GraphQLCompositeType, { narrower, typename: asked }: Merged): boolean {
    if (!isAbstractType(type)) return false
    if (asked || narrower.size > 0) return true
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
