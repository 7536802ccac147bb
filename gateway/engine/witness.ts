import {
  type ConstDirectiveNode,
  type DocumentNode,
  type FieldNode,
  type GraphQLSchema,
  getNamedType,
  Kind,
  type ObjectTypeDefinitionNode,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql'
import { text } from './supergraph-facts.ts'

/**
 * By which field of an interface an object's owner vouches that there is one. A subgraph that has nothing of a type but
 * an inaccessible key and external fields only names objects, as the one that serves Relay's `node(id:)` does: whether
 * there is such an object is for another to say, also when the client selects nothing that the other would be asked for.
 */
export type Witnesses = ReadonlyMap<string, string>

/** The response key of what is fetched to see that an object is there, and never shown. No client can name it. */
export const witnessKey = ' witness'

export function readWitnesses(document: DocumentNode): Witnesses {
  const witnesses = new Map<string, string>()
  for (const node of document.definitions) {
    if (node.kind !== Kind.OBJECT_TYPE_DEFINITION) continue
    for (const use of uses(node, 'join__implements')) {
      const named = text(use, 'interface')
      const field = named === undefined ? undefined : namedFrom(node, text(use, 'graph'))
      if (named !== undefined && field !== undefined) witnesses.set(named, field)
    }
  }
  return witnesses
}

/** The external field by which a subgraph that only names objects of this type has them vouched for. */
function namedFrom(type: ObjectTypeDefinitionNode, graph: string | undefined): string | undefined {
  const keys = uses(type, 'join__type').filter((use) => text(use, 'graph') === graph)
  const isKey = (name: string) => keys.length > 0 && keys.every((use) => text(use, 'key')?.trim() === name)
  const key = type.fields?.find(({ name }) => isKey(name.value))
  if (key === undefined || uses(key, 'inaccessible').length === 0) return undefined
  const own = (type.fields ?? []).filter((field) => field !== key)
  const external = own.filter((field) => uses(field, 'join__field').some((use) => isExternal(use, graph)))
  const answers = own.some((field) => {
    const owners = uses(field, 'join__field')
    return owners.length === 0 || owners.some((use) => text(use, 'graph') === graph && !isExternal(use, graph))
  })
  return answers ? undefined : external.find(({ type: { kind } }) => kind === Kind.NON_NULL_TYPE)?.name.value
}

function isExternal(use: ConstDirectiveNode, graph: string | undefined): boolean {
  const value = use.arguments?.find(({ name }) => name.value === 'external')?.value
  return text(use, 'graph') === graph && value?.kind === Kind.BOOLEAN && value.value
}

function uses(
  node: { readonly directives?: readonly ConstDirectiveNode[] | undefined },
  name: string,
): ConstDirectiveNode[] {
  return (node.directives ?? []).filter((use) => use.name.value === name)
}

/** The document with the witness of every object that is only named to begin with. */
export function addWitnesses(document: DocumentNode, schema: GraphQLSchema, witnesses: Witnesses): DocumentNode {
  if (witnesses.size === 0) return document
  const types = new TypeInfo(schema)
  return visit(
    document,
    visitWithTypeInfo(types, {
      Field: {
        leave(node) {
          const witness = witnesses.get(getNamedType(types.getType())?.name ?? '')
          if (witness === undefined || !node.selectionSet) return undefined
          const selections = [...node.selectionSet.selections, fieldOf(witness)]
          return { ...node, selectionSet: { ...node.selectionSet, selections } }
        },
      },
    }),
  )
}

function fieldOf(name: string): FieldNode {
  return {
    kind: Kind.FIELD,
    alias: { kind: Kind.NAME, value: witnessKey },
    name: { kind: Kind.NAME, value: name },
  }
}
