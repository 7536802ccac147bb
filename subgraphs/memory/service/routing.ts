import { codedError } from '../../../lib/errors.ts'
import { toGlobalId, uuidOf } from '../../../lib/ids.ts'
import { invalidInput, limitExceeded, notFound, type Problem, ProblemError } from '../../../lib/problems.ts'
import type { Transaction } from '../../../stores/postgres/postgres.ts'
import { type Answer, mutate } from '../../mutate.ts'
import type { MemoryContext } from '../context.ts'
import { checkObject, checkShare, checkText, firstProblem, limits } from '../limits.ts'
import type { ChatMode, RouterHourRecord } from '../records.ts'
import { complexityOf } from '../routing/complexity.ts'
import { propose, type Tool } from '../routing/propose.ts'
import { termsOfRequest } from '../routing/similar.ts'
import {
  eventExists,
  insertDecision,
  lastToolsOf,
  pastDecisions,
  removeDecision,
  routerHours,
} from '../store/routing.ts'
import type { Deleting } from './deleting.ts'
import { activeSession, namedSession } from './sessions-named.ts'

export interface RouteRequestInput {
  readonly request: string
  readonly sessionId?: string | null
  readonly tools?: readonly Tool[] | null
  readonly clientMutationId?: string | null
}

export interface LogRoutingDecisionInput {
  readonly sessionId: string
  readonly request: string
  readonly mode?: ChatMode | null
  readonly decision?: unknown
  readonly tools?: readonly string[] | null
  readonly complexity?: number | null
  readonly confidence?: number | null
  readonly processingTimeMs?: number | null
  readonly tokensUsed?: number | null
  readonly model?: string | null
  readonly success?: boolean | null
  readonly error?: unknown
  readonly blackboardEventId?: string | null
  readonly clientMutationId?: string | null
}

/** Proposes mode and tools for a request of the viewer's. */
export async function routeRequest(context: MemoryContext, input: RouteRequestInput) {
  const problem = checkRequest(input)
  if (problem) return problem
  const { stores, request, viewer } = context
  return mutate(stores, request, { name: 'routeRequest', input, room: 'memory' }, async ({ tx }) => {
    const session = input.sessionId == null ? null : await namedSession(context, tx, input.sessionId)
    const lastTools = session === null ? [] : await lastToolsOf(tx, session.id)
    const past = await pastDecisions(tx, viewer)
    const proposal = propose({ request: input.request, lastTools, tools: input.tools ?? null, past })
    return { __typename: 'RouteRequestSuccess', ...proposal } satisfies Answer
  })
}

/** Removes a decision of the viewer's. */
export async function deleteRoutingDecision(context: MemoryContext, input: Deleting) {
  const { stores, request, viewer } = context
  return mutate(stores, request, { name: 'deleteRoutingDecision', input, room: 'memory' }, async ({ tx, append }) => {
    const id = uuidOf('RoutingDecision', input.id)
    if (id === null || !(await removeDecision(tx, id)))
      throw new ProblemError(notFound('routing decision', 'input', 'id'))
    await append([{ kind: 'ROUTING_DELETED', type: 'RoutingDecision', id, version: 2, before: [viewer.userId] }])
    return {
      __typename: 'DeleteRoutingDecisionSuccess',
      decisionId: toGlobalId('RoutingDecision', id),
    } satisfies Answer
  })
}

/** Keeps what was decided for a request in a session of the viewer's. */
export async function logRoutingDecision(context: MemoryContext, input: LogRoutingDecisionInput) {
  const problem = checkDecision(input)
  if (problem) return problem
  const { stores, request, viewer } = context
  return mutate(stores, request, { name: 'logRoutingDecision', input, room: 'memory' }, async ({ tx, append }) => {
    // Locked, so that the tools before it are those of the decision before it.
    const session = await activeSession(context, tx, input.sessionId, 'locked')
    const blackboardEventId = await namedEvent(tx, input.blackboardEventId)
    const id = stores.ids.next()
    const draft = {
      id,
      sessionId: session.id,
      request: input.request,
      terms: termsOfRequest(input.request, await lastToolsOf(tx, session.id)),
      mode: input.mode ?? 'SMART_ROUTER',
      decision: input.decision ?? {},
      tools: input.tools ?? [],
      complexity: input.complexity ?? complexityOf(input.request),
      confidence: input.confidence ?? 0,
      processingTimeMs: input.processingTimeMs ?? null,
      tokensUsed: input.tokensUsed ?? null,
      model: input.model ?? null,
      success: input.success ?? true,
      error: input.error ?? null,
      blackboardEventId,
    }
    await insertDecision(tx, viewer, draft, stores.clock.now())
    const payload = { sessionId: session.id }
    await append([{ kind: 'REQUEST_ROUTED', type: 'RoutingDecision', id, after: [viewer.userId], payload }])
    return { __typename: 'LogRoutingDecisionSuccess', decisionId: id } satisfies Answer
  })
}

/** The viewer's router hour by hour. @throws BAD_USER_INPUT for more than 31 days */
export function routerAnalytics(context: MemoryContext, hours: number): Promise<RouterHourRecord[]> {
  if (hours < 1 || hours > 744) throw codedError('BAD_USER_INPUT', `\`hours\` must be 1–744, not ${hours}.`)
  const { viewer, stores } = context
  return context.read((db) => routerHours(db, viewer, hours, stores.clock.now()))
}

function checkRequest({ request, tools }: RouteRequestInput): Problem | null {
  return firstProblem(
    () => checkText(request, limits.memoryContent, ['input', 'request'], 1),
    () => checkCount(tools),
    ...(tools ?? []).flatMap(({ name, description }, i) => [
      () => checkText(name, limits.name, ['input', 'tools', `${i}`, 'name'], 1),
      () => checkText(description, limits.toolDescription, ['input', 'tools', `${i}`, 'description']),
    ]),
  )
}

function checkDecision(input: LogRoutingDecisionInput): Problem | null {
  return firstProblem(
    () => checkText(input.request, limits.memoryContent, ['input', 'request'], 1),
    () => checkObject(input.decision, ['input', 'decision']),
    () => checkCount(input.tools),
    ...(input.tools ?? []).map((name, i) => () => checkText(name, limits.name, ['input', 'tools', `${i}`], 1)),
    () => checkShare(input.complexity, ['input', 'complexity']),
    () => checkShare(input.confidence, ['input', 'confidence']),
    () => checkAmount(input.processingTimeMs, 'processingTimeMs'),
    () => checkAmount(input.tokensUsed, 'tokensUsed'),
    () => checkText(input.model, limits.name, ['input', 'model']),
    () => checkObject(input.error, ['input', 'error']),
  )
}

function checkCount(tools: readonly unknown[] | null | undefined): Problem | null {
  if ((tools?.length ?? 0) <= limits.routedTools) return null
  return limitExceeded(`At most ${limits.routedTools} tools.`, 'input', 'tools')
}

function checkAmount(amount: number | null | undefined, name: string): Problem | null {
  return (amount ?? 0) < 0 ? invalidInput('Not negative.', 'input', name) : null
}

async function namedEvent(tx: Transaction, globalId: string | null | undefined): Promise<string | null> {
  if (globalId == null) return null
  const id = uuidOf('BlackboardEvent', globalId)
  if (id !== null && (await eventExists(tx, id))) return id
  throw new ProblemError(notFound('blackboard event', 'input', 'blackboardEventId'))
}
