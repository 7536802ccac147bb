import { tokenize } from './tokens.ts'

/** The pairs of neighbouring words of a text, its one word alone when it has no more. */
export function shinglesOf(text: string): ReadonlySet<string> {
  const words = tokenize(text).map(({ word }) => word)
  return new Set(words.length < 2 ? words : words.slice(1).map((word, i) => `${words[i]} ${word}`))
}

/** The share of what two texts have in common (Jaccard's index): 1 for the same, 0 for nothing. */
export function likeness(one: ReadonlySet<string>, other: ReadonlySet<string>): number {
  const common = [...one].filter((shingle) => other.has(shingle)).length
  const all = one.size + other.size - common
  return all === 0 ? 1 : common / all
}
