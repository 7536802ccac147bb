import {
  type FieldNode,
  type GraphQLCompositeType,
  type GraphQLEnumType,
  type GraphQLField,
  type GraphQLNullableType,
  type GraphQLOutputType,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isListType,
  isNonNullType,
  isObjectType,
  isUnionType,
  Kind,
} from 'graphql'
import type { Refusal } from '../access/gate.ts'
import { fragmentOf, type SettledOperation } from '../operation.ts'
import { type FetchedField, fieldOf, narrowed, type Place, type Scope, signatureOf } from '../place.ts'
import type { Supergraph } from '../supergraph.ts'

/** The form of a value in the response: what the projection writes, and where a null may stand. */
export type Shape = { readonly kind: 'nonNull'; readonly of: NullableShape } | NullableShape

export type NullableShape =
  | { readonly kind: 'list'; readonly of: Shape }
  | { readonly kind: 'scalar'; readonly type: string }
  | EnumShape
  | { readonly kind: 'object'; readonly selection: Selection }
  | AbstractShape
  /** The value is JSON text already, answered by the gateway itself. */
  | { readonly kind: 'text' }
  /** The viewer may not see it: null, with this error. */
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** The type's name when it is known beforehand, else read from the object. */
  | { readonly kind: 'typename'; readonly name: string | undefined }

export interface EnumShape {
  readonly kind: 'enum'
  readonly type: string
  /** JSON text of each value that clients may see. */
  readonly texts: ReadonlyMap<unknown, string>
  /** Values that exist and are inaccessible: they show as null. */
  readonly hidden: ReadonlySet<unknown>
}

export interface AbstractShape {
  readonly kind: 'abstract'
  readonly type: string
  readonly selections: ReadonlyMap<string, Selection>
  /** For an object whose type no subgraph told: what holds whichever type it is. */
  readonly otherwise: Selection
  /** Types that are inaccessible: their objects show as null. */
  readonly hidden: ReadonlySet<string>
  /** Types that the viewer may not see: their objects show as null, with an error. */
  readonly refused: ReadonlyMap<string, Refusal>
}

/** The fields that the response has for an object, in its order. */
export interface Selection {
  readonly id: number
  readonly fields: readonly ShapeField[]
}

export interface ShapeField {
  readonly responseKey: string
  /** The name under which the value was fetched. */
  readonly key: string
  /** `Type.field`, for messages. */
  readonly coordinate: string
  readonly shape: Shape
}

/** A field of the root that the gateway answers itself has its text under this key of the data. */
export function localKey(responseKey: string): string {
  return ` ${responseKey}`
}

interface CollectedField {
  readonly node: FieldNode
  readonly fetched: FetchedField | undefined
  readonly field: GraphQLField<unknown, unknown> | undefined
  readonly scopes: Scope[]
  refusal: Refusal | undefined
}

/** Finds the form of an operation's response. */
export class ShapeFinder {
  readonly #supergraph: Supergraph
  readonly #operation: SettledOperation
  readonly #selections = new Map<string, Selection>()

  constructor(supergraph: Supergraph, operation: SettledOperation) {
    this.#supergraph = supergraph
    this.#operation = operation
  }

  root(place: Place): Selection {
    const { rootType, definition } = this.#operation
    return this.#selection(rootType, [{ type: rootType, set: definition.selectionSet }], place, rootType.name)
  }

  /** One selection serves every type for which the same fields of the same types are selected. */
  #selection(
    type: GraphQLCompositeType,
    scopes: readonly Scope[],
    place: Place,
    typename: string | undefined,
  ): Selection {
    const collected = new Map<string, CollectedField>()
    const spread = new Set<string>()
    for (const scope of scopes) this.#collect(type, scope, place, collected, spread)
    const signature = `${place.id} ${typename} ${[...collected].map(describe).join()}`
    const known = this.#selections.get(signature)
    if (known) return known
    const fields = [...collected].map(([responseKey, found]) => this.#field(type, responseKey, found, typename))
    const selection = { id: this.#selections.size + 1, fields }
    this.#selections.set(signature, selection)
    return selection
  }

  #collect(
    type: GraphQLCompositeType,
    scope: Scope,
    place: Place,
    collected: Map<string, CollectedField>,
    spread: Set<string>,
  ): void {
    for (const selection of scope.set.selections) {
      if (!this.#operation.isIncluded(selection)) continue
      if (selection.kind === Kind.FIELD) {
        this.#collectField(type, scope.type, selection, place, collected)
        continue
      }
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        if (spread.has(selection.name.value)) continue
        spread.add(selection.name.value)
      }
      const fragment = fragmentOf(this.#operation, selection)
      const on = narrowed(this.#supergraph.schema, scope.type, fragment.on)
      if (!this.#applies(type, on)) continue
      this.#collect(type, { type: on, set: fragment.selectionSet }, place, collected, spread)
    }
  }

  #collectField(
    type: GraphQLCompositeType,
    declared: GraphQLCompositeType,
    node: FieldNode,
    place: Place,
    collected: Map<string, CollectedField>,
  ): void {
    const responseKey = node.alias?.value ?? node.name.value
    const field = fieldOf(declared, node)
    const fetched = field && place.fetched.get(signatureOf(this.#operation, declared, node, field))
    let entry = collected.get(responseKey)
    if (!entry) {
      const own = field && !isUnionType(type) ? (type.getFields()[field.name] ?? field) : field
      entry = { node, fetched, field: own, scopes: [], refusal: undefined }
      collected.set(responseKey, entry)
    }
    if (field) entry.refusal ??= this.#refusal(type, declared, field)
    const below = field && getNamedType(field.type)
    if (node.selectionSet && isCompositeType(below)) entry.scopes.push({ type: below, set: node.selectionSet })
  }

  /** Of an object whose type is not known a field is refused when it is for any type that the object may have. */
  #refusal(
    type: GraphQLCompositeType,
    declared: GraphQLCompositeType,
    field: GraphQLField<unknown, unknown>,
  ): Refusal | undefined {
    const { refusals } = this.#operation
    if (!refusals) return undefined
    const objects = isAbstractType(type) ? this.#supergraph.schema.getPossibleTypes(type) : [type]
    return objects.map(({ name }) => refusals.field(declared.name, name, field)).find(Boolean)
  }

  /** Whether a fragment holds for every object of a type. */
  #applies(type: GraphQLCompositeType, on: GraphQLCompositeType): boolean {
    if (type === on) return true
    const { schema } = this.#supergraph
    if (isAbstractType(type)) return schema.getPossibleTypes(type).every((object) => this.#applies(object, on))
    return isAbstractType(on) && schema.isSubType(on, type)
  }

  #field(
    type: GraphQLCompositeType,
    responseKey: string,
    { node, fetched, field, scopes, refusal }: CollectedField,
    typename: string | undefined,
  ): ShapeField {
    const coordinate = `${type.name}.${node.name.value}`
    if (!field || !fetched) {
      if (node.name.value !== '__typename') {
        return { responseKey, key: localKey(responseKey), coordinate, shape: { kind: 'text' } }
      }
      const shape: Shape = { kind: 'nonNull', of: { kind: 'typename', name: typename } }
      return { responseKey, key: '__typename', coordinate, shape }
    }
    if (refusal) return { responseKey, key: fetched.key, coordinate, shape: refusedShape(field.type, refusal) }
    return { responseKey, key: fetched.key, coordinate, shape: this.#shape(field.type, scopes, fetched.place) }
  }

  #shape(type: GraphQLOutputType, scopes: readonly Scope[], place: Place | undefined): Shape {
    if (isNonNullType(type)) return { kind: 'nonNull', of: this.#nullable(type.ofType, scopes, place) }
    return this.#nullable(type, scopes, place)
  }

  #nullable(
    type: GraphQLNullableType & GraphQLOutputType,
    scopes: readonly Scope[],
    place: Place | undefined,
  ): NullableShape {
    if (isListType(type)) return { kind: 'list', of: this.#shape(type.ofType, scopes, place) }
    if (isEnumType(type)) return this.#enum(type)
    if (!isCompositeType(type) || !place) return { kind: 'scalar', type: type.name }
    if (isObjectType(type)) return { kind: 'object', selection: this.#selection(type, scopes, place, type.name) }
    const selections = new Map<string, Selection>()
    const hidden = new Set<string>()
    const refused = new Map<string, Refusal>()
    for (const object of this.#supergraph.schema.getPossibleTypes(type)) {
      const refusal = this.#operation.refusals?.type(object.name)
      if (refusal) refused.set(object.name, refusal)
      else selections.set(object.name, this.#selection(object, scopes, place, undefined))
    }
    for (const name of this.#supergraph.possibleTypes.get(type.name) ?? []) {
      if (!selections.has(name) && !refused.has(name)) hidden.add(name)
    }
    const otherwise = this.#selection(type, scopes, place, undefined)
    return { kind: 'abstract', type: type.name, selections, otherwise, hidden, refused }
  }

  #enum(type: GraphQLEnumType): NullableShape {
    const texts = new Map(type.getValues().map(({ name }) => [name, JSON.stringify(name)]))
    const all = this.#supergraph.enumValues.get(type.name) ?? []
    return { kind: 'enum', type: type.name, texts, hidden: new Set([...all].filter((name) => !texts.has(name))) }
  }
}

function refusedShape(type: GraphQLOutputType, refusal: Refusal): Shape {
  const refused: NullableShape = { kind: 'refused', refusal }
  return isNonNullType(type) ? { kind: 'nonNull', of: refused } : refused
}

const nodeIds = new WeakMap<object, number>()
let lastNodeId = 0

function nodeId(node: object): number {
  let id = nodeIds.get(node)
  if (id === undefined) {
    id = ++lastNodeId
    nodeIds.set(node, id)
  }
  return id
}

function describe([responseKey, { fetched, field, scopes, refusal }]: [string, CollectedField]): string {
  return `${responseKey}=${refusal?.message ?? fetched?.key}:${field?.type}(${scopes.map(({ set }) => nodeId(set)).join(' ')})`
}
