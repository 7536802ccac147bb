import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openWordVectors } from '../../stores/encoder/word-vectors-file.ts'

/** Made-up talk: English words as often as English has them (Zipf), so that an index meets common words and rare ones. */
export interface Texts {
  /** The n-th turn; the same number gives the same text. */
  turn(n: number): string
  /** A question with words that are neither the commonest nor unknown. */
  question(n: number): string
}

export const speakers = ['Ann', 'Bob'] as const
/** Turns in a session. */
export const sessionLength = 50

const vocabulary = 30_000

export function openTexts(): Texts {
  const words = openWordVectors(readFileSync(join(import.meta.dirname, '../../generated/word-vectors.bin')))
  const common = Array.from({ length: vocabulary }, (_, place) => words.word(place)).filter((word) =>
    /^[a-z]+$/.test(word),
  )
  // By Zipf's law a place's share falls as one through the place: the logarithm of places is then evenly drawn.
  const draw = (random: () => number, from: number) =>
    common[Math.min(common.length - 1, Math.floor(from * (common.length / from) ** random()))] ?? ''
  return {
    turn(n) {
      const random = generator(n)
      const length = 8 + Math.floor(random() * 24)
      const sentence = Array.from({ length }, () => draw(random, 1)).join(' ')
      return `${sentence[0]?.toUpperCase()}${sentence.slice(1)}${random() < 0.3 ? '?' : '.'}`
    },
    question(n) {
      const random = generator(1_000_000_007 + n)
      const [a, b, c] = [draw(random, 200), draw(random, 200), draw(random, 1000)]
      return `What did ${speakers[n % 2]} say about the ${a} ${b} and ${c}?`
    },
  }
}

/** mulberry32: small, and the same everywhere. */
function generator(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
