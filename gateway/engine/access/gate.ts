import {
  type DocumentNode,
  type GraphQLField,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isInterfaceType,
  isObjectType,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql'
import type { RequestContext } from '../../../lib/context.ts'
import type { Supergraph } from '../supergraph.ts'
import { type Judgement, judge, type PolicyJudge } from './judge.ts'
import type { Requirement } from './rules.ts'

/** Why a field or an object is not shown: the error that stands in its place. */
export interface Refusal {
  readonly message: string
  readonly extensions: Readonly<Record<string, unknown>>
}

/**
 * Keeps viewers from what the supergraph does not give them (`@authenticated`, `@requiresScopes`, `@policy`). What is
 * refused is left out of the plan, so nothing is fetched for it, and shows as null with an error.
 */
export class Gate {
  readonly #supergraph: Supergraph
  readonly #policies: PolicyJudge

  constructor(supergraph: Supergraph, policies: PolicyJudge) {
    this.#supergraph = supergraph
    this.#policies = policies
  }

  /** All that an operation's fields ask of its viewer, each once; empty for most. The document is valid. */
  requirementsOf(document: DocumentNode): readonly Requirement[] {
    if (this.#supergraph.access.size === 0) return []
    const { schema } = this.#supergraph
    const found = new Map<string, Requirement>()
    const typeInfo = new TypeInfo(schema)
    const add = (requirements: readonly Requirement[]) => {
      for (const requirement of requirements) found.set(requirement.key, requirement)
    }
    visit(
      document,
      visitWithTypeInfo(typeInfo, {
        Field: () => {
          const parent = typeInfo.getParentType()
          const field = typeInfo.getFieldDef()
          if (!parent || !field || field.name.startsWith('__')) return
          const objects = isAbstractType(parent) ? schema.getPossibleTypes(parent) : [parent]
          for (const object of objects) add(requirementsOfField(this.#supergraph, parent.name, object.name, field))
          const below = getNamedType(field.type)
          if (!isCompositeType(below) || !isAbstractType(below)) return
          for (const object of schema.getPossibleTypes(below)) add(this.#supergraph.access.get(object.name) ?? [])
        },
      }),
    )
    return [...found.values()]
  }

  /** What is refused of an operation to the viewer of a request; undefined when nothing is. */
  async refusals(requirements: readonly Requirement[], context: RequestContext): Promise<Refusals | undefined> {
    const judgement = await judge(requirements, context, this.#policies)
    return judgement.refused.size === 0 ? undefined : new Refusals(this.#supergraph, judgement)
  }
}

/** What one viewer may not see. */
export class Refusals {
  /** The same for two viewers who are refused the same. */
  readonly key: string
  readonly #supergraph: Supergraph
  readonly #judgement: Judgement

  constructor(supergraph: Supergraph, judgement: Judgement) {
    this.#supergraph = supergraph
    this.#judgement = judgement
    this.key = `${judgement.isSignedIn ? 'known' : 'unknown'}${[...judgement.refused].sort().join()}`
  }

  /** @param declared the type that the field is selected on: an interface may ask for more than its objects do. */
  field(declared: string, object: string, field: GraphQLField<unknown, unknown>): Refusal | undefined {
    return this.#refusal(requirementsOfField(this.#supergraph, declared, object, field), `The field "${field.name}"`)
  }

  /** For the objects of a type that stand where they could be of another. */
  type(name: string): Refusal | undefined {
    return this.#refusal(this.#supergraph.access.get(name) ?? [], 'This object')
  }

  /** Names nothing that the client has not named itself: which types there are may not be for him to know. */
  #refusal(requirements: readonly Requirement[], what: string): Refusal | undefined {
    if (!requirements.some(({ key }) => this.#judgement.refused.has(key))) return undefined
    const code = this.#judgement.isSignedIn ? 'FORBIDDEN' : 'UNAUTHENTICATED'
    const why = this.#judgement.isSignedIn ? 'is not open to this viewer.' : 'is open only to who has signed in.'
    return { message: `${what} ${why}`, extensions: { code, reason: 'UNAUTHORIZED_FIELD_OR_TYPE' } }
  }
}

function requirementsOfField(
  { access, schema, interfaceObjectFields }: Supergraph,
  declared: string,
  object: string,
  { name, type }: GraphQLField<unknown, unknown>,
): readonly Requirement[] {
  const at = new Set([declared, object])
  const objectType = schema.getType(object)
  // A subgraph that answers a field for all types of an interface says on the interface what the field asks for.
  for (const shared of isObjectType(objectType) || isInterfaceType(objectType) ? objectType.getInterfaces() : []) {
    if (interfaceObjectFields.has(`${shared.name}.${name}`)) at.add(shared.name)
  }
  const coordinates = [...at].flatMap((owner) => [owner, `${owner}.${name}`])
  return [...coordinates, getNamedType(type).name].flatMap((coordinate) => access.get(coordinate) ?? [])
}
