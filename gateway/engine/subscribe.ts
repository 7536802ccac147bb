import { codedError } from '../../lib/errors.ts'
import type { CompiledRootFetch } from './compile/compile.ts'
import { fetchFailure } from './errors.ts'
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
    const plan = await plans.plan(operation, variables.coerced, request.context)
    const refused = refusalOf(plan, channels, variables.coerced, request)
    if (refused) return only(refused)
    const primary = primaryOf(plan)
    const upstream = await openUpstream(primary, channels, variables.coerced, request)
    return new Events(upstream[Symbol.asyncIterator](), primary.subgraph, request.context.signal, (event) =>
      answer(plan, primary, channels, variables.coerced, request, event),
    )
  } catch (error) {
    return only(requestErrors([asFormatted(error)]))
  }
}

/** The answer to a subscription whose field is not for its viewer: the errors alone, since no event can follow. */
function refusalOf(
  plan: OperationPlan,
  channels: Channels,
  variables: Record<string, unknown>,
  { context }: OperationRequest,
): EngineResponse | undefined {
  if (plan.kind !== 'subscription' || plan.primary || !plan.isRefusedInPart) return undefined
  return requestErrors(respond(plan, new Execution(channels, variables, context), variables).errors)
}

function primaryOf({ kind, primary }: OperationPlan): CompiledRootFetch {
  if (kind !== 'subscription') throw codedError('BAD_REQUEST', `A ${kind} is not a subscription.`)
  if (!primary) throw codedError('GRAPHQL_VALIDATION_FAILED', 'The subscription selects no field of a subgraph.')
  return primary
}

function openUpstream(
  primary: CompiledRootFetch,
  channels: Channels,
  variables: Record<string, unknown>,
  { context }: OperationRequest,
): Promise<AsyncIterable<SubgraphResponse>> {
  const channel = channels.get(primary.subgraph)
  if (!channel) throw codedError('SUBGRAPH_UNAVAILABLE', `There is no way to subgraph "${primary.subgraph}".`)
  const upstreamRequest = new FetchRequest(primary, 'subscription', variables, undefined, context)
  return withinTime(context, () => channel.subscribe(upstreamRequest))
}

async function answer(
  plan: OperationPlan,
  primary: CompiledRootFetch,
  channels: Channels,
  variables: Record<string, unknown>,
  { context }: OperationRequest,
  event: SubgraphResponse,
): Promise<EngineResponse> {
  const execution = new Execution(channels, variables, context)
  execution.addRoot(primary, event)
  if (plan.steps) await execution.run(plan.steps)
  return respond(plan, execution, variables, event.extensions)
}

/** The upstream's events, each answered when it is asked for. */
class Events implements AsyncIterableIterator<EngineResponse> {
  readonly #upstream: AsyncIterator<SubgraphResponse>
  readonly #answer: (event: SubgraphResponse) => Promise<EngineResponse>
  readonly #subgraph: string
  readonly #signal: AbortSignal
  readonly #close = () => void this.return()
  #isOver = false

  constructor(
    upstream: AsyncIterator<SubgraphResponse>,
    subgraph: string,
    signal: AbortSignal,
    answer: (event: SubgraphResponse) => Promise<EngineResponse>,
  ) {
    this.#upstream = upstream
    this.#subgraph = subgraph
    this.#signal = signal
    this.#answer = answer
    signal.addEventListener('abort', this.#close, { once: true })
  }

  async next(): Promise<IteratorResult<EngineResponse>> {
    if (this.#isOver) return over
    let event: IteratorResult<SubgraphResponse>
    try {
      event = await this.#upstream.next()
    } catch (reason) {
      return this.#fail(reason)
    }
    if (event.done || this.#isOver) return this.#end()
    return { done: false, value: await this.#answer(event.value) }
  }

  async return(): Promise<IteratorResult<EngineResponse>> {
    if (!this.#isOver) {
      this.#end()
      await this.#upstream.return?.()
    }
    return over
  }

  /** The last response of a stream that broke says why. */
  #fail(reason: unknown): IteratorResult<EngineResponse> {
    if (this.#isOver) return over
    this.#end()
    const { message, extensions } = fetchFailure(this.#subgraph, reason)
    return { done: false, value: requestErrors([{ message, extensions }]) }
  }

  #end(): IteratorResult<EngineResponse> {
    this.#isOver = true
    this.#signal.removeEventListener('abort', this.#close)
    return over
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

const over = { done: true, value: undefined } as const

async function* only(response: EngineResponse): AsyncGenerator<EngineResponse> {
  yield response
}
