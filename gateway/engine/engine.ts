import { inSpan } from '../../lib/trace.ts'
import { Gate } from './access/gate.ts'
import { noPolicies, type PolicyJudge } from './access/judge.ts'
import { observeChannel } from './channel/observed.ts'
import { describeSteps } from './compile/compile.ts'
import { describePlan } from './describe.ts'
import { Execution } from './execution.ts'
import { Hub } from './live/hub.ts'
import { type EngineObserver, nobodyObserves } from './observer.ts'
import { type OperationPlan, PlanCache } from './plan-cache.ts'
import { createHivePlanner, OverrideChooser } from './planner.ts'
import { asFormatted, coerceVariables, requestErrors, respond } from './respond.ts'
import { subscribe } from './subscribe.ts'
import { readSupergraph, type SubgraphAddress } from './supergraph.ts'
import type { Channel, Engine, EngineResponse, OperationRequest } from './types.ts'

export interface EngineOptions {
  readonly supergraphSdl: string
  /** The way to each subgraph that the supergraph names. The engine closes what it is given. */
  channelFor(subgraph: SubgraphAddress): Channel
  readonly observer?: EngineObserver
  /** How many operations keep their plans; 1,000 unless told. */
  readonly planCacheSize?: number
  /** How many characters their texts and generated code may have together; 32 million unless told. */
  readonly planCacheCharacters?: number
  /** A number from 0 up to 1, drawn for progressive overrides by percentage. */
  random?(): number
  /** Whether a progressive override's own label is on; none is unless told. */
  isLabelOn?(label: string): boolean
  /** Says which policies (`@policy`) a request's viewer meets; none unless told. */
  readonly policies?: PolicyJudge
}

/** An engine that may still be reading its supergraph. */
export interface LoadingEngine extends Engine {
  /** Settles when the planner has read the supergraph; rejects with a SupergraphError when it cannot. */
  readonly loaded: Promise<void>
}

/**
 * Makes the engine over one supergraph.
 * @throws SupergraphError when the supergraph cannot be served.
 */
export function createEngine(options: EngineOptions): LoadingEngine {
  const supergraph = readSupergraph(options.supergraphSdl)
  const planner = createHivePlanner(supergraph.plannerSdl)
  const chooser = new OverrideChooser(
    supergraph.overrides,
    options.random ?? Math.random,
    options.isLabelOn ?? (() => false),
  )
  const observer = options.observer ?? nobodyObserves
  const gate = new Gate(supergraph, options.policies ?? noPolicies)
  const plans = new PlanCache({
    supergraph,
    planner,
    chooser,
    gate,
    observer,
    size: options.planCacheSize ?? 1000,
    characters: options.planCacheCharacters ?? 32_000_000,
  })
  const channels = new Map(
    supergraph.subgraphs.map((subgraph) => [
      subgraph.name,
      observeChannel(subgraph.name, options.channelFor(subgraph), observer),
    ]),
  )
  const hub = new Hub()
  return {
    loaded: planner.loaded,
    schema: supergraph.schema,
    supergraphSdl: options.supergraphSdl,
    execute: (request) => execute(plans, channels, request),
    subscribe: (request) => subscribe(plans, channels, hub, request),
    async explain(request) {
      const { primary, steps, source } = await plans.plan(plans.operation(request), request.variables, request.context)
      const lines = [...(primary ? [describeSteps(primary)] : []), describeSteps(steps)]
      return { plan: lines.join('\n'), tree: describePlan(primary, steps), code: source }
    },
    async close() {
      planner.close()
      plans.close()
      await Promise.all([...channels.values()].map((channel) => channel.close()))
    },
  }
}

type Channels = ReadonlyMap<string, Channel>

async function execute(plans: PlanCache, channels: Channels, request: OperationRequest): Promise<EngineResponse> {
  let plan: OperationPlan
  let variables: Record<string, unknown>
  try {
    const operation = plans.operation(request)
    const coerced = coerceVariables(plans, operation, request.variables)
    if (coerced.errors) return requestErrors(coerced.errors)
    variables = coerced.coerced
    plan = await inSpan(request.context.span, 'plan', {}, () => plans.plan(operation, variables, request.context))
  } catch (error) {
    return requestErrors([asFormatted(error)])
  }
  const execution = new Execution(channels, variables, request.context)
  if (plan.steps) await execution.run(plan.steps)
  return respond(plan, execution, variables)
}
