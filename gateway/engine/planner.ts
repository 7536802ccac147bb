import { type QueryPlan, QueryPlanner } from '@graphql-hive/router-query-planner'
import { SupergraphError } from './supergraph.ts'

/** Which side of each progressive `@override` a request takes. */
export interface OverrideChoice {
  /** Labels other than `percent(…)` that are on. */
  readonly labels: ReadonlySet<string>
  /** 0 to 100: an override labelled `percent(n)` is on below n. */
  readonly percentage: number
}

/** Plans an operation over the subgraphs. */
export interface Planner {
  /** Labels of the supergraph's overrides, `percent(…)` ones apart. */
  readonly overrideLabels: readonly string[]
  /** Where the plan changes as the percentage grows, ascending. */
  readonly overridePercentages: readonly number[]
  /** Plans off the main thread. Aborting gives up on a plan that has not begun. */
  plan(operation: string, choice: OverrideChoice, signal?: AbortSignal): Promise<QueryPlan>
}

/**
 * The planner of Hive Router (Rust, in process).
 * It knows no introspection, and a panic in it ends the process: operations go to it normalised, so that the forms
 * that make it panic (two types' fields under one alias) do not arise.
 */
export function createHivePlanner(supergraphSdl: string): Planner {
  const planner = construct(supergraphSdl)
  return {
    overrideLabels: planner.overrideLabels,
    overridePercentages: [...planner.overridePercentages].sort((a, b) => a - b),
    plan: (operation, { labels, percentage }, signal) =>
      planner.planAsync(operation, undefined, new Set(labels), percentage, signal ?? undefined),
  }
}

function construct(supergraphSdl: string): QueryPlanner {
  try {
    return new QueryPlanner(supergraphSdl)
  } catch (error) {
    throw new SupergraphError(`The supergraph cannot be planned over: ${(error as Error).message}`)
  }
}

/** Chooses for a request, and names the choice: requests of one name share their plans. */
export class OverrideChooser {
  readonly #planner: Pick<Planner, 'overrideLabels' | 'overridePercentages'>
  readonly #random: () => number
  readonly #isOn: (label: string) => boolean

  /**
   * @param random A number from 0 up to 1, drawn once for each request that percentages matter to.
   * @param isOn Whether a label that is not a percentage is on.
   */
  constructor(planner: Planner, random: () => number, isOn: (label: string) => boolean) {
    this.#planner = planner
    this.#random = random
    this.#isOn = isOn
  }

  choose(): { readonly key: string; readonly choice: OverrideChoice } {
    const { overrideLabels, overridePercentages } = this.#planner
    if (overrideLabels.length === 0 && overridePercentages.length === 0) return unchosen
    const labels = new Set(overrideLabels.filter((label) => this.#isOn(label)))
    // All percentages between two thresholds plan alike, so the lower threshold stands for them.
    const drawn = overridePercentages.length > 0 ? this.#random() * 100 : 0
    const percentage = overridePercentages.findLast((threshold) => threshold <= drawn) ?? 0
    return { key: `${percentage}|${[...labels].join('|')}`, choice: { labels, percentage } }
  }
}

const unchosen = { key: '', choice: { labels: new Set<string>(), percentage: 0 } } as const
