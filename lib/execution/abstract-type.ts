import { type GraphQLAbstractType, GraphQLError, type GraphQLObjectType, isObjectType } from 'graphql'
import type { SelectedField } from './field.ts'

/**
 * The type that an object says it is of.
 * @throws GraphQLError where that is none, or not one that the field's type allows.
 */
export function runtimeTypeOf(name: unknown, field: SelectedField, type: GraphQLAbstractType): GraphQLObjectType {
  const { schema } = field.operation
  const found = typeof name === 'string' ? schema.getType(name) : undefined
  if (isObjectType(found) && schema.isSubType(type, found)) return found
  throw new GraphQLError(
    typeof name === 'string'
      ? `Runtime Object type "${name}" is not a possible type for "${type.name}", for field "${field.coordinate}".`
      : `Abstract type "${type.name}" must resolve to an Object type at runtime for field "${field.coordinate}".`,
    { nodes: field.nodes },
  )
}
