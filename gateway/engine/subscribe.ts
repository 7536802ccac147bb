import { codedError } from '../../lib/errors.ts'
import { Execution, withinTime } from './execution.ts'
import { FetchRequest } from './fetch-request.ts'
import type { OperationPlan, PlanCache } from './plan-cache.ts'
import { asFormatted, coerceVariables, requestErrors, respond } from './respond.ts'
import type { Channel, EngineResponse, OperationRequest, SubgraphResponse } from './types.ts'

type Channels = ReadonlyMap<string, Channel>

/**
 * Runs a subscription: its events come from the one subgraph that has the root field, and each runs the rest of the
 * plan. A subscription that cannot begin gives one response with the errors and ends.
 *
 * Nothing is read from the upstream before the consumer asks for it, so a slow consumer holds the source back rather
 * than filling memory. Ending the iteration closes the upstream.
 */
export async function subscribe(
  plans: PlanCache,
  channels: Channels,
  request: OperationRequest,
): Promise<AsyncIterable<EngineResponse>> {
  try {
    const operation = plans.operation(request)
    const variables = coerceVariables(plans, operation, request.variables)
    if (variables.errors) return only(requestErrors(variables.errors))
    const plan = await plans.plan(operation, variables.coerced)
    const upstream = await openUpstream(plan, channels, variables.coerced, request)
    return new Events(upstream[Symbol.asyncIterator](), (event) =>
      answer(plan, channels, variables.coerced, request, event),
    )
  } catch (error) {
    return only(requestErrors([asFormatted(error)]))
  }
}

function openUpstream(
  { kind, primary }: OperationPlan,
  channels: Channels,
  variables: Record<string, unknown>,
  { context }: OperationRequest,
): Promise<AsyncIterable<SubgraphResponse>> {
  if (kind !== 'subscription') throw codedError('BAD_REQUEST', `A ${kind} is not a subscription.`)
  if (!primary) throw codedError('GRAPHQL_VALIDATION_FAILED', 'The subscription selects no field of a subgraph.')
  const channel = channels.get(primary.subgraph)
  if (!channel) throw codedError('SUBGRAPH_UNAVAILABLE', `There is no way to subgraph "${primary.subgraph}".`)
  const upstreamRequest = new FetchRequest(primary, 'subscription', variables, undefined, context)
  return withinTime(context, () => channel.subscribe(upstreamRequest))
}

async function answer(
  plan: OperationPlan,
  channels: Channels,
  variables: Record<string, unknown>,
  { context }: OperationRequest,
  event: SubgraphResponse,
): Promise<EngineResponse> {
  const execution = new Execution(channels, variables, context)
  if (plan.primary) execution.addRoot(plan.primary, event)
  if (plan.steps) await execution.run(plan.steps)
  return respond(plan, execution, variables, event.extensions)
}

/** The upstream's events, each answered when it is asked for. */
class Events implements AsyncIterableIterator<EngineResponse> {
  readonly #upstream: AsyncIterator<SubgraphResponse>
  readonly #answer: (event: SubgraphResponse) => Promise<EngineResponse>

  constructor(upstream: AsyncIterator<SubgraphResponse>, answer: (event: SubgraphResponse) => Promise<EngineResponse>) {
    this.#upstream = upstream
    this.#answer = answer
  }

  async next(): Promise<IteratorResult<EngineResponse>> {
    const event = await this.#upstream.next()
    if (event.done) return { done: true, value: undefined }
    return { done: false, value: await this.#answer(event.value) }
  }

  async return(): Promise<IteratorResult<EngineResponse>> {
    await this.#upstream.return?.()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

async function* only(response: EngineResponse): AsyncGenerator<EngineResponse> {
  yield response
}
