import type { Graph } from './graph.ts'

export interface Tool {
  readonly name: string
  readonly description: string
  run(request: string): Promise<unknown>
}

/**
 * Smart router: ask how to lead a request and with which tools, do it, log the decision with how it went, learn the
 * pattern from it, and hand what was found over to the session that asked.
 */
export async function smartRouter(
  graph: Graph,
  asking: { sessionId: string; request: string; tools: readonly Tool[] },
) {
  const { sessionId, request, tools } = asking
  const proposal = await graph.act(
    'routeRequest',
    { request, sessionId, tools: tools.map(({ name, description }) => ({ name, description })) },
    'mode complexity confidence tools { name }',
  )

  // The router works in a session of its own, which goes on from the one that asked.
  const { session } = await graph.act(
    'openChatSession',
    { mode: 'SMART_ROUTER', title: request.slice(0, 100), parentId: sessionId },
    'session { id }',
  )
  const names: string[] = proposal.tools.map(({ name }: { name: string }) => name)
  const started = performance.now()
  const { results, error } = await runTools(tools, names, request)
  const success = error === null
  const { decision } = await graph.act(
    'logRoutingDecision',
    {
      sessionId: session.id,
      request,
      mode: proposal.mode,
      tools: names,
      complexity: proposal.complexity,
      confidence: proposal.confidence,
      processingTimeMs: Math.round(performance.now() - started),
      success,
      ...(error === null ? {} : { error: { message: error } }),
    },
    'decision { id success }',
  )

  const { pattern } = await graph.act(
    'recordLearningPattern',
    {
      key: `${proposal.mode}: ${names.join(', ') || 'no tools'}`,
      type: 'routing',
      content: { mode: proposal.mode, tools: names },
      succeeded: success,
      sessionId: session.id,
    },
    'pattern { key confidence usageCount successCount }',
  )

  for (const [name, value] of Object.entries(results)) {
    await graph.act('setContext', { sessionId: session.id, key: name, value, type: 'STATE' }, 'entry { version }')
  }
  const { sync } = await graph.act(
    'syncMemory',
    { sourceId: session.id, targetId: sessionId, type: 'CONTEXT_TRANSFER', strategy: 'NEWEST' },
    'sync { id status transferred { key action } }',
  )
  return { routerSessionId: session.id, mode: proposal.mode, decision, pattern, sync }
}

/** Runs the proposed tools one after the other, and stops at the first that fails. */
async function runTools(tools: readonly Tool[], names: readonly string[], request: string) {
  const results: Record<string, unknown> = {}
  for (const tool of tools.filter(({ name }) => names.includes(name))) {
    try {
      results[tool.name] = await tool.run(request)
    } catch (error) {
      return { results, error: String(error) }
    }
  }
  return { results, error: null }
}
