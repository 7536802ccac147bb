import type { PageArguments } from '../../lib/connection.ts'
import type { MemoryContext } from './context.ts'
import type { SessionRecord } from './records.ts'
import { mutation, named } from './resolving.ts'
import { requireFew } from './service/context.ts'
import { similarSessions } from './service/similar-sessions.ts'
import { deleteUserContext, type EffectiveEntry, effectiveContext, setUserContext } from './service/user-context.ts'
import { type Slice, sliceOf } from './slice.ts'
import { childSessions } from './store/sessions.ts'

type Keys = { readonly keys?: readonly string[] | null }

/** Resolvers of what goes on from session to session. */
export const continuityResolvers = {
  Query: {
    chatContext: async (_: unknown, args: Keys & Slice, { viewer, loaders }: MemoryContext) => {
      requireFew(args.keys ?? null)
      return sliceOf(await loaders.userContextOf(viewer.userId, args.keys ?? null), args)
    },
    chatContextCount: (_: unknown, __: unknown, { viewer, loaders }: MemoryContext) =>
      loaders.userContextCount(viewer.userId),
  },
  Mutation: { setUserContext: mutation(setUserContext), deleteUserContext: mutation(deleteUserContext) },
  ChatSession: {
    ancestors: async ({ id }: SessionRecord, _: unknown, { loaders }: MemoryContext) => {
      const line = await loaders.ancestorsOf(id)
      return (await Promise.all(line.map((ancestor) => loaders.session.load(ancestor)))).filter(
        (found) => found !== null,
      )
    },
    children: ({ id }: SessionRecord, args: PageArguments, { loaders }: MemoryContext) =>
      loaders.listUnder<SessionRecord>(['child sessions'], childSessions, id, args),
    similarSessions: (session: SessionRecord, { first }: { first?: number | null }, context: MemoryContext) =>
      similarSessions(context, session, first ?? 10),
    effectiveContext: async (session: SessionRecord, args: Keys & Slice, context: MemoryContext) =>
      sliceOf(await effectiveContext(context, session, args.keys ?? null), args),
    effectiveContextCount: ({ id }: SessionRecord, _: unknown, { loaders }: MemoryContext) =>
      loaders.effectiveContextCount(id),
  },
  EffectiveContextEntry: {
    session: ({ sessionId }: EffectiveEntry, _: unknown, { loaders }: MemoryContext) =>
      sessionId === null ? null : loaders.session.load(sessionId),
  },
  SetUserContextSuccess: {
    entry: ({ key }: { key: string }, _: unknown, { viewer, loaders }: MemoryContext) =>
      named(loaders.userContextOf(viewer.userId, [key]).then(([entry]) => entry ?? null)),
  },
}
