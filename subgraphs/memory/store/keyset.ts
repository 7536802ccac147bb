import type { Key, Page } from '../../../lib/connection.ts'
import { codedError } from '../../../lib/errors.ts'

/** SQL values in the making: each `add` answers the placeholder that stands for it. */
export class Values {
  readonly list: unknown[] = []

  add(value: unknown, type = ''): string {
    this.list.push(value)
    return `$${this.list.length}${type && `::${type}`}`
  }
}

export type Order = 'ASC' | 'DESC'

export interface Keyset {
  /** Conditions that the page sets, to be joined with others. */
  readonly bounds: readonly string[]
  /** The direction in which rows are read: the list's own, or against it for a page from the end. */
  readonly direction: Order
  /** One more than the page holds, to tell whether there is more. */
  readonly limit: number
}

/** A column of a list's order, and how SQL makes its value of a cursor's whole number. */
export interface KeyColumn {
  readonly sql: string
  told(place: string): string
}

/** A column of moments, which cursors tell in microseconds since 1970. */
export function momentColumn(sql: string): KeyColumn {
  return { sql, told: (place) => `(timestamptz 'epoch' + ${place} * interval '1 microsecond')` }
}

/** How a page of a list is read that is ordered by one whole-number column, or by several in the same direction. */
export function keyset(page: Page, column: string | readonly KeyColumn[], order: Order, values: Values): Keyset {
  const columns = typeof column === 'string' ? [{ sql: column, told: (place: string) => place }] : column
  const [beyond, short] = order === 'ASC' ? ['>', '<'] : ['<', '>']
  const names = rowOf(columns.map(({ sql }) => sql))
  const placeOf = (key: Key) => {
    const places = placesOf(key, columns.length)
    return rowOf(columns.map(({ told }, i) => told(values.add(places[i], 'bigint'))))
  }
  const bounds: string[] = []
  if (page.after) bounds.push(`${names} ${beyond} ${placeOf(page.after)}`)
  if (page.before) bounds.push(`${names} ${short} ${placeOf(page.before)}`)
  const direction = page.backwards ? (order === 'ASC' ? 'DESC' : 'ASC') : order
  return { bounds, direction, limit: page.limit + 1 }
}

/** Rows are compared as such, so that an index begins where the page does. */
function rowOf(parts: readonly string[]): string {
  return parts.length === 1 ? String(parts[0]) : `(${parts.join(', ')})`
}

function placesOf(key: Key, length: number): readonly number[] {
  const places = key.filter((place) => typeof place === 'number' && Number.isSafeInteger(place)) as number[]
  if (key.length === length && places.length === length) return places
  throw codedError('BAD_USER_INPUT', 'That is not a page cursor.')
}

export function allOf(conditions: readonly string[]): string {
  return conditions.length === 0 ? 'true' : conditions.join(' AND ')
}
