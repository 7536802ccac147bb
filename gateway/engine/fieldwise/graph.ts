import {
  type ConstDirectiveNode,
  type DocumentNode,
  type FieldDefinitionNode,
  Kind,
  type ObjectTypeDefinitionNode,
  type OperationDefinitionNode,
  parse,
  print,
  type SelectionSetNode,
  type TypeDefinitionNode,
  type TypeNode,
  visit,
} from 'graphql'
import { flag, text } from '../supergraph-facts.ts'

/** How a subgraph resolves a field. */
export interface Resolution {
  readonly requires: SelectionSetNode | undefined
  readonly provides: SelectionSetNode | undefined
  /** The named type that the subgraph declares for it. */
  readonly type: string
}

/** What a subgraph answers a field with. */
export interface FieldForm {
  /** The named type. */
  readonly type: string
  readonly isComposite: boolean
  /** What must be the same of two fields under one response key: all of a leaf's type, and how objects are wrapped. */
  readonly shape: string
}

interface FieldJoin extends Resolution {
  readonly graph: string | undefined
  readonly isExternal: boolean
  /** Whether the field is another subgraph's by `@override`, or this one's. */
  readonly override: 'lost' | 'won' | undefined
  readonly label: string | undefined
  /** Its type as the subgraph writes it; undefined where it is as in the supergraph. */
  readonly declared: string | undefined
}

export interface GraphField {
  readonly name: string
  readonly type: string
  /** Its type as it is written. */
  readonly declared: string
  readonly joins: readonly FieldJoin[]
}

export interface GraphType {
  readonly name: string
  readonly isAbstract: boolean
  readonly isComposite: boolean
  /** Whether some subgraph has this interface as an object. */
  readonly isInterfaceObject: boolean
  /** The subgraphs that have the type. */
  readonly graphs: ReadonlySet<string>
  /** The keys by which each subgraph can look it up. */
  readonly keys: ReadonlyMap<string, readonly SelectionSetNode[]>
  readonly fields: ReadonlyMap<string, GraphField>
}

/** What each subgraph of a supergraph has, as its join directives say. */
export class JoinedGraph {
  readonly types = new Map<string, GraphType>()
  /** Object types of an abstract type in one subgraph, by both names. */
  readonly #members = new Map<string, Set<string>>()
  /** Names of the subgraphs by their values in the `join__Graph` enum. */
  readonly #names = new Map<string, string>()

  constructor(document: DocumentNode) {
    for (const node of document.definitions) {
      if (node.kind !== Kind.ENUM_TYPE_DEFINITION || node.name.value !== 'join__Graph') continue
      for (const value of node.values ?? []) {
        const graph = value.directives?.find(({ name }) => name.value === 'join__graph')
        this.#names.set(value.name.value, (graph && text(graph, 'name')) ?? value.name.value)
      }
    }
    for (const node of document.definitions) {
      if ('name' in node && node.name && !node.name.value.startsWith('join__')) this.#read(node as TypeDefinitionNode)
    }
  }

  get graphs(): readonly string[] {
    return [...this.#names.values()]
  }

  /** Whether an object of a type may stand where a subgraph declares another. */
  canBe(declared: string, object: string, graph: string): boolean {
    return declared === object || (this.#members.get(`${declared} ${graph}`)?.has(object) ?? false)
  }

  /** How a subgraph resolves a field of an object type; undefined when it does not. */
  resolution(type: string, name: string, graph: string, isOn: (label: string) => boolean): Resolution | undefined {
    const field = this.types.get(type)?.fields.get(name)
    if (!field) return undefined
    if (field.joins.length === 0) {
      const isHere = this.types.get(type)?.graphs.has(graph)
      return isHere ? { requires: undefined, provides: undefined, type: field.type } : undefined
    }
    const join = field.joins.find((each) => each.graph === graph)
    if (!join || join.isExternal) return undefined
    if (join.override === 'lost' && !(join.label !== undefined && !isOn(join.label))) return undefined
    if (join.override === 'won' && join.label !== undefined && !isOn(join.label)) return undefined
    return join
  }

  /** What a subgraph answers a field with; undefined for a field that is not in the supergraph. */
  form(type: string, name: string, graph: string): FieldForm | undefined {
    const field = this.types.get(type)?.fields.get(name)
    if (!field) return undefined
    const join = field.joins.find((each) => each.graph === graph)
    const named = join?.type ?? field.type
    const declared = join?.declared ?? field.declared
    const isComposite = this.types.get(named)?.isComposite ?? false
    return { type: named, isComposite, shape: isComposite ? declared.replace(/\w+/, '') : declared }
  }

  /** Names of fields that several subgraphs resolve, to a type that has other members in each of them. */
  unevenFields(): Set<string> {
    const names = new Set<string>()
    for (const [{ graphs }, { name, type, joins }] of this.#eachField()) {
      if (!this.types.get(type)?.isAbstract) continue
      const own = joins.flatMap(({ graph, isExternal }) => (isExternal ? [] : (graph ?? [])))
      const resolving = joins.length > 0 ? own : [...graphs]
      const members = resolving.map((graph) => [...(this.#members.get(`${type} ${graph}`) ?? [])].sort().join())
      if (new Set(members).size > 1) names.add(name)
    }
    return names
  }

  /** What fields of a name require: the names of all fields in it, and whether with arguments. */
  requirements(): Map<string, { readonly names: Set<string>; hasArguments: boolean }> {
    const requirements = new Map<string, { readonly names: Set<string>; hasArguments: boolean }>()
    for (const [, { name, joins }] of this.#eachField()) {
      for (const { requires } of joins) {
        if (!requires) continue
        const known = requirements.get(name) ?? { names: new Set<string>(), hasArguments: false }
        requirements.set(name, known)
        visit(requires, {
          Field: {
            enter(node) {
              known.names.add(node.name.value)
              known.hasArguments ||= (node.arguments?.length ?? 0) > 0
            },
          },
        })
      }
    }
    return requirements
  }

  *#eachField(): Generator<readonly [GraphType, GraphField]> {
    for (const type of this.types.values()) for (const field of type.fields.values()) yield [type, field]
  }

  #read(node: TypeDefinitionNode): void {
    const name = node.name.value
    const joins = usesOf(node.directives, 'join__type')
    const keys = new Map<string, SelectionSetNode[]>()
    for (const join of joins) {
      const key = fieldSet(text(join, 'key'))
      const graph = this.#graphOf(join) as string
      if (key && flag(join, 'resolvable') !== false) keys.set(graph, [...(keys.get(graph) ?? []), key])
    }
    const isAbstract = node.kind === Kind.INTERFACE_TYPE_DEFINITION || node.kind === Kind.UNION_TYPE_DEFINITION
    const hasFields = node.kind === Kind.INTERFACE_TYPE_DEFINITION || node.kind === Kind.OBJECT_TYPE_DEFINITION
    this.types.set(name, {
      name,
      isAbstract,
      isComposite: isAbstract || node.kind === Kind.OBJECT_TYPE_DEFINITION,
      isInterfaceObject: joins.some((join) => flag(join, 'isInterfaceObject') === true),
      graphs: new Set(joins.length > 0 ? joins.flatMap((join) => this.#graphOf(join) ?? []) : this.graphs),
      keys,
      fields: new Map((hasFields ? (node.fields ?? []) : []).map((field) => [field.name.value, this.#field(field)])),
    })
    if (node.kind === Kind.OBJECT_TYPE_DEFINITION) this.#readInterfaces(node)
    for (const member of usesOf(node.directives, 'join__unionMember')) {
      this.#addMember(name, this.#graphOf(member) as string, text(member, 'member') ?? '')
    }
  }

  #readInterfaces(node: ObjectTypeDefinitionNode): void {
    for (const use of usesOf(node.directives, 'join__implements')) {
      this.#addMember(text(use, 'interface') ?? '', this.#graphOf(use) as string, node.name.value)
    }
  }

  #addMember(abstract: string, graph: string, object: string): void {
    const at = `${abstract} ${graph}`
    this.#members.set(at, (this.#members.get(at) ?? new Set()).add(object))
  }

  #field(node: FieldDefinitionNode): GraphField {
    const type = namedType(node.type)
    const joins = usesOf(node.directives, 'join__field').map((use): FieldJoin => {
      const declared = text(use, 'type')
      const isLost = flag(use, 'usedOverridden') === true
      return {
        graph: this.#graphOf(use),
        requires: fieldSet(text(use, 'requires')),
        provides: fieldSet(text(use, 'provides')),
        type: declared === undefined ? type : declared.replaceAll(/[[\]!\s]/g, ''),
        isExternal: flag(use, 'external') === true,
        override: isLost ? 'lost' : text(use, 'override') === undefined ? undefined : 'won',
        label: text(use, 'overrideLabel'),
        declared,
      }
    })
    return { name: node.name.value, type, declared: print(node.type), joins }
  }

  #graphOf(use: ConstDirectiveNode): string | undefined {
    return this.#names.get(text(use, 'graph') ?? '')
  }
}

function usesOf(directives: readonly ConstDirectiveNode[] | undefined, name: string): ConstDirectiveNode[] {
  return (directives ?? []).filter((use) => use.name.value === name)
}

function namedType(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : namedType(type.type)
}

function fieldSet(fields: string | undefined): SelectionSetNode | undefined {
  if (fields === undefined) return undefined
  return (parse(`{${fields}}`, { noLocation: true }).definitions[0] as OperationDefinitionNode).selectionSet
}
