/**
 * What a concept is, as far as text alone can tell it. `NAME` is a proper noun of unknown kind, `TOPIC` a technical
 * term (`GraphQL`, `UTF-8`, `#hiring`); the others are given only on evidence in the text or in a gazetteer.
 */
export type Category =
  | 'PERSON'
  | 'PLACE'
  | 'ORGANIZATION'
  | 'PRODUCT'
  | 'DATE'
  | 'IDENTIFIER'
  | 'LINK'
  | 'TOPIC'
  | 'NAME'

/** Half-open range in UTF-16 code units of the text that was given. */
export type Span = readonly [start: number, end: number]

/** One concept as one text mentions it. */
export interface Mention {
  /** For people to read: the first form in the text; for a date its ISO form. */
  readonly name: string
  /** The identity within an owner: see `conceptKey`. */
  readonly key: string
  readonly category: Category
  /** How often the text mentions it; `offsets` keeps only the first of them. */
  readonly count: number
  readonly offsets: readonly Span[]
}

/** How an owner's texts write a word, counted where its first letter is free to be small or capital. */
export interface Casing {
  readonly lower: number
  /** Capitalised where no sentence, line, label or title begins: evidence of a name. */
  readonly capitalised: number
  /** Capitalised where a sentence, line, label or title would make it so anyway. */
  readonly initial: number
}

/** The owner's counts by lower-case word, at least for the words of the texts at hand. */
export type CasingLookup = ReadonlyMap<string, Casing>

/** A text to extract from. `at` is when it was said; without it, relative dates ("yesterday") are left out. */
export interface Source {
  readonly text: string
  readonly at?: Date | undefined
}
