import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql'

/** The fields of an operation's root, through all fragments: one for each response key, since each key is one that runs. */
export function rootFieldsOf(operation: OperationDefinitionNode, document: DocumentNode): string[] {
  return [...responseKeysOf(operation, document).values()]
}

/** The same by their response keys. */
export function responseKeysOf(
  { selectionSet }: OperationDefinitionNode,
  { definitions }: DocumentNode,
): ReadonlyMap<string, string> {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const node of definitions) if (node.kind === Kind.FRAGMENT_DEFINITION) fragments.set(node.name.value, node)
  const found = new Map<string, string>()
  collect(selectionSet, fragments, found, new Set())
  return found
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
