import {
  type ConstDirectiveNode,
  type DefinitionNode,
  type DocumentNode,
  type FieldDefinitionNode,
  Kind,
  type ObjectTypeDefinitionNode,
  parse,
  parseConstValue,
  type SelectionSetNode,
} from 'graphql'

/**
 * Rewrites a supergraph of Federation 1 (join v0.1: types have an owner, and what they share is left unsaid) as one of
 * Federation 2 (join v0.3: everything is said), which is what the planner reads. Any other document stays as it is.
 */
export function upgradeFederation1(document: DocumentNode): DocumentNode {
  if (!usesOwners(document)) return document
  const upgrade = new Upgrade(document)
  const definitions = document.definitions
    .filter((node) => !(node.kind === Kind.DIRECTIVE_DEFINITION && node.name.value.startsWith('join__')))
    .map((node) => upgrade.definition(node))
  return { ...document, definitions: [...definitions, ...joinDirectives.definitions] }
}

function usesOwners(document: DocumentNode): boolean {
  return document.definitions.some(
    (node) => node.kind === Kind.DIRECTIVE_DEFINITION && node.name.value === 'join__owner',
  )
}

/** The directives of join v0.3 that a rewritten supergraph uses. */
const joinDirectives = parse(
  `
  directive @join__graph(name: String!, url: String!) on ENUM_VALUE
  directive @join__type(graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false, resolvable: Boolean! = true, isInterfaceObject: Boolean! = false) repeatable on OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR
  directive @join__field(graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet, type: String, external: Boolean, override: String, usedOverridden: Boolean) repeatable on FIELD_DEFINITION | INPUT_FIELD_DEFINITION
  directive @join__implements(graph: join__Graph!, interface: String!) repeatable on OBJECT | INTERFACE
  directive @join__unionMember(graph: join__Graph!, member: String!) repeatable on UNION
  directive @join__enumValue(graph: join__Graph!) repeatable on ENUM_VALUE
`,
  { noLocation: true },
)

class Upgrade {
  readonly #graphs: readonly string[]
  /** The subgraphs of each entity; types that are no entities are in all of them. */
  readonly #entities = new Map<string, readonly string[]>()

  constructor(document: DocumentNode) {
    const graphs = document.definitions.find(
      (node) => node.kind === Kind.ENUM_TYPE_DEFINITION && node.name.value === 'join__Graph',
    )
    this.#graphs = graphs?.kind === Kind.ENUM_TYPE_DEFINITION ? (graphs.values ?? []).map(({ name }) => name.value) : []
    for (const node of document.definitions) {
      if (node.kind !== Kind.OBJECT_TYPE_DEFINITION) continue
      const joins = usesOf(node.directives, 'join__type')
      if (joins.length > 0)
        this.#entities.set(node.name.value, [...new Set(joins.map((join) => argument(join, 'graph')))])
    }
  }

  definition(node: DefinitionNode): DefinitionNode {
    if (!('name' in node) || !node.name || /^(join|core)__/.test(node.name.value)) return node
    switch (node.kind) {
      case Kind.OBJECT_TYPE_DEFINITION:
        return this.#object(node)
      case Kind.INTERFACE_TYPE_DEFINITION:
      case Kind.INPUT_OBJECT_TYPE_DEFINITION:
      case Kind.SCALAR_TYPE_DEFINITION:
        return { ...node, directives: [...(node.directives ?? []), ...this.#everywhere()] }
      case Kind.UNION_TYPE_DEFINITION: {
        const members = (node.types ?? []).flatMap(({ name }) =>
          this.#graphsOf(name.value).map((graph) =>
            use('join__unionMember', { graph, member: JSON.stringify(name.value) }),
          ),
        )
        return { ...node, directives: [...(node.directives ?? []), ...this.#everywhere(), ...members] }
      }
      case Kind.ENUM_TYPE_DEFINITION: {
        const values = node.values?.map((value) => ({
          ...value,
          directives: [...(value.directives ?? []), ...this.#graphs.map((graph) => use('join__enumValue', { graph }))],
        }))
        return {
          ...node,
          ...(values ? { values } : {}),
          directives: [...(node.directives ?? []), ...this.#everywhere()],
        }
      }
      default:
        return node
    }
  }

  #everywhere(): ConstDirectiveNode[] {
    return this.#graphs.map((graph) => use('join__type', { graph }))
  }

  #graphsOf(type: string): readonly string[] {
    return this.#entities.get(type) ?? this.#graphs
  }

  #object(node: ObjectTypeDefinitionNode): ObjectTypeDefinitionNode {
    const name = node.name.value
    const kept = (node.directives ?? []).filter((each) => each.name.value !== 'join__owner')
    const implemented = (node.interfaces ?? []).flatMap((one) =>
      this.#graphsOf(name).map((graph) =>
        use('join__implements', { graph, interface: JSON.stringify(one.name.value) }),
      ),
    )
    if (!this.#entities.has(name)) {
      return { ...node, directives: [...kept, ...this.#everywhere(), ...implemented] }
    }
    const [ownerUse] = usesOf(node.directives, 'join__owner')
    const owner = ownerUse && argument(ownerUse, 'graph')
    const fields = node.fields?.map((field) => this.#field(field, node, owner))
    return { ...node, ...(fields ? { fields } : {}), directives: [...kept, ...implemented] }
  }

  /** Says of an entity's field which subgraphs have it: as its own, as part of a key, or only to refer to it. */
  #field(field: FieldDefinitionNode, type: ObjectTypeDefinitionNode, owner: string | undefined): FieldDefinitionNode {
    const said = usesOf(field.directives, 'join__field').filter((each) => argument(each, 'graph') !== '')
    const others = (field.directives ?? []).filter((each) => each.name.value !== 'join__field')
    const directives = [...said]
    const known = new Set(said.map((each) => argument(each, 'graph')))
    const add = (graph: string, more: Record<string, string> = {}) => {
      if (!known.has(graph)) directives.push(use('join__field', { graph, ...more }))
      known.add(graph)
    }
    if (said.length === 0 && owner !== undefined) add(owner)
    for (const join of usesOf(type.directives, 'join__type')) {
      if (namesIn(argument(join, 'key')).has(field.name.value)) add(argument(join, 'graph'))
    }
    for (const other of type.fields ?? []) {
      for (const join of usesOf(other.directives, 'join__field')) {
        if (namesIn(argument(join, 'requires')).has(field.name.value))
          add(argument(join, 'graph'), { external: 'true' })
      }
    }
    return { ...field, directives: [...others, ...directives] }
  }
}

function usesOf(directives: readonly ConstDirectiveNode[] | undefined, name: string): ConstDirectiveNode[] {
  return (directives ?? []).filter((each) => each.name.value === name)
}

function argument(node: ConstDirectiveNode, name: string): string {
  const value = node.arguments?.find((each) => each.name.value === name)?.value
  return value?.kind === Kind.ENUM || value?.kind === Kind.STRING ? value.value : ''
}

/** Names of the fields at the top of a field set. */
function namesIn(fieldSet: string): Set<string> {
  if (fieldSet === '') return new Set()
  const [definition] = parse(`{${fieldSet}}`, { noLocation: true }).definitions
  const set = (definition as { selectionSet?: SelectionSetNode } | undefined)?.selectionSet
  return new Set(set?.selections.flatMap((node) => (node.kind === Kind.FIELD ? [node.name.value] : [])))
}

/** A directive with arguments given as GraphQL text. */
function use(name: string, args: Readonly<Record<string, string>>): ConstDirectiveNode {
  return {
    kind: Kind.DIRECTIVE,
    name: { kind: Kind.NAME, value: name },
    arguments: Object.entries(args).map(([key, value]) => ({
      kind: Kind.ARGUMENT,
      name: { kind: Kind.NAME, value: key },
      value: parseConstValue(value, { noLocation: true }),
    })),
  }
}
