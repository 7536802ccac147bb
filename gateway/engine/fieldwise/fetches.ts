import type { FetchRewrite, FlattenNodePathSegment, RequiresSelection } from '@graphql-hive/router-query-planner'
import { inOrder, type Step } from '../steps.ts'
import type { FieldForm } from './graph.ts'
import type { Hop } from './leaves.ts'
import { keepApart } from './separation.ts'

export type Path = readonly FlattenNodePathSegment[]

/** A field that is selected in a fetch. */
export interface SelectedField {
  /** The name of its value in the answer. */
  readonly key: string
  /** The name that the subgraph is asked for it under. */
  alias: string
  /** The field itself, with its arguments. */
  readonly text: string
  readonly shape: string
  /** What is selected below it; undefined for leaves. */
  readonly below: Selected | undefined
}

/** What is selected of an object in a fetch. */
export class Selected {
  readonly fetch: Fetch
  readonly fields = new Map<string, SelectedField>()
  readonly onTypes = new Map<string, Selected>()

  constructor(fetch: Fetch) {
    this.fetch = fetch
  }

  onType(type: string): Selected {
    const known = this.onTypes.get(type)
    if (known) return known
    const selected = new Selected(this.fetch)
    this.onTypes.set(type, selected)
    return selected
  }

  /** Selects a field, and gives what is selected below it. */
  field({ name, key, args, variables }: Hop, { isComposite, shape }: FieldForm): Selected {
    for (const variable of variables) this.fetch.variables.add(variable)
    const known = this.fields.get(key)
    if (known) return known.below ?? this
    const below = isComposite ? new Selected(this.fetch) : undefined
    this.fields.set(key, { key, alias: key, text: `${name}${args}`, shape, below })
    return below ?? this
  }

  /** @param isRoot whether the objects are of a root type, whose name nobody needs. */
  print(isRoot = false): string {
    const fields = [...this.fields.values()].map(printField)
    const fragments = [...this.onTypes].map(([type, selected]) => `... on ${type} ${selected.print()}`)
    return `{ ${[...(isRoot ? [] : ['__typename']), ...fields, ...fragments].join(' ')} }`
  }
}

function printField({ alias, text, below }: SelectedField): string {
  const lead = /^\w+/.exec(text)?.[0] === alias ? text : `${alias}: ${text}`
  return below ? `${lead} ${below.print()}` : lead
}

/** A representation that entities are looked up by. */
export interface Wanting {
  readonly type: string
  readonly requires: readonly RequiresSelection[]
  readonly rewrites: readonly FetchRewrite[]
}

/** A fetch that is being put together. */
export interface Fetch {
  readonly subgraph: string
  readonly kind: 'query' | 'mutation' | 'subscription'
  readonly path: Path
  /** Undefined for a fetch of root fields. */
  readonly entity: Wanting | undefined
  /** Fetches of a level need only what those of lower levels answer. */
  readonly level: number
  readonly variables: Set<string>
}

/**
 * Writes fetches as the steps of a plan: those of one level at the same time, level after level.
 * @param variableTypes The type of each variable, with its default.
 * @param fieldNames Names that no alias may have.
 */
export function stepsOf(
  selected: readonly Selected[],
  variableTypes: ReadonlyMap<string, string>,
  fieldNames: ReadonlySet<string>,
): Step | undefined {
  const levels = new Map<number, Step[]>()
  for (const each of selected) {
    const level = levels.get(each.fetch.level) ?? []
    levels.set(each.fetch.level, level)
    level.push(stepOf(each, variableTypes, fieldNames))
  }
  const steps = [...levels.entries()]
    .sort(([one], [other]) => one - other)
    .map(([, level]): Step => (level.length > 1 ? { kind: 'parallel', steps: level } : (level[0] as Step)))
  return steps.length > 0 ? inOrder(steps) : undefined
}

function stepOf(selected: Selected, variableTypes: ReadonlyMap<string, string>, fieldNames: ReadonlySet<string>): Step {
  const outputRewrites = keepApart(selected, fieldNames)
  const { subgraph, kind, path, entity, variables } = selected.fetch
  const declared = [...variables].map((name) => `$${name}: ${variableTypes.get(name)}`)
  if (!entity) {
    const header = declared.length > 0 ? `(${declared.join(', ')})` : ''
    const operation = `${kind}${header} ${selected.print(true)}`
    return { kind: 'root', type: kind, subgraph, operation, variables: [...variables], path, outputRewrites }
  }
  const header = ['$representations: [_Any!]!', ...declared].join(', ')
  const fields = `... on ${entity.type} ${selected.print()}`
  return {
    kind: 'entities',
    subgraph,
    operation: `query(${header}) { _entities(representations: $representations) { ${fields} } }`,
    variables: [...variables],
    parts: [
      {
        alias: '_entities',
        representationsVariable: 'representations',
        paths: [path],
        requires: entity.requires,
        inputRewrites: entity.rewrites,
        outputRewrites,
      },
    ],
  }
}
