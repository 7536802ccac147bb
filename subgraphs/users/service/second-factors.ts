import { conflict, ProblemError } from '../../../lib/problems.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import { requireViewer } from '../../security.ts'
import { attempt, read, type UsersContext } from '../context.ts'
import { hasRequiredPasskey, listPasskeys } from '../store/passkeys.ts'
import {
  confirm,
  countBackupCodes,
  deleteBackupCodes,
  deleteTotp,
  findTotp,
  hasTotp,
  replaceBackupCodes,
  saveTotp,
  spendBackupCode,
  spendTimeStep,
  type TotpRecord,
} from '../store/second-factors.ts'
import type { Owned } from '../store/sessions.ts'
import { findSelf } from '../store/users.ts'
import { hashBackupCode, newBackupCodes, newTotpSecret, timeStepOf, totpUri } from '../totp.ts'
import { invalidCredentials, type SignInMethod } from './sessions.ts'
import { attemptSecondFactor } from './throttle.ts'

/** Makes a seed for one-time passwords. It proves nothing until a password of it has been given. */
export function enrollTotp(context: UsersContext) {
  const { userId, tenantId } = requireViewer(context.request)
  const { request, stores } = context
  return attempt(context, async (tx) => {
    await tx.lock(`totp:${userId}`)
    if (await hasTotp(tx, userId)) throw new ProblemError(conflict('One-time passwords are set up already.'))
    const user = await findSelf(tx)
    const secret = newTotpSecret()
    const totp = { id: request.ids.next(), secret, at: request.clock.now() }
    await saveTotp(tx, stores.fields, { tenantId, ownerId: userId }, totp)
    return { __typename: 'EnrollTotpSuccess', secret, uri: totpUri(secret, user?.username ?? '') }
  })
}

/** Sets one-time passwords up with the first of them; answers the backup codes, which are told this once. */
export async function confirmTotp(context: UsersContext, { code }: { code: string }) {
  const { userId, tenantId } = requireViewer(context.request)
  const at = context.request.clock.now()
  const tried = await attemptSecondFactor(context, userId)
  const answer = await attempt(context, async (tx) => {
    const totp = await findTotp(tx, context.stores.fields, userId)
    if (totp?.confirmedAt) throw new ProblemError(conflict('One-time passwords are set up already.'))
    if (totp === null || !(await takesCode(tx, totp, code, at))) throw new ProblemError(invalidCredentials)
    await confirm(tx, totp.id, at)
    const backupCodes = await newCodes(tx, context, { tenantId, ownerId: userId }, at)
    return { __typename: 'ConfirmTotpSuccess', user: userId, backupCodes }
  })
  if ('backupCodes' in answer) await tried.succeeded()
  return answer
}

/** Takes one-time passwords away, and backup codes where nothing else needs them; takes one of them to do so. */
export async function disableTotp(context: UsersContext, { code }: { code: string }) {
  return proved(context, code, async (tx, { ownerId }) => {
    await deleteTotp(tx, ownerId)
    if (!(await hasRequiredPasskey(tx, ownerId))) await deleteBackupCodes(tx, ownerId)
    return { __typename: 'DisableTotpSuccess', user: ownerId }
  })
}

/** New backup codes in place of those before, which are void. */
export async function renewBackupCodes(context: UsersContext, { code }: { code: string }) {
  return proved(context, code, async (tx, owned) => ({
    __typename: 'RenewBackupCodesSuccess',
    user: owned.ownerId,
    backupCodes: await newCodes(tx, context, owned, context.request.clock.now()),
  }))
}

/** Does what takes a one-time password or a backup code of the viewer's. */
async function proved<A extends object>(
  context: UsersContext,
  code: string,
  work: (tx: Transaction, owned: Owned) => Promise<A>,
) {
  const { userId: ownerId, tenantId } = requireViewer(context.request)
  const tried = await attemptSecondFactor(context, ownerId)
  const answer = await attempt(context, async (tx) => {
    if ((await takeSecondFactor(tx, context, ownerId, code)) === null) throw new ProblemError(invalidCredentials)
    return work(tx, { tenantId, ownerId })
  })
  if (!('code' in answer)) await tried.succeeded()
  return answer
}

/** Spends a one-time password or a backup code of a user; answers which it was, or null when it is neither. */
export async function takeSecondFactor(
  tx: Transaction,
  { stores, request }: UsersContext,
  userId: string,
  code: string,
): Promise<SignInMethod | null> {
  const at = request.clock.now()
  const totp = await findTotp(tx, stores.fields, userId)
  if (totp?.confirmedAt && (await takesCode(tx, totp, code, at))) return 'TOTP'
  const hash = hashBackupCode(code)
  return hash !== null && (await spendBackupCode(tx, userId, hash, at)) ? 'BACKUP_CODE' : null
}

async function takesCode(tx: Transaction, totp: TotpRecord, code: string, at: Date): Promise<boolean> {
  const step = await timeStepOf(totp.secret, code, at, totp.lastTimeStep)
  return step !== null && spendTimeStep(tx, totp.id, step)
}

/** New backup codes, which are told this once. */
export async function newCodes(tx: Transaction, { request }: UsersContext, owned: Owned, at: Date): Promise<string[]> {
  const codes = newBackupCodes()
  const rows = codes.map((code) => ({ id: request.ids.next(), hash: hashBackupCode(code) as Buffer }))
  await replaceBackupCodes(tx, owned, rows, at)
  return codes
}

/** Whether a user's password alone is not enough. */
export async function hasSecondFactor(db: Database, userId: string): Promise<boolean> {
  return (await secondFactors(db, userId)).length > 0
}

/** What will do beside a user's password; none when it is enough. */
export async function secondFactors(db: Database, userId: string): Promise<readonly SignInMethod[]> {
  const [totp, required] = [await hasTotp(db, userId), await hasRequiredPasskey(db, userId)]
  if (!totp && !required) return []
  const keys = required || (await listPasskeys(db, userId)).length > 0
  return [...(totp ? (['TOTP'] as const) : []), ...(keys ? (['PASSKEY'] as const) : []), 'BACKUP_CODE']
}

/** What the viewer proves himself with beside his password. */
export async function secondFactor(context: UsersContext) {
  const { userId } = requireViewer(context.request)
  return {
    methods: () => read(context, (db) => secondFactors(db, userId)),
    backupCodesLeft: () => read(context, (db) => countBackupCodes(db, userId)),
  }
}
