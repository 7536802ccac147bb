import { LRUCache } from 'lru-cache'
import type { Clock } from '../../../lib/sources.ts'

/** What a viewer may still spend. */
export interface Balance {
  readonly limit: number
  readonly remaining: number
  /** Seconds until all of it is there again. */
  readonly resetsIn: number
}

export interface BudgetRule {
  /** The most that may be spent at once. */
  readonly points: number
  /** Points that come back each second. */
  readonly perSecond: number
}

interface Bucket {
  points: number
  /** Milliseconds since the epoch up to which points have come back. */
  at: number
}

/** Buckets kept at once; the one that was silent longest goes, which gives its viewer a full one. */
const mostBuckets = 100_000

/**
 * A budget for each viewer that fills up steadily (a token bucket): whoever has been silent may spend all of it at
 * once, and afterwards as much as comes back. It is counted in this process alone, so that it takes no wait; the
 * library that counts sign-ins knows windows only, at whose border twice the points could be spent.
 */
export class Budgets {
  readonly #rule: BudgetRule
  readonly #clock: Clock
  readonly #buckets = new LRUCache<string, Bucket>({ max: mostBuckets })

  constructor(rule: BudgetRule, clock: Clock) {
    this.#rule = rule
    this.#clock = clock
  }

  /** Takes points when there are enough; else takes none and tells the seconds until there are. */
  spend(key: string, points: number): { readonly balance: Balance; readonly retryAfter: number | undefined } {
    const bucket = this.#filled(key)
    const missing = points - bucket.points
    if (missing > 0) return { balance: this.#balance(bucket), retryAfter: Math.ceil(missing / this.#rule.perSecond) }
    bucket.points -= points
    return { balance: this.#balance(bucket), retryAfter: undefined }
  }

  #filled(key: string): Bucket {
    const { points, perSecond } = this.#rule
    const now = this.#clock.now().getTime()
    const bucket = this.#buckets.get(key) ?? { points, at: now }
    // A clock that is set back takes nothing away.
    const passed = Math.max(0, now - bucket.at) / 1000
    bucket.points = Math.min(points, bucket.points + passed * perSecond)
    bucket.at = now
    this.#buckets.set(key, bucket)
    return bucket
  }

  #balance(bucket: Bucket): Balance {
    const { points, perSecond } = this.#rule
    return {
      limit: points,
      remaining: Math.floor(bucket.points),
      resetsIn: Math.ceil((points - bucket.points) / perSecond),
    }
  }
}
