import type { DeviceModel } from '../../../generated/prisma/models/Device.ts'
import type { Page } from '../../../lib/connection.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import { type KeyColumn, keyset } from '../../keyset.ts'
import type { Owned } from './sessions.ts'

export type DeviceRecord = DeviceModel

export interface NewDevice extends Owned {
  readonly id: string
  readonly name: string
  readonly type: string
  readonly securityLevel: string
  readonly tokenHash: Buffer
  readonly trustedUntil: Date | null
}

export async function insertDevice(tx: Transaction, { tokenHash, ...device }: NewDevice, at: Date): Promise<void> {
  await tx.prisma.device.create({
    data: { ...device, tokenHash: Uint8Array.from(tokenHash), createdAt: at, lastSeenAt: at },
    select: { id: true },
  })
}

export function findDevices(db: Database, ids: readonly string[]): Promise<DeviceRecord[]> {
  return db.prisma.device.findMany({ where: { id: { in: [...ids] } } })
}

/** The user's device that holds a token; null for one that was revoked. */
export function findDeviceByToken(db: Database, ownerId: string, hash: Buffer): Promise<DeviceRecord | null> {
  return db.prisma.device.findFirst({ where: { ownerId, tokenHash: Uint8Array.from(hash), revokedAt: null } })
}

export async function seeDevice(tx: Transaction, id: string, at: Date): Promise<void> {
  await tx.prisma.device.updateMany({ where: { id }, data: { lastSeenAt: at } })
}

export async function markRevoked(tx: Transaction, id: string, at: Date): Promise<void> {
  await tx.prisma.device.updateMany({ where: { id, revokedAt: null }, data: { revokedAt: at } })
}

export async function linkSession(tx: Transaction, sessionId: string, deviceId: string, endsAt: Date | null) {
  await tx.prisma.session.updateMany({
    where: { id: sessionId },
    data: { deviceId, endsAt, ...(endsAt === null ? {} : { expiresAt: endsAt }) },
  })
}

const order: readonly KeyColumn[] = [
  { sql: 'created_at', type: 'timestamptz' },
  { sql: 'id', type: 'uuid' },
]

/** A user's devices that are not revoked, in the order they were registered. */
export async function listDevices(db: Database, ownerId: string, page: Page): Promise<DeviceRecord[]> {
  const { where, orderBy, limit, values } = keyset(order, page, 1)
  const rows = await db.query<{ id: string }>(
    `SELECT id FROM users.devices WHERE owner_id = $1 AND revoked_at IS NULL AND ${where} ORDER BY ${orderBy} LIMIT ${limit}`,
    [ownerId, ...values],
  )
  const found = await findDevices(
    db,
    rows.map(({ id }) => id),
  )
  const byId = new Map(found.map((row) => [row.id, row]))
  return rows.flatMap(({ id }) => byId.get(id) ?? [])
}

export function countDevices(db: Database, ownerId: string): Promise<number> {
  return db.prisma.device.count({ where: { ownerId, revokedAt: null } })
}
