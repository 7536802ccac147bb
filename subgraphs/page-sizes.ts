import {
  type ConstDirectiveNode,
  type DocumentNode,
  type FieldDefinitionNode,
  Kind,
  type ObjectTypeDefinitionNode,
  parseConstValue,
  type TypeNode,
  visit,
} from 'graphql'
import { defaultPageSize } from '../lib/connection.ts'

/**
 * Says of every connection how long its page is (`@listSize` of the cost specification): as long as `first` or `last`,
 * else as long as pages are. What a field says itself stands.
 */
export function withPageSizes(document: DocumentNode): DocumentNode {
  const types = new Map<string, ObjectTypeDefinitionNode>()
  for (const node of document.definitions) {
    if (node.kind === Kind.OBJECT_TYPE_DEFINITION) types.set(node.name.value, node)
  }
  return visit(document, {
    FieldDefinition(field) {
      const lists = namesIn(types.get(namedType(field.type))?.fields, ['edges', 'nodes'])
      const bounds = namesIn(field.arguments, ['first', 'last'])
      if (lists.length === 0 || bounds.length === 0 || isSized(field)) return undefined
      return { ...field, directives: [...(field.directives ?? []), listSize(bounds, lists)] }
    },
  })
}

function listSize(slicingArguments: readonly string[], sizedFields: readonly string[]): ConstDirectiveNode {
  const given = { assumedSize: defaultPageSize, slicingArguments, sizedFields, requireOneSlicingArgument: false }
  return {
    kind: Kind.DIRECTIVE,
    name: { kind: Kind.NAME, value: 'listSize' },
    arguments: Object.entries(given).map(([name, value]) => ({
      kind: Kind.ARGUMENT,
      name: { kind: Kind.NAME, value: name },
      value: parseConstValue(JSON.stringify(value)),
    })),
  }
}

function isSized({ directives = [] }: FieldDefinitionNode): boolean {
  return directives.some(({ name }) => name.value === 'listSize')
}

function namesIn(
  nodes: readonly { readonly name: { readonly value: string } }[] | undefined,
  wanted: readonly string[],
): string[] {
  return (nodes ?? []).map(({ name }) => name.value).filter((name) => wanted.includes(name))
}

function namedType(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : namedType(type.type)
}
