import type { Mention } from './types.ts'

/** The concepts of a message that are paired; a longer list says little of any two, and pairs grow with its square. */
export const mostPaired = 32

/** Two concept keys, the smaller (by code unit) first, and in how many of the messages both appear. */
export type Pair = readonly [keyA: string, keyB: string, weight: number]

/**
 * The co-occurrences of a batch, one list of mentions a message; sums over batches are sums over messages. A message
 * counts once for a pair, however often it says the names. Of a message with more than `mostPaired` concepts the most
 * mentioned count.
 */
export function pairs(messages: readonly (readonly Mention[])[]): Pair[] {
  const weights = new Map<string, Map<string, number>>()
  for (const mentions of messages) {
    const keys = [...mentions]
      .sort((a, b) => b.count - a.count)
      .slice(0, mostPaired)
      .map((mention) => mention.key)
      .sort()
    for (const [index, a] of keys.entries()) {
      const row = weights.get(a) ?? new Map<string, number>()
      for (const b of keys.slice(index + 1)) row.set(b, (row.get(b) ?? 0) + 1)
      weights.set(a, row)
    }
  }
  return [...weights].flatMap(([a, row]) => [...row].map(([b, weight]): Pair => [a, b, weight]))
}

/** Counts of messages of one owner. */
export interface Occurrences {
  /** With both concepts. */
  readonly both: number
  /** With the one, and with the other. */
  readonly a: number
  readonly b: number
  /** All messages read. */
  readonly total: number
}

/**
 * How strongly two concepts belong together, from 0 (no more than by chance) up to 1.
 *
 * Normalised pointwise mutual information, ln(p(a,b) / p(a)p(b)) / −ln p(a,b) (Bouma 2009, "Normalized (Pointwise)
 * Mutual Information in Collocation Extraction"), cut off at 0, times the discount both/(both+1) · min(a,b)/(min(a,b)+1)
 * for rare events (Pantel and Lin 2002, "Discovering Word Senses from Text"): without it two names met once, together,
 * would be as strong as can be. One message that holds neither is added to the total, which keeps the measure defined
 * when every message holds both.
 *
 * It needs only the four counts, so SQL computes it on reading:
 * `greatest(0, ln(both * (total + 1.0) / (a * b)) / ln((total + 1.0) / both)) * both / (both + 1.0) * least(a, b) /
 * (least(a, b) + 1.0)`.
 */
export function strength({ both, a, b, total }: Occurrences): number {
  if (both <= 0) return 0
  const all = total + 1
  const information = Math.log((both * all) / (a * b)) / Math.log(all / both)
  const rarest = Math.min(a, b)
  return Math.max(0, information) * (both / (both + 1)) * (rarest / (rarest + 1))
}
