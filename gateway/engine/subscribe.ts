import { codedError } from '../../lib/errors.ts'
import { cursorOf, isNotice } from '../../lib/live.ts'
import type { CompiledRootFetch } from './compile/compile.ts'
import { fetchFailure } from './errors.ts'
import { Execution, withinTime } from './execution.ts'
import { FetchRequest } from './fetch-request.ts'
import type { Hub, Source } from './live/hub.ts'
import { subjectOf } from './live/subject.ts'
import type { OperationPlan, PlanCache } from './plan-cache.ts'
import { asFormatted, coerceVariables, requestErrors, respond } from './respond.ts'
import type { Channel, EngineResponse, OperationRequest, ResponseStream, SubgraphResponse } from './types.ts'

type Channels = ReadonlyMap<string, Channel>

/**
 * Runs a subscription: its events come from the one subgraph that has the root field, and each runs the rest of the
 * plan, once for all who read the same in the same name. A subscription that cannot begin gives one response with the
 * errors and ends.
 *
 * Nothing is read from the upstream before a reader asks for it, so slow readers hold the source back rather than fill
 * memory. Ending the iteration, or aborting the request, leaves the stream.
 */
export async function subscribe(
  plans: PlanCache,
  channels: Channels,
  hub: Hub,
  request: OperationRequest,
): Promise<ResponseStream> {
  try {
    const operation = plans.operation(request)
    const variables = coerceVariables(plans, operation, request.variables)
    if (variables.errors) return only(requestErrors(variables.errors))
    const plan = await plans.plan(operation, variables.coerced, request.context)
    const refused = refusalOf(plan, channels, variables.coerced, request)
    if (refused) return only(refused)
    const primary = primaryOf(plan)
    const subject = subjectOf(operation, plan, variables.coerced, request.context)
    const joining = hub.subscribe(subject, (ending) =>
      sourceOf(plan, primary, channels, variables.coerced, request, ending),
    )
    const stream = await withinTime(request.context, () => joining).catch((error: unknown) => {
      // Whoever is gone by the time he gets in must leave again, or the upstream stays open for nobody.
      void joining.then((late) => late[Symbol.asyncIterator]().return?.()).catch(() => {})
      throw error
    })
    return endedBy(request.context.signal, stream)
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

/** What all readers share has no reader's signal: it lasts until the last one has left. */
function sourceOf(
  plan: OperationPlan,
  primary: CompiledRootFetch,
  channels: Channels,
  variables: Record<string, unknown>,
  request: OperationRequest,
  { signal }: AbortController,
): Source {
  const { resumeAfter: _, ...common } = { ...request.context, signal }
  return {
    signal,
    async open(resumeAfter, lasting) {
      const channel = channels.get(primary.subgraph)
      if (!channel) throw codedError('SUBGRAPH_UNAVAILABLE', `There is no way to subgraph "${primary.subgraph}".`)
      const context = { ...common, signal: lasting, ...(resumeAfter === undefined ? {} : { resumeAfter }) }
      return channel.subscribe(new FetchRequest(primary, 'subscription', variables, undefined, context))
    },
    answer: (event) => answer(plan, primary, channels, variables, { ...request, context: common }, event),
    failure(reason) {
      const { message, extensions } = fetchFailure(primary.subgraph, reason)
      return requestErrors([{ message, extensions }])
    },
  }
}

async function answer(
  plan: OperationPlan,
  primary: CompiledRootFetch,
  channels: Channels,
  variables: Record<string, unknown>,
  { context }: OperationRequest,
  event: SubgraphResponse,
): Promise<EngineResponse> {
  const cursor = cursorOf(event)
  if (isNotice(event)) {
    return { text: JSON.stringify({ data: null, extensions: event.extensions }), errors: [], cursor }
  }
  const execution = new Execution(channels, variables, context)
  execution.addRoot(primary, event)
  if (plan.steps) await execution.run(plan.steps)
  return { ...respond(plan, execution, variables, event.extensions), cursor }
}

/** The stream, left also when the reader's own request is over. */
function endedBy(signal: AbortSignal, stream: ResponseStream): ResponseStream {
  const events = stream[Symbol.asyncIterator]()
  const leave = () => void events.return?.()
  if (signal.aborted) leave()
  signal.addEventListener('abort', leave, { once: true })
  const over = () => signal.removeEventListener('abort', leave)
  const reader: AsyncIterableIterator<EngineResponse> = {
    async next() {
      const event = await events.next()
      if (event.done) over()
      return event
    },
    async return() {
      over()
      await events.return?.()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]: () => reader,
  }
  return Object.assign(reader, { startsAfter: stream.startsAfter })
}

async function* only(response: EngineResponse): AsyncGenerator<EngineResponse> {
  yield response
}
