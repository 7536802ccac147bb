import { inverseFrequency, saturation } from './bm25.ts'
import type { Documents } from './documents.ts'
import type { TextAnswer } from './port.ts'
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
  documents: Documents,
  statistics: Omit<TextAnswer, 'hits'>,
): Matches {
  const matched = words.map(({ word, terms }) => {
    const own = valuesByTerm(documents, new Map(terms.map((term) => [term, 1])))
    const similarities = valuesByTerm(documents, related.get(word) ?? new Map())
    return matchWord(own, similarities, documents, statistics.averageLength)
  })
  return {
    weights: shares(words, statistics),
    text: matched.map(({ said }) => said),
    related: matched.map(({ meant }) => meant),
  }
}

/** By the numbers of the asked terms what each has here, 0 where it has nothing. */
function valuesByTerm({ asked }: Documents, values: ReadonlyMap<string, number>): Float64Array {
  const byTerm = new Float64Array(asked.size)
  for (const [term, value] of values) {
    const number = asked.get(term)
    if (number !== undefined) byTerm[number] = value
  }
  return byTerm
}

/** A word's strengths in every document, by which of the asked terms are its own and how near the others are to it. */
function matchWord(own: Float64Array, similarities: Float64Array, documents: Documents, averageLength: number) {
  const { count, terms, counts, starts, lengths } = documents
  const [said, meant] = [new Float64Array(count), new Float64Array(count)]
  for (let i = 0; i < count; i++) {
    for (let place = starts[i] ?? 0; place < (starts[i + 1] ?? 0); place++) {
      const term = terms[place] ?? 0
      meant[i] = Math.max(meant[i] ?? 0, similarities[term] ?? 0)
      if (own[term] === 0) continue
      said[i] = Math.max(said[i] ?? 0, saturation(counts[place] ?? 0, lengths[i] ?? 0, averageLength))
    }
    if ((said[i] ?? 0) > 0) meant[i] = 1
  }
  return { said, meant }
}

/** A number for each document. */
export function valuesOf(count: number, value: (i: number) => number): Float64Array {
  const values = new Float64Array(count)
  for (let i = 0; i < count; i++) values[i] = value(i)
  return values
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
