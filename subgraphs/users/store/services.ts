import pg from 'pg'
import type { CrossServiceAuthModel } from '../../../generated/prisma/models/CrossServiceAuth.ts'
import type { ServiceAccountModel } from '../../../generated/prisma/models/ServiceAccount.ts'
import type { Page } from '../../../lib/connection.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import { type KeyColumn, keyset } from '../../keyset.ts'

export type ServiceAccountRecord = ServiceAccountModel
export type ServiceTokenRecord = CrossServiceAuthModel

export type NewServiceAccount = Omit<ServiceAccountRecord, 'createdAt'>
export type NewServiceToken = Omit<ServiceTokenRecord, 'createdAt' | 'revokedAt'>

export async function insertServiceAccount(tx: Transaction, account: NewServiceAccount, at: Date): Promise<void> {
  await tx.prisma.serviceAccount.create({ data: { ...account, createdAt: at }, select: { id: true } })
}

export function findServiceAccounts(db: Database, ids: readonly string[]): Promise<ServiceAccountRecord[]> {
  return db.prisma.serviceAccount.findMany({ where: { id: { in: [...ids] } } })
}

const order: readonly KeyColumn[] = [
  { sql: 'created_at', type: 'timestamptz' },
  { sql: 'id', type: 'uuid' },
]

/** Those that row-level security lets the viewer read, in the order they were made. */
export async function listServiceAccounts(db: Database, page: Page): Promise<ServiceAccountRecord[]> {
  const { where, orderBy, limit, values } = keyset(order, page, 0)
  const rows = await db.query<{ id: string }>(
    `SELECT id FROM users.service_accounts WHERE ${where} ORDER BY ${orderBy} LIMIT ${limit}`,
    values,
  )
  const found = await findServiceAccounts(
    db,
    rows.map(({ id }) => id),
  )
  const byId = new Map(found.map((row) => [row.id, row]))
  return rows.flatMap(({ id }) => byId.get(id) ?? [])
}

export async function insertServiceToken(tx: Transaction, token: NewServiceToken, at: Date): Promise<void> {
  await tx.prisma.crossServiceAuth.create({ data: { ...token, createdAt: at }, select: { id: true } })
}

export function findServiceTokens(db: Database, ids: readonly string[]): Promise<ServiceTokenRecord[]> {
  return db.prisma.crossServiceAuth.findMany({ where: { id: { in: [...ids] } } })
}

/** A service's tokens, the latest first, those that are over too. */
export function listServiceTokens(db: Database, serviceId: string, most: number): Promise<ServiceTokenRecord[]> {
  return db.prisma.crossServiceAuth.findMany({
    where: { serviceId },
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    take: most,
  })
}

export function countGoodTokens(tx: Transaction, serviceId: string, at: Date): Promise<number> {
  return tx.prisma.crossServiceAuth.count({ where: { serviceId, revokedAt: null, expiresAt: { gt: at } } })
}

/** False when it was revoked before. */
export async function markTokenRevoked(tx: Transaction, id: string, at: Date): Promise<boolean> {
  const { count } = await tx.prisma.crossServiceAuth.updateMany({
    where: { id, revokedAt: null },
    data: { revokedAt: at },
  })
  return count > 0
}

/** Whether an error says that a service of that name is there. */
export function isNameTaken(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.constraint === 'users_username'
}
