import type { TotpModel } from '../../../generated/prisma/models/Totp.ts'
import type { FieldCipher, FieldPlace } from '../../../lib/field-encryption.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import type { Owned } from './sessions.ts'

/** A user's one-time passwords, with the seed as it is. */
export interface TotpRecord extends Omit<TotpModel, 'secret'> {
  readonly secret: string
}

/** The user's one-time passwords, confirmed or not; the seed is decrypted under his key. */
export async function findTotp(db: Database, fields: FieldCipher, ownerId: string): Promise<TotpRecord | null> {
  const row = await db.prisma.totp.findFirst({ where: { ownerId } })
  if (row === null) return null
  return { ...row, secret: fields.open(row.secret, placeOf(row.id), await ownKey(db)).toString() }
}

/** Sets a new seed in place of one that was never confirmed. */
export async function saveTotp(
  tx: Transaction,
  fields: FieldCipher,
  owned: Owned,
  totp: { readonly id: string; readonly secret: string; readonly at: Date },
): Promise<void> {
  await tx.prisma.totp.deleteMany({ where: { ownerId: owned.ownerId, confirmedAt: null } })
  const secret = Uint8Array.from(fields.seal(totp.secret, placeOf(totp.id), await ownKey(tx)))
  await tx.prisma.totp.create({ data: { id: totp.id, ...owned, secret, createdAt: totp.at }, select: { id: true } })
}

/**
 * Takes the one-time password of a step of time; false when that step, or a later one, was taken by somebody else in
 * the meantime.
 */
export async function spendTimeStep(tx: Transaction, id: string, step: number): Promise<boolean> {
  const { count } = await tx.prisma.totp.updateMany({
    where: { id, OR: [{ lastTimeStep: null }, { lastTimeStep: { lt: step } }] },
    data: { lastTimeStep: step },
  })
  return count > 0
}

export async function confirm(tx: Transaction, id: string, at: Date): Promise<void> {
  await tx.prisma.totp.updateMany({ where: { id }, data: { confirmedAt: at } })
}

export async function hasTotp(db: Database, ownerId: string): Promise<boolean> {
  return (await db.prisma.totp.count({ where: { ownerId, confirmedAt: { not: null } } })) > 0
}

export async function deleteTotp(tx: Transaction, ownerId: string): Promise<void> {
  await tx.prisma.totp.deleteMany({ where: { ownerId } })
}

export async function deleteBackupCodes(tx: Transaction, ownerId: string): Promise<void> {
  await tx.prisma.backupCode.deleteMany({ where: { ownerId } })
}

/** New backup codes in place of those before. */
export async function replaceBackupCodes(
  tx: Transaction,
  owned: Owned,
  codes: readonly { readonly id: string; readonly hash: Buffer }[],
  at: Date,
): Promise<void> {
  await tx.prisma.backupCode.deleteMany({ where: { ownerId: owned.ownerId } })
  await tx.prisma.backupCode.createMany({
    data: codes.map(({ id, hash }) => ({ id, ...owned, codeHash: Uint8Array.from(hash), createdAt: at })),
  })
}

/** Spends a backup code; false when there is none like it, or it was spent before. */
export async function spendBackupCode(tx: Transaction, ownerId: string, hash: Buffer, at: Date): Promise<boolean> {
  const { count } = await tx.prisma.backupCode.updateMany({
    where: { ownerId, codeHash: Uint8Array.from(hash), usedAt: null },
    data: { usedAt: at },
  })
  return count > 0
}

export function countBackupCodes(db: Database, ownerId: string): Promise<number> {
  return db.prisma.backupCode.count({ where: { ownerId, usedAt: null } })
}

async function ownKey(db: Database): Promise<Uint8Array> {
  const [row] = await db.query<{ key: Buffer | null }>('SELECT users.own_key() AS key')
  if (!row?.key) throw new Error('the user has no key')
  return row.key
}

function placeOf(row: string): FieldPlace {
  return { table: 'users.totp', column: 'secret', row }
}
