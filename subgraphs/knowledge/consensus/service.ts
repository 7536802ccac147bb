import { type PageArguments, parsePage, toConnection } from '../../../lib/connection.ts'
import { codedError } from '../../../lib/errors.ts'
import { uuidOf } from '../../../lib/ids.ts'
import { invalidInput, notFound, type Problem, ProblemError } from '../../../lib/problems.ts'
import type { Transaction } from '../../../stores/postgres/postgres.ts'
import { checkObject, checkShare, checkText, firstProblem, requireVersion } from '../../checks.ts'
import { type Answer, mutate } from '../../mutate.ts'
import { byReference } from '../../references.ts'
import { requireViewer, securityOf } from '../../security.ts'
import type { KnowledgeContext } from '../context.ts'
import {
  castVotes,
  exists,
  insertNode,
  type NodeDraft,
  type NodeRecord,
  nodeByKey,
  nodePage,
  nodesByIds,
  putVerdict,
  putVote,
  replaceNode,
} from './store.ts'
import { type ValidationStatus, type VoteChoice, verdictOf } from './verdict.ts'

export interface ProposeKnowledgeInput {
  readonly type: string
  readonly key: string
  readonly title: string
  readonly content: unknown
  readonly quorum?: number | null
  readonly tags?: readonly string[] | null
  readonly sessionId?: string | null
  readonly expectedVersion?: number | null
  readonly clientMutationId?: string | null
}

export interface VoteOnKnowledgeInput {
  readonly nodeId: string
  readonly agentId?: string | null
  readonly choice: VoteChoice
  readonly confidence?: number | null
  readonly reason?: string | null
  readonly expectedVersion?: number | null
  readonly clientMutationId?: string | null
}

const mostTags = 20
const mostVotes = 100

/** Puts something forward under a type and a key, or new content in the place of what is there. */
export async function proposeKnowledge({ stores, request }: KnowledgeContext, input: ProposeKnowledgeInput) {
  const viewer = requireViewer(request)
  const problem = checkProposal(input)
  if (problem) return problem
  return mutate(stores, request, { name: 'proposeKnowledge', input, room: 'knowledge' }, async ({ tx, append }) => {
    const { type, key, title, content } = input
    await tx.lock(`knowledge:${viewer.userId}:${type}:${key}`)
    const sessionId = await ownSession(tx, input.sessionId)
    const found = await nodeByKey(tx, viewer.userId, type, key)
    requireVersion('knowledge', found?.version ?? 0, input.expectedVersion)
    const id = found?.id ?? stores.ids.next()
    const draft: NodeDraft = {
      id,
      type,
      key,
      title,
      content,
      quorum: input.quorum ?? 2,
      tags: input.tags ?? [],
      sessionId,
    }
    const version = (found?.version ?? 0) + 1
    if (found) await replaceNode(tx, draft, version, stores.clock.now())
    else await insertNode(tx, viewer, draft, stores.clock.now())
    await append([nodeEvent(viewer.userId, id, 'KNOWLEDGE_PROPOSED', version)])
    return { __typename: 'ProposeKnowledgeSuccess', nodeId: id } satisfies Answer
  })
}

/** Counts a vote, and says what all of them come to. */
export async function voteOnKnowledge({ stores, request }: KnowledgeContext, input: VoteOnKnowledgeInput) {
  const viewer = requireViewer(request)
  const problem = checkVote(input)
  if (problem) return problem
  return mutate(stores, request, { name: 'voteOnKnowledge', input, room: 'knowledge' }, async ({ tx, append }) => {
    const node = await lockNode(tx, viewer.userId, input.nodeId)
    requireVersion('knowledge', node.version, input.expectedVersion)
    const { choice, confidence, reason = null } = input
    const voterId = await voterOf(tx, viewer.userId, input.agentId)
    const now = stores.clock.now()
    const vote = { id: stores.ids.next(), nodeId: node.id, voterId, choice, confidence: confidence ?? 1, reason }
    await putVote(tx, viewer, vote, now)
    await putVerdict(tx, node.id, verdictOf(await castVotes(tx, node.id), node.quorum), now)
    await append([nodeEvent(viewer.userId, node.id, 'KNOWLEDGE_VOTED', node.version)])
    return { __typename: 'VoteOnKnowledgeSuccess', nodeId: node.id } satisfies Answer
  })
}

/** @throws BAD_USER_INPUT unless it is named by its id, or by type and key. */
export async function consensusNode(
  context: KnowledgeContext,
  { id, type, key }: { readonly id?: string | null; readonly type?: string | null; readonly key?: string | null },
): Promise<NodeRecord | null> {
  const { stores, request } = context
  const { userId } = requireViewer(request)
  if (id != null && type == null && key == null) return nodeOf({ id }, context)
  if (id != null || type == null || key == null) throw codedError('BAD_USER_INPUT', 'Give `id`, or `type` and `key`.')
  if (checkText(type, 100, []) || checkText(key, 256, [])) return null
  return stores.postgres.read(securityOf(request, 'knowledge'), (db) => nodeByKey(db, userId, type, key))
}

export const nodeOf = byReference('ConsensusNode', ({ loaders }: KnowledgeContext, id) =>
  loaders.consensusNode.load(id),
)

export async function consensusNodes(
  { stores, request }: KnowledgeContext,
  args: PageArguments & { readonly type?: string | null; readonly status?: ValidationStatus | null },
) {
  const { userId } = requireViewer(request)
  const filter = { type: args.type ?? null, status: args.status ?? null }
  const page = parsePage(args, ['consensusNodes', filter])
  // No type is so long, or holds such a character.
  if (checkText(filter.type, 100, [])) return toConnection<NodeRecord>([], page, () => [])
  const rows = await stores.postgres.read(securityOf(request, 'knowledge'), (db) => nodePage(db, userId, filter, page))
  return toConnection(rows, page, ({ ordinal }) => [ordinal])
}

/** The row of a session that must be the viewer's. */
export async function ownSession(tx: Transaction, globalId: string | null | undefined): Promise<string | null> {
  if (globalId == null) return null
  const id = uuidOf('ChatSession', globalId)
  if (id === null || !(await exists(tx, 'memory.session_exists', id))) {
    throw new ProblemError(notFound('chat session', 'input', 'sessionId'))
  }
  return id
}

/** The agent, which must be the viewer's; without one, he himself. */
async function voterOf(tx: Transaction, userId: string, globalId: string | null | undefined): Promise<string> {
  if (globalId == null) return userId
  const id = uuidOf('Agent', globalId)
  if (id === null || !(await exists(tx, 'agents.agent_exists', id))) {
    throw new ProblemError(notFound('agent', 'input', 'agentId'))
  }
  return id
}

async function lockNode(tx: Transaction, userId: string, globalId: string): Promise<NodeRecord> {
  const id = uuidOf('ConsensusNode', globalId)
  const [found] = id === null ? [] : await nodesByIds(tx, [id])
  if (!found || id === null) throw new ProblemError(notFound('knowledge', 'input', 'nodeId'))
  // By its name, as proposals lock it.
  const { type, key } = found
  await tx.lock(`knowledge:${userId}:${type}:${key}`)
  const [locked] = await nodesByIds(tx, [id])
  return locked ?? found
}

function checkProposal({ type, key, title, content, quorum, tags }: ProposeKnowledgeInput): Problem | null {
  return firstProblem(
    () => checkText(type, 100, ['input', 'type'], 1),
    () => checkText(key, 256, ['input', 'key'], 1),
    () => checkText(title, 512, ['input', 'title'], 1),
    () => (content === null ? invalidInput('A JSON object is needed.', 'input', 'content') : null),
    () => checkObject(content, ['input', 'content']),
    () =>
      quorum != null && !(quorum >= 1 && quorum <= mostVotes)
        ? invalidInput(`1–${mostVotes}.`, 'input', 'quorum')
        : null,
    () => ((tags ?? []).length > mostTags ? invalidInput(`At most ${mostTags} tags.`, 'input', 'tags') : null),
    ...(tags ?? []).map((tag, i) => () => checkText(tag, 100, ['input', 'tags', String(i)], 1)),
  )
}

function checkVote({ confidence, reason }: VoteOnKnowledgeInput): Problem | null {
  return firstProblem(
    () => checkShare(confidence, ['input', 'confidence']),
    () => checkText(reason, 2000, ['input', 'reason'], 1),
  )
}

function nodeEvent(owner: string, id: string, kind: string, version: number) {
  const audience = [owner]
  return { kind, type: 'ConsensusNode', id, version, before: audience, after: audience }
}
