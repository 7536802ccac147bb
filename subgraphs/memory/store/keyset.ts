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

/** How a page of a list ordered by one whole-number column is read. */
export function keyset(page: Page, column: string, order: Order, values: Values): Keyset {
  const [beyond, short] = order === 'ASC' ? ['>', '<'] : ['<', '>']
  const bounds: string[] = []
  if (page.after) bounds.push(`${column} ${beyond} ${values.add(placeOf(page.after), 'bigint')}`)
  if (page.before) bounds.push(`${column} ${short} ${values.add(placeOf(page.before), 'bigint')}`)
  const direction = page.backwards ? (order === 'ASC' ? 'DESC' : 'ASC') : order
  return { bounds, direction, limit: page.limit + 1 }
}

function placeOf(key: Key): number {
  const [place] = key
  if (key.length === 1 && typeof place === 'number' && Number.isSafeInteger(place)) return place
  throw codedError('BAD_USER_INPUT', 'That is not a page cursor.')
}

export function allOf(conditions: readonly string[]): string {
  return conditions.length === 0 ? 'true' : conditions.join(' AND ')
}
