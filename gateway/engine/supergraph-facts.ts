import {
  type ConstDirectiveNode,
  type DirectiveNode,
  type DocumentNode,
  Kind,
  parse,
  type SelectionSetNode,
  type TypeDefinitionNode,
  visit,
} from 'graphql'
import type { OverrideLabels, SubgraphAddress, Supergraph } from './supergraph.ts'

// What the engine reads from a supergraph's join directives beside its schema.

export function readPossibleTypes(document: DocumentNode): Map<string, Set<string>> {
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

export function readEnumValues(document: DocumentNode): Map<string, Set<string>> {
  const values = new Map<string, Set<string>>()
  for (const node of document.definitions) {
    if (node.kind === Kind.ENUM_TYPE_DEFINITION) {
      values.set(node.name.value, new Set(node.values?.map(({ name }) => name.value)))
    }
  }
  return values
}

export function readFieldNames(document: DocumentNode): Set<string> {
  const names = new Set<string>()
  for (const node of document.definitions) {
    if (node.kind === Kind.OBJECT_TYPE_DEFINITION || node.kind === Kind.INTERFACE_TYPE_DEFINITION) {
      for (const field of node.fields ?? []) names.add(field.name.value)
    }
  }
  return names
}

export function readRequiringFields(document: DocumentNode): Set<string> {
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

export function readOverrides(document: DocumentNode): OverrideLabels {
  const labels = new Set<string>()
  visit(document, {
    Directive: {
      enter(use) {
        const label = use.name.value === 'join__field' ? text(use, 'overrideLabel') : undefined
        if (label !== undefined) labels.add(label)
      },
    },
  })
  const percent = (label: string) => /^percent\((\d+(?:\.\d+)?)\)$/.exec(label)?.[1]
  return {
    labels: [...labels].filter((label) => percent(label) === undefined),
    percentages: [...labels]
      .flatMap((label) => percent(label) ?? [])
      .map(Number)
      .sort((a, b) => a - b),
  }
}

export function readInterfaceObjectFields(document: DocumentNode): Set<string> {
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
  return use.name.value === 'join__type' && flag(use, 'isInterfaceObject') === true
}

export function readKeys(
  document: DocumentNode,
  subgraphs: ReadonlyMap<string, SubgraphAddress>,
): Supergraph['keysOf'] {
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

export function directive(
  node: { readonly directives?: readonly ConstDirectiveNode[] | undefined },
  name: string,
): ConstDirectiveNode | undefined {
  return node.directives?.find((use) => use.name.value === name)
}

/** A directive's argument that is a string or an enum value. */
export function text(use: DirectiveNode, argument: string): string | undefined {
  const value = use.arguments?.find(({ name }) => name.value === argument)?.value
  return value && (value.kind === Kind.STRING || value.kind === Kind.ENUM) ? value.value : undefined
}

/** A directive's argument that is a boolean. */
export function flag(use: DirectiveNode, argument: string): boolean | undefined {
  const value = use.arguments?.find(({ name }) => name.value === argument)?.value
  return value?.kind === Kind.BOOLEAN ? value.value : undefined
}

/** The field sets that a directive of the join specification has as an argument, one for each use of it. */
export function fieldSets(
  node: { readonly directives?: readonly ConstDirectiveNode[] | undefined },
  name: string,
  argument: string,
): SelectionSetNode[] {
  return (node.directives ?? []).flatMap((use) => {
    const fields = use.name.value === name ? text(use, argument) : undefined
    if (fields === undefined) return []
    const [definition] = parse(`{ ${fields} }`, { noLocation: true }).definitions
    return definition?.kind === Kind.OPERATION_DEFINITION ? [definition.selectionSet] : []
  })
}
