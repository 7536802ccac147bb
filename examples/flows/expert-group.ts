import type { Graph } from './graph.ts'

export interface Expert {
  /** The name that it is registered under. */
  readonly agentId: string
  readonly capabilities: readonly string[]
  /** What it thinks of the group's proposal. */
  judge(finding: string): Promise<{ choice: 'FOR' | 'AGAINST' | 'ABSTAIN'; confidence: number; reason: string }>
}

/**
 * Expert group: experts work together on a blackboard, vote on what they have found, and what they agree on becomes a
 * shared memory, which is handed over to the session that asked.
 */
export async function expertGroup(
  graph: Graph,
  asking: { sessionId: string; topic: string; finding: string; experts: readonly Expert[] },
) {
  const { sessionId, topic, finding, experts } = asking
  const { session } = await graph.act(
    'openChatSession',
    { mode: 'EXPERT_GROUP', title: topic, parentId: sessionId },
    'session { id }',
  )

  // Coordination: everybody joins, the first puts the finding forward, the others answer it.
  const ids: string[] = []
  for (const { agentId, capabilities } of experts) {
    const { agent } = await graph.act('registerAgent', { agentId, capabilities }, 'agent { id }')
    await graph.act('joinSession', { agentId: agent.id, sessionId: session.id }, 'agent { id }')
    ids.push(agent.id)
  }
  const post = (sourceId: string | undefined, performative: string, payload: unknown, parentId?: string) =>
    graph.act(
      'postToBlackboard',
      { sessionId: session.id, sourceId, type: 'OBSERVATION', performative, payload, parentId },
      'event { id logicalTimestamp }',
    )
  const proposal = await post(ids[0], 'PROPOSE', { finding })

  // Consensus: more than half must vote, and two thirds of their confidence must be for it.
  const quorum = Math.floor(experts.length / 2) + 1
  const { node } = await graph.act(
    'proposeKnowledge',
    { type: 'finding', key: topic, title: topic, content: { finding }, quorum, sessionId: session.id },
    'node { id version }',
  )
  let standing = { status: 'UNVALIDATED', score: 0 }
  for (const [i, expert] of experts.entries()) {
    const { choice, confidence, reason } = await expert.judge(finding)
    await post(ids[i], choice === 'FOR' ? 'ACCEPT' : 'REJECT', { reason }, proposal.event.id)
    const vote = { nodeId: node.id, agentId: ids[i], choice, confidence, reason, expectedVersion: node.version }
    standing = (await graph.act('voteOnKnowledge', vote, 'node { status score }')).node
  }
  if (standing.status !== 'VALIDATED') return { groupSessionId: session.id, nodeId: node.id, ...standing, memory: null }

  // Shared memory: what is agreed on is remembered in the group, and handed to whoever asked.
  const { memory } = await graph.act(
    'remember',
    { content: finding, tier: 'SHARED', sessionId: session.id, metadata: { topic, node: node.id } },
    'memory { id content }',
  )
  const { sync } = await graph.act(
    'syncMemory',
    { sourceId: session.id, targetId: sessionId, type: 'KNOWLEDGE_SHARE' },
    'sync { status transferred { action memory { id content } } }',
  )
  return { groupSessionId: session.id, nodeId: node.id, ...standing, memory, sync }
}
