import type { FetchRewrite, RequiresSelection } from '@graphql-hive/router-query-planner'
import { type FieldNode, Kind, print, type SelectionSetNode } from 'graphql'
import type { Wanting } from './fetches.ts'

/** What subgraphs need of objects that others have answered, and the names under which that is fetched. */
export class Needs {
  /** Names that no alias may have. */
  readonly #fieldNames: ReadonlySet<string>
  readonly #keys = new Map<string, string>()

  constructor(fieldNames: ReadonlySet<string>) {
    this.#fieldNames = fieldNames
  }

  /** An object of a type with all that some field sets ask of it. */
  wanting(type: string, sets: readonly SelectionSetNode[]): Wanting {
    const rewrites: FetchRewrite[] = []
    const path = [{ TypenameEquals: [type] }]
    const selections = sets.flatMap((set) => this.#requires(set, path, rewrites))
    const typename: RequiresSelection = { kind: 'Field', name: '__typename' }
    return {
      type,
      requires: [{ kind: 'InlineFragment', typeCondition: type, selections: [typename, ...selections] }],
      rewrites,
    }
  }

  /** A field set as what a representation has; fields that were fetched under another name get their own back. */
  #requires(
    set: SelectionSetNode,
    path: readonly ({ TypenameEquals: string[] } | { Key: string })[],
    rewrites: FetchRewrite[],
  ): RequiresSelection[] {
    return set.selections.flatMap((selection): RequiresSelection[] => {
      if (selection.kind === Kind.FRAGMENT_SPREAD) return []
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        const inside = this.#requires(selection.selectionSet, path, rewrites)
        const on = selection.typeCondition?.name.value
        return on === undefined ? inside : [{ kind: 'InlineFragment', typeCondition: on, selections: inside }]
      }
      const key = this.keyOf(selection)
      const at = [...path, { Key: key }]
      const below = selection.selectionSet && this.#requires(selection.selectionSet, at, rewrites)
      if (key !== selection.name.value) {
        rewrites.push({ KeyRenamer: { path: at, renameKeyTo: selection.name.value } })
      }
      return [{ kind: 'Field', name: key, ...(below ? { selections: below } : {}) }]
    })
  }

  /** The name under which a field that subgraphs need is fetched: its own, or one for its arguments. */
  keyOf({ name, arguments: args = [] }: FieldNode): string {
    if (args.length === 0) return name.value
    const signature = `${name.value}(${args.map(print).sort().join()})`
    let key = this.#keys.get(signature)
    for (let n = this.#keys.size; key === undefined || this.#fieldNames.has(key); n++) key = `_${name.value}_${n}`
    this.#keys.set(signature, key)
    return key
  }
}
