import type { Path } from './compile/compile.ts'
import type { PathSegment } from './errors.ts'

/**
 * Finds where objects stand in the data. Done only when there is an error to place, since the walks that collect
 * entities keep no paths.
 */
export function locate(root: object, paths: readonly Path[]): Map<object, PathSegment[]> {
  const places = new Map<object, PathSegment[]>()
  const walk = (value: unknown, path: Path, index: number, place: PathSegment[]): void => {
    if (value === null || typeof value !== 'object') return
    if (Array.isArray(value)) {
      for (const [at, item] of value.entries()) walk(item, path, index, [...place, at])
      return
    }
    const segment = path[index]
    if (segment === undefined) {
      if (!places.has(value)) places.set(value, place)
    } else if (segment !== '@' && 'Field' in segment) {
      walk((value as Record<string, unknown>)[segment.Field], path, index + 1, [...place, segment.Field])
    } else {
      walk(value, path, index + 1, place)
    }
  }
  for (const path of paths) walk(root, path, 0, [])
  return places
}

/** The longest path that all of them begin with. */
export function commonPath(paths: readonly (readonly PathSegment[])[]): readonly PathSegment[] {
  const [first = [], ...rest] = paths
  const end = first.findIndex((segment, index) => rest.some((path) => path[index] !== segment))
  return end === -1 ? first : first.slice(0, end)
}
