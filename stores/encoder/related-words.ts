import { LRUCache } from 'lru-cache'
import type { WordVectors } from './word-vectors-file.ts'

/** Only common words are offered: rarer ones are names and misspellings, which an index has by themselves. */
const COMMON = 40_000
const NEAREST = 100
/** Cosines below this hold for most pairs of words of one topic and tell nothing. */
const LEAST_COSINE = 0.4

/** Words whose neighbours are remembered: questions ask with the same few verbs and names again and again. */
const REMEMBERED = 1_000

/** Finds words by exact comparison with every common word: some milliseconds a word, when it is asked for first. */
export function relatedWords(vectors: WordVectors): (word: string) => Map<string, number> {
  const { dimensions } = vectors
  const count = Math.min(COMMON, vectors.words)
  const common = new Float32Array(count * dimensions)
  for (let place = 0; place < count; place++) common.set(unit(vectors, place), place * dimensions)
  const remembered = new LRUCache<string, Map<string, number>>({ max: REMEMBERED })
  return (word) => {
    const known = remembered.get(word) ?? compare(word)
    remembered.set(word, known)
    return known
  }

  function compare(word: string): Map<string, number> {
    const asked = vectors.find(word)
    if (asked < 0) return new Map()
    const target = unit(vectors, asked)
    const near: [place: number, cosine: number][] = []
    for (let place = 0; place < count; place++) {
      let cosine = 0
      for (let i = 0, at = place * dimensions; i < dimensions; i++) cosine += (target[i] ?? 0) * (common[at + i] ?? 0)
      if (cosine > LEAST_COSINE && place !== asked) near.push([place, cosine])
    }
    near.sort(([, a], [, b]) => b - a)
    return new Map(near.slice(0, NEAREST).map(([place, cosine]) => [vectors.word(place), cosine]))
  }
}

function unit(vectors: WordVectors, place: number): Float32Array {
  const vector = new Float32Array(vectors.dimensions)
  vectors.addTo(vector, place, 1)
  const length = Math.hypot(...vector) || 1
  return vector.map((value) => value / length)
}
