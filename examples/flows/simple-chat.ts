import type { Graph } from './graph.ts'

/**
 * Simple chat: a session, what to keep at hand in it, one turn, an event for other agents to see, and, when the user has
 * told something worth knowing, knowledge.
 */
export async function simpleChat(graph: Graph, said: { message: string; answer: string; preference?: string }) {
  const { session } = await graph.act('openChatSession', { mode: 'SIMPLE', title: 'A simple chat' }, 'session { id }')
  const sessionId = session.id

  // What the model should be told with every message.
  await graph.act(
    'setContext',
    { sessionId, key: 'tone', value: 'short and friendly', type: 'PREFERENCE', priority: 10 },
    'entry { version }',
  )

  // Recall, graph, storage and cache in one. Without `answer` the turn would stay open until `completeChatTurn`.
  const { message, answer, preference } = said
  const { turn } = await graph.act(
    'answerChat',
    { sessionId, message, answer },
    'turn { id recalled { score memory { content } } concepts { concept { name } score } }',
  )

  const { agent } = await graph.act('registerAgent', { agentId: `chat-${sessionId}`.slice(0, 50) }, 'agent { id }')
  const { event } = await graph.act(
    'postToBlackboard',
    { sessionId, sourceId: agent.id, type: 'OBSERVATION', payload: { turn: turn.id } },
    'event { id }',
  )

  const knowledge =
    preference === undefined
      ? null
      : await graph.act(
          'proposeKnowledge',
          { type: 'preference', key: preference, title: preference, content: { preference }, quorum: 1, sessionId },
          'node { id status }',
        )
  return { sessionId, turn, eventId: event.id, knowledge: knowledge?.node ?? null }
}
