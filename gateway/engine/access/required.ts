import { type DocumentNode, type FieldDefinitionNode, Kind, type SelectionSetNode, type TypeNode } from 'graphql'
import { fieldSets } from '../supergraph-facts.ts'
import type { Requirement } from './rules.ts'

type Fields = ReadonlyMap<string, ReadonlyMap<string, FieldDefinitionNode>>

/**
 * A field that is computed from others (`@requires`) tells of them, so it asks for what they ask for too. Composition
 * refuses a supergraph where it does not say so itself; supergraphs of other compositions are held to the same.
 */
export function addRequired(document: DocumentNode, rules: Map<string, Requirement[]>): void {
  const fields = readFields(document)
  const settled = new Set<string>()
  const settle = (type: string, name: string): readonly Requirement[] => {
    const coordinate = `${type}.${name}`
    const field = fields.get(type)?.get(name)
    if (field && !settled.has(coordinate)) {
      settled.add(coordinate)
      const required = fieldSets(field, 'join__field', 'requires').flatMap((set) => gather(type, set))
      if (required.length > 0) rules.set(coordinate, [...(rules.get(coordinate) ?? []), ...required])
    }
    return rules.get(coordinate) ?? []
  }
  const gather = (type: string, set: SelectionSetNode): Requirement[] => {
    const own = rules.get(type) ?? []
    return [...own, ...set.selections.flatMap((selection) => gatherOne(type, selection))]
  }
  const gatherOne = (type: string, selection: SelectionSetNode['selections'][number]): readonly Requirement[] => {
    if (selection.kind === Kind.FRAGMENT_SPREAD) return []
    if (selection.kind === Kind.INLINE_FRAGMENT) {
      return gather(selection.typeCondition?.name.value ?? type, selection.selectionSet)
    }
    const field = fields.get(type)?.get(selection.name.value)
    if (!field) return []
    const returns = namedType(field.type)
    const below = selection.selectionSet ? gather(returns, selection.selectionSet) : (rules.get(returns) ?? [])
    return [...settle(type, selection.name.value), ...below]
  }
  for (const [type, own] of fields) for (const name of own.keys()) settle(type, name)
}

function readFields(document: DocumentNode): Fields {
  return new Map(
    document.definitions.flatMap((node) =>
      node.kind === Kind.OBJECT_TYPE_DEFINITION || node.kind === Kind.INTERFACE_TYPE_DEFINITION
        ? [[node.name.value, new Map((node.fields ?? []).map((field) => [field.name.value, field]))] as const]
        : [],
    ),
  )
}

function namedType(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : namedType(type.type)
}
