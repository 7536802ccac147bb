import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql'

/** The fields of an operation's root, through all fragments: one for each response key, since each key is one that runs. */
export function rootFieldsOf({ selectionSet }: OperationDefinitionNode, { definitions }: DocumentNode): string[] {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const node of definitions) if (node.kind === Kind.FRAGMENT_DEFINITION) fragments.set(node.name.value, node)
  const found = new Map<string, string>()
  collect(selectionSet, fragments, found, new Set())
  return [...found.values()]
}

function collect(
  { selections }: SelectionSetNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  found: Map<string, string>,
  spread: Set<string>,
): void {
  for (const node of selections) {
    if (node.kind === Kind.FIELD) found.set((node.alias ?? node.name).value, node.name.value)
    else if (node.kind === Kind.INLINE_FRAGMENT) collect(node.selectionSet, fragments, found, spread)
    else if (!spread.has(node.name.value)) {
      spread.add(node.name.value)
      const fragment = fragments.get(node.name.value)
      if (fragment) collect(fragment.selectionSet, fragments, found, spread)
    }
  }
}
