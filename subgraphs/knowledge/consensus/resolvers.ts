import { type PageArguments, parsePage } from '../../../lib/connection.ts'
import { codedError } from '../../../lib/errors.ts'
import { toGlobalId } from '../../../lib/ids.ts'
import { byReference, idFields } from '../../references.ts'
import { requireViewer } from '../../security.ts'
import { createContext, type KnowledgeContext } from '../context.ts'
import { learningPatterns, recordLearningPattern } from './learning.ts'
import { consensusNode, consensusNodes, nodeOf, proposeKnowledge, voteOnKnowledge } from './service.ts'
import type { NodeRecord, VoteRecord } from './store.ts'

/** A mutation's answer is read again, after the write: with loaders of its own. */
function mutation<I, A>(verb: (context: KnowledgeContext, input: I) => Promise<A>) {
  return async (_: unknown, { input }: { readonly input: I }, context: KnowledgeContext) => {
    requireViewer(context.request)
    const answer = await verb(context, input)
    return { ...answer, context: createContext(context.stores, context.request) }
  }
}

async function named<T>(loading: Promise<T | null>): Promise<T> {
  const found = await loading
  if (found === null) throw codedError('BAD_USER_INPUT', 'What this answer names is gone since.')
  return found
}

const node = ({ nodeId, context }: { nodeId: string; context: KnowledgeContext }) =>
  named(context.loaders.consensusNode.load(nodeId))

const session = ({ sessionId }: { sessionId: string | null }) =>
  sessionId === null ? null : { __typename: 'ChatSession', id: toGlobalId('ChatSession', sessionId) }

/** Resolvers of what agents hold to be known, and of what has worked. */
export const consensusResolvers = {
  Query: {
    consensusNode: (_: unknown, args: Parameters<typeof consensusNode>[1], context: KnowledgeContext) =>
      consensusNode(context, args),
    consensusNodes: (_: unknown, args: Parameters<typeof consensusNodes>[1], context: KnowledgeContext) =>
      consensusNodes(context, args),
    learningPatterns: (_: unknown, args: Parameters<typeof learningPatterns>[1], context: KnowledgeContext) =>
      learningPatterns(context, args),
  },
  Mutation: {
    proposeKnowledge: mutation(proposeKnowledge),
    voteOnKnowledge: mutation(voteOnKnowledge),
    recordLearningPattern: mutation(recordLearningPattern),
  },
  ConsensusNode: {
    ...idFields('ConsensusNode'),
    __resolveReference: nodeOf,
    session,
    votes: ({ id }: NodeRecord, args: PageArguments, { loaders }: KnowledgeContext) =>
      loaders.votes(parsePage(args, ['votes']), id),
  },
  Vote: {
    agent: ({ voterId, ownerId }: VoteRecord) =>
      voterId === ownerId ? null : { __typename: 'Agent', id: toGlobalId('Agent', voterId) },
  },
  LearningPattern: {
    ...idFields('LearningPattern'),
    __resolveReference: byReference('LearningPattern', ({ loaders }: KnowledgeContext, id) =>
      loaders.learningPattern.load(id),
    ),
    session,
  },
  ProposeKnowledgeSuccess: { node },
  VoteOnKnowledgeSuccess: { node },
  RecordLearningPatternSuccess: {
    pattern: ({ patternId, context }: { patternId: string; context: KnowledgeContext }) =>
      named(context.loaders.learningPattern.load(patternId)),
  },
}
