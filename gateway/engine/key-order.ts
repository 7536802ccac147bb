import {
  type ConstDirectiveNode,
  type DocumentNode,
  type FieldNode,
  type InterfaceTypeDefinitionNode,
  Kind,
  type ObjectTypeDefinitionNode,
  type OperationDefinitionNode,
  parse,
} from 'graphql'
import { text } from './supergraph-facts.ts'

type EntityNode = ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode

/**
 * Puts the keys of each type in a subgraph in the order that the planner needs: for a field with `@requires` it takes
 * the last one, and ends in a panic when the subgraph that has what is required does not know that key. So the key that
 * most other subgraphs know comes last. The document itself is given back when every key stands where it should.
 */
export function orderKeys(document: DocumentNode): DocumentNode {
  let isChanged = false
  const definitions = document.definitions.map((node) => {
    if (node.kind !== Kind.OBJECT_TYPE_DEFINITION && node.kind !== Kind.INTERFACE_TYPE_DEFINITION) return node
    const directives = orderedDirectives(node)
    if (directives.every((use, index) => use === node.directives?.[index])) return node
    isChanged = true
    return { ...node, directives }
  })
  return isChanged ? { ...document, definitions } : document
}

function orderedDirectives(node: EntityNode): readonly ConstDirectiveNode[] {
  const directives = node.directives ?? []
  const joins = directives.filter(({ name }) => name.value === 'join__type')
  const graphs = new Set(joins.map((use) => text(use, 'graph') ?? ''))
  const byGraph = [...graphs].flatMap((graph) => {
    const own = joins.filter((use) => text(use, 'graph') === graph)
    const others = [...graphs].filter((other) => other !== graph)
    const known = new Map(own.map((use) => [use, countKnowing(node, text(use, 'key') ?? '', others)]))
    return own.toSorted((one, other) => (known.get(one) ?? 0) - (known.get(other) ?? 0))
  })
  return [...byGraph, ...directives.filter(({ name }) => name.value !== 'join__type')]
}

function countKnowing(node: EntityNode, key: string, graphs: readonly string[]): number {
  const names = keyNames(key)
  return graphs.filter((graph) => names.every((name) => hasField(node, name, graph))).length
}

function hasField(node: EntityNode, name: string, graph: string): boolean {
  const field = node.fields?.find((each) => each.name.value === name)
  const joins = field?.directives?.filter((use) => use.name.value === 'join__field') ?? []
  return joins.length === 0 || joins.some((use) => text(use, 'graph') === graph)
}

function keyNames(key: string): string[] {
  if (key === '') return []
  const [operation] = parse(`{${key}}`, { noLocation: true }).definitions as [OperationDefinitionNode]
  return operation.selectionSet.selections
    .filter((each): each is FieldNode => each.kind === Kind.FIELD)
    .map((each) => each.name.value)
}
