import { type DocumentNode, type FieldNode, type GraphQLSchema, Kind, visit } from 'graphql'

/** The fields of a document that read the schema (GraphQL spec, 4.2); `__typename` tells of data and is not one. */
export function introspectionFields(document: DocumentNode): readonly FieldNode[] {
  const fields: FieldNode[] = []
  visit(document, {
    Field(node) {
      if (node.name.value === '__schema' || node.name.value === '__type') fields.push(node)
    },
  })
  return fields
}

/**
 * Whether the fields ask for nothing but types that are not there. The answer is null and tells no more than
 * validation tells everyone, so that clients which probe a server in this way are not turned away.
 */
export function asksForNothing(
  fields: readonly FieldNode[],
  variables: Readonly<Record<string, unknown>>,
  schema: GraphQLSchema,
): boolean {
  return fields.every((field) => {
    const value = field.arguments?.find(({ name }) => name.value === 'name')?.value
    const name =
      value?.kind === Kind.VARIABLE ? variables[value.name.value] : value?.kind === Kind.STRING && value.value
    return field.name.value === '__type' && typeof name === 'string' && schema.getType(name) === undefined
  })
}
