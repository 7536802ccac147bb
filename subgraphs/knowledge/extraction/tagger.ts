import model from 'wink-eng-lite-web-model'
import winkNLP, { type ItsFunction, type WinkMethods } from 'wink-nlp'

/** What an English model knows of words: whether they are ordinary ones, and which of a sentence are proper nouns. */
export interface Tagger {
  /** Whether the word (lower case) is in the model's dictionary of common words, inflected forms included. */
  isCommon(word: string): boolean
  /** Where the proper nouns of a text start. The text must hold no run of characters without space beyond 64. */
  properNouns(text: string): Set<number>
}

/**
 * The model keeps every word that it ever met. It is loaded afresh (0.1 s) after this many new ones, so that a server
 * that reads for months stays at its size.
 */
const mostNewWords = 50_000
/** Not a word; the model gives it the first number after those of its own dictionary. */
const nonsense = 'zqxwvkjh'

/** Loads the model: about 0.1 s and 60 MB. */
export function createTagger(): Tagger {
  let nlp: WinkMethods
  let dictionaryEnd = 0
  let known = new Map<string, boolean>()

  const load = () => {
    nlp = winkNLP(model, ['sbd', 'pos'])
    dictionaryEnd = numberOf(nonsense)
    known = new Map()
  }
  const numberOf = (word: string): number => {
    const [number] = nlp
      .readDoc(word)
      .tokens()
      .out(nlp.its.uniqueId as ItsFunction<number>)
    return Number(number ?? Number.POSITIVE_INFINITY)
  }
  load()

  return {
    isCommon(word) {
      const before = known.get(word)
      if (before !== undefined) return before
      const number = numberOf(word)
      if (number - dictionaryEnd > mostNewWords) load()
      const common = number < dictionaryEnd
      known.set(word, common)
      return common
    },
    properNouns(text) {
      const tokens = nlp.readDoc(text).tokens()
      const values = tokens.out()
      const spaces = tokens.out(nlp.its.precedingSpaces as ItsFunction<string>)
      const parts = tokens.out(nlp.its.pos as ItsFunction<string>)
      const starts = new Set<number>()
      let at = 0
      for (const [index, value] of values.entries()) {
        at += spaces[index]?.length ?? 0
        if (parts[index] === 'PROPN') starts.add(at)
        at += value.length
      }
      return starts
    },
  }
}
