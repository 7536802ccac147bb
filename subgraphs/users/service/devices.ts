import { mapConnection, type PageArguments, parsePage, toConnection } from '../../../lib/connection.ts'
import { uuidOf } from '../../../lib/ids.ts'
import { forbidden, limitExceeded, notFound, ProblemError } from '../../../lib/problems.ts'
import type { Transaction } from '../../../stores/postgres/postgres.ts'
import { mutate } from '../../mutate.ts'
import { requireViewer } from '../../security.ts'
import { attempt, read, type UsersContext } from '../context.ts'
import { toDevice } from '../mappers.ts'
import { checkText } from '../rules.ts'
import {
  countDevices,
  type DeviceRecord,
  findDeviceByToken,
  findDevices,
  insertDevice,
  linkSession,
  listDevices,
  markRevoked,
} from '../store/devices.ts'
import { endSessions, findSessions } from '../store/sessions.ts'
import { hashToken, newToken } from '../tokens.ts'
import { hasSecondFactor } from './second-factors.ts'
import { announceEnd, isStrong } from './sessions.ts'

export interface RegisterDeviceInput {
  readonly name: string
  readonly type: string
  readonly securityLevel: 'LOW' | 'STANDARD' | 'TRUSTED'
}

export interface RevokeDeviceInput {
  readonly id: string
  readonly clientMutationId?: string | null
}

const mostDevices = 100
const day = 24 * 60 * 60 * 1000
/** How long a trusted device stands in for a second factor. */
const trustMs = 30 * day
/** How long a sign-in lasts on a device that others use. */
const lowMs = day

/**
 * Registers the client that the viewer is signed in with and answers its token, which is told this once. Only a sign-in
 * that proved a second factor, where the user has one, may say that its device stands in for it.
 */
export function registerDevice(context: UsersContext, input: RegisterDeviceInput) {
  const { userId, tenantId, sessionId } = requireViewer(context.request)
  const { request } = context
  return attempt(context, async (tx) => {
    const name = checkText(input.name, 'name', 100) ?? ''
    const at = request.clock.now()
    await tx.lock(`devices:${userId}`)
    if ((await countDevices(tx, userId)) >= mostDevices) {
      throw new ProblemError(limitExceeded(`You may have at most ${mostDevices} devices.`, 'input'))
    }
    const { securityLevel } = input
    if (securityLevel === 'TRUSTED') await requireStrong(tx, userId, sessionId)
    const trustedUntil = securityLevel === 'TRUSTED' ? new Date(at.getTime() + trustMs) : null
    const deviceToken = newToken()
    const id = request.ids.next()
    const tokenHash = hashToken(deviceToken)
    await insertDevice(tx, { id, tenantId, ownerId: userId, ...input, name, tokenHash, trustedUntil }, at)
    await linkSession(tx, sessionId, id, endOf({ securityLevel }, at))
    return { __typename: 'RegisterDeviceSuccess', device: id, deviceToken }
  })
}

/** When a sign-in on a device ends, however often it is renewed; null for no such time. */
export function endOf({ securityLevel }: Pick<DeviceRecord, 'securityLevel'>, at: Date): Date | null {
  return securityLevel === 'LOW' ? new Date(at.getTime() + lowMs) : null
}

/** Whether a device stands in for a second factor now. */
export function isTrusted({ trustedUntil }: DeviceRecord, at: Date): boolean {
  return trustedUntil !== null && trustedUntil > at
}

/** The user's device of a token that a sign-in carries. */
export async function deviceOf(tx: Transaction, ownerId: string, token: string | null | undefined) {
  return token == null ? null : findDeviceByToken(tx, ownerId, hashToken(token))
}

async function requireStrong(tx: Transaction, userId: string, sessionId: string): Promise<void> {
  if (!(await hasSecondFactor(tx, userId))) return
  const [session] = await findSessions(tx, [sessionId])
  if (session && isStrong(session.methods)) return
  throw new ProblemError(forbidden('Sign in with a second factor to trust a device.', 'input', 'securityLevel'))
}

/** Ends a device's sign-ins, and its token proves nothing any more. */
export async function revokeDevice({ stores, request }: UsersContext, input: RevokeDeviceInput) {
  const viewer = requireViewer(request)
  let ended: string[] = []
  const answer = await mutate(stores, request, { name: 'revokeDevice', input, room: 'users' }, async ({ tx }) => {
    const id = uuidOf('Device', input.id)
    const [device] = id === null ? [] : await findDevices(tx, [id])
    if (device?.ownerId !== viewer.userId) throw new ProblemError(notFound('device', 'input', 'id'))
    const at = request.clock.now()
    await markRevoked(tx, device.id, at)
    ended = await endSessions(tx, { deviceId: device.id }, 'DEVICE_REVOKED', at)
    return { __typename: 'RevokeDeviceSuccess', device: device.id }
  })
  for (const id of ended) announceEnd(stores, id)
  return answer
}

/** The viewer's devices that are not revoked, in the order they were registered. */
export async function devices(context: UsersContext, args: PageArguments) {
  const { userId } = requireViewer(context.request)
  const page = parsePage(args, ['devices', userId])
  const rows = await read(context, (db) => listDevices(db, userId, page))
  const keyOf = ({ id, createdAt }: DeviceRecord) => [createdAt.toISOString(), id]
  const connection = mapConnection(toConnection(rows, page, keyOf), toDevice)
  return { ...connection, totalCount: () => read(context, (db) => countDevices(db, userId)) }
}
