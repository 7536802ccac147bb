import pg from 'pg'
import type { Page } from '../../../lib/connection.ts'
import type { Role } from '../../../lib/context.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import { type KeyColumn, keyset } from '../../keyset.ts'

/** A user in the list of a tenant's. */
export interface ListedUser {
  readonly id: string
  readonly createdAt: Date
}

const order: readonly KeyColumn[] = [
  { sql: 'created_at', type: 'timestamptz' },
  { sql: 'id', type: 'uuid' },
]

const matches = `($1::text IS NULL OR username ILIKE $1 OR email ILIKE $1 OR display_name ILIKE $1)`

/** The users that row-level security lets the viewer read, in the order they were made. */
export function listUsers(db: Database, search: string | null, page: Page): Promise<ListedUser[]> {
  const { where, orderBy, limit, values } = keyset(order, page, 1)
  return db.query<ListedUser>(
    `SELECT id, created_at AS "createdAt" FROM users.users WHERE ${matches} AND ${where} ORDER BY ${orderBy} LIMIT ${limit}`,
    [pattern(search), ...values],
  )
}

export async function countMatching(db: Database, search: string | null): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    `SELECT count(*)::integer AS count FROM users.users WHERE ${matches}`,
    [pattern(search)],
  )
  return row?.count ?? 0
}

function pattern(search: string | null): string | null {
  return search === null ? null : `%${search.replace(/[\\%_]/g, '\\$&')}%`
}

export interface Standing {
  readonly role?: Role
  readonly status?: string
}

/** Changes a user's role or status; answers the ids of the sign-ins that ended, or null when there is no such user. */
export async function administer(tx: Transaction, id: string, { role, status }: Standing, at: Date) {
  const [row] = await tx.query<{ ended: string[] | null }>('SELECT users.administer($1, $2, $3, $4) AS ended', [
    id,
    role ?? null,
    status ?? null,
    at,
  ])
  return row?.ended ?? null
}

/** Whether an error of `administer` says that nobody would be left who may do it. */
export function isLastAdmin(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.constraint === 'last_admin'
}
