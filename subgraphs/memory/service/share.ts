import { parseGlobalId } from '../../../lib/ids.ts'
import { invalidInput, limitExceeded, notFound, ProblemError } from '../../../lib/problems.ts'
import type { Transaction } from '../../../stores/postgres/postgres.ts'
import { type Answer, mutate } from '../../mutate.ts'
import type { MemoryContext } from '../context.ts'
import { sharedEvent } from '../events.ts'
import { limits } from '../limits.ts'
import type { GrantKind, MemoryRecord } from '../records.ts'
import { granteeOf, grantsOf, putGrant, removeGrant } from '../store/grants.ts'
import { judgeChanges, rulesFor } from './judge.ts'
import { lockOwned, stateOf } from './locked.ts'
import { askBefore, draftRevisions, writeRevisions } from './revise.ts'

export interface ShareMemoryInput {
  readonly id: string
  readonly subjectId: string
  readonly permission?: 'READ' | 'WRITE' | null
  readonly clientMutationId?: string | null
}

export interface UnshareMemoryInput {
  readonly id: string
  readonly subjectId: string
  readonly clientMutationId?: string | null
}

/** The types of the graph that a memory may be given to. */
export const subjectTypes: Readonly<Record<GrantKind, string>> = {
  USER: 'User',
  TEAM: 'Team',
  AGENT: 'Agent',
  SESSION: 'ChatSession',
}

/** Gives a subject leave to see a memory of the viewer's, or to change it. */
export async function shareMemory(context: MemoryContext, input: ShareMemoryInput) {
  const { stores, request, viewer } = context
  return mutate(stores, request, { name: 'shareMemory', input, room: 'memory' }, async ({ tx, append }) => {
    const memory = await lockOwned(context, tx, input.id)
    const subject = subjectOf(input.subjectId)
    const granteeId = subject && (await granteeOf(tx, subject.kind, subject.id))
    if (subject === null || granteeId === null) throw new ProblemError(notFound('subject', 'input', 'subjectId'))
    if (subject.id === viewer.userId) {
      throw new ProblemError(invalidInput('One’s own memory need not be shared with oneself.', 'input', 'subjectId'))
    }
    const grants = (await grantsOf(tx, [memory.id])).get(memory.id) ?? []
    const found = grants.find(({ subjectId }) => subjectId === subject.id)
    if (!found && grants.length >= limits.grants) {
      throw new ProblemError(limitExceeded(`A memory is shared with at most ${limits.grants}.`, 'input', 'subjectId'))
    }
    if (memory.visibility !== 'PRIVATE') await requireShareable(context, tx, memory)
    await putGrant(tx, viewer.tenantId, {
      id: stores.ids.next(),
      memoryId: memory.id,
      ownerId: viewer.userId,
      subjectId: subject.id,
      subjectKind: subject.kind,
      granteeId,
      mayWrite: input.permission === 'WRITE',
      createdAt: stores.clock.now(),
    })
    const granted = grants.map((grant) => grant.granteeId)
    const before = stateOf(context, memory, granted)
    const after = { ...before, granted: [...new Set([...granted, granteeId])] }
    if (memory.visibility === 'PRIVATE') {
      const change = { memory, says: { visibility: 'SHARED' } } as const
      const asked = await askBefore(tx, memory.ownerId, [memory.id])
      const drafts = await draftRevisions(context, tx, memory.ownerId, [change], stores.clock.now(), asked)
      await writeRevisions(context, tx, memory.ownerId, drafts)
      await append([sharedEvent('SHARED', { ...after, ...drafts[0], id: memory.id }, before, before)])
    } else {
      await append([sharedEvent('SHARED', after, before)])
    }
    return { __typename: 'ShareMemorySuccess', memoryId: memory.id } satisfies Answer
  })
}

/** A rule may be newer than the memory is shared. */
async function requireShareable(context: MemoryContext, tx: Transaction, memory: MemoryRecord): Promise<void> {
  const change = { memory, draft: memory }
  const rules = await rulesFor(tx, memory.ownerId)
  const { refusals } = await judgeChanges(context, tx, rules, memory.ownerId, [change], context.stores.clock.now())
  if (refusals[0]) throw new ProblemError(refusals[0])
}

/** Takes leave back that was given to a subject. */
export async function unshareMemory(context: MemoryContext, input: UnshareMemoryInput) {
  const { stores, request } = context
  return mutate(stores, request, { name: 'unshareMemory', input, room: 'memory' }, async ({ tx, append }) => {
    const memory = await lockOwned(context, tx, input.id)
    const subject = subjectOf(input.subjectId)
    const grants = (await grantsOf(tx, [memory.id])).get(memory.id) ?? []
    const left = grants.filter(
      ({ subjectId, subjectKind }) => subjectId !== subject?.id || subjectKind !== subject.kind,
    )
    if (subject === null || left.length === grants.length) {
      throw new ProblemError(notFound('subject of this memory', 'input', 'subjectId'))
    }
    await removeGrant(tx, memory.id, subject.id)
    const state = (of: typeof grants) =>
      stateOf(
        context,
        memory,
        of.map(({ granteeId }) => granteeId),
      )
    await append([sharedEvent('UNSHARED', state(left), state(grants))])
    return { __typename: 'UnshareMemorySuccess', memoryId: memory.id } satisfies Answer
  })
}

function subjectOf(globalId: string): { readonly kind: GrantKind; readonly id: string } | null {
  const parsed = parseGlobalId(globalId)
  const kind = (Object.keys(subjectTypes) as GrantKind[]).find((name) => subjectTypes[name] === parsed?.type)
  return parsed && kind ? { kind, id: parsed.uuid } : null
}
