import { uuidOf } from '../../../lib/ids.ts'
import { conflict, invalidInput, limitExceeded, notFound, type Problem, ProblemError } from '../../../lib/problems.ts'
import type { Transaction } from '../../../stores/postgres/postgres.ts'
import { type Answer, mutate } from '../../mutate.ts'
import type { MemoryContext } from '../context.ts'
import { relatedEvents } from '../events.ts'
import { checkObject, checkText, firstProblem, limits } from '../limits.ts'
import type { MemoryRecord } from '../records.ts'
import { grantedTo, mayWrite } from '../store/grants.ts'
import { memoriesByIds } from '../store/memories.ts'
import {
  countFrom,
  findRelationship,
  insertRelationships,
  removeRelationship,
  updateRelationship,
} from '../store/relationships.ts'
import { stateOf } from './locked.ts'

export interface RelateMemoriesInput {
  readonly fromId: string
  readonly toId: string
  readonly type: string
  readonly confidence?: number | null
  readonly metadata?: unknown
  readonly clientMutationId?: string | null
}

export interface UnrelateMemoriesInput {
  readonly fromId: string
  readonly toId: string
  readonly type: string
  readonly clientMutationId?: string | null
}

/** How sure somebody is who does not say. */
export const unsaidConfidence = 0.5

/** Says how one memory relates to another. */
export async function relateMemories(context: MemoryContext, input: RelateMemoriesInput) {
  const problem = checkRelationship(input)
  if (problem) return problem
  const { stores, request, viewer } = context
  return mutate(stores, request, { name: 'relateMemories', input, room: 'memory' }, async ({ tx, append }) => {
    const { from, to } = await lockEnds(context, tx, input)
    const { type, confidence, metadata = null } = input
    const draft = { fromId: from.id, toId: to.id, type, confidence: confidence ?? unsaidConfidence, metadata }
    const found = await findRelationship(tx, draft)
    if (found && found.ownerId !== viewer.userId) {
      throw new ProblemError(conflict('Somebody else says so already.', 'input', 'type'))
    }
    const now = stores.clock.now()
    const id = found?.id ?? stores.ids.next()
    if (found) await updateRelationship(tx, id, draft, now)
    else if ((await countFrom(tx, from.id)) >= limits.relationships) {
      const message = `From one memory at most ${limits.relationships} relationships lead to others.`
      throw new ProblemError(limitExceeded(message, 'input', 'fromId'))
    } else await insertRelationships(tx, viewer, [{ id, ...draft }], now)
    await append(await eventsOf(context, tx, from, to))
    return { __typename: 'RelateMemoriesSuccess', relationshipId: id } satisfies Answer
  })
}

/** Takes back what the viewer said of two memories. */
export async function unrelateMemories(context: MemoryContext, input: UnrelateMemoriesInput) {
  const { stores, request, viewer } = context
  return mutate(stores, request, { name: 'unrelateMemories', input, room: 'memory' }, async ({ tx, append }) => {
    const { from, to } = await lockEnds(context, tx, input)
    const found = await findRelationship(tx, { fromId: from.id, toId: to.id, type: input.type })
    if (found?.ownerId !== viewer.userId) throw new ProblemError(notFound('relationship', 'input', 'type'))
    await removeRelationship(tx, found.id)
    await append(await eventsOf(context, tx, from, to))
    return { __typename: 'UnrelateMemoriesSuccess', memoryId: from.id } satisfies Answer
  })
}

function checkRelationship({ fromId, toId, type, confidence, metadata }: RelateMemoriesInput): Problem | null {
  return firstProblem(
    () => (fromId === toId ? invalidInput('A memory does not relate to itself.', 'input', 'toId') : null),
    () => checkText(type, limits.relationshipType, ['input', 'type'], 1),
    () =>
      confidence != null && !(confidence >= 0 && confidence <= 1)
        ? invalidInput(`A confidence is 0 to 1, not ${confidence}.`, 'input', 'confidence')
        : null,
    () => checkObject(metadata, ['input', 'metadata']),
  )
}

/** Both ends, locked until the transaction ends: the first one that the viewer may change, the other that he may see. */
async function lockEnds(context: MemoryContext, tx: Transaction, input: UnrelateMemoriesInput) {
  const ids = { fromId: uuidOf('Memory', input.fromId), toId: uuidOf('Memory', input.toId) }
  const named = [ids.fromId, ids.toId].flatMap((id) => id ?? [])
  await tx.lock(...named.map((id) => `memory:${id}`))
  const found = await memoriesByIds(tx, named)
  const end = (name: 'fromId' | 'toId') => {
    const memory = found.find(({ id }) => id === ids[name])
    if (memory === undefined) throw new ProblemError(notFound('memory', 'input', name))
    return memory
  }
  const [from, to] = [end('fromId'), end('toId')]
  if (from.ownerId !== context.viewer.userId && !(await mayWrite(tx, from.id, from.ownerId))) {
    throw new ProblemError(notFound('memory', 'input', 'fromId'))
  }
  return { from, to }
}

async function eventsOf(context: MemoryContext, tx: Transaction, from: MemoryRecord, to: MemoryRecord) {
  const granted = await grantedTo(tx, [from.id, to.id])
  const state = (memory: MemoryRecord) => stateOf(context, memory, granted.get(memory.id) ?? [])
  return relatedEvents(state(from), state(to), context.viewer.userId)
}
