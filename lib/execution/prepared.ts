import {
  type ASTNode,
  assertValidSchema,
  type DocumentNode,
  type ExecutionResult,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLObjectType,
  type GraphQLSchema,
  getVariableValues,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  type VariableNode,
  visit,
} from 'graphql'
import { LRUCache } from 'lru-cache'
import { type Selection, selectionOf } from './field.ts'
import { Run } from './run.ts'
import type { Variables } from './selection.ts'

/** For how many answers to its conditions (`@skip`, `@include`) an operation stays prepared. */
const preparedConditions = 16

/**
 * One operation, prepared for a schema: which fields an object of a type has, their resolvers, their constant arguments
 * and how their values are completed are found out once, however often it is executed. Types are told apart by
 * `resolveType` or `__typename`; `isTypeOf` of an object that has come is not asked.
 */
export class PreparedOperation {
  readonly #schema: GraphQLSchema
  readonly #document: DocumentNode
  readonly #node: OperationDefinitionNode
  readonly #rootType: GraphQLObjectType
  readonly #conditions: readonly string[]
  readonly #selections = new LRUCache<string, Selection>({ max: preparedConditions })

  /** @throws GraphQLError where the document has no operation of its own, or one that the schema has not. */
  constructor(schema: GraphQLSchema, document: DocumentNode) {
    assertValidSchema(schema)
    this.#schema = schema
    this.#document = document
    const [node, ...others] = document.definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION)
    if (node?.kind !== Kind.OPERATION_DEFINITION || others.length > 0)
      throw new GraphQLError('There must be one operation.')
    const rootType = schema.getRootType(node.operation)
    if (!rootType) throw new GraphQLError(`Schema is not configured to execute ${node.operation} operation.`)
    this.#node = node
    this.#rootType = rootType
    this.#conditions = conditionsOf(document)
  }

  async execute(
    rawVariables: Record<string, unknown>,
    context: unknown,
    rootValue?: unknown,
  ): Promise<ExecutionResult> {
    const { coerced, errors } = getVariableValues(this.#schema, this.#node.variableDefinitions ?? [], rawVariables)
    if (errors) return { errors }
    const run = new Run({ rootValue, context, variables: coerced })
    return run.answer(this.#selection(coerced), this.#node.operation === OperationTypeNode.MUTATION)
  }

  #selection(variables: Variables): Selection {
    const key = this.#conditions.map((name) => String(variables[name])).join()
    let selection = this.#selections.get(key)
    if (!selection) {
      const conditions = Object.fromEntries(this.#conditions.map((name) => [name, variables[name]]))
      const operation = { schema: this.#schema, node: this.#node, fragments: fragmentsOf(this.#document), conditions }
      selection = selectionOf(operation, this.#rootType, [this.#node])
      this.#selections.set(key, selection)
    }
    return selection
  }
}

/** The variables that decide what is left out. */
function conditionsOf(document: DocumentNode): string[] {
  const names = new Set<string>()
  const addVariables = (node: ASTNode) =>
    visit(node, { Variable: ({ name }: VariableNode) => void names.add(name.value) })
  visit(document, {
    Directive(directive) {
      if (directive.name.value === 'skip' || directive.name.value === 'include') addVariables(directive)
    },
  })
  return [...names].sort()
}

function fragmentsOf({ definitions }: DocumentNode): Record<string, FragmentDefinitionNode> {
  const fragments = definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION)
  return Object.fromEntries(fragments.map((fragment) => [fragment.name.value, fragment]))
}
