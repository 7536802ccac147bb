import { Kind, type ObjectTypeDefinitionNode, parse } from 'graphql'

/** The key by which `Query.node` hands an id to the room that owns it. Clients never see it. */
export const nodeKey = 'nodeRef'

/**
 * What a room's schema needs for `Query.node`, generated so that a new entity touches its own room alone.
 *
 * The room that serves `node` gets a stub of every other room's Node type; each owning room gets a second key for its
 * own. The stub's `id` is external: to answer even `{ node(id:) { id } }` the gateway must ask the owner, who looks the
 * row up under the viewer's rights and answers null for what is not there.
 */
export function nodeStubs(own: string, all: readonly string[]): string {
  const mine = nodeTypes(own)
  if (!servesNode(own)) return mine.map((name) => keyed(name, `@key(fields: "${nodeKey}")`, '')).join('\n')
  const others = all.filter((sdl) => sdl !== own).flatMap(nodeTypes)
  return others
    .map((name) => keyed(`${name} implements Node`, `@key(fields: "${nodeKey}")`, 'id: ID! @external'))
    .join('\n')
}

/** Every type with a global id that a room owns. */
export function nodeTypes(sdl: string): string[] {
  return objects(sdl)
    .filter((type) => type.interfaces?.some((face) => face.name.value === 'Node'))
    .map((type) => type.name.value)
}

function keyed(head: string, key: string, rest: string): string {
  const type = rest === '' ? `extend type ${head}` : `type ${head}`
  return `${type} ${key} { "For the gateway." ${nodeKey}: ID! @inaccessible ${rest === '' ? '' : `"The owner's." ${rest}`} }`
}

function servesNode(sdl: string): boolean {
  return objects(sdl).some(
    (type) => type.name.value === 'Query' && type.fields?.some((field) => field.name.value === 'node'),
  )
}

function objects(sdl: string): ObjectTypeDefinitionNode[] {
  return parse(sdl).definitions.filter((definition) => definition.kind === Kind.OBJECT_TYPE_DEFINITION)
}
