import type { FetchNodePathSegment, FetchRewrite } from '@graphql-hive/router-query-planner'
import type { Supergraph } from '../supergraph.ts'
import { typesMatching } from './source.ts'

/** Puts a subgraph's answer under the names that the rest of the plan knows. */
export interface OutputRewrite {
  apply(data: unknown): void
  /** The name of a response key after the rewrite, for the paths of errors. */
  renamed(key: string): string
}

export function compileOutputRewrites(
  supergraph: Supergraph,
  rewrites: readonly FetchRewrite[],
): OutputRewrite | undefined {
  if (rewrites.length === 0) return undefined
  const compiled = rewrites.map((rewrite) => compileRewrite(supergraph, rewrite))
  const names = new Map(compiled.flatMap(({ rename }) => (rename ? [rename] : [])))
  return {
    apply(data) {
      for (const { apply } of compiled) apply(data)
    },
    renamed: (key) => names.get(key) ?? key,
  }
}

interface CompiledRewrite {
  readonly apply: (data: unknown) => void
  readonly rename: readonly [string, string] | undefined
}

function compileRewrite(supergraph: Supergraph, rewrite: FetchRewrite): CompiledRewrite {
  if ('KeyRenamer' in rewrite) {
    const { path, renameKeyTo } = rewrite.KeyRenamer
    const key = lastKey(path)
    const apply = walker(supergraph, path, (object) => {
      if (!Object.hasOwn(object, key)) return
      object[renameKeyTo] = object[key]
      delete object[key]
    })
    return { apply, rename: [key, renameKeyTo] }
  }
  const { path, setValueTo } = 'ValueSetter' in rewrite ? rewrite.ValueSetter : rewrite
  const key = lastKey(path)
  const apply = walker(supergraph, path, (object) => {
    object[key] = setValueTo
  })
  return { apply, rename: undefined }
}

function lastKey(path: readonly FetchNodePathSegment[]): string {
  const last = path.at(-1)
  if (!last || !('Key' in last)) throw new Error('The planner gave a rewrite that names no field.')
  return last.Key
}

/** Calls `change` with every object that holds the path's last key. */
function walker(
  supergraph: Supergraph,
  path: readonly FetchNodePathSegment[],
  change: (object: Record<string, unknown>) => void,
): (data: unknown) => void {
  const steps = path.map((segment) =>
    'Key' in segment ? { key: segment.Key } : { types: typesMatching(supergraph, segment.TypenameEquals) },
  )
  const walk = (value: unknown, at: number): void => {
    if (value === null || typeof value !== 'object') return
    if (Array.isArray(value)) {
      for (const item of value) walk(item, at)
      return
    }
    const object = value as Record<string, unknown>
    const step = steps[at]
    if (!step) return
    if ('types' in step) {
      const typename = object.__typename
      if (typename === undefined || step.types.has(typename as string)) walk(object, at + 1)
    } else if (at === steps.length - 1) {
      change(object)
    } else {
      walk(object[step.key], at + 1)
    }
  }
  return (data) => walk(data, 0)
}
