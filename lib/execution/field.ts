import {
  type FieldNode,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLObjectType,
  getArgumentValues,
  Kind,
  type ValueNode,
} from 'graphql'
import { type Completion, completionOf } from './completion.ts'
import { collectFields, definitionOf, type Operation, type Variables } from './selection.ts'

export type Arguments = Readonly<Record<string, unknown>>

/** The fields to answer for an object, in the order of its answer. */
export type Selection = readonly SelectedField[]

/** One field of an answer. What is selected below it is looked up when an object of its type first comes. */
export class SelectedField {
  readonly operation: Operation
  readonly parentType: GraphQLObjectType
  readonly definition: GraphQLField<unknown, unknown>
  readonly responseName: string
  readonly nodes: readonly FieldNode[]
  /** `null` where the parent's property of the field's name is the answer. */
  readonly resolve: GraphQLFieldResolver<unknown, unknown> | null
  readonly completion: Completion
  /** Whether its arguments are the same in every execution. */
  readonly isConstant: boolean
  #constant: Arguments | null = null
  #selections: Map<GraphQLObjectType, Selection> | null = null

  constructor(
    operation: Operation,
    parentType: GraphQLObjectType,
    definition: GraphQLField<unknown, unknown>,
    responseName: string,
    nodes: readonly FieldNode[],
  ) {
    this.operation = operation
    this.parentType = parentType
    this.definition = definition
    this.responseName = responseName
    this.nodes = nodes
    this.resolve = definition.resolve ?? null
    this.completion = completionOf(definition.type)
    this.isConstant = !nodes[0]?.arguments?.some(({ value }) => hasVariable(value))
  }

  /** What it is called in messages: its schema coordinate. */
  get coordinate(): string {
    return `${this.parentType.name}.${this.definition.name}`
  }

  /** @throws GraphQLError where a value is none of its type. */
  argumentsWith(variables: Variables): Arguments {
    if (!this.isConstant) return this.#readArguments(variables)
    this.#constant ??= this.#readArguments(variables)
    return this.#constant
  }

  /** Frozen, since all resolvers of the field are given the same. */
  #readArguments(variables: Variables): Arguments {
    return Object.freeze(getArgumentValues(this.definition, this.nodes[0] as FieldNode, variables))
  }

  /** What is selected of an object of this type. */
  selectionOf(type: GraphQLObjectType): Selection {
    this.#selections ??= new Map()
    let selection = this.#selections.get(type)
    if (!selection) {
      selection = selectionOf(this.operation, type, this.nodes)
      this.#selections.set(type, selection)
    }
    return selection
  }
}

/** What these nodes select of an object of a type. */
export function selectionOf(
  operation: Operation,
  type: GraphQLObjectType,
  nodes: readonly Pick<FieldNode, 'selectionSet'>[],
): Selection {
  const sets = nodes.flatMap(({ selectionSet }) => selectionSet ?? [])
  return [...collectFields(operation, type, sets)].flatMap(([responseName, fieldNodes]) => {
    const definition = definitionOf(operation.schema, type, fieldNodes[0]?.name.value ?? '')
    return definition ? [new SelectedField(operation, type, definition, responseName, fieldNodes)] : []
  })
}

function hasVariable(value: ValueNode): boolean {
  if (value.kind === Kind.LIST) return value.values.some(hasVariable)
  if (value.kind === Kind.OBJECT) return value.fields.some((field) => hasVariable(field.value))
  return value.kind === Kind.VARIABLE
}
