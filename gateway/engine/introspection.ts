import {
  BREAK,
  type DocumentNode,
  executeSync,
  type FieldNode,
  type GraphQLSchema,
  Kind,
  type SelectionSetNode,
  visit,
} from 'graphql'
import { localKey } from './compile/shape.ts'
import { fragmentOf, type SettledOperation } from './operation.ts'

/** Answers an operation's `__schema` and `__type` fields from the API schema. */
export interface Introspection {
  /** Adds the answers to the data, as JSON text. */
  addTo(data: Record<string, unknown>, variables: Readonly<Record<string, unknown>>): void
}

/** Undefined when the operation asks nothing about the schema. */
export function compileIntrospection(schema: GraphQLSchema, operation: SettledOperation): Introspection | undefined {
  const selections = schemaFields(operation, operation.definition.selectionSet)
  if (selections.length === 0) return undefined
  const document: DocumentNode = {
    kind: Kind.DOCUMENT,
    definitions: [
      { ...operation.definition, selectionSet: { kind: Kind.SELECTION_SET, selections } },
      ...operation.fragments.values(),
    ],
  }
  let fixed: Answers | undefined
  const isFixed = !usesVariables(document)
  return {
    addTo(data, variables) {
      const answers = fixed ?? ask(schema, document, variables)
      if (isFixed) fixed = answers
      Object.assign(data, answers)
    },
  }
}

type Answers = Readonly<Record<string, string>>

function ask(
  schema: GraphQLSchema,
  document: DocumentNode,
  variableValues: Readonly<Record<string, unknown>>,
): Answers {
  const { data } = executeSync({ schema, document, variableValues })
  const answers: Record<string, string> = {}
  for (const [responseKey, value] of Object.entries(data ?? {})) answers[localKey(responseKey)] = JSON.stringify(value)
  return answers
}

function schemaFields(operation: SettledOperation, set: SelectionSetNode): FieldNode[] {
  return set.selections.flatMap((selection) => {
    if (!operation.isIncluded(selection)) return []
    if (selection.kind !== Kind.FIELD) return schemaFields(operation, fragmentOf(operation, selection).selectionSet)
    return selection.name.value === '__schema' || selection.name.value === '__type' ? [selection] : []
  })
}

/** Whether an answer may differ from one request to the next. */
function usesVariables(document: DocumentNode): boolean {
  let found = false
  visit(document, {
    VariableDefinition: { enter: () => false },
    Variable: {
      enter() {
        found = true
        return BREAK
      },
    },
  })
  return found
}
