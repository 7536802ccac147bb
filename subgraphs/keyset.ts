import type { Key, Page } from '../lib/connection.ts'
import { codedError } from '../lib/errors.ts'
import { isUuid } from '../lib/ids.ts'
import { isText } from './checks.ts'

/** What a part of a cursor looks like: whoever makes up a cursor is told so, and not that the database failed. */
const forms = {
  integer: (text: string) => /^-?\d{1,9}$/.test(text),
  bigint: (text: string) => /^-?\d{1,18}$/.test(text),
  uuid: isUuid,
  timestamptz: (text: string) =>
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(text) && !Number.isNaN(Date.parse(text)),
  text: isText,
} as const

/** A column of a list's order. */
export interface KeyColumn {
  readonly sql: string
  /** Its SQL type: a cursor's parts are sent as text. */
  readonly type: keyof typeof forms
  readonly descending?: boolean
}

/** The parts of a statement that read one page of a list by its key. */
export interface Keyset {
  /** A condition; `true` when the page has no bounds. */
  readonly where: string
  readonly orderBy: string
  /** One row more than the page holds, to tell whether there is more. */
  readonly limit: number
  readonly values: readonly unknown[]
}

/** @param given how many parameters the statement has before these */
export function keyset(columns: readonly KeyColumn[], page: Page, given: number): Keyset {
  const values: unknown[] = []
  const bound = (key: Key | null, forwards: boolean): string[] => {
    if (key === null) return []
    const fits = columns.every(({ type }, index) => forms[type](String(key[index])))
    if (!fits || key.length !== columns.length) throw codedError('BAD_USER_INPUT', 'That is not a page cursor.')
    const parts = key.map((part, index) => {
      values.push(String(part))
      return `$${given + values.length}::text::${columns[index]?.type}`
    })
    return [beyond(columns, parts, forwards)]
  }
  const where = [...bound(page.after, true), ...bound(page.before, false)].join(' AND ') || 'true'
  const orderBy = columns.map((column) => `${column.sql} ${descends(column, !page.backwards) ? 'DESC' : 'ASC'}`)
  return { where, orderBy: orderBy.join(', '), limit: page.limit + 1, values }
}

/** `a > x OR a = x AND b > y`: a row comparison whose columns may differ in direction. */
function beyond(columns: readonly KeyColumn[], parts: readonly string[], forwards: boolean): string {
  const terms = columns.map((column, index) => {
    const equal = columns.slice(0, index).map(({ sql }, before) => `${sql} = ${parts[before]}`)
    return [...equal, `${column.sql} ${descends(column, forwards) ? '<' : '>'} ${parts[index]}`].join(' AND ')
  })
  return `(${terms.join(' OR ')})`
}

function descends({ descending = false }: KeyColumn, forwards: boolean): boolean {
  return descending === forwards
}
