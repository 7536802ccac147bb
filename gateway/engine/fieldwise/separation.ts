import type { FetchNodePathSegment, FetchRewrite } from '@graphql-hive/router-query-planner'
import type { Selected, SelectedField } from './fetches.ts'

/** What is selected of objects at one place, and the path that leads there in the fetch's answer. */
interface Part {
  readonly selected: Selected
  readonly path: readonly FetchNodePathSegment[]
}

interface PlacedField {
  readonly field: SelectedField
  readonly path: readonly FetchNodePathSegment[]
}

/**
 * Gives fields of several object types, which share a name at one place and answer in different forms, aliases of their
 * own: a subgraph refuses the fetch otherwise (section 5.3.2 of the GraphQL specification, SameResponseShape).
 * @param fieldNames Names that no alias may have.
 * @returns what gives their values the shared name again, innermost first.
 */
export function keepApart(selected: Selected, fieldNames: ReadonlySet<string>): FetchRewrite[] {
  const separation = new Separation(fieldNames)
  separation.separate([{ selected, path: [] }])
  return separation.rewrites
}

class Separation {
  readonly rewrites: FetchRewrite[] = []
  readonly #fieldNames: ReadonlySet<string>
  #aliases = 0

  constructor(fieldNames: ReadonlySet<string>) {
    this.#fieldNames = fieldNames
  }

  separate(parts: readonly Part[]): void {
    const byKey = Map.groupBy(parts.flatMap(placedFields), ({ field }) => field.key)
    for (const [key, fields] of byKey) {
      const [first = [], ...others] = Map.groupBy(fields, ({ field }) => field.shape).values()
      this.separate(first.flatMap(below))
      for (const same of others) this.#rename(key, same)
    }
  }

  #rename(key: string, fields: readonly PlacedField[]): void {
    const alias = this.#freeAlias(key)
    for (const { field } of fields) field.alias = alias
    this.separate(fields.flatMap(below))
    for (const { path } of fields) {
      this.rewrites.push({ KeyRenamer: { path: [...path, { Key: alias }], renameKeyTo: key } })
    }
  }

  #freeAlias(key: string): string {
    for (;;) {
      const alias = `_${this.#aliases++}_${key}`
      if (!this.#fieldNames.has(alias)) return alias
    }
  }
}

function placedFields({ selected, path }: Part): PlacedField[] {
  const own = [...selected.fields.values()].map((field) => ({ field, path }))
  const onTypes = [...selected.onTypes].flatMap(([type, inner]) =>
    placedFields({ selected: inner, path: [...path, { TypenameEquals: [type] }] }),
  )
  return [...own, ...onTypes]
}

function below({ field, path }: PlacedField): Part[] {
  return field.below ? [{ selected: field.below, path: [...path, { Key: field.alias }] }] : []
}
