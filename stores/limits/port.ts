/** How often something may be done within a span of time. */
export interface Rule {
  /** Part of each key, so that rules never count together. */
  readonly name: string
  readonly points: number
  readonly seconds: number
}

/** What became of a point that was asked for. */
export interface Taken {
  readonly allowed: boolean
  readonly remaining: number
  /** Milliseconds until the count begins anew. */
  readonly resetsInMs: number
}

/** Counts what is done, under keys, each within a window that opens with its first point. */
export interface Limits {
  /** Takes a point of a key. A refused one is counted as well. */
  take(rule: Rule, key: string): Promise<Taken>
  /** Gives a point back: what it was taken for did not count after all. */
  giveBack(rule: Rule, key: string): Promise<void>
  /** Begins a key's count anew. */
  reset(rule: Rule, key: string): Promise<void>
}
