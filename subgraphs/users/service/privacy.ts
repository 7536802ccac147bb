import { setTimeout as pause } from 'node:timers/promises'
import { whole } from '../../../lib/bytes.ts'
import { codedError } from '../../../lib/errors.ts'
import { uuidOf } from '../../../lib/ids.ts'
import { conflict, forbidden, invalidInput, notFound, ProblemError } from '../../../lib/problems.ts'
import { exportPart } from '../../../stores/privacy/export.ts'
import { runRequest } from '../../../stores/privacy/worker.ts'
import { mutate } from '../../mutate.ts'
import { requireViewer } from '../../security.ts'
import { read, type UsersContext } from '../context.ts'
import { isStaff } from '../store/audit.ts'
import {
  findRequest,
  insertRequest,
  isLastAdmin,
  listRetention,
  type PrivacyRequestRecord,
  putRetention,
  type RetentionRecord,
} from '../store/privacy.ts'
import { findSelf } from '../store/users.ts'

export interface RequestPrivacyActionInput {
  readonly action: 'EXPORT' | 'ERASE' | 'ANONYMIZE'
  readonly userId?: string | null
  readonly confirmation?: string | null
  readonly clientMutationId?: string | null
}

export interface SetRetentionPolicyInput {
  readonly dataType: string
  readonly keepDays?: number | null
  readonly clientMutationId?: string | null
}

/** How long the answer waits for the work; what takes longer goes on by itself. Milliseconds. */
const patienceMs = 20_000
const lookMs = 100
/** How much of it projectors that are behind get. Milliseconds. */
const projectorsMs = 15_000

/** Asks for an export, an erasure or an anonymisation, and waits a while for it to be done. */
export async function requestPrivacyAction(context: UsersContext, input: RequestPrivacyActionInput) {
  const { stores, request } = context
  const { userId, tenantId } = requireViewer(request)
  const subject = input.userId == null ? userId : uuidOf('User', input.userId)
  const mutation = { name: 'requestPrivacyAction', input, room: 'users' } as const
  const answer = await mutate(stores, request, mutation, async ({ tx }) => {
    const viewer = await findSelf(tx)
    if (viewer === null) throw codedError('UNAUTHENTICATED', 'The session has ended.')
    const [card] =
      subject === null ? [] : await tx.query<{ username: string }>('SELECT username FROM users.cards($1)', [[subject]])
    if (subject === null || !card) throw new ProblemError(notFound('user', 'input', 'userId'))
    if (subject !== userId) {
      const mayAct = viewer.role === 'ADMIN' && input.action !== 'EXPORT'
      if (!mayAct)
        throw new ProblemError(forbidden('Only an admin may do this for another, and nobody may export for him.'))
    }
    if (input.action !== 'EXPORT') {
      if (input.confirmation !== card.username) {
        const says = 'What cannot be undone is confirmed with the username.'
        throw new ProblemError(invalidInput(says, 'input', 'confirmation'))
      }
      if (viewer.role === 'ADMIN' && (await isLastAdmin(tx, subject))) {
        throw new ProblemError(conflict('The last admin stays: make another one first.', 'input', 'userId'))
      }
    }
    const id = request.ids.next()
    const { action } = input
    await insertRequest(tx, { id, tenantId, subjectId: subject, requestedBy: userId, action }, request.clock.now())
    return { __typename: 'RequestPrivacyActionSuccess', request: id }
  })
  if ('request' in answer && subject !== null) {
    const done = runToEnd(context, { id: answer.request, tenantId, userId: subject })
    await Promise.race([done, pause(patienceMs, undefined, { ref: false })])
  }
  return answer
}

/** Does it, or waits while a job that was quicker does it, as long as the answer does. */
async function runToEnd(context: UsersContext, request: { id: string; tenantId: string; userId: string }) {
  const until = performance.now() + patienceMs
  await runRequest(context.stores, request, projectorsMs)
  while (performance.now() < until && (await requestOf(context, request.id))?.state === 'RUNNING') await pause(lookMs)
}

/** A request of the viewer's, or, for staff, of the tenant's. */
export async function privacyRequest(context: UsersContext, id: string): Promise<PrivacyRequestRecord | null> {
  requireViewer(context.request)
  const uuid = uuidOf('PrivacyRequest', id)
  return uuid === null ? null : requestOf(context, uuid)
}

export function requestOf(context: UsersContext, id: string): Promise<PrivacyRequestRecord | null> {
  return read(context, (db) => findRequest(db, id))
}

/** The lines of a part of an export, for whose data it is alone. */
export async function exportedLines(
  { stores, request }: UsersContext,
  { id, subjectId, parts }: PrivacyRequestRecord,
  part: number,
): Promise<unknown[]> {
  const { userId } = requireViewer(request)
  if (userId !== subjectId || part < 1 || part > parts) return []
  const text = (await whole((await stores.objects.get(userId, exportPart(id, part))) ?? [])).toString()
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

/** Every kind of data with how long the viewer's tenant keeps it. */
export async function retentionPolicies(context: UsersContext): Promise<RetentionRecord[]> {
  requireViewer(context.request)
  const set = new Map((await read(context, listRetention)).map((policy) => [policy.dataType, policy]))
  return dataTypes.map((dataType) => set.get(dataType) ?? { dataType, keepDays: null, updatedAt: null })
}

const dataTypes = ['MEMORIES', 'CHAT_SESSIONS', 'BLACKBOARD_EVENTS', 'SIGN_INS']
const longestDays = 36_500

/** Sets how long the tenant keeps data of a kind. */
export function setRetentionPolicy({ stores, request }: UsersContext, input: SetRetentionPolicyInput) {
  const { tenantId, userId } = requireViewer(request)
  return mutate(stores, request, { name: 'setRetentionPolicy', input, room: 'users' }, async ({ tx }) => {
    const viewer = await findSelf(tx)
    if (viewer?.role !== 'ADMIN' || !(await isStaff(tx))) throw new ProblemError(forbidden('Only admins may set this.'))
    const { dataType, keepDays = null } = input
    if (keepDays !== null && (keepDays < 1 || keepDays > longestDays)) {
      throw new ProblemError(invalidInput(`Data is kept for 1–${longestDays} days.`, 'input', 'keepDays'))
    }
    const at = request.clock.now()
    await putRetention(tx, { tenantId, dataType, keepDays, updatedBy: userId }, at)
    return { __typename: 'SetRetentionPolicySuccess', policy: { dataType, keepDays, updatedAt: at } }
  })
}
