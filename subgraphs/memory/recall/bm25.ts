/** Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with the usual constants. */
export const BM25 = { k1: 1.2, b: 0.75 } as const

/** How much a term tells by being rare: never negative, also for a term of every memory. */
export function inverseFrequency(documents: number, frequency: number): number {
  return Math.log(1 + (documents - frequency + 0.5) / (frequency + 0.5))
}

/** How strongly a text of this length speaks of a term it has `count` times: 0 to k1 + 1, flattening out. */
export function saturation(count: number, length: number, averageLength: number): number {
  const { k1, b } = BM25
  const relativeLength = averageLength > 0 ? length / averageLength : 1
  return (count * (k1 + 1)) / (count + k1 * (1 - b + b * relativeLength))
}

export interface TermMatch {
  readonly count: number
  readonly length: number
  readonly averageLength: number
  readonly documents: number
  readonly frequency: number
}

/** One term's part of a text's score. */
export function bm25({ count, length, averageLength, documents, frequency }: TermMatch): number {
  return inverseFrequency(documents, frequency) * saturation(count, length, averageLength)
}
