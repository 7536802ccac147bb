import type { SettingModel } from '../../../generated/prisma/models/Setting.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'

export type SettingRecord = SettingModel

/** Whose setting it is; `ownerId` null for one that holds for the tenant. */
export interface SettingPlace {
  readonly tenantId: string
  readonly ownerId: string | null
  readonly key: string
}

/** All that the viewer may read: the tenant's and his own, by key. */
export function listSettings(db: Database, most: number): Promise<SettingRecord[]> {
  return db.prisma.setting.findMany({ orderBy: [{ key: 'asc' }, { ownerId: 'asc' }], take: most })
}

export async function saveSetting(tx: Transaction, id: string, place: SettingPlace, value: unknown, at: Date) {
  const [row] = await tx.query<{ id: string }>(
    `INSERT INTO users.settings (id, tenant_id, owner_id, key, value, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5::jsonb, $6, $6)
     ON CONFLICT (tenant_id, owner_id, key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at
     RETURNING id`,
    [id, place.tenantId, place.ownerId, place.key, JSON.stringify(value), at],
  )
  return row?.id ?? id
}

export async function deleteSetting(tx: Transaction, { tenantId, ownerId, key }: SettingPlace): Promise<void> {
  await tx.prisma.setting.deleteMany({ where: { tenantId, ownerId, key } })
}

export function countSettings(tx: Transaction, { tenantId, ownerId, key }: SettingPlace): Promise<number> {
  return tx.prisma.setting.count({ where: { tenantId, ownerId, key: { not: key } } })
}

export function findSetting(db: Database, id: string): Promise<SettingRecord | null> {
  return db.prisma.setting.findFirst({ where: { id } })
}
