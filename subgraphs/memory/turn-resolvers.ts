import type { PageArguments } from '../../lib/connection.ts'
import { toGlobalId } from '../../lib/ids.ts'
import { byReference, idFields } from '../references.ts'
import type { MemoryContext } from './context.ts'
import type { SessionRecord } from './records.ts'
import { mutation, named } from './resolving.ts'
import { answerChat, completeChatTurn } from './service/turns/answer.ts'
import { similarTurns } from './service/turns/similar.ts'
import { chatState } from './service/turns/state.ts'
import { type TurnRecord, turnsOfSession } from './store/turns.ts'

const turnOf = byReference('ChatTurn', ({ loaders }: MemoryContext, id) => loaders.turn.load(id))

const turn = ({ turnId }: { turnId: string }, _: unknown, { loaders }: MemoryContext) =>
  named(loaders.turn.load(turnId))

/** Resolvers of the turns of chats. */
export const turnResolvers = {
  Query: {
    chatTurn: (_: unknown, args: { id: string }, context: MemoryContext) => turnOf(args, context),
    similarTurns: (_: unknown, { query, first }: { query: string; first?: number | null }, context: MemoryContext) =>
      similarTurns(context, query, first ?? 10),
  },
  Mutation: { answerChat: mutation(answerChat), completeChatTurn: mutation(completeChatTurn) },
  ChatSession: {
    turns: ({ id }: SessionRecord, args: PageArguments, { loaders }: MemoryContext) =>
      loaders.listUnder<TurnRecord>(['turns'], turnsOfSession, id, args),
    chatState: (session: SessionRecord, _: unknown, context: MemoryContext) => chatState(context, session),
  },
  ChatTurn: {
    ...idFields('ChatTurn'),
    __resolveReference: turnOf,
    session: ({ sessionId }: TurnRecord, _: unknown, { loaders }: MemoryContext) => loaders.session.load(sessionId),
    question: ({ questionId }: TurnRecord, _: unknown, { loaders }: MemoryContext) => loaders.message.load(questionId),
    answer: ({ answerId }: TurnRecord, _: unknown, { loaders }: MemoryContext) =>
      answerId === null ? null : loaders.message.load(answerId),
    recalled: async ({ recalled }: TurnRecord, _: unknown, { loaders }: MemoryContext) => {
      const memories = await Promise.all(recalled.map(({ id }) => loaders.memory.load(id)))
      return recalled.flatMap(({ score }, i) => (memories[i] ? [{ memory: memories[i], score }] : []))
    },
    memoryIds: ({ recalled }: TurnRecord) => recalled.map(({ id }) => toGlobalId('Memory', id)),
    questionVector: ({ questionVectorId }: TurnRecord, _: unknown, { loaders }: MemoryContext) =>
      questionVectorId === null ? null : loaders.vector.load(questionVectorId),
    answerVector: ({ answerVectorId }: TurnRecord, _: unknown, { loaders }: MemoryContext) =>
      answerVectorId === null ? null : loaders.vector.load(answerVectorId),
  },
  AnswerChatSuccess: { turn },
  CompleteChatTurnSuccess: { turn },
}
