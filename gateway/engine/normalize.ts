import {
  type DocumentNode,
  type FieldNode,
  type GraphQLCompositeType,
  type GraphQLNamedType,
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

/** A field, the type that it leads to where it is selected, and what is selected below it. */
interface Entry {
  readonly fetched: FetchedField
  readonly type: GraphQLNamedType
  readonly scopes: Scope[]
}

/** Fields by the name they are fetched under. */
type Fields = Map<string, Entry>

/** What is selected at a place, whatever type the object has, and what only for some object types. */
interface Merged {
  readonly fields: Fields
  readonly byType: Map<string, Fields>
  /** Whether the client asks for `__typename` here. */
  typename: boolean
  /** Whether a field is refused for some types that an object may have here, so that its type decides. */
  isRefusedInPart: boolean
}

/** A part of an operation: the fields of one name, and what is above them. */
export interface Part {
  readonly name: string
  /** The part that a field belongs to; undefined for that of the field above it. Fields at the root begin in `''`. */
  nameOf(field: FetchedField, parent: Place): string | undefined
}

const whole: Part = { name: '', nameOf: () => undefined }

const typename: FieldNode = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } }

/**
 * Writes the operation that the planner plans: fragments spread out, fields merged and named as they are fetched,
 * nothing that `@skip` and `@include` leave out, no introspection and no directives.
 */
export class Normalizer {
  readonly #supergraph: Supergraph
  readonly #operation: SettledOperation

  #part: Part = whole

  constructor(supergraph: Supergraph, operation: SettledOperation) {
    this.#supergraph = supergraph
    this.#operation = operation
  }

  /** The operation's text, with all its fields or a part of them. Undefined when there is nothing to fetch. */
  text(root: Place, part: Part = whole): string | undefined {
    const { definition, rootType } = this.#operation
    this.#part = part
    const selections = this.#selections([{ type: rootType, set: definition.selectionSet }], root, rootType, '')
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
  #selections(scopes: readonly Scope[], place: Place, type: GraphQLCompositeType, part: string): SelectionNode[] {
    const merged: Merged = { fields: new Map(), byType: new Map(), typename: false, isRefusedInPart: false }
    const possible = this.#possible(type)
    for (const scope of scopes) this.#add(scope, place, type, this.#among(possible, scope.type), merged)
    // Raised to the interface, nothing but the type tells which objects a field is selected for.
    const isRaised = this.#raise(type, merged)
    const selections: SelectionNode[] = isRaised || this.#needsTypename(type, merged) ? [typename] : []
    this.#lower(possible, merged)
    selections.push(...this.#fields(merged.fields, place, part))
    for (const [on, fields] of merged.byType) {
      const inside = this.#fields(fields, place, part)
      if (inside.length === 0) continue
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

  #among(types: readonly string[], on: GraphQLCompositeType): readonly string[] {
    const meant = new Set(this.#possible(on))
    return types.filter((name) => meant.has(name))
  }

  #add(scope: Scope, place: Place, type: GraphQLCompositeType, types: readonly string[], merged: Merged): void {
    for (const selection of scope.set.selections) {
      if (!this.#operation.isIncluded(selection)) continue
      if (selection.kind === Kind.FIELD) {
        if (selection.name.value === '__typename') merged.typename = true
        const permitted = this.#permitted(selection, scope.type, types)
        if (permitted.length < types.length) merged.isRefusedInPart = true
        for (const fields of this.#targets(selection, scope.type, type, permitted, merged)) {
          this.#addField(selection, scope.type, place, fields)
        }
        continue
      }
      const fragment = fragmentOf(this.#operation, selection)
      const on = narrowed(this.#supergraph.schema, scope.type, fragment.on)
      const inside = this.#among(types, on)
      if (inside.length > 0) this.#add({ type: on, set: fragment.selectionSet }, place, type, inside, merged)
    }
  }

  /** The types whose objects may show a field to the viewer. */
  #permitted(node: FieldNode, declared: GraphQLCompositeType, types: readonly string[]): readonly string[] {
    const { refusals } = this.#operation
    const field = refusals && fieldOf(declared, node)
    return field ? types.filter((name) => !refusals.field(declared.name, name, field)) : types
  }

  /**
   * Where a field goes: to all types together where they share it, or to each of those that it is meant for. A type's
   * own field may lead to a narrower type than the one that they share, and stays with the type.
   */
  #targets(
    node: FieldNode,
    declared: GraphQLCompositeType,
    type: GraphQLCompositeType,
    types: readonly string[],
    merged: Merged,
  ): Fields[] {
    if (node.name.value.startsWith('__')) return []
    const shared = fieldTypeOf(type, node)
    const isShared = shared !== undefined && shared === fieldTypeOf(declared, node)
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
    const below = getNamedType(field.type)
    const known = fields.get(fetched.key)
    const entry = known ?? { fetched, type: below, scopes: [] }
    if (!known) fields.set(fetched.key, entry)
    if (node.selectionSet && isCompositeType(below)) entry.scopes.push({ type: below, set: node.selectionSet })
  }

  /**
   * Fields that a subgraph answers for an interface as a whole are selected on the interface where several of its types
   * select such fields: the planner asks for only one type's.
   * @returns whether any were.
   */
  #raise(type: GraphQLCompositeType, { fields, byType }: Merged): boolean {
    const isOfInterface = ({ fetched }: Entry) =>
      this.#supergraph.interfaceObjectFields.has(`${type.name}.${fetched.field.name}`)
    const selecting = [...byType.values()].filter((own) => [...own.values()].some(isOfInterface))
    for (const own of selecting.length > 1 ? selecting : []) {
      for (const [key, entry] of own) {
        if (!isOfInterface(entry)) continue
        own.delete(key)
        const known = fields.get(key)
        if (known) known.scopes.push(...entry.scopes)
        else fields.set(key, entry)
      }
    }
    return selecting.length > 1
  }

  /**
   * A field that leads to a narrower type in one of the types is selected on each of them: selected on the interface
   * as well, it would be merged by the wider type.
   */
  #lower(possible: readonly string[], { fields, byType }: Merged): void {
    for (const [key, entry] of fields) {
      if (![...byType.values()].some((own) => (own.get(key)?.type ?? entry.type) !== entry.type)) continue
      fields.delete(key)
      for (const name of possible) {
        const own = byType.get(name) ?? new Map<string, Entry>()
        byType.set(name, own)
        const known = own.get(key)
        if (known) known.scopes.unshift(...entry.scopes)
        else own.set(key, { ...entry, scopes: [...entry.scopes] })
      }
    }
  }

  #fields(fields: Fields, parent: Place, part: string): FieldNode[] {
    return [...fields.values()].flatMap((entry) => this.#field(entry, parent, part) ?? [])
  }

  #field({ fetched, type, scopes }: Entry, parent: Place, above: string): FieldNode | undefined {
    const { key, node, place } = fetched
    const part = this.#part.nameOf(fetched, parent) ?? above
    const isPart = part === this.#part.name
    if (!isPart && !place) return undefined
    const selections = place && isCompositeType(type) ? this.#selections(scopes, place, type, part) : undefined
    if (!isPart && selections?.every((inner) => inner === typename)) return undefined
    return {
      kind: Kind.FIELD,
      name: node.name,
      ...(key === node.name.value ? {} : { alias: { kind: Kind.NAME, value: key } }),
      ...(node.arguments === undefined ? {} : { arguments: node.arguments }),
      ...(selections ? { selectionSet: { kind: Kind.SELECTION_SET, selections } } : {}),
    }
  }

  /**
   * Where the client asks for the type, or it decides whether the object may be seen. For fragments the planner asks for
   * it without being told; told, it fetches the type once more where another subgraph has the object too.
   */
  #needsTypename(type: GraphQLCompositeType, { typename: asked, isRefusedInPart }: Merged): boolean {
    if (!isAbstractType(type)) return false
    if (asked || isRefusedInPart) return true
    const { refusals } = this.#operation
    if (refusals && this.#possible(type).some((name) => refusals.type(name))) return true
    const possible = this.#supergraph.possibleTypes.get(type.name) ?? []
    return [...possible].some((name) => this.#supergraph.schema.getType(name) === undefined)
  }
}

function fieldTypeOf(type: GraphQLCompositeType, node: FieldNode): GraphQLNamedType | undefined {
  const field = isUnionType(type) ? undefined : type.getFields()[node.name.value]
  return field && getNamedType(field.type)
}

function usedVariables(
  definitions: readonly VariableDefinitionNode[],
  selections: readonly SelectionNode[],
): VariableDefinitionNode[] {
  const used = new Set<string>()
  for (const selection of selections)
    visit(selection, { Variable: { enter: (node) => void used.add(node.name.value) } })
  return definitions
    .filter(({ variable }) => used.has(variable.name.value))
    .map((definition) => ({ ...definition, directives: [] }))
}
