/** A JSON value as text in which equal values read the same, whatever the order of their keys. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, item) =>
    item !== null && typeof item === 'object' && !Array.isArray(item) && !(item instanceof Date)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  )
}

export interface Aged<T> {
  readonly at: Date
  readonly body: T
}

/** Which of two was set later. Of the same moment, the one whose text comes last: so whoever compares gets the same. */
export function isNewer<T>(one: Aged<T>, other: Aged<T>): boolean {
  const later = one.at.getTime() - other.at.getTime()
  return later !== 0 ? later > 0 : canonical(one.body) > canonical(other.body)
}

/** Older and newer, whichever way round they were given. */
export function byAge<T>(one: Aged<T>, other: Aged<T>): readonly [older: T, newer: T] {
  return isNewer(one, other) ? [other.body, one.body] : [one.body, other.body]
}

/** What two JSON values say together: objects key by key, lists with what each has, and of anything else the newer. */
export function mergeValues(older: unknown, newer: unknown): unknown {
  if (Array.isArray(older) && Array.isArray(newer)) return mergeLists(older, newer)
  if (!isObject(older) || !isObject(newer)) return newer
  const merged = new Map(Object.entries(older))
  for (const [key, value] of Object.entries(newer)) {
    merged.set(key, merged.has(key) ? mergeValues(merged.get(key), value) : value)
  }
  return Object.fromEntries(merged)
}

/** What two texts say together, line by line. */
export function mergeTexts(older: string, newer: string): string {
  return mergeLists(older.split('\n'), newer.split('\n')).join('\n')
}

/**
 * The older list, then what the newer adds. A list that holds all of the other stays as it is: merging a second time
 * changes nothing.
 */
function mergeLists<T>(older: readonly T[], newer: readonly T[]): readonly T[] {
  const had = new Set(older.map(canonical))
  const has = new Set(newer.map(canonical))
  if (had.isSubsetOf(has)) return newer
  const added = newer.filter((item) => !had.has(canonical(item)))
  return added.length === 0 ? older : [...older, ...added]
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
