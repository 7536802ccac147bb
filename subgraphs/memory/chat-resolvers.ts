import type { PageArguments } from '../../lib/connection.ts'
import { toGlobalId } from '../../lib/ids.ts'
import { byReference, idFields } from '../references.ts'
import type { MemoryContext } from './context.ts'
import { userOf } from './mappers.ts'
import type { FeedbackRecord, MessageRecord, SessionRecord, SummaryRecord } from './records.ts'
import { mutation, named } from './resolving.ts'
import { deleteSessionSummary } from './service/deleting.ts'
import { leaveFeedback, withdrawFeedback } from './service/feedback.ts'
import { summarizeSession } from './service/summaries.ts'
import { feedback } from './store/feedback.ts'

type OfMessage = { readonly messageId: string }
type OfSession = { readonly sessionId: string }

/** Resolvers of what is said about sessions and messages. */
export const chatResolvers = {
  Mutation: {
    summarizeSession: mutation(summarizeSession),
    deleteSessionSummary: mutation(deleteSessionSummary),
    leaveFeedback: mutation(leaveFeedback),
    withdrawFeedback: mutation(withdrawFeedback),
  },
  ChatSession: {
    summary: ({ id }: SessionRecord, _: unknown, { loaders }: MemoryContext) => loaders.summary.load(id),
  },
  SessionSummary: {
    messages: async ({ sourceIds }: SummaryRecord, _: unknown, { loaders }: MemoryContext) =>
      (await Promise.all(sourceIds.map((id) => loaders.message.load(id)))).filter((found) => found !== null),
    current: async ({ id, messageCount }: SummaryRecord, _: unknown, { loaders }: MemoryContext) =>
      (await loaders.session.load(id))?.messageCount === messageCount,
  },
  SummarizeSessionSuccess: {
    session: ({ sessionId }: OfSession, _: unknown, { loaders }: MemoryContext) =>
      named(loaders.session.load(sessionId)),
    summary: ({ sessionId }: OfSession, _: unknown, { loaders }: MemoryContext) =>
      named(loaders.summary.load(sessionId)),
  },
  DeleteSessionSummarySuccess: {
    session: ({ sessionId }: OfSession, _: unknown, { loaders }: MemoryContext) =>
      named(loaders.session.load(sessionId)),
  },
  Message: {
    feedback: ({ id }: MessageRecord, args: PageArguments, { loaders }: MemoryContext) =>
      loaders.listUnder<FeedbackRecord>(['feedback'], feedback, id, args),
  },
  MessageFeedback: {
    ...idFields('MessageFeedback'),
    __resolveReference: byReference('MessageFeedback', ({ loaders }: MemoryContext, id) => loaders.feedback.load(id)),
    message: ({ messageId }: FeedbackRecord, _: unknown, { loaders }: MemoryContext) => loaders.message.load(messageId),
    owner: ({ ownerId }: FeedbackRecord) => userOf(ownerId),
  },
  LeaveFeedbackSuccess: {
    feedback: ({ feedbackId }: { feedbackId: string }, _: unknown, { loaders }: MemoryContext) =>
      named(loaders.feedback.load(feedbackId)),
  },
  WithdrawFeedbackSuccess: { messageId: ({ messageId }: OfMessage) => toGlobalId('Message', messageId) },
}
