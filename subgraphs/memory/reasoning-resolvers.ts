import type { PageArguments } from '../../lib/connection.ts'
import { byReference, idFields } from '../references.ts'
import type { MemoryContext } from './context.ts'
import type { ChainRecord, SessionRecord } from './records.ts'
import { mutation, named } from './resolving.ts'
import { deleteReasoningChain, recordReasoningChain } from './service/reasoning.ts'
import { chains, chainsOfOwner } from './store/reasoning.ts'

/** Resolvers of how answers were reasoned out. */
export const reasoningResolvers = {
  Query: {
    reasoningChains: (
      _: unknown,
      args: PageArguments & { readonly minConfidence?: number | null },
      { loaders, viewer }: MemoryContext,
    ) => {
      const { minConfidence = null } = args
      return loaders.listUnder<ChainRecord>(
        ['own reasoning chains', minConfidence],
        chainsOfOwner,
        viewer.userId,
        args,
        (values) => (minConfidence === null ? [] : [`chain.confidence >= ${values.add(minConfidence, 'float8')}`]),
      )
    },
  },
  Mutation: {
    recordReasoningChain: mutation(recordReasoningChain),
    deleteReasoningChain: mutation(deleteReasoningChain),
  },
  ChatSession: {
    reasoningChains: ({ id }: SessionRecord, args: PageArguments, { loaders }: MemoryContext) =>
      loaders.listUnder<ChainRecord>(['reasoning chains'], chains, id, args),
  },
  ReasoningChain: {
    ...idFields('ReasoningChain'),
    __resolveReference: byReference('ReasoningChain', ({ loaders }: MemoryContext, id) =>
      loaders.reasoningChain.load(id),
    ),
    session: ({ sessionId }: ChainRecord, _: unknown, { loaders }: MemoryContext) => loaders.session.load(sessionId),
    steps: ({ steps }: ChainRecord) => steps.map((step, position) => ({ ...step, position })),
  },
  RecordReasoningChainSuccess: {
    chain: ({ chainId }: { chainId: string }, _: unknown, { loaders }: MemoryContext) =>
      named(loaders.reasoningChain.load(chainId)),
  },
}
