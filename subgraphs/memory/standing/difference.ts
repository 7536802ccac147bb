import type { MemoryRecord } from '../records.ts'

/** A hit as recall presents it. */
export interface StandingHit {
  readonly id: string
  readonly rank: number
  readonly score: number
  readonly why: readonly { readonly part: string; readonly score: number }[]
  readonly memory: MemoryRecord
}

export interface Difference {
  readonly entered: readonly StandingHit[]
  readonly moved: readonly { readonly hit: StandingHit; readonly from: number }[]
  readonly revised: readonly StandingHit[]
  /** Ids of memories. */
  readonly left: readonly string[]
}

/** What has changed between two answers to one search; null when a reader would see no change. */
export function differenceOf(before: readonly StandingHit[], after: readonly StandingHit[]): Difference | null {
  const earlier = new Map(before.map((hit) => [hit.id, hit]))
  const now = new Set(after.map(({ id }) => id))
  const difference: Difference = {
    entered: after.filter(({ id }) => !earlier.has(id)),
    moved: after.flatMap((hit) => {
      const from = earlier.get(hit.id)?.rank
      return from === undefined || from === hit.rank ? [] : [{ hit, from }]
    }),
    revised: after.filter(({ id, memory }) => (earlier.get(id)?.memory.version ?? memory.version) !== memory.version),
    left: before.filter(({ id }) => !now.has(id)).map(({ id }) => id),
  }
  return Object.values(difference).some((changes) => changes.length > 0) ? difference : null
}
