import { uuidOf } from '../../../lib/ids.ts'
import { invalidInput, notFound, type Problem, ProblemError } from '../../../lib/problems.ts'
import { type Answer, mutate } from '../../mutate.ts'
import type { MemoryContext } from '../context.ts'
import { checkText, firstProblem, limits } from '../limits.ts'
import type { FeedbackType } from '../records.ts'
import { messageVisible, putFeedback, removeFeedback } from '../store/feedback.ts'

export interface LeaveFeedbackInput {
  readonly messageId: string
  readonly type: FeedbackType
  readonly rating?: number | null
  readonly comment?: string | null
  readonly clientMutationId?: string | null
}

export interface WithdrawFeedbackInput {
  readonly messageId: string
  readonly clientMutationId?: string | null
}

/** Says what the viewer thinks of a message that he may see. */
export async function leaveFeedback(context: MemoryContext, input: LeaveFeedbackInput) {
  const problem = checkFeedback(input)
  if (problem) return problem
  const { stores, request, viewer } = context
  return mutate(stores, request, { name: 'leaveFeedback', input, room: 'memory' }, async ({ tx, append }) => {
    const messageId = uuidOf('Message', input.messageId)
    if (messageId === null || !(await messageVisible(tx, messageId))) throw noSuchMessage()
    const { type, rating, comment } = input
    const draft = { id: stores.ids.next(), messageId, type, rating: rating ?? null, comment: comment ?? null }
    const { id, version } = await putFeedback(tx, viewer, draft, stores.clock.now())
    await append([eventOf(context, 'FEEDBACK_LEFT', messageId, version)])
    return { __typename: 'LeaveFeedbackSuccess', feedbackId: id } satisfies Answer
  })
}

/** Takes back what the viewer said of a message. */
export async function withdrawFeedback(context: MemoryContext, input: WithdrawFeedbackInput) {
  const { stores, request, viewer } = context
  return mutate(stores, request, { name: 'withdrawFeedback', input, room: 'memory' }, async ({ tx, append }) => {
    const messageId = uuidOf('Message', input.messageId)
    const version = messageId === null ? null : await removeFeedback(tx, viewer, messageId)
    if (messageId === null || version === null) throw new ProblemError(notFound('feedback', 'input', 'messageId'))
    await append([eventOf(context, 'FEEDBACK_WITHDRAWN', messageId, version + 1)])
    return { __typename: 'WithdrawFeedbackSuccess', messageId } satisfies Answer
  })
}

function checkFeedback({ rating, comment }: LeaveFeedbackInput): Problem | null {
  return firstProblem(
    () => (rating != null && (rating < 1 || rating > 5) ? invalidInput('1–5.', 'input', 'rating') : null),
    () => checkText(comment, limits.comment, ['input', 'comment']),
  )
}

function eventOf({ viewer }: MemoryContext, kind: string, id: string, version: number) {
  const audience = [viewer.userId]
  return { kind, type: 'Message', id, version, before: audience, after: audience }
}

function noSuchMessage(): ProblemError {
  return new ProblemError(notFound('message', 'input', 'messageId'))
}
