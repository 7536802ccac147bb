import { inverseFrequency, saturation } from './bm25.ts'
import type { RecallDocument, TextAnswer } from './port.ts'
import type { QuestionWord } from './question.ts'

/** For each word of a question its strengths in every document: how much it is said, and how nearly it is meant. */
export interface Matches {
  /** Each word's weight; they sum to one. */
  readonly weights: readonly number[]
  /** text[word][document]: BM25's saturated count, 0 to about 2. */
  readonly text: readonly Float64Array[]
  /** related[word][document]: 1 when said, else the similarity of the nearest related word, 0 to 1. */
  readonly related: readonly Float64Array[]
}

/** Related terms of one word with their similarities, 0 to 1. */
export type Related = ReadonlyMap<string, number>

export function matchWords(
  words: readonly QuestionWord[],
  related: ReadonlyMap<string, Related>,
  documents: readonly RecallDocument[],
  statistics: Omit<TextAnswer, 'hits'>,
): Matches {
  const text = words.map(({ terms }) =>
    valuesOf(documents, (document) => said(terms, document, statistics.averageLength)),
  )
  const meant = words.map(({ word }, w) => {
    const nearby = related.get(word)
    return valuesOf(documents, ({ terms }, i) => ((text[w]?.[i] ?? 0) > 0 ? 1 : nearest(nearby, terms)))
  })
  return { weights: shares(words, statistics), text, related: meant }
}

/** A number for each document. */
export function valuesOf<T>(documents: readonly T[], value: (document: T, i: number) => number): Float64Array {
  const values = new Float64Array(documents.length)
  documents.forEach((document, i) => {
    values[i] = value(document, i)
  })
  return values
}

function said(terms: readonly string[], document: RecallDocument, averageLength: number): number {
  let most = 0
  if (document.terms.size === 0) return most
  for (const term of terms) {
    const count = document.terms.get(term)
    if (count) most = Math.max(most, saturation(count, document.length, averageLength))
  }
  return most
}

function nearest(related: Related | undefined, terms: ReadonlyMap<string, number>): number {
  if (!related || related.size === 0 || terms.size === 0) return 0
  let best = 0
  for (const term of terms.keys()) best = Math.max(best, related.get(term) ?? 0)
  return best
}

/** A word counts by its rarest term's rarity. */
function shares(words: readonly QuestionWord[], { documents, frequencies }: Omit<TextAnswer, 'hits'>): number[] {
  const rarities = words.map(({ terms }) =>
    Math.max(...terms.map((term) => inverseFrequency(documents, frequencies.get(term) ?? 0))),
  )
  const total = rarities.reduce((sum, rarity) => sum + rarity, 0) || 1
  return rarities.map((rarity) => rarity / total)
}

/** Each document's strengths summed over the words. */
export function overall(
  weights: readonly number[],
  strengths: readonly Float64Array[],
  documents: number,
): Float64Array {
  const sums = new Float64Array(documents)
  strengths.forEach((row, word) => {
    const weight = weights[word] ?? 0
    for (let i = 0; i < documents; i++) sums[i] = (sums[i] ?? 0) + weight * (row[i] ?? 0)
  })
  return sums
}
