import { masked } from './patterns.ts'
import { fragments } from './structured.ts'
import type { Casing } from './types.ts'
import { type Word, words } from './words.ts'

/** The shortest word that is counted: single letters are initials, list marks and the pronoun. */
const shortest = 2

/**
 * Counts how a text writes its words. The sums over all texts of an owner make the owner's `CasingLookup`; counts only
 * ever add, so texts may be counted in any order and batches, each once. Structured text is data, not prose: none of it
 * counts.
 */
export function countCasing(text: string): Map<string, Casing> {
  const counts = new Map<string, { lower: number; capitalised: number; initial: number }>()
  if (fragments(text) !== null) return counts
  for (const word of words(masked(text).text)) {
    if (word.shape === 'number' || word.base.length < shortest) continue
    const kind = countedAs(word)
    if (kind === null) continue
    const count = counts.get(word.lower) ?? { lower: 0, capitalised: 0, initial: 0 }
    count[kind] += 1
    counts.set(word.lower, count)
  }
  return counts
}

/** A sign of caps in a neutral place is shouting or a code, and says nothing at all. */
function countedAs(word: Word): keyof Casing | null {
  if (word.shape === 'lower') return 'lower'
  if (!word.neutral) return 'capitalised'
  return word.shape === 'upper' ? null : 'initial'
}

/** Adds counts to a lookup, in place. */
export function addCasing(sum: Map<string, Casing>, counts: CasingCounts): void {
  for (const [word, count] of counts) {
    const before = sum.get(word)
    if (before === undefined) sum.set(word, count)
    else {
      sum.set(word, {
        lower: before.lower + count.lower,
        capitalised: before.capitalised + count.capitalised,
        initial: before.initial + count.initial,
      })
    }
  }
}

type CasingCounts = Iterable<readonly [string, Casing]>
