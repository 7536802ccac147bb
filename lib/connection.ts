import { createHash } from 'node:crypto'
import { codedError } from './errors.ts'

export const defaultPageSize = 20
export const maximumPageSize = 100

/** The arguments of every connection (Relay Cursor Connections, §4). */
export interface PageArguments {
  readonly first?: number | null
  readonly after?: string | null
  readonly last?: number | null
  readonly before?: string | null
}

/** The place of a row in its list: values that never change, in the order they sort by. */
export type Key = readonly (string | number)[]

/** A page to read: `limit + 1` rows beyond `after` (forwards) or `before` (backwards) tell whether there is more. */
export interface Page {
  readonly limit: number
  readonly backwards: boolean
  readonly after: Key | null
  readonly before: Key | null
  /** Names the order and filter; a cursor of another list is refused. */
  readonly scope: string
}

export interface Edge<T> {
  readonly cursor: string
  readonly node: T
}

export interface Connection<T> {
  readonly edges: readonly Edge<T>[]
  readonly nodes: readonly T[]
  readonly pageInfo: {
    readonly hasNextPage: boolean
    readonly hasPreviousPage: boolean
    readonly startCursor: string | null
    readonly endCursor: string | null
  }
}

/**
 * Reads a connection's arguments.
 * @param list what the list is of, its order and its filter: whatever would make a cursor mean another place.
 * @throws BAD_USER_INPUT when a bound is not 1–100, when both ends are asked for, or when a cursor is of another list.
 */
export function parsePage(args: PageArguments, list: unknown, fallback = defaultPageSize): Page {
  if (args.last != null && args.first != null) throw bad('Give `first` or `last`, not both.')
  const limit = args.last ?? args.first ?? fallback
  if (limit < 1 || limit > maximumPageSize) {
    throw bad(`\`${args.last == null ? 'first' : 'last'}\` must be 1–${maximumPageSize}, not ${limit}.`)
  }
  const scope = createHash('sha256').update(JSON.stringify(list)).digest('base64url').slice(0, 8)
  return {
    limit,
    backwards: args.last != null,
    after: args.after == null ? null : decodeKey(args.after, scope),
    before: args.before == null ? null : decodeKey(args.before, scope),
    scope,
  }
}

/**
 * Makes a connection of what a store read for a page: up to `limit + 1` rows, in the list's order when forwards and in
 * the reverse when backwards.
 */
export function toConnection<T>(rows: readonly T[], page: Page, keyOf: (row: T) => Key): Connection<T> {
  const more = rows.length > page.limit
  const kept = rows.slice(0, page.limit)
  if (page.backwards) kept.reverse()
  const edges = kept.map((node) => new KeyedEdge(node, page.scope, keyOf))
  return {
    edges,
    nodes: kept,
    pageInfo: new PageInfo(edges, page, more),
  }
}

class PageInfo {
  readonly hasNextPage: boolean
  readonly hasPreviousPage: boolean
  readonly #edges: readonly Edge<unknown>[]

  constructor(edges: readonly Edge<unknown>[], { backwards, before, after }: Page, more: boolean) {
    this.hasNextPage = backwards ? before !== null : more
    this.hasPreviousPage = backwards ? more : after !== null
    this.#edges = edges
  }

  get startCursor(): string | null {
    return this.#edges[0]?.cursor ?? null
  }

  get endCursor(): string | null {
    return this.#edges.at(-1)?.cursor ?? null
  }
}

/** Its cursor is made when somebody asks: most who list nodes never do. */
class KeyedEdge<T> implements Edge<T> {
  readonly node: T
  readonly #scope: string
  readonly #keyOf: (row: T) => Key

  constructor(node: T, scope: string, keyOf: (row: T) => Key) {
    this.node = node
    this.#scope = scope
    this.#keyOf = keyOf
  }

  get cursor(): string {
    return encodeKey(this.#keyOf(this.node), this.#scope)
  }
}

/** The same connection over other nodes: each row becomes what the graph shows of it. */
export function mapConnection<T, U>(connection: Connection<T>, map: (row: T) => U): Connection<U> {
  const edges = connection.edges.map(({ cursor, node }) => ({ cursor, node: map(node) }))
  return { edges, nodes: edges.map((edge) => edge.node), pageInfo: connection.pageInfo }
}

function encodeKey(key: Key, scope: string): string {
  return Buffer.from(JSON.stringify([scope, ...key])).toString('base64url')
}

function decodeKey(cursor: string, scope: string): Key {
  const parsed = cursor.length > 1024 ? null : parseJson(Buffer.from(cursor, 'base64url').toString())
  if (!Array.isArray(parsed) || parsed.length < 2 || !parsed.every(isKeyPart)) throw bad('That is not a page cursor.')
  const [found, ...key] = parsed
  if (found !== scope) throw bad('That cursor belongs to a list with another order or filter.')
  return key
}

function isKeyPart(value: unknown): value is string | number {
  return typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function bad(message: string) {
  return codedError('BAD_USER_INPUT', message)
}
