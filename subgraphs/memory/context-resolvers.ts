import { codedError } from '../../lib/errors.ts'
import type { MemoryContext } from './context.ts'
import type { SessionRecord } from './records.ts'
import { entriesOf } from './service/context.ts'
import { type Slice, sliceOf } from './slice.ts'

interface Named {
  readonly sessionId: string
  readonly key: string
}

/** What an answer names; one that is given again may name what has gone since. */
async function namedEntry({ sessionId, key }: Named, _: unknown, { loaders }: MemoryContext) {
  const [entry] = await loaders.contextOf(sessionId, [key])
  if (entry === undefined) throw codedError('BAD_USER_INPUT', 'The entry that this answer names is gone since.')
  return entry
}

/** Resolvers of what a session's agents keep at hand. */
export const contextResolvers = {
  ChatSession: {
    context: async (
      session: SessionRecord,
      args: Slice & { readonly keys?: readonly string[] | null },
      context: MemoryContext,
    ) => sliceOf(await entriesOf(context, session, args.keys ?? null), args),
    contextCount: ({ id }: SessionRecord, _: unknown, { loaders }: MemoryContext) => loaders.contextCount(id),
  },
  SetContextSuccess: { entry: namedEntry },
}
