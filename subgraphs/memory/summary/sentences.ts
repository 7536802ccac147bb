/** A sentence of a message. */
export interface Sentence {
  readonly text: string
  /** Which of the messages it is in. */
  readonly message: number
}

const segmenter = new Intl.Segmenter('und', { granularity: 'sentence' })
/** What marks a line's place in a list or heading, and says nothing itself. */
const MARK = /^\s*(?:[-*+•#>]+|\d{1,3}[.)])\s+/u
const EMPHASIS = /\*\*|__|`/gu
/** Longer ones are no sentences but data. */
const longest = 600
const shortest = 12

/** The sentences of messages, in order; lines are never joined, since lists and tables have one thing a line. */
export function sentencesOf(contents: readonly string[]): Sentence[] {
  return contents.flatMap((content, message) =>
    content.split('\n').flatMap((line) => {
      const plain = line.replace(MARK, '').replace(EMPHASIS, '').trim()
      if (plain.length < shortest) return []
      return [...segmenter.segment(plain)]
        .map(({ segment }) => segment.trim())
        .filter(({ length }) => length >= shortest && length <= longest)
        .map((text) => ({ text, message }))
    }),
  )
}
