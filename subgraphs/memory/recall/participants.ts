import type { RecallDocument } from './port.ts'
import type { Question } from './question.ts'
import { fold } from './tokens.ts'

/** `Name: what was said`, as transcripts are often kept. */
const SPOKEN_BY = /^(\p{Lu}[\p{L}\p{M}.'’-]*(?: \p{Lu}[\p{L}\p{M}.'’-]*){0,2}):\s/u

/** Who said it, folded: what is recorded, else the name that the content opens with. */
export function speakerOf({ speaker, content }: Pick<RecallDocument, 'speaker' | 'content'>): string | null {
  const name = speaker ?? SPOKEN_BY.exec(content)?.[1]
  return name ? fold(name).trim() : null
}

export interface Participants {
  /** The one speaker that the question names; null when it names none, or more than one. */
  readonly speaker: string | null
  /** The question's words that name speakers: they tell who, not what about, and are left out of the text match. */
  readonly names: ReadonlySet<string>
}

export function participantsOf({ words }: Question, documents: readonly RecallDocument[]): Participants {
  const asked = new Set(words.map(({ word }) => word))
  const speakers = new Set(documents.map(speakerOf).filter((speaker) => speaker !== null))
  const named = [...speakers].filter((speaker) => speaker.split(' ').some((name) => asked.has(name)))
  const names = new Set(named.flatMap((speaker) => speaker.split(' ')))
  const [only = null] = named
  return { speaker: named.length === 1 && speakers.size > 1 ? only : null, names }
}
