import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  GraphQLIncludeDirective,
  type GraphQLObjectType,
  type GraphQLSchema,
  GraphQLSkipDirective,
  getDirectiveValues,
  isAbstractType,
  Kind,
  type OperationDefinitionNode,
  SchemaMetaFieldDef,
  type SelectionNode,
  type SelectionSetNode,
  TypeMetaFieldDef,
  TypeNameMetaFieldDef,
} from 'graphql'

/** Values of variables, as the schema reads them. */
export type Variables = Readonly<Record<string, unknown>>

/** One operation over a schema, with the values of those variables that `@skip` and `@include` ask for. */
export interface Operation {
  readonly schema: GraphQLSchema
  readonly node: OperationDefinitionNode
  readonly fragments: Readonly<Record<string, FragmentDefinitionNode>>
  readonly conditions: Variables
}

/** The field nodes to answer for an object of a type, by name in the answer (GraphQL specification, CollectFields). */
export function collectFields(
  operation: Operation,
  type: GraphQLObjectType,
  selectionSets: readonly SelectionSetNode[],
): Map<string, FieldNode[]> {
  const fields = new Map<string, FieldNode[]>()
  const seen = new Set<string>()
  const visit = (node: SelectionNode): void => {
    if (!isWanted(node, operation.conditions)) return
    if (node.kind === Kind.FIELD) {
      const name = (node.alias ?? node.name).value
      const nodes = fields.get(name)
      if (nodes) nodes.push(node)
      else fields.set(name, [node])
      return
    }
    if (node.kind === Kind.FRAGMENT_SPREAD && seen.has(node.name.value)) return
    if (node.kind === Kind.FRAGMENT_SPREAD) seen.add(node.name.value)
    const fragment = node.kind === Kind.INLINE_FRAGMENT ? node : operation.fragments[node.name.value]
    if (!fragment || !isOf(operation.schema, type, fragment.typeCondition?.name.value)) return
    fragment.selectionSet.selections.forEach(visit)
  }
  for (const { selections } of selectionSets) selections.forEach(visit)
  return fields
}

function isWanted(node: SelectionNode, conditions: Variables): boolean {
  if (!node.directives?.length) return true
  if (getDirectiveValues(GraphQLSkipDirective, node, conditions)?.if === true) return false
  return getDirectiveValues(GraphQLIncludeDirective, node, conditions)?.if !== false
}

function isOf(schema: GraphQLSchema, type: GraphQLObjectType, condition: string | undefined): boolean {
  if (condition === undefined || condition === type.name) return true
  const wanted = schema.getType(condition)
  return isAbstractType(wanted) && schema.isSubType(wanted, type)
}

/** A type's field, or one of those that introspection adds; `undefined` where there is none. */
export function definitionOf(
  schema: GraphQLSchema,
  type: GraphQLObjectType,
  name: string,
): GraphQLField<unknown, unknown> | undefined {
  if (name === TypeNameMetaFieldDef.name) return TypeNameMetaFieldDef
  if (type === schema.getQueryType()) {
    if (name === SchemaMetaFieldDef.name) return SchemaMetaFieldDef
    if (name === TypeMetaFieldDef.name) return TypeMetaFieldDef
  }
  return type.getFields()[name]
}
