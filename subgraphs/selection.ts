import { type FieldNode, type GraphQLResolveInfo, Kind, type SelectionNode, type SelectionSetNode } from 'graphql'

type Fragments = GraphQLResolveInfo['fragments']

/** One list for all objects of a level, so what has been found for one stands for all. */
const found = new WeakMap<readonly FieldNode[], ReadonlySet<string>>()

/** The fields that are selected of a connection's nodes, whatever directives and type conditions say. */
export function selectedOfNodes({ fieldNodes, fragments }: GraphQLResolveInfo): ReadonlySet<string> {
  const known = found.get(fieldNodes)
  if (known) return known
  const connection = fieldNodes.flatMap((node) => below(node, fragments))
  const nodes = connection.flatMap((node) => {
    if (node.name.value === 'nodes') return below(node, fragments)
    if (node.name.value !== 'edges') return []
    return below(node, fragments).flatMap((each) => (each.name.value === 'node' ? below(each, fragments) : []))
  })
  const names = new Set(nodes.map(({ name }) => name.value))
  found.set(fieldNodes, names)
  return names
}

function below({ selectionSet }: { readonly selectionSet?: SelectionSetNode | undefined }, fragments: Fragments) {
  const fieldsIn = (node: SelectionNode): FieldNode[] => {
    if (node.kind === Kind.FIELD) return [node]
    const fragment = node.kind === Kind.INLINE_FRAGMENT ? node : fragments[node.name.value]
    return fragment?.selectionSet.selections.flatMap(fieldsIn) ?? []
  }
  return selectionSet?.selections.flatMap(fieldsIn) ?? []
}
