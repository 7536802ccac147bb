import type { FetchNodePathSegment, FetchRewrite, RequiresSelection } from '@graphql-hive/router-query-planner'
import type { Supergraph } from '../supergraph.ts'
import { typesMatching } from './source.ts'

/** One field of an entity's representation. */
export interface WantedField {
  readonly kind: 'field'
  /** Its name in the representation. */
  readonly name: string
  /** The name under which its value is in the answer so far. */
  readonly source: string
  /** A value that takes the place of the one in the answer. */
  readonly constant: string | undefined
  readonly below: readonly Wanted[] | undefined
}

/** Fields that belong in the representation only for some types. */
export interface WantedFragment {
  readonly kind: 'fragment'
  readonly types: ReadonlySet<string>
  readonly below: readonly Wanted[]
}

export type Wanted = WantedField | WantedFragment

/** The fields of a representation as the planner wants them, after its rewrites. */
export function readWanted(
  supergraph: Supergraph,
  requires: readonly RequiresSelection[],
  rewrites: readonly FetchRewrite[],
): Wanted[] {
  return rewrites.reduce((wanted, rewrite) => rewritten(supergraph, wanted, rewrite), read(supergraph, requires))
}

function read(supergraph: Supergraph, requires: readonly RequiresSelection[]): Wanted[] {
  return requires.map((selection): Wanted => {
    if (selection.kind === 'Field') {
      const below = selection.selections?.length ? read(supergraph, selection.selections) : undefined
      const name = selection.alias ?? selection.name
      return { kind: 'field', name, source: selection.name, constant: undefined, below }
    }
    if (selection.kind === 'InlineFragment') {
      const types = typesMatching(supergraph, [selection.typeCondition])
      return { kind: 'fragment', types, below: read(supergraph, selection.selections) }
    }
    throw new Error('The planner named a fragment in what an entity needs, which this engine does not read.')
  })
}

type Apply = (field: WantedField) => WantedField

function rewritten(supergraph: Supergraph, wanted: readonly Wanted[], rewrite: FetchRewrite): Wanted[] {
  const { path, apply } = readRewrite(rewrite)
  return applyAt(supergraph, wanted, path, apply)
}

function readRewrite(rewrite: FetchRewrite): { path: readonly FetchNodePathSegment[]; apply: Apply } {
  if ('KeyRenamer' in rewrite) {
    const { path, renameKeyTo } = rewrite.KeyRenamer
    return { path, apply: (field) => ({ ...field, name: renameKeyTo }) }
  }
  const { path, setValueTo } = 'ValueSetter' in rewrite ? rewrite.ValueSetter : rewrite
  return { path, apply: (field) => ({ ...field, constant: setValueTo }) }
}

function applyAt(
  supergraph: Supergraph,
  wanted: readonly Wanted[],
  path: readonly FetchNodePathSegment[],
  apply: Apply,
): Wanted[] {
  const [segment, ...rest] = path
  if (!segment) return [...wanted]
  return wanted.map((selection) => {
    if (selection.kind === 'fragment') {
      const applies = !('TypenameEquals' in segment) || overlaps(supergraph, selection.types, segment.TypenameEquals)
      return applies ? { ...selection, below: applyAt(supergraph, selection.below, path, apply) } : selection
    }
    if ('TypenameEquals' in segment) return applyAt(supergraph, [selection], rest, apply)[0] ?? selection
    if (selection.name !== segment.Key) return selection
    if (rest.length === 0) return apply(selection)
    return selection.below ? { ...selection, below: applyAt(supergraph, selection.below, rest, apply) } : selection
  })
}

function overlaps(supergraph: Supergraph, types: ReadonlySet<string>, names: readonly string[]): boolean {
  return [...typesMatching(supergraph, names)].some((name) => types.has(name))
}

/** The fields that an object of a type contributes, each once. */
export function fieldsFor(wanted: readonly Wanted[], type: string): WantedField[] {
  const fields = new Map<string, WantedField>()
  const add = (selections: readonly Wanted[]) => {
    for (const selection of selections) {
      if (selection.kind === 'fragment') {
        if (selection.types.has(type)) add(selection.below)
        continue
      }
      const known = fields.get(selection.name)
      fields.set(
        selection.name,
        known?.below && selection.below
          ? { ...known, below: [...known.below, ...selection.below] }
          : (known ?? selection),
      )
    }
  }
  add(wanted)
  return [...fields.values()]
}
