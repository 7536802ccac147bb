import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql'

/** A place in the response, by the names that lead to it. */
interface Place {
  selected: number
  readonly below: Map<string, Place>
}

/**
 * How many pairs of fields of an operation share a place in the response. Validation compares each pair (GraphQL spec,
 * 5.3.2), so that a short document of repeated fields would keep it busy for seconds. Takes time linear in the fields
 * with every spread written out, whose number must have been checked before.
 */
export function countOverlaps(operation: OperationDefinitionNode, document: DocumentNode): number {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const node of document.definitions)
    if (node.kind === Kind.FRAGMENT_DEFINITION) fragments.set(node.name.value, node)
  return visit(operation.selectionSet, { selected: 0, below: new Map() }, fragments)
}

function visit(set: SelectionSetNode, place: Place, fragments: ReadonlyMap<string, FragmentDefinitionNode>): number {
  let pairs = 0
  for (const selection of set.selections) {
    if (selection.kind === Kind.FIELD) {
      const field = placeBelow(place, (selection.alias ?? selection.name).value)
      pairs += field.selected
      field.selected += 1
      if (selection.selectionSet !== undefined) pairs += visit(selection.selectionSet, field, fragments)
    } else {
      const inner = selection.kind === Kind.FRAGMENT_SPREAD ? fragments.get(selection.name.value) : selection
      if (inner !== undefined) pairs += visit(inner.selectionSet, place, fragments)
    }
  }
  return pairs
}

function placeBelow({ below }: Place, name: string): Place {
  let found = below.get(name)
  if (found === undefined) {
    found = { selected: 0, below: new Map() }
    below.set(name, found)
  }
  return found
}
