import type { FlattenNodePathSegment } from '@graphql-hive/router-query-planner'
import type { Supergraph } from '../supergraph.ts'
import type { GeneratedFunction } from './representation.ts'
import { comment, isOneOf, type Names, property, typesMatching } from './source.ts'

type Path = readonly FlattenNodePathSegment[]

/**
 * Generates `walk(value, found)`: visits the objects at a path of the answer. Lists are gone through wherever they
 * stand, since a path marks a list of lists no differently from a list.
 * @param visit A call on `object` and `found`.
 */
export function generateWalk(supergraph: Supergraph, path: Path, visit: string, names: Names): GeneratedFunction {
  const functions: string[] = []
  const last = walkFrom(supergraph, path, visit, names, functions)
  return { name: last, source: [comment(describePath(path)), ...functions].join('\n') }
}

function walkFrom(supergraph: Supergraph, path: Path, visit: string, names: Names, functions: string[]): string {
  const [segment, ...rest] = path
  if (segment === '@') return walkFrom(supergraph, rest, visit, names, functions)
  const name = names.next('walk')
  functions.push(
    [
      `function ${name}(object, found) {`,
      "  if (object === null || typeof object !== 'object') return",
      '  if (Array.isArray(object)) {',
      `    for (let i = 0; i < object.length; i++) ${name}(object[i], found)`,
      '    return',
      '  }',
      `  ${step(supergraph, segment, () => walkFrom(supergraph, rest, visit, names, functions), visit)}`,
      '}',
    ].join('\n'),
  )
  return name
}

function step(
  supergraph: Supergraph,
  segment: Exclude<FlattenNodePathSegment, '@'> | undefined,
  next: () => string,
  visit: string,
): string {
  if (segment === undefined) return visit
  if ('Field' in segment) return `${next()}(${property('object', segment.Field)}, found)`
  const types = typesMatching(supergraph, segment.TypeCondition)
  return `if (object.__typename === undefined || ${isOneOf('object.__typename', types)}) ${next()}(object, found)`
}

/** The response keys along a path. */
export function fieldsOf(path: Path): string[] {
  return path.flatMap((segment) => (segment !== '@' && 'Field' in segment ? [segment.Field] : []))
}

export function describePath(path: Path): string {
  const words = path.map((segment) => {
    if (segment === '@') return '@'
    return 'Field' in segment ? segment.Field : `|[${segment.TypeCondition.join(' ')}]`
  })
  return words.join('.')
}
