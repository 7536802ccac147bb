import { uuidOf } from '../../../../lib/ids.ts'
import { conflict, invalidInput, notFound, type Problem, ProblemError } from '../../../../lib/problems.ts'
import type { Transaction } from '../../../../stores/postgres/postgres.ts'
import { type Answer, mutate } from '../../../mutate.ts'
import type { MemoryContext } from '../../context.ts'
import { checkText, firstProblem, limits } from '../../limits.ts'
import { blank } from '../../policies/mask.ts'
import { contentFor } from '../../policies/masks.ts'
import type { MemoryRecord } from '../../records.ts'
import { ownedSessions } from '../../store/lookups.ts'
import { answerTurn, insertTurn, type TurnRecord, turnsByIds } from '../../store/turns.ts'
import type { VectorDraft } from '../../store/vectors.ts'
import { type Spoken, say } from '../messages.ts'
import { recall } from '../recall.ts'
import { storeDrafts, vectorOf } from '../texts.ts'
import { cacheChat } from './state.ts'

export interface AnswerChatInput {
  readonly sessionId: string
  readonly message: string
  readonly answer?: string | null
  readonly fromMemory?: boolean | null
  readonly first?: number | null
  readonly remember?: boolean | null
  readonly clientMutationId?: string | null
}

export interface CompleteChatTurnInput {
  readonly turnId: string
  readonly answer: string
  readonly remember?: boolean | null
  readonly clientMutationId?: string | null
}

/** Recalls, then stores the exchange in one transaction, then notes in the cache where the chat stands. */
export async function answerChat(context: MemoryContext, input: AnswerChatInput) {
  const problem = checkInput(input)
  if (problem) return problem
  const { stores, request, viewer } = context
  const sessionId = uuidOf('ChatSession', input.sessionId)
  const known = await context.read((db) => ownedSessions(db, viewer, sessionId === null ? [] : [sessionId]))
  if (sessionId === null || !known.has(sessionId)) return refuse(context, input)
  const found = await recall(context, [...input.message].slice(0, limits.query).join(''), input.first ?? 5, {})
  const recalled = input.answer == null && input.fromMemory === true ? await wordsOf(context, found.hits) : null
  const fromMemory = recalled !== null
  const text = input.answer ?? recalled
  const remember = input.remember ?? true
  const answer = await mutate(stores, request, { name: 'answerChat', input, room: 'memory' }, async (unit) => {
    const said: Spoken[] = [{ role: 'USER', content: input.message, remember }]
    // What a memory says is there already: to remember its words again would only double it.
    if (text !== null) said.push({ role: 'ASSISTANT', content: text, remember: remember && !fromMemory })
    const { messageIds } = await say(context, unit, sessionId, said)
    const [questionId = '', answerId = null] = messageIds
    const id = stores.ids.next()
    const vectors = draftsOf(context, sessionId, id, input.message, text)
    await unit.append(await storeDrafts(context, unit.tx, vectors))
    const turn = {
      id,
      sessionId,
      questionId,
      answerId,
      answeredBy: text === null ? null : fromMemory ? ('MEMORY' as const) : ('CLIENT' as const),
      recalled: found.hits.map(({ memory, score }) => ({ id: memory.id, score })),
      questionVectorId: vectors[0]?.id ?? null,
      answerVectorId: vectors[1]?.id ?? null,
    }
    await insertTurn(unit.tx, viewer, turn, stores.clock.now())
    await unit.append([turnEvent(context, id, 1)])
    return { __typename: 'AnswerChatSuccess', turnId: id } satisfies Answer
  })
  if ('turnId' in answer) await cacheChat(context, sessionId, answer.turnId)
  return answer
}

/** The words of the best memory that has any for the viewer: what is masked whole says nothing. */
async function wordsOf(context: MemoryContext, hits: readonly { readonly memory: MemoryRecord }[]) {
  for (const { memory } of hits) {
    const words = await contentFor(context, memory)
    if (words !== blank) return words
  }
  return null
}

/** Gives an open turn its answer. */
export async function completeChatTurn(context: MemoryContext, input: CompleteChatTurnInput) {
  const problem = checkText(input.answer, limits.memoryContent, ['input', 'answer'], 1)
  if (problem) return problem
  const { stores, request } = context
  const answer = await mutate(stores, request, { name: 'completeChatTurn', input, room: 'memory' }, async (unit) => {
    const turn = await lockTurn(unit.tx, input.turnId)
    if (turn.answerId !== null || turn.answeredBy !== null) {
      throw new ProblemError(conflict('The turn has its answer.', 'input', 'turnId'))
    }
    const said = [{ role: 'ASSISTANT' as const, content: input.answer, remember: input.remember ?? true }]
    const { messageIds } = await say(context, unit, turn.sessionId, said)
    const vector = textOf(context, turn.sessionId, turn.id, 'RESPONSE', input.answer)
    await unit.append(await storeDrafts(context, unit.tx, [vector]))
    await answerTurn(unit.tx, turn.id, { messageId: messageIds[0] ?? '', vectorId: vector.id }, stores.clock.now())
    await unit.append([turnEvent(context, turn.id, 2)])
    return { __typename: 'CompleteChatTurnSuccess', turnId: turn.id, sessionId: turn.sessionId } satisfies Answer
  })
  if ('turnId' in answer) await cacheChat(context, answer.sessionId, answer.turnId)
  return answer
}

function checkInput({ message, answer, first }: AnswerChatInput): Problem | null {
  return firstProblem(
    () => checkText(message, limits.memoryContent, ['input', 'message'], 1),
    () => (message.trim() === '' ? invalidInput('Nothing was asked.', 'input', 'message') : null),
    () => checkText(answer, limits.memoryContent, ['input', 'answer'], 1),
    () =>
      first != null && !(first >= 1 && first <= limits.recalledForTurn)
        ? invalidInput(`1–${limits.recalledForTurn}.`, 'input', 'first')
        : null,
  )
}

/** As any mutation refuses: the key is kept apart, and who guesses ids is noted. */
function refuse({ stores, request }: MemoryContext, input: AnswerChatInput) {
  return mutate(
    stores,
    request,
    { name: 'answerChat', input, room: 'memory' },
    async (): Promise<Answer & { turnId: string }> => {
      throw new ProblemError(notFound('chat session', 'input', 'sessionId'))
    },
  )
}

function draftsOf(
  context: MemoryContext,
  sessionId: string,
  turnId: string,
  question: string,
  answer: string | null,
): VectorDraft[] {
  const asked = textOf(context, sessionId, turnId, 'QUERY', question)
  return answer === null ? [asked] : [asked, textOf(context, sessionId, turnId, 'RESPONSE', answer)]
}

function textOf(
  context: MemoryContext,
  sessionId: string,
  turn: string,
  kind: 'QUERY' | 'RESPONSE',
  content: string,
): VectorDraft {
  return vectorOf(context, { collection: 'CONVERSATION_CONTEXT', kind, content, sessionId, of: { turn } })
}

async function lockTurn(tx: Transaction, globalId: string): Promise<TurnRecord> {
  const id = uuidOf('ChatTurn', globalId)
  await tx.lock(`turn:${id}`)
  const [turn] = id === null ? [] : await turnsByIds(tx, [id])
  if (!turn) throw new ProblemError(notFound('chat turn', 'input', 'turnId'))
  return turn
}

function turnEvent({ viewer }: MemoryContext, id: string, version: number) {
  const audience = [viewer.userId]
  const kind = version === 1 ? 'TURN_ADDED' : 'TURN_ANSWERED'
  return { kind, type: 'ChatTurn', id, version, before: version === 1 ? [] : audience, after: audience }
}
