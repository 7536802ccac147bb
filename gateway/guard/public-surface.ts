import {
  type DocumentNode,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isInterfaceType,
  isLeafType,
  isObjectType,
  type OperationDefinitionNode,
  OperationTypeNode,
  visit,
} from 'graphql'
import { responseKeysOf } from './root-fields.ts'

/** What a stranger's query may begin with: he is nobody, so there is nothing below it. */
const nobody = new Set(['viewer', '__typename'])
/** Whom signing in answers with. What hangs on him is for those who have signed in. */
const person = 'User'

/**
 * What of the schema a stranger may speak of: what signing in takes and answers. A name beyond that is refused alike,
 * whether or not the schema has it, so that guessing finds nothing.
 */
export class PublicSurface {
  readonly #words = new Set<string>(['__typename'])
  readonly #covered = new WeakMap<DocumentNode, boolean>()

  constructor(schema: GraphQLSchema, publicFields: ReadonlySet<string>) {
    const seen = new Set<GraphQLNamedType>()
    const mutations = schema.getMutationType()?.getFields() ?? {}
    for (const field of publicFields) {
      if (mutations[field]) this.#learn(mutations[field].type, schema, seen)
      this.#words.add(field)
    }
  }

  /** Whether every field and type that a document names is of the surface. */
  covers(document: DocumentNode): boolean {
    const known = this.#covered.get(document) ?? this.#look(document)
    this.#covered.set(document, known)
    return known
  }

  #look(document: DocumentNode): boolean {
    let isCovered = true
    const look = (name: string) => {
      isCovered &&= this.#words.has(name)
    }
    visit(document, {
      Field: ({ name }) => look(name.value),
      InlineFragment: ({ typeCondition }) => typeCondition && look(typeCondition.name.value),
      FragmentDefinition: ({ typeCondition }) => look(typeCondition.name.value),
    })
    return isCovered
  }

  #learn(type: Parameters<typeof getNamedType>[0], schema: GraphQLSchema, seen: Set<GraphQLNamedType>): void {
    const named = getNamedType(type)
    if (named === undefined || seen.has(named)) return
    seen.add(named)
    this.#words.add(named.name)
    if (isAbstractType(named)) for (const member of schema.getPossibleTypes(named)) this.#learn(member, schema, seen)
    if (isObjectType(named)) for (const face of named.getInterfaces()) this.#words.add(face.name)
    if (!isObjectType(named) && !isInterfaceType(named)) return
    for (const field of Object.values(named.getFields())) {
      const isLeaf = isLeafType(getNamedType(field.type))
      if (named.name === person && !isLeaf) continue
      this.#words.add(field.name)
      if (!isLeaf) this.#learn(field.type, schema, seen)
    }
  }
}

/** The document that stands for a stranger's query of who he is: it answers the same, and looks at nothing below. */
export function asNobody(operation: OperationDefinitionNode, document: DocumentNode): string | undefined {
  if (operation.operation !== OperationTypeNode.QUERY) return undefined
  const keys = responseKeysOf(operation, document)
  if (![...keys.values()].every((name) => nobody.has(name))) return undefined
  const fields = [...keys].map(([key, name]) => `${key}: ${name}${name === 'viewer' ? ' { __typename }' : ''}`)
  return `{ ${fields.join(' ')} }`
}
