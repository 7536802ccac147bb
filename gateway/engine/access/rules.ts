import {
  type ConstDirectiveNode,
  type ConstValueNode,
  type DocumentNode,
  type FieldDefinitionNode,
  Kind,
  type TypeDefinitionNode,
} from 'graphql'
import { type Link, linkedDirective } from '../links.ts'
import { directive } from '../supergraph-facts.ts'
import { addRequired } from './required.ts'

/**
 * What a viewer must be for a type or field to be read: every part of it. Of scopes and policies any one of the outer
 * lists is enough, when all names of that list are granted.
 */
export interface Requirement {
  /** The same for two that ask for the same. */
  readonly key: string
  /** `@authenticated`. */
  readonly authenticated: boolean
  /** `@requiresScopes`. */
  readonly scopes: readonly (readonly string[])[] | undefined
  /** `@policy`. */
  readonly policies: readonly (readonly string[])[] | undefined
}

/** Requirements by the coordinate that they stand on, `Type` or `Type.field`. */
export type AccessRules = ReadonlyMap<string, readonly Requirement[]>

/** Reads `@authenticated`, `@requiresScopes` and `@policy`; an empty map when the supergraph has none of them. */
export function readAccessRules(document: DocumentNode, links: readonly Link[]): AccessRules {
  const names = {
    authenticated: linkedDirective(links, 'authenticated'),
    scopes: linkedDirective(links, 'requiresScopes'),
    policies: linkedDirective(links, 'policy'),
  }
  const rules = new Map<string, Requirement[]>()
  if (Object.values(names).every((name) => name === undefined)) return rules
  const add = (coordinate: string, node: TypeDefinitionNode | FieldDefinitionNode) => {
    const requirement = requirementOf(node, names)
    if (requirement) rules.set(coordinate, [requirement])
  }
  for (const node of document.definitions) {
    if (!('name' in node) || !node.name || node.kind === Kind.DIRECTIVE_DEFINITION) continue
    add(node.name.value, node as TypeDefinitionNode)
    if (node.kind !== Kind.OBJECT_TYPE_DEFINITION && node.kind !== Kind.INTERFACE_TYPE_DEFINITION) continue
    for (const field of node.fields ?? []) add(`${node.name.value}.${field.name.value}`, field)
  }
  addRequired(document, rules)
  return rules
}

interface DirectiveNames {
  readonly authenticated: string | undefined
  readonly scopes: string | undefined
  readonly policies: string | undefined
}

function requirementOf(
  node: { readonly directives?: readonly ConstDirectiveNode[] | undefined },
  names: DirectiveNames,
): Requirement | undefined {
  const use = (name: string | undefined) => (name === undefined ? undefined : directive(node, name))
  const authenticated = use(names.authenticated) !== undefined
  const scopes = listsOf(use(names.scopes), 'scopes')
  const policies = listsOf(use(names.policies), 'policies')
  if (!authenticated && !scopes && !policies) return undefined
  return { key: JSON.stringify([authenticated, scopes, policies]), authenticated, scopes, policies }
}

/** Stands for what is no name, so that a malformed list grants nothing to anyone. */
const ungranted = '\0'

/** An argument that is a list of lists of names. */
function listsOf(use: ConstDirectiveNode | undefined, argument: string): string[][] | undefined {
  if (use === undefined) return undefined
  return items(use.arguments?.find(({ name }) => name.value === argument)?.value).map((inner) =>
    items(inner).map((name) => (name.kind === Kind.STRING ? name.value : ungranted)),
  )
}

/** A list's items; a single value stands for a list of one (GraphQL spec, 3.11). */
function items(value: ConstValueNode | undefined): readonly ConstValueNode[] {
  if (value === undefined) return []
  return value.kind === Kind.LIST ? value.values : [value]
}
