import { toGlobalId, uuidOf } from '../../../lib/ids.ts'
import { conflict, notFound, ProblemError } from '../../../lib/problems.ts'
import type { EventDraft } from '../../../stores/log/log.ts'
import { type Answer, mutate, type Unit } from '../../mutate.ts'
import type { MemoryContext } from '../context.ts'
import { forgottenEvent } from '../events.ts'
import {
  memoriesOfPrompts,
  messageOf,
  promptsOfSession,
  removeMessage,
  removePrompts,
  removeSession,
  turnsOfMessage,
} from '../store/deleting.ts'
import { eraseMemories } from '../store/revisions.ts'
import { removeSummary } from '../store/summaries.ts'
import { holdByIds, madeFrom } from '../store/upkeep.ts'
import { deleteVectors } from '../store/vectors.ts'
import { lockSession, namedSession } from './sessions-named.ts'
import { removedEvents, removeTextsOf } from './texts.ts'
import { forgetChat } from './turns/state.ts'

/** What is to go. */
export interface Deleting {
  readonly id: string
  readonly clientMutationId?: string | null
}

export interface DeletingSource extends Deleting {
  readonly memories?: 'KEEP' | 'FORGET' | null
}

export interface DeleteSessionSummaryInput {
  readonly sessionId: string
  readonly clientMutationId?: string | null
}

/** Removes a session of the viewer's with all that was said and noted in it. */
export async function deleteChatSession(context: MemoryContext, input: DeletingSource) {
  const { stores, request, viewer } = context
  return mutate(stores, request, { name: 'deleteChatSession', input, room: 'memory' }, async (unit) => {
    const { tx, append, afterCommit } = unit
    const session = await lockSession(context, tx, input.id)
    afterCommit(() => forgetChat(context, session.id))
    const made = input.memories === 'FORGET' ? await madeFrom(tx, viewer.userId, 'session_id', session.id) : []
    const forgotten = await forget(context, unit, made)
    const prompts = await promptsOfSession(tx, session.id)
    await removeSession(tx, session.id)
    const alone = input.memories === 'FORGET' ? await memoriesOfPrompts(tx, prompts) : []
    const withPrompts = await forget(context, unit, alone)
    await removePrompts(tx, prompts)
    const version = session.version + 1
    await append([{ kind: 'SESSION_DELETED', type: 'ChatSession', id: session.id, version, before: [viewer.userId] }])
    const { messageCount } = session
    const counts = { messages: messageCount, forgotten: forgotten + withPrompts }
    return {
      __typename: 'DeleteChatSessionSuccess',
      sessionId: toGlobalId('ChatSession', session.id),
      ...counts,
    } satisfies Answer
  })
}

/** Removes a message of the viewer's. */
export async function deleteMessage(context: MemoryContext, input: DeletingSource) {
  const { stores, request, viewer } = context
  const id = uuidOf('Message', input.id)
  return mutate(stores, request, { name: 'deleteMessage', input, room: 'memory' }, async (unit) => {
    const { tx, append, afterCommit } = unit
    const known = id === null ? null : await messageOf(tx, id)
    if (known) await tx.lock(`session:${known.sessionId}`)
    const message = known && (await messageOf(tx, known.id))
    if (!message) throw new ProblemError(notFound('message', 'input', 'id'))
    const { sessionId } = message
    afterCommit(() => forgetChat(context, sessionId))
    const prompts = message.promptId === null ? [] : [message.promptId]
    const forgets = input.memories === 'FORGET'
    // A prompt's memory is made of the first message that has it, and belongs to all.
    const made = forgets && prompts.length === 0 ? await madeFrom(tx, viewer.userId, 'message_id', message.id) : []
    const forgotten = await forget(context, unit, made)
    await append(await removeTurns(context, unit, message.id))
    const summarized = await removeSummary(tx, sessionId)
    if (summarized !== null) await append(await summaryDeleted(context, unit, sessionId, summarized))
    await removeMessage(tx, message, stores.clock.now())
    const alone = await forget(context, unit, forgets ? await memoriesOfPrompts(tx, prompts) : [])
    await removePrompts(tx, prompts)
    const payload = { sessionId }
    await append([
      { kind: 'MESSAGE_DELETED', type: 'Message', id: message.id, version: 2, before: [viewer.userId], payload },
    ])
    const messageId = toGlobalId('Message', message.id)
    return {
      __typename: 'DeleteMessageSuccess',
      messageId,
      sessionId,
      forgotten: forgotten + alone,
    } satisfies Answer
  })
}

/** Removes the summary of a session of the viewer's. */
export async function deleteSessionSummary(context: MemoryContext, input: DeleteSessionSummaryInput) {
  const { stores, request } = context
  return mutate(stores, request, { name: 'deleteSessionSummary', input, room: 'memory' }, async (unit) => {
    const { tx, append } = unit
    const { id } = await namedSession(context, tx, input.sessionId, 'locked')
    const version = await removeSummary(tx, id)
    if (version === null) throw new ProblemError(notFound('summary', 'input', 'sessionId'))
    await append(await summaryDeleted(context, unit, id, version))
    return { __typename: 'DeleteSessionSummarySuccess', sessionId: id } satisfies Answer
  })
}

/** Forgets memories of the viewer's. @returns how many */
async function forget({ viewer, stores }: MemoryContext, { tx, append }: Unit, ids: readonly string[]) {
  if (ids.length === 0) return 0
  const held = await holdByIds(tx, viewer.userId, ids)
  if (held.length < ids.length) {
    throw new ProblemError(conflict('A memory made from it is being changed at this moment.', 'input', 'memories'))
  }
  await eraseMemories(tx, viewer, ids, stores.clock.now())
  await append(held.map((memory) => forgottenEvent({ ...memory, tenantId: viewer.tenantId })))
  return held.length
}

/** What finds the turns of a message again goes before it. @returns what is to be told */
async function removeTurns({ viewer }: MemoryContext, { tx }: Unit, messageId: string): Promise<EventDraft[]> {
  const turns = await turnsOfMessage(tx, messageId)
  if (turns.length === 0) return []
  const gone = await deleteVectors(
    tx,
    viewer,
    turns.flatMap(({ vectorIds }) => vectorIds),
  )
  const audience = [viewer.userId]
  return [
    ...removedEvents(viewer.userId, gone),
    ...turns.map(({ id, goes }) => ({
      kind: goes ? 'TURN_DELETED' : 'TURN_CHANGED',
      type: 'ChatTurn',
      id,
      version: 3,
      before: audience,
      after: goes ? [] : audience,
    })),
  ]
}

/** A summary that is gone is not found any more. @returns what is to be told */
async function summaryDeleted(
  context: MemoryContext,
  { tx }: Unit,
  id: string,
  version: number,
): Promise<EventDraft[]> {
  const audience = [context.viewer.userId]
  return [
    ...(await removeTextsOf(context, tx, 'CONVERSATION_CONTEXT', { summary: toGlobalId('ChatSession', id) })),
    {
      kind: 'SUMMARY_DELETED',
      type: 'ChatSession',
      id,
      version: version + 1,
      before: audience,
      after: audience,
    },
  ]
}
