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
  visit,
} from 'graphql'
import { type AccessRules, readAccessRules } from './access/rules.ts'
import { upgradeFederation1 } from './federation1.ts'
import { orderKeys } from './key-order.ts'
import { type Link, linkedDirective, readLinks } from './links.ts'
import {
  directive,
  readEnumValues,
  readFieldNames,
  readInterfaceObjectFields,
  readKeys,
  readOverrides,
  readPossibleTypes,
  readRequiringFields,
  text,
} from './supergraph-facts.ts'
import { readWitnesses, type Witnesses } from './witness.ts'

/** A subgraph as the supergraph names it. */
export interface SubgraphAddress {
  readonly name: string
  /** Empty when the supergraph gives none. */
  readonly url: string
}

/** What progressive overrides go by. */
export interface OverrideLabels {
  /** Labels of their own. */
  readonly labels: readonly string[]
  /** The percentages of `percent(…)` labels, ascending: where plans change as the number drawn grows. */
  readonly percentages: readonly number[]
}

/** What the engine knows of a supergraph. */
export interface Supergraph {
  /** The supergraph in the form that the planner reads. */
  readonly plannerSdl: string
  /** The same, parsed. */
  readonly document: DocumentNode
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
  readonly witnesses: Witnesses
  readonly overrides: OverrideLabels
  /** What viewers must be to read a type or field. */
  readonly access: AccessRules
  /** The key field sets by which a subgraph can look a type up, as selection set text without braces. */
  keysOf(type: string, subgraph: string): readonly string[]
}

/** The supergraph cannot be served; the message says why. */
export class SupergraphError extends Error {
  override readonly name = 'SupergraphError'
}

const machineryNamespaces = ['join', 'link', 'core']
/** Features that keep fields from whom they are not for, and that this engine carries out. */
const knownSecurity = new Set(['inaccessible', 'authenticated', 'requiresScopes', 'policy'])
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
  const document = orderKeys(upgradeFederation1(given))
  const subgraphs = readSubgraphs(document)
  refuseContextArguments(document)
  const links = readLinks(document)
  refuseUnknownSecurity(links)
  return {
    plannerSdl: document === given ? sdl : print(document),
    document,
    schema: buildApiSchema(document, links),
    subgraphs: [...subgraphs.values()],
    possibleTypes: readPossibleTypes(document),
    enumValues: readEnumValues(document),
    fieldNames: readFieldNames(document),
    requiringFields: readRequiringFields(document),
    interfaceObjectFields: readInterfaceObjectFields(document),
    witnesses: readWitnesses(document),
    overrides: readOverrides(document),
    access: readAccessRules(document, links),
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

/** A feature for security that is not carried out would leave open what its author thinks closed (link v1.0, "for"). */
function refuseUnknownSecurity(links: readonly Link[]): void {
  const unknown = links.find(({ purpose, feature }) => purpose === 'SECURITY' && !knownSecurity.has(feature))
  if (unknown === undefined) return
  throw new SupergraphError(`The supergraph relies on ${unknown.url} for security, which this gateway does not know.`)
}

function buildApiSchema(document: DocumentNode, links: readonly Link[]): GraphQLSchema {
  const hidden = linkedDirective(links, 'inaccessible') ?? 'inaccessible'
  const machinery = new Set([...machineryNamespaces, ...links.map(({ namespace }) => namespace)])
  const isHidden = (node: { readonly directives?: readonly ConstDirectiveNode[] | undefined }) =>
    node.directives?.some(({ name }) => name.value === hidden) ?? false
  const hiddenTypes = new Set<string>()
  for (const node of document.definitions) {
    if (isTypeDefinitionNode(node) && isHidden(node)) {
      hiddenTypes.add(node.name.value)
    }
  }
  const definitions = document.definitions.filter((node) => isForClients(node, hiddenTypes, machinery))
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

function isForClients(node: DefinitionNode, hiddenTypes: ReadonlySet<string>, machinery: ReadonlySet<string>): boolean {
  const name = 'name' in node ? node.name?.value : undefined
  if (name === undefined) return true
  const namespace = /^(.+?)__/.exec(name)?.[1]
  if (namespace !== undefined && machinery.has(namespace)) return false
  return node.kind === Kind.DIRECTIVE_DEFINITION ? isExecutable(node) : !hiddenTypes.has(name)
}

function isExecutable(node: DirectiveDefinitionNode): boolean {
  return node.locations.some(({ value }) => executableLocations.has(value))
}
