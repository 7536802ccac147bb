import type { GraphQLResolveInfo } from 'graphql'
import type { PageArguments } from '../../lib/connection.ts'
import { toGlobalId, uuidOf } from '../../lib/ids.ts'
import { byReference, idFields, type Reference } from '../references.ts'
import { selectedOfNodes } from '../selection.ts'
import type { MemoryContext } from './context.ts'
import { contextResolvers } from './context-resolvers.ts'
import {
  type ChatSessionChange,
  chatSessionChanges,
  isGone,
  type MemoryChange,
  type MessageAdded,
  memoryChanges,
  messageAdded,
} from './live.ts'
import { type ListArguments, nodeOf, toFilter, toListFilter, userOf } from './mappers.ts'
import type { MemoryFilter, MemoryRecord, MemoryTier, MessageRecord, SessionFilter, SessionRecord } from './records.ts'
import { mutation, named, shown } from './resolving.ts'
import { deleteContext, setContext } from './service/context.ts'
import { deleteChatSession, deleteMessage } from './service/deleting.ts'
import { appendMessages } from './service/messages.ts'
import { findMemory, listMemories, type MemoryOrder, ownStats, tierDistribution } from './service/reads.ts'
import { recall } from './service/recall.ts'
import { remember, rememberMany } from './service/remember.ts'
import { forgetMemory, reviseMemory } from './service/revise.ts'
import { endChatSession, openChatSession, updateChatSession } from './service/sessions.ts'
import { removeVectors, storeVectors } from './service/vectors.ts'
import { type RecallChange, recallChanges } from './standing/changes.ts'
import { vectorResolvers } from './vector-resolvers.ts'

type Filtered = { readonly filter?: MemoryFilter | null }
type AsOf = { readonly asOf?: Date | null }
type MemoriesArguments = ListArguments & PageArguments & AsOf & { readonly orderBy: MemoryOrder | null }
type RecallArguments = Filtered & AsOf & { readonly query: string; readonly first?: number | null }
type After = { readonly after?: string | null }
type SessionArguments = PageArguments & SessionFilter

const sessionOf = byReference('ChatSession', ({ loaders }: MemoryContext, id) => loaders.session.load(id))
/** What an answer that was kept before there was anything to do without says nothing of. */
const degraded = (answer: { degraded?: readonly string[] }) => answer.degraded ?? []
const cursor = (answer: { cursor: string | null; standing: string | null }) => answer.cursor ?? answer.standing

export const resolvers = {
  Query: {
    memory: (_: unknown, { id, asOf }: { id: string; asOf?: Date | null }, context: MemoryContext) =>
      findMemory(context, id, asOf ?? null),
    memories: (_: unknown, args: MemoriesArguments, context: MemoryContext) =>
      listMemories(context, toListFilter(args), args.orderBy ?? 'NEWEST_FIRST', args, args.asOf ?? null),
    recall: (_: unknown, args: RecallArguments, context: MemoryContext) =>
      recall(context, args.query, args.first ?? 10, toFilter(args.filter), args.asOf ?? null),
    memoryStats: (_: unknown, { tier }: { tier?: MemoryTier | null }, context: MemoryContext) =>
      ownStats(context, tier ?? null),
    memoryTierDistribution: (_: unknown, __: unknown, context: MemoryContext) => tierDistribution(context),
    ...vectorResolvers.Query,
    chatSession: (_: unknown, args: { id: string }, context: MemoryContext) => sessionOf(args, context),
    chatSessions: (_: unknown, args: SessionArguments, context: MemoryContext) =>
      context.loaders.sessionsOf(context.viewer.userId, args, args),
  },
  Mutation: {
    remember: mutation(remember),
    rememberMany: mutation(rememberMany),
    reviseMemory: mutation(reviseMemory),
    forgetMemory: mutation(forgetMemory),
    openChatSession: mutation(openChatSession),
    updateChatSession: mutation(updateChatSession),
    endChatSession: mutation(endChatSession),
    deleteChatSession: mutation(deleteChatSession),
    deleteMessage: mutation(deleteMessage),
    appendMessages: mutation(appendMessages),
    setContext: mutation(setContext),
    deleteContext: mutation(deleteContext),
    storeVectors: mutation(storeVectors),
    removeVectors: mutation(removeVectors),
  },
  Subscription: {
    memoryChanges: {
      subscribe: (_: unknown, { filter, after }: Filtered & After, context: MemoryContext) =>
        memoryChanges(context, toFilter(filter), after),
      resolve: shown<MemoryChange>,
    },
    recallChanges: {
      subscribe: (
        _: unknown,
        args: Filtered & After & { query: string; first?: number | null },
        context: MemoryContext,
      ) =>
        recallChanges(context, {
          query: args.query,
          first: args.first ?? 10,
          filter: toFilter(args.filter),
          after: args.after,
        }),
      resolve: shown<RecallChange>,
    },
    chatSessionChanges: {
      subscribe: (_: unknown, { sessionId, after }: { sessionId?: string | null } & After, context: MemoryContext) =>
        chatSessionChanges(context, sessionId, after),
      resolve: shown<ChatSessionChange>,
    },
    messageAdded: {
      subscribe: (_: unknown, { sessionId, after }: { sessionId: string } & After, context: MemoryContext) =>
        messageAdded(context, sessionId, after),
      resolve: shown<MessageAdded>,
    },
  },
  Memory: {
    ...idFields('Memory'),
    __resolveReference: byReference('Memory', async (context: MemoryContext, id) => {
      const found = await context.loaders.memory.load(id)
      context.noteRead(found)
      return found
    }),
    owner: ({ ownerId }: MemoryRecord) => userOf(ownerId),
    session: ({ sessionId }: MemoryRecord, _: unknown, { loaders }: MemoryContext) =>
      sessionId === null ? null : loaders.session.load(sessionId),
    source: ({ messageId }: MemoryRecord, _: unknown, { loaders }: MemoryContext) =>
      messageId === null ? null : loaders.message.load(messageId),
    ...vectorResolvers.Memory,
  },
  User: {
    __resolveReference: ({ id }: Reference) => ({ id }),
    chatSessions: ({ id }: { id: string }, args: SessionArguments, context: MemoryContext) =>
      context.loaders.sessionsOf(uuidOf('User', id) ?? '', args, args),
  },
  ChatSession: {
    ...idFields('ChatSession'),
    __resolveReference: sessionOf,
    owner: ({ ownerId }: SessionRecord) => userOf(ownerId),
    parent: ({ parentId }: SessionRecord, _: unknown, { loaders }: MemoryContext) =>
      parentId === null ? null : loaders.session.load(parentId),
    consensusNode: ({ consensusNodeId }: SessionRecord) => nodeOf(consensusNodeId),
    messages: (session: SessionRecord, args: PageArguments, { loaders }: MemoryContext) =>
      loaders.messagesOf(session, args),
    memories: ({ id }: SessionRecord, args: PageArguments, { loaders }: MemoryContext, info: GraphQLResolveInfo) =>
      loaders.memoriesOfSession(id, args, selectedOfNodes(info)),
    ...contextResolvers.ChatSession,
    ...vectorResolvers.ChatSession,
  },
  Message: {
    ...idFields('Message'),
    __resolveReference: byReference('Message', ({ loaders }: MemoryContext, id) => loaders.message.load(id)),
    session: ({ sessionId }: MessageRecord, _: unknown, { loaders }: MemoryContext) => loaders.session.load(sessionId),
    memories: ({ id }: MessageRecord, args: PageArguments, { loaders }: MemoryContext, info: GraphQLResolveInfo) =>
      loaders.memoriesOfMessage(id, args, selectedOfNodes(info)),
  },
  MemoryChange: {
    memoryId: ({ memoryId }: MemoryChange) => toGlobalId('Memory', memoryId),
    memory: ({ memoryId, kind }: MemoryChange, _: unknown, { loaders }: MemoryContext) =>
      isGone(kind) ? null : loaders.memory.load(memoryId),
  },
  RecallChange: { left: ({ left }: RecallChange) => left.map((id) => toGlobalId('Memory', id)) },
  ChatSessionChange: {
    sessionId: ({ sessionId }: ChatSessionChange) => toGlobalId('ChatSession', sessionId),
    messageId: ({ messageId }: ChatSessionChange) => (messageId === null ? null : toGlobalId('Message', messageId)),
    session: ({ sessionId, kind }: ChatSessionChange, _: unknown, { loaders }: MemoryContext) =>
      kind === 'DELETED' ? null : loaders.session.load(sessionId),
  },
  MessageAdded: {
    message: ({ messageId }: MessageAdded, _: unknown, { loaders }: MemoryContext) => loaders.message.load(messageId),
  },
  RememberSuccess: { cursor, degraded, memory: namedMemory },
  RememberManySuccess: {
    cursor,
    degraded,
    memories: ({ memoryIds }: { memoryIds: string[] }, _: unknown, { loaders }: MemoryContext) =>
      memoryIds.map((id) => named(loaders.memory.load(id))),
  },
  ReviseMemorySuccess: { memory: namedMemory },
  ForgetMemorySuccess: {
    memoryId: ({ memoryId }: { memoryId: string }) => toGlobalId('Memory', memoryId),
  },
  OpenChatSessionSuccess: { session: namedSession },
  UpdateChatSessionSuccess: { session: namedSession },
  EndChatSessionSuccess: { session: namedSession },
  DeleteMessageSuccess: { session: namedSession },
  SetContextSuccess: { session: namedSession, ...contextResolvers.SetContextSuccess },
  DeleteContextSuccess: { session: namedSession },
  Vector: vectorResolvers.Vector,
  StoreVectorsSuccess: vectorResolvers.StoreVectorsSuccess,
  AppendMessagesSuccess: {
    session: namedSession,
    messages: ({ messageIds }: { messageIds: string[] }, _: unknown, { loaders }: MemoryContext) =>
      messageIds.map((id) => named(loaders.message.load(id))),
  },
}

function namedMemory({ memoryId }: { memoryId: string }, _: unknown, { loaders }: MemoryContext) {
  return named(loaders.memory.load(memoryId))
}

function namedSession({ sessionId }: { sessionId: string }, _: unknown, { loaders }: MemoryContext) {
  return named(loaders.session.load(sessionId))
}
