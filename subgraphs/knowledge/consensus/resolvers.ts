import { type PageArguments, parsePage } from '../../../lib/connection.ts'
import { codedError } from '../../../lib/errors.ts'
import { toGlobalId, uuidOf } from '../../../lib/ids.ts'
import { requireViewer } from '../../security.ts'
import { createContext, type KnowledgeContext } from '../context.ts'
import { learningPatterns, recordLearningPattern } from './learning.ts'
import { consensusNode, consensusNodes, nodeOf, proposeKnowledge, voteOnKnowledge } from './service.ts'
import type { NodeRecord, VoteRecord } from './store.ts'

type Reference = { readonly id?: string; readonly nodeRef?: string }

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

function patternOf({ loaders }: KnowledgeContext, { id, nodeRef }: Reference) {
  const uuid = uuidOf('LearningPattern', id ?? nodeRef ?? '')
  return uuid === null ? null : loaders.learningPattern.load(uuid)
}

function ids(type: 'ConsensusNode' | 'LearningPattern') {
  const id = (record: { readonly id: string }) => toGlobalId(type, record.id)
  return { id, nodeRef: id }
}

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
    ...ids('ConsensusNode'),
    __resolveReference: ({ id, nodeRef }: Reference, { loaders }: KnowledgeContext) =>
      nodeOf(loaders, id ?? nodeRef ?? ''),
    session,
    votes: ({ id }: NodeRecord, args: PageArguments, { loaders }: KnowledgeContext) =>
      loaders.votes(parsePage(args, ['votes']), id),
  },
  Vote: {
    agent: ({ voterId, ownerId }: VoteRecord) =>
      voterId === ownerId ? null : { __typename: 'Agent', id: toGlobalId('Agent', voterId) },
  },
  LearningPattern: {
    ...ids('LearningPattern'),
    __resolveReference: (reference: Reference, context: KnowledgeContext) => patternOf(context, reference),
    session,
  },
  ProposeKnowledgeSuccess: { node },
  VoteOnKnowledgeSuccess: { node },
  RecordLearningPatternSuccess: {
    pattern: ({ patternId, context }: { patternId: string; context: KnowledgeContext }) =>
      named(context.loaders.learningPattern.load(patternId)),
  },
}
