import {
  type ASTNode,
  buildASTSchema,
  type ConstDirectiveNode,
  type DefinitionNode,
  type DirectiveDefinitionNode,
  type DocumentNode,
  type GraphQLSchema,
  isTypeDefinitionNode,
  Kind,
  parse,
  print,
  type TypeDefinitionNode,
  visit,
} from 'graphql'
import { upgradeFederation1 } from './federation1.ts'

/** A subgraph as the supergraph names it. */
export interface SubgraphAddress {
  readonly name: string
  /** Empty when the supergraph gives none. */
  readonly url: string
}

/** What the engine knows of a supergraph. */
export interface Supergraph {
  /** The supergraph in the form that the planner reads. */
  readonly plannerSdl: string
  /** The schema that clients see: nothing of federation, nothing that is inaccessible. */
  readonly schema: GraphQLSchema
  readonly subgraphs: readonly SubgraphAddress[]
  /** Object types of each abstract type, the inaccessible ones too. An object type has itself. */
  readonly possibleTypes: ReadonlyMap<string, ReadonlySet<string>>
  /** Values of each enum, the inaccessible ones too. */
  readonly enumValues: ReadonlyMap<string, ReadonlySet<string>>
  /** Every field name of the graph, so that a made up alias can keep clear of them. */
  readonly fieldNames: ReadonlySet<string>
  /** Names of fields that are computed from other fields (`@requires`) in some type. */
  readonly requiringFields: ReadonlySet<string>
  /** Fields of interfaces that some subgraph answers for all types of the interface at once, as `Interface.field`. */
  readonly interfaceObjectFields: ReadonlySet<string>
  /** The key field sets by which a subgraph can look a type up, as selection set text without braces. */
  keysOf(type: string, subgraph: string): readonly string[]
}

/** The supergraph cannot be served; the message says why. */
export class SupergraphError extends Error {
  override readonly name = 'SupergraphError'
}

const machineryPrefix = /^(join|link|core)__/
const executableLocations = new Set([
  'QUERY',
  'MUTATION',
  'SUBSCRIPTION',
  'FIELD',
  'FRAGMENT_DEFINITION',
  'FRAGMENT_SPREAD',
  'INLINE_FRAGMENT',
  'VARIABLE_DEFINITION',
])
const clientDirectives = new Set(['deprecated', 'specifiedBy', 'oneOf'])

/**
 * Reads a supergraph of Federation 1 (core spec) or 2 (link spec).
 * @throws SupergraphError when it does not parse, names no subgraph, or uses what the planner does not carry out.
 */
export function readSupergraph(sdl: string): Supergraph {
  const given = parseSupergraph(sdl)
  const document = upgradeFederation1(given)
  const subgraphs = readSubgraphs(document)
  refuseContextArguments(document)
  const hidden = inaccessibleName(document)
  return {
    plannerSdl: document === given ? sdl : print(document),
    schema: buildApiSchema(document, hidden),
    subgraphs: [...subgraphs.values()],
    possibleTypes: readPossibleTypes(document),
    enumValues: readEnumValues(document),
    fieldNames: readFieldNames(document),
    requiringFields: readRequiringFields(document),
    interfaceObjectFields: readInterfaceObjectFields(document),
    keysOf: readKeys(document, subgraphs),
  }
}

function parseSupergraph(sdl: string): DocumentNode {
  try {
    return parse(sdl, { noLocation: true })
  } catch (error) {
    throw new SupergraphError(`The supergraph does not parse: ${(error as Error).message}`)
  }
}

/** Subgraphs by their value in the `join__Graph` enum. */
function readSubgraphs(document: DocumentNode): Map<string, SubgraphAddress> {
  const graphs = document.definitions.find(
    (node) => node.kind === Kind.ENUM_TYPE_DEFINITION && node.name.value === 'join__Graph',
  )
  const subgraphs = new Map<string, SubgraphAddress>()
  if (graphs?.kind === Kind.ENUM_TYPE_DEFINITION) {
    for (const value of graphs.values ?? []) {
      const graph = directive(value, 'join__graph')
      if (graph) {
        subgraphs.set(value.name.value, {
          name: text(graph, 'name') ?? value.name.value,
          url: text(graph, 'url') ?? '',
        })
      }
    }
  }
  if (subgraphs.size === 0) {
    throw new SupergraphError('Not a supergraph: it has no join__Graph enum that names its subgraphs.')
  }
  return subgraphs
}

function refuseContextArguments(document: DocumentNode): void {
  visit(document, {
    Directive(node) {
      if (node.name.value === 'join__field' && node.arguments?.some(({ name }) => name.value === 'contextArguments')) {
        throw new SupergraphError(
          'The supergraph uses @fromContext, which this gateway does not carry out: the argument would be lost.',
        )
      }
    },
  })
}

/** The name under which `@inaccessible` goes here: a supergraph may import it under another. */
function inaccessibleName(document: DocumentNode): string {
  const schema = document.definitions.find((node) => node.kind === Kind.SCHEMA_DEFINITION)
  for (const feature of schema?.directives ?? []) {
    const url = text(feature, 'url') ?? text(feature, 'feature') ?? ''
    if (/\/inaccessible\/v[\d.]+$/.test(url)) {
      return text(feature, 'as') ?? 'inaccessible'
    }
  }
  return 'inaccessible'
}

function buildApiSchema(document: DocumentNode, hidden: string): GraphQLSchema {
  const isHidden = (node: { readonly directives?: readonly ConstDirectiveNode[] | undefined }) =>
    node.directives?.some(({ name }) => name.value === hidden) ?? false
  const hiddenTypes = new Set<string>()
  for (const node of document.definitions) {
    if (isTypeDefinitionNode(node) && isHidden(node)) {
      hiddenTypes.add(node.name.value)
    }
  }
  const definitions = document.definitions.filter((node) => isForClients(node, hiddenTypes))
  const drop = (node: ASTNode & { readonly directives?: readonly ConstDirectiveNode[] | undefined }) =>
    isHidden(node) ? null : undefined
  const api: DocumentNode = visit(
    { kind: Kind.DOCUMENT, definitions },
    {
      // A hidden child goes before its own directives are looked at.
      FieldDefinition: { enter: drop },
      InputValueDefinition: { enter: drop },
      EnumValueDefinition: { enter: drop },
      NamedType: {
        enter: (node, _key, parent) => (Array.isArray(parent) && hiddenTypes.has(node.name.value) ? null : undefined),
      },
      Directive: { enter: (node) => (clientDirectives.has(node.name.value) ? undefined : null) },
    },
  )
  try {
    return buildASTSchema(api, { assumeValidSDL: true })
  } catch (error) {
    throw new SupergraphError(`The supergraph gives no valid schema: ${(error as Error).message}`)
  }
}

function isForClients(node: DefinitionNode, hiddenTypes: ReadonlySet<string>): boolean {
  if (node.kind === Kind.DIRECTIVE_DEFINITION) {
    return !machineryPrefix.test(node.name.value) && isExecutable(node)
  }
  if (!('name' in node) || !node.name) {
    return true
  }
  return !machineryPrefix.test(node.name.value) && !hiddenTypes.has(node.name.value)
}

function isExecutable(node: DirectiveDefinitionNode): boolean {
  return node.locations.some(({ value }) => executableLocations.has(value))
}

function readPossibleTypes(document: DocumentNode): Map<string, Set<string>> {
  const possible = new Map<string, Set<string>>()
  const add = (abstract: string, object: string) => {
    const known = possible.get(abstract)
    if (known) known.add(object)
    else possible.set(abstract, new Set([object]))
  }
  for (const node of document.definitions) {
    if (node.kind === Kind.OBJECT_TYPE_DEFINITION) {
      add(node.name.value, node.name.value)
      for (const name of node.interfaces ?? []) add(name.name.value, node.name.value)
    } else if (node.kind === Kind.UNION_TYPE_DEFINITION) {
      for (const member of node.types ?? []) add(node.name.value, member.name.value)
    }
  }
  return possible
}

function readEnumValues(document: DocumentNode): Map<string, Set<string>> {
  const values = new Map<string, Set<string>>()
  for (const node of document.definitions) {
    if (node.kind === Kind.ENUM_TYPE_DEFINITION) {
      values.set(node.name.value, new Set(node.values?.map(({ name }) => name.value)))
    }
  }
  return values
}

function readFieldNames(document: DocumentNode): Set<string> {
  const names = new Set<string>()
  for (const node of document.definitions) {
    if (node.kind === Kind.OBJECT_TYPE_DEFINITION || node.kind === Kind.INTERFACE_TYPE_DEFINITION) {
      for (const field of node.fields ?? []) names.add(field.name.value)
    }
  }
  return names
}

function readRequiringFields(document: DocumentNode): Set<string> {
  const names = new Set<string>()
  visit(document, {
    FieldDefinition: {
      enter(field) {
        if (field.directives?.some((use) => use.name.value === 'join__field' && text(use, 'requires') !== undefined)) {
          names.add(field.name.value)
        }
      },
    },
  })
  return names
}

function readInterfaceObjectFields(document: DocumentNode): Set<string> {
  const coordinates = new Set<string>()
  for (const node of document.definitions) {
    if (node.kind !== Kind.INTERFACE_TYPE_DEFINITION) continue
    const graphs = (node.directives ?? []).filter(isInterfaceObject).map((use) => text(use, 'graph'))
    for (const field of graphs.length > 0 ? (node.fields ?? []) : []) {
      const owners = (field.directives ?? []).filter(({ name }) => name.value === 'join__field')
      if (owners.length === 0 || owners.some((use) => graphs.includes(text(use, 'graph')))) {
        coordinates.add(`${node.name.value}.${field.name.value}`)
      }
    }
  }
  return coordinates
}

function isInterfaceObject(use: ConstDirectiveNode): boolean {
  const value = use.arguments?.find(({ name }) => name.value === 'isInterfaceObject')?.value
  return use.name.value === 'join__type' && value?.kind === Kind.BOOLEAN && value.value
}

function readKeys(document: DocumentNode, subgraphs: ReadonlyMap<string, SubgraphAddress>): Supergraph['keysOf'] {
  const keys = new Map<string, string[]>()
  for (const node of document.definitions) {
    if (node.kind !== Kind.OBJECT_TYPE_DEFINITION && node.kind !== Kind.INTERFACE_TYPE_DEFINITION) continue
    for (const use of (node as TypeDefinitionNode).directives ?? []) {
      const key = use.name.value === 'join__type' ? text(use, 'key') : undefined
      const subgraph = subgraphs.get(text(use, 'graph') ?? '')
      if (key === undefined || subgraph === undefined) continue
      const at = `${node.name.value} ${subgraph.name}`
      keys.set(at, [...(keys.get(at) ?? []), key])
    }
  }
  return (type, subgraph) => keys.get(`${type} ${subgraph}`) ?? []
}

function directive(
  node: { readonly directives?: readonly ConstDirectiveNode[] | undefined },
  name: string,
): ConstDirectiveNode | undefined {
  return node.directives?.find((use) => use.name.value === name)
}

/** A directive's argument that is a string or an enum value. */
function text(use: ConstDirectiveNode, argument: string): string | undefined {
  const value = use.arguments?.find(({ name }) => name.value === argument)?.value
  return value && (value.kind === Kind.STRING || value.kind === Kind.ENUM) ? value.value : undefined
}
