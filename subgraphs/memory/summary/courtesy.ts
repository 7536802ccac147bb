import { stem } from '../recall/stem.ts'

/** Words of courtesy and of talk about the talk, which every conversation has and none is about. */
const WORDS = `
please thank thanks hello hi hey yes ok okay sure sorry welcome great good well fine now today
help like need want know let get got go going make one way would assist assistance provide confirm proceed information details
`

const known = new Set(
  WORDS.split(/\s+/)
    .filter(Boolean)
    .flatMap((word) => [word, stem(word)]),
)

/** Of a word, or of its stem. */
export function isCourtesy(word: string): boolean {
  return known.has(word)
}
