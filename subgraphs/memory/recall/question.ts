import { wantsSeveral } from './several.ts'
import { type TimeSpan, timesOf } from './times.ts'
import { termsOf, tokenize } from './tokens.ts'

/** A question, read once: what it is about and what kind of answer it wants. */
export interface Question {
  readonly words: readonly QuestionWord[]
  /** Index terms that stand side by side in it, joined by a space: names and set phrases. */
  readonly pairs: ReadonlySet<string>
  readonly wants: Wanted | null
  /** Whether it asks for several things, which were likely said at different times. */
  readonly wantsSeveral: boolean
  readonly times: readonly TimeSpan[]
}

export interface QuestionWord {
  /** As written, lower case, without a possessive ending. */
  readonly word: string
  readonly terms: readonly string[]
}

export type Wanted = 'TIME' | 'PLACE' | 'NUMBER' | 'REASON'

const WANTS: readonly (readonly [Wanted, RegExp])[] = [
  ['TIME', /\bwhen\b|\b(what|which) (date|day|month|year|time)\b/i],
  ['PLACE', /\bwhere\b|\b(what|which) (city|country|place|state|area|town)\b/i],
  ['NUMBER', /\bhow (many|much|long|often|old|far)\b/i],
  ['REASON', /\bwhy\b|\b(reason|motivat\w+)\b/i],
]

/** `now` is what "yesterday" or "last month" in the question is counted from. */
export function readQuestion(text: string, now: Date): Question {
  const words = new Map<string, QuestionWord>()
  const sequence: string[] = []
  for (const token of tokenize(text)) {
    const terms = termsOf(token.word)
    const [first] = terms
    if (first === undefined) continue
    const word = token.word.replace(/'s$/, '')
    words.set(word, { word, terms })
    sequence.push(first)
  }
  return {
    words: [...words.values()],
    pairs: new Set(adjacentPairs(sequence)),
    wants: WANTS.find(([, pattern]) => pattern.test(text))?.[0] ?? null,
    wantsSeveral: wantsSeveral(text),
    times: timesOf(text, now),
  }
}

/** Each term with the one after it. */
export function adjacentPairs(terms: readonly string[]): string[] {
  return terms.slice(1).map((term, i) => `${terms[i]} ${term}`)
}
