import type { Prisma } from '../../../generated/prisma/client.ts'
import type { ProfileModel } from '../../../generated/prisma/models/Profile.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import type { Owned } from './sessions.ts'

export type ProfileRecord = ProfileModel

/** What changes; what is left out stays. */
export interface ProfileChange {
  readonly firstName?: string | null
  readonly lastName?: string | null
  readonly timezone?: string | null
  readonly locale?: string | null
  readonly preferences?: Prisma.InputJsonObject
}

export function findProfile(db: Database, ownerId: string): Promise<ProfileRecord | null> {
  return db.prisma.profile.findFirst({ where: { id: ownerId } })
}

export async function saveProfile(tx: Transaction, owned: Owned, change: ProfileChange, at: Date): Promise<void> {
  await tx.prisma.profile.upsert({
    where: { id: owned.ownerId },
    create: { id: owned.ownerId, ...owned, ...change, createdAt: at, updatedAt: at },
    update: { ...change, updatedAt: at },
    select: { id: true },
  })
}

export async function setDisplayName(tx: Transaction, id: string, displayName: string | null, at: Date): Promise<void> {
  await tx.prisma.user.updateMany({ where: { id }, data: { displayName, updatedAt: at } })
}
