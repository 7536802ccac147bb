import type { Documents } from './documents.ts'
import type { Question } from './question.ts'
import { fold } from './tokens.ts'

/** `Name: what was said`, as transcripts are often kept. */
const SPOKEN_BY = /^(\p{Lu}[\p{L}\p{M}.'’-]*(?: \p{Lu}[\p{L}\p{M}.'’-]*){0,2}):\s/u

/** The name that a text opens with, folded. */
export function openingName(content: string): string | null {
  const name = SPOKEN_BY.exec(content)?.[1]
  return name ? foldName(name) : null
}

/** A speaker's name as it is compared. */
export function foldName(name: string): string {
  return fold(name).trim()
}

export interface Participants {
  /** For each document, whether it was said by the one speaker whom the question names; by none, if it names more. */
  readonly isBy: readonly boolean[]
  /** Whether there is such a one. */
  readonly isNamed: boolean
  /** The question's words that name speakers: they tell who, not what about, and are left out of the text match. */
  readonly names: ReadonlySet<string>
}

export function participantsOf({ words }: Question, { count, names, speakers }: Documents): Participants {
  const asked = new Set(words.map(({ word }) => word))
  const named = names.filter((speaker) => speaker.split(' ').some((name) => asked.has(name)))
  const only = named.length === 1 && names.length > 1 ? names.indexOf(named[0] ?? '') : undefined
  return {
    isBy: Array.from({ length: count }, (_, i) => speakers[i] === only),
    isNamed: only !== undefined,
    names: new Set(named.flatMap((speaker) => speaker.split(' '))),
  }
}
