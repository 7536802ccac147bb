import { type ArgumentNode, type FieldNode, Kind, print, type SelectionSetNode, visit } from 'graphql'
import type { JoinedGraph } from './graph.ts'

/** One step down from an object: a field of its object type. */
export interface Hop {
  /** The object type; empty for `__typename`, which every object has. */
  readonly on: string
  readonly name: string
  /** The name that it is fetched under. */
  readonly key: string
  /** Its arguments as they are written. */
  readonly args: string
  readonly variables: readonly string[]
  /** The named type that it leads to. */
  readonly type: string
}

/** The way from an object down to one value. */
export interface Leaf {
  readonly hops: readonly Hop[]
  /** The selection that asks for it. */
  readonly node: FieldNode
}

export interface LeafOptions {
  readonly graph: JoinedGraph
  /** The object types of a type that are looked at. */
  possible(type: string): readonly string[]
  keyOf(node: FieldNode): string
}

const typenameHop: Hop = { on: '', name: '__typename', key: '__typename', args: '', variables: [], type: '' }

/**
 * Every value that a selection set asks of objects of some types. Those that one selection asks for, of several object
 * types, are together.
 */
export function requestsOf(set: SelectionSetNode, types: readonly string[], options: LeafOptions): Leaf[][] {
  const requests = new Map<FieldNode, Leaf[]>()
  for (const leaf of leavesOf(set, types, options)) {
    const known = requests.get(leaf.node)
    if (known) known.push(leaf)
    else requests.set(leaf.node, [leaf])
  }
  return [...requests.values()]
}

function leavesOf(set: SelectionSetNode, types: readonly string[], options: LeafOptions): Leaf[] {
  return set.selections.flatMap((selection): Leaf[] => {
    if (selection.kind === Kind.FRAGMENT_SPREAD) throw new Error('A named fragment was left in an operation.')
    if (selection.kind === Kind.INLINE_FRAGMENT) {
      const on = selection.typeCondition?.name.value
      const meant = on === undefined ? types : types.filter((type) => options.possible(on).includes(type))
      return leavesOf(selection.selectionSet, meant, options)
    }
    if (selection.name.value === '__typename') return [{ hops: [typenameHop], node: selection }]
    return types.flatMap((type) => fieldLeaves(selection, type, options))
  })
}

function fieldLeaves(node: FieldNode, on: string, options: LeafOptions): Leaf[] {
  const name = node.name.value
  const field = options.graph.types.get(on)?.fields.get(name)
  if (!field) throw new Error(`No subgraph has the field ${on}.${name}.`)
  const args = node.arguments ?? []
  const hop: Hop = {
    on,
    name,
    key: options.keyOf(node),
    args: args.length > 0 ? `(${args.map(print).join(', ')})` : '',
    variables: args.flatMap(variablesIn),
    type: field.type,
  }
  if (!node.selectionSet) return [{ hops: [hop], node }]
  const below = leavesOf(node.selectionSet, options.possible(field.type), options)
  if (below.length === 0) return [{ hops: [hop, typenameHop], node }]
  return below.map((leaf) => ({ hops: [hop, ...leaf.hops], node: leaf.node }))
}

function variablesIn(argument: ArgumentNode): string[] {
  const names: string[] = []
  visit(argument, { Variable: { enter: (node) => void names.push(node.name.value) } })
  return names
}
