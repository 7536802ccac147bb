/** How a request to a subgraph ended: `errors` when it answered with errors beside data, or with them alone. */
export type FetchOutcome = 'ok' | 'errors' | 'failed' | 'cancelled' | 'deadline_exceeded'

/** Hears of what an engine does. One may hear of several engines, which take over from each other. */
export interface EngineObserver {
  /** A subgraph has answered, or has not; the time includes waiting for a turn and every attempt. */
  fetched(subgraph: string, outcome: FetchOutcome, seconds: number): void
  /** A plan was made. */
  planned(seconds: number): void
  planReused(): void
  /** The number of operations whose plans are kept has changed. */
  plansKept(change: 1 | -1): void
}

export const nobodyObserves: EngineObserver = {
  fetched() {},
  planned() {},
  planReused() {},
  plansKept() {},
}
