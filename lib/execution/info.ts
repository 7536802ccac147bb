import type {
  FieldNode,
  GraphQLObjectType,
  GraphQLOutputType,
  GraphQLResolveInfo,
  GraphQLSchema,
  OperationDefinitionNode,
  ResponsePath,
} from 'graphql'
import type { SelectedField } from './field.ts'
import type { Place } from './place.ts'
import type { Given } from './run.ts'
import type { Variables } from './selection.ts'

/** What a resolver is told of where it is. It costs nothing until somebody asks. */
export class ResolveInfo implements GraphQLResolveInfo {
  readonly #field: SelectedField
  readonly #place: Place
  readonly #given: Given

  constructor(field: SelectedField, place: Place, given: Given) {
    this.#field = field
    this.#place = place
    this.#given = given
  }

  get fieldName(): string {
    return this.#field.definition.name
  }

  get fieldNodes(): readonly FieldNode[] {
    return this.#field.nodes
  }

  get returnType(): GraphQLOutputType {
    return this.#field.definition.type
  }

  get parentType(): GraphQLObjectType {
    return this.#field.parentType
  }

  get path(): ResponsePath {
    return this.#place.responsePathTo(this.#field.responseName, this.#field)
  }

  get schema(): GraphQLSchema {
    return this.#field.operation.schema
  }

  get fragments(): GraphQLResolveInfo['fragments'] {
    return this.#field.operation.fragments
  }

  get operation(): OperationDefinitionNode {
    return this.#field.operation.node
  }

  get rootValue(): unknown {
    return this.#given.rootValue
  }

  get variableValues(): Variables {
    return this.#given.variables
  }
}
