import { hashWord, type WordVectors } from './word-vectors-file.ts'

/**
 * A text's vector: the mean of its words' vectors, rare words counting more (smooth inverse frequency, Arora et al.,
 * "A Simple but Tough-to-Beat Baseline for Sentence Embeddings", 2017), scaled to length one.
 */
export function encodeSentence(vectors: WordVectors, text: string): Float32Array {
  const sum = new Float32Array(vectors.dimensions)
  for (const match of text.matchAll(WORD)) addWord(vectors, sum, match[0].toLowerCase().replaceAll('’', "'"))
  if (!isUsable(sum)) addUnknown(sum, text)
  return normalise(sum)
}

/**
 * Smooth inverse frequency of the word at this place of commonness. How often it occurs is taken from its place, by
 * Zipf's law as Mandelbrot corrected it.
 */
export function wordWeight(rank: number): number {
  const frequency = 1 / ((rank + 2.7) * 12)
  return SMOOTHING / (SMOOTHING + frequency)
}

const SMOOTHING = 1e-3
const WORD = /[\p{L}\p{N}\p{M}]+(?:['’._/:@+\-\\][\p{L}\p{N}\p{M}]+)*/gu
const SEPARATORS = /['._/:@+\-\\]/

/** A word that is not known whole counts by its parts, and a part that is not known by its letters. */
function addWord(vectors: WordVectors, sum: Float32Array, word: string): void {
  const whole = vectors.find(word)
  const parts = word.split(SEPARATORS)
  if (whole >= 0) vectors.addTo(sum, whole, wordWeight(whole))
  else if (parts.length > 1) for (const part of parts) addWord(vectors, sum, part)
  else if (word.length >= SHORTEST_UNKNOWN) addUnknown(sum, word)
}

/** Letters in threes, each with a pseudo-random direction of its own: what is spelt alike comes out alike. */
function addUnknown(sum: Float32Array, word: string): void {
  const spelling = ` ${word.slice(0, 64)} `
  const count = Math.max(1, spelling.length - 2)
  for (let i = 0; i < count; i++) {
    let state = hashWord(Buffer.from(spelling.slice(i, i + 3))) || 1
    for (let d = 0; d < sum.length; d++) {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      sum[d] = (sum[d] ?? 0) + (UNKNOWN_WEIGHT / count) * (state / 2 ** 31)
    }
  }
}

/** Unknown words are noise more often than names: they count little where known words speak. */
const UNKNOWN_WEIGHT = 0.5

/** The vectors leave out words of one letter; what is left of a contraction ("don't") says nothing. */
const SHORTEST_UNKNOWN = 3

function isUsable(sum: Float32Array): boolean {
  return sum.some((value) => Math.abs(value) > 1e-6)
}

function normalise(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector)
  return vector.map((value) => value / length)
}
