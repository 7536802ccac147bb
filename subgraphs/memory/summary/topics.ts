import { isStopWord } from '../recall/stop-words.ts'
import { tokenize } from '../recall/tokens.ts'
import { isCourtesy } from './courtesy.ts'

const longestPhrase = 3
interface Phrase {
  readonly text: string
  readonly words: readonly string[]
  messages: number
  names: number
}

/** What a talk is about: the words and phrases that most messages have, phrases before the words in them. */
export function keyTopicsOf(contents: readonly string[], most: number): string[] {
  const phrases = new Map<string, Phrase>()
  for (const content of contents) {
    for (const [key, { words, capitalised }] of phrasesOf(content)) {
      const found = phrases.get(key) ?? { text: key, words, messages: 0, names: 0 }
      found.messages += 1
      if (capitalised) found.names += 1
      phrases.set(key, found)
    }
  }
  const worth = ({ messages, words, names }: Phrase) =>
    Math.log(1 + messages) *
    (1 + 0.5 * (words.length - 1)) *
    (names * 2 > messages ? 1.5 : 1) *
    (messages > 1 ? 1 : 0.4)
  const ranked = [...phrases.values()].sort((a, b) => worth(b) - worth(a) || (a.text < b.text ? -1 : 1))
  const topics: Phrase[] = []
  for (const phrase of ranked) {
    if (topics.length >= most) break
    // A part of a topic, or a topic with a word more, is that topic.
    const shared = topics.some(({ words }) => words.some((word) => phrase.words.includes(word)))
    if (!shared) topics.push(phrase)
  }
  return topics.map(({ text }) => text)
}

/** The words and runs of words that could be topics, each once. */
function phrasesOf(content: string): Map<string, { words: string[]; capitalised: boolean }> {
  const found = new Map<string, { words: string[]; capitalised: boolean }>()
  for (const clause of content.split(/[.,;:!?()\n"“”|]+\s*/u)) {
    const tokens = tokenize(clause)
    for (let from = 0; from < tokens.length; from++) {
      const words: string[] = []
      let capitalised = true
      for (const token of tokens.slice(from, from + longestPhrase)) {
        if (!isTelling(token.word)) break
        words.push(token.word)
        capitalised &&= token.capitalised
        found.set(words.join(' '), { words: [...words], capitalised })
      }
    }
  }
  return found
}

function isTelling(word: string): boolean {
  return word.length > 2 && word.length <= 40 && !isStopWord(word) && !isCourtesy(word) && /\p{L}/u.test(word)
}
