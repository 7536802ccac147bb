import type { PasskeyModel } from '../../../generated/prisma/models/Passkey.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import type { Owned } from './sessions.ts'

export type PasskeyRecord = PasskeyModel

export interface NewPasskey extends Owned {
  readonly id: string
  readonly name: string
  readonly credentialId: string
  readonly publicKey: Uint8Array<ArrayBuffer>
  readonly counter: number
  readonly transports: readonly string[]
  readonly synced: boolean
  readonly secondFactor: boolean
}

export async function insertPasskey(tx: Transaction, passkey: NewPasskey, at: Date): Promise<void> {
  const data = { ...passkey, transports: [...passkey.transports], createdAt: at }
  await tx.prisma.passkey.create({ data, select: { id: true } })
}

/** A user's keys, in the order they were registered. */
export function listPasskeys(db: Database, ownerId: string): Promise<PasskeyRecord[]> {
  return db.prisma.passkey.findMany({ where: { ownerId }, orderBy: [{ createdAt: 'asc' }, { id: 'asc' }] })
}

export function findPasskeys(db: Database, ids: readonly string[]): Promise<PasskeyRecord[]> {
  return db.prisma.passkey.findMany({ where: { id: { in: [...ids] } } })
}

/** Whose key it is, for a sign-in. */
export async function findPasskeyOwner(db: Database, credentialId: string): Promise<(Owned & { id: string }) | null> {
  const [row] = await db.query<Owned & { id: string }>(
    'SELECT id, tenant_id AS "tenantId", owner_id AS "ownerId" FROM users.find_passkey($1)',
    [credentialId],
  )
  return row ?? null
}

/** Notes a use; false when another use of the key came in between. */
export async function countUse(tx: Transaction, passkey: PasskeyRecord, counter: number, at: Date): Promise<boolean> {
  const { count } = await tx.prisma.passkey.updateMany({
    where: { id: passkey.id, counter: passkey.counter },
    data: { counter, lastUsedAt: at },
  })
  return count > 0
}

/** Whether a user has a key without which his password is not enough. */
export async function hasRequiredPasskey(db: Database, ownerId: string): Promise<boolean> {
  return (await db.prisma.passkey.count({ where: { ownerId, secondFactor: true } })) > 0
}

export async function deletePasskey(tx: Transaction, id: string): Promise<void> {
  await tx.prisma.passkey.deleteMany({ where: { id } })
}
