import type { QueryPlan } from '@graphql-hive/router-query-planner'
import { plannerHost } from './planner-host.ts'
import { type OverrideLabels, SupergraphError } from './supergraph.ts'

/** Which side of each progressive `@override` a request takes. */
export interface OverrideChoice {
  /** Labels other than `percent(…)` that are on. */
  readonly labels: ReadonlySet<string>
  /** 0 to 100: an override labelled `percent(n)` is on below n. */
  readonly percentage: number
}

/** Plans operations over the subgraphs of one supergraph. */
export interface Planner {
  /** Rejects with a SupergraphError when the supergraph cannot be planned over. */
  readonly loaded: Promise<void>
  plan(operation: string, choice: OverrideChoice): Promise<QueryPlan>
  close(): void
}

/**
 * The planner of Hive Router (Rust), in a process of its own.
 * It knows no introspection, and some valid operations make it panic: they go to it normalised, which avoids the
 * causes that are known.
 */
export function createHivePlanner(supergraphSdl: string): Planner {
  const { graph, loaded } = plannerHost.open(supergraphSdl)
  const readable = loaded.catch((error: Error) => {
    throw new SupergraphError(`The supergraph cannot be planned over: ${error.message}`)
  })
  // Whoever does not wait for it learns of a failure with the first plan.
  readable.catch(() => {})
  return {
    loaded: readable,
    async plan(operation, { labels, percentage }) {
      return (await plannerHost.plan({ kind: 'plan', graph, operation, labels: [...labels], percentage })) as QueryPlan
    },
    close: () => plannerHost.close(graph),
  }
}

/** Chooses for a request, and names the choice: requests of one name share their plans. */
export class OverrideChooser {
  readonly #overrides: OverrideLabels
  readonly #random: () => number
  readonly #isOn: (label: string) => boolean

  /**
   * @param random A number from 0 up to 1, drawn once for each request that percentages matter to.
   * @param isOn Whether a label that is not a percentage is on.
   */
  constructor(overrides: OverrideLabels, random: () => number, isOn: (label: string) => boolean) {
    this.#overrides = overrides
    this.#random = random
    this.#isOn = isOn
  }

  choose(): { readonly key: string; readonly choice: OverrideChoice } {
    const { labels: known, percentages } = this.#overrides
    if (known.length === 0 && percentages.length === 0) return unchosen
    const labels = new Set(known.filter((label) => this.#isOn(label)))
    // All percentages between two thresholds plan alike, so the lower threshold stands for them.
    const drawn = percentages.length > 0 ? this.#random() * 100 : 0
    const percentage = percentages.findLast((threshold) => threshold <= drawn) ?? 0
    return { key: `${percentage}|${[...labels].join('|')}`, choice: { labels, percentage } }
  }
}

const unchosen = { key: '', choice: { labels: new Set<string>(), percentage: 0 } } as const
