import pg from 'pg'
import type { Role } from '../../../lib/context.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'

/** A user's row, as the room itself sees it. */
export interface UserRecord {
  readonly id: string
  readonly tenantId: string
  readonly username: string
  readonly email: string
  readonly displayName: string | null
  readonly passwordHash: string | null
  readonly oneTimeHash: string | null
  readonly oneTimeSessionId: string | null
  readonly role: Role
  readonly status: string
  readonly createdAt: Date
}

/** What others may see of a user; email and role only when the viewer is the user or an admin. */
export interface CardRecord {
  readonly id: string
  readonly username: string
  readonly displayName: string | null
  readonly createdAt: Date
  readonly email: string | null
  readonly role: Role | null
  readonly status: string | null
}

export interface RefreshTokenRecord {
  readonly id: string
  readonly tenantId: string
  readonly ownerId: string
  readonly sessionId: string
}

const userColumns = `id, tenant_id AS "tenantId", username, email, display_name AS "displayName",
  password_hash AS "passwordHash", one_time_hash AS "oneTimeHash", one_time_session_id AS "oneTimeSessionId",
  role, status, created_at AS "createdAt"`

/** By username or email, without regard to case. */
export async function findByLogin(db: Database, login: string): Promise<UserRecord | null> {
  // PostgreSQL has no such text, so nobody has such a name.
  if (login.includes('\0')) return null
  const [row] = await db.query<UserRecord>(`SELECT ${userColumns} FROM users.find_by_login($1)`, [login])
  return row ?? null
}

/** The user of the security context. */
export async function findSelf(db: Database): Promise<UserRecord | null> {
  const [row] = await db.query<UserRecord>(`SELECT ${userColumns} FROM users.users WHERE id = app.current_user_id()`)
  return row ?? null
}

export function findCards(db: Database, ids: readonly string[]): Promise<CardRecord[]> {
  return db.query<CardRecord>(
    `SELECT id, username, display_name AS "displayName", created_at AS "createdAt", email, role, status
     FROM users.cards($1) LEFT JOIN users.accounts($1) USING (id)`,
    [ids],
  )
}

export async function countUsers(db: Database): Promise<number> {
  const [row] = await db.query<{ count: string }>('SELECT users.count_users() AS count')
  return Number(row?.count)
}

export interface NewUser extends Pick<UserRecord, 'id' | 'tenantId' | 'username' | 'email' | 'role'> {
  readonly passwordHash: string | null
  readonly oneTimeHash: string | null
}

/** @returns the user, or which of its names is taken. The transaction is lost in the second case. */
export async function createUser(tx: Transaction, user: NewUser, at: Date): Promise<UserRecord> {
  const [row] = await tx.query<UserRecord>(
    `SELECT ${userColumns} FROM users.create_user($1, $2, $3, $4, $5, $6, $7, $8)`,
    [user.id, user.tenantId, user.username, user.email, user.passwordHash, user.oneTimeHash, user.role, at],
  )
  if (!row) throw new Error('the user was not created')
  return row
}

/** Which name an error of `createUser` says is taken; null for any other error. */
export function takenName(error: unknown): 'username' | 'email' | null {
  if (!(error instanceof pg.DatabaseError)) return null
  if (error.constraint === 'users_username') return 'username'
  return error.constraint === 'users_email' ? 'email' : null
}

/**
 * Whether a user still has the password that was verified, held until the transaction ends: a change of password that
 * comes now waits, and then ends the session that this transaction makes.
 */
export async function holdsPassword(tx: Transaction, user: UserRecord): Promise<boolean> {
  const rows = await tx.query('SELECT 1 FROM users.users WHERE id = $1 AND password_hash = $2 FOR SHARE', [
    user.id,
    user.passwordHash,
  ])
  return rows.length > 0
}

/** Spends the one-time secret that was verified; false when somebody else has. */
export async function spendOneTimeSecret(tx: Transaction, user: UserRecord, sessionId: string): Promise<boolean> {
  const { count } = await tx.prisma.user.updateMany({
    where: { id: user.id, passwordHash: null, oneTimeHash: user.oneTimeHash, oneTimeSessionId: null },
    data: { oneTimeSessionId: sessionId },
  })
  return count > 0
}

/** Gives a user who has set no password a new one-time secret; false when a password has been set. */
export async function replaceOneTimeSecret(tx: Transaction, userId: string, hash: string, at: Date): Promise<boolean> {
  // Plain SQL: Prisma takes a moment to get ready for its first query, and a start need not wait for that.
  const rows = await tx.query(
    `UPDATE users.users SET one_time_hash = $2, one_time_session_id = NULL, updated_at = $3
     WHERE id = $1 AND password_hash IS NULL RETURNING id`,
    [userId, hash, at],
  )
  return rows.length > 0
}

/** Keeps a password under a dearer hash, unless it has been changed since it was verified. */
export async function strengthenPassword(tx: Transaction, user: UserRecord, hash: string): Promise<void> {
  await tx.prisma.user.updateMany({
    where: { id: user.id, passwordHash: user.passwordHash },
    data: { passwordHash: hash },
  })
}

/** Sets a password unless the one that was verified has been changed since. */
export async function replacePassword(tx: Transaction, user: UserRecord, hash: string, at: Date): Promise<boolean> {
  const { count } = await tx.prisma.user.updateMany({
    where: { id: user.id, passwordHash: user.passwordHash, oneTimeHash: user.oneTimeHash },
    data: { passwordHash: hash, oneTimeHash: null, oneTimeSessionId: null, updatedAt: at },
  })
  return count > 0
}
