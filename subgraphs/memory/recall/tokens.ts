import { stem } from './stem.ts'
import { isStopWord } from './stop-words.ts'

/** A word of a text as it was written (folded to lower case), before stop words are dropped and stems taken. */
export interface Token {
  readonly word: string
  /** Written with a capital somewhere past a sentence's first word: a name, most likely. */
  readonly capitalised: boolean
}

/** What a text is found by: each term with how often it occurs, and their sum. */
export interface Analysis {
  readonly terms: ReadonlyMap<string, number>
  readonly length: number
  /** The first term of each of its words, in order. */
  readonly words: readonly string[]
}

/** Longer runs (base64, minified code) are cut here, so that one memory cannot fill the index with noise. */
const LONGEST_TERM = 64

/** Letters and digits, held together by what holds identifiers, numbers, dates, paths and e-mail addresses together. */
const WORD = /[\p{L}\p{N}\p{M}]+(?:['’._/:@+\-\\][\p{L}\p{N}\p{M}]+)*/gu
const PARTS = /[._/:@+\-\\]/
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/u

/** NFKC, lower case, Latin accents folded away; marks that carry meaning in other scripts are kept. */
export function fold(text: string): string {
  const lower = text.normalize('NFKC').toLowerCase()
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the test is for "only ASCII", the common case
  if (/^[\x00-\x7f]*$/.test(lower)) return lower
  return lower
    .normalize('NFD')
    .replace(/(\p{Script=Latin})[\u0300-\u036f]+/gu, '$1')
    .normalize('NFC')
    .replaceAll('’', "'")
}

/** The words of a text in order, compounds whole. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  const plain = text.replace(/(\d),(?=\d{3}(?!\d))/g, '$1')
  for (const match of plain.matchAll(WORD)) {
    const raw = match[0]
    const starts = /(^|[.!?…]\s+|["“(\n])$/.test(plain.slice(Math.max(0, match.index - 4), match.index))
    const capitalised = /^\p{Lu}/u.test(raw) && (!starts || /^\p{Lu}{2}/u.test(raw))
    tokens.push({ word: fold(raw), capitalised })
  }
  return tokens
}

/**
 * The index terms of one token: its stem without a possessive ending; for a compound with a digit or joined by more
 * than a hyphen (an id, a date, a path) the whole as well as its parts; for scripts without spaces, character pairs.
 */
export function termsOf(word: string): string[] {
  const plain = word.replace(/'s$/, '')
  if (isStopWord(word) || isStopWord(plain)) return []
  if (UNSPACED.test(plain)) return pairs(plain)
  if (!PARTS.test(plain)) return [cut(stem(plain.replaceAll("'", '')))]
  const parts = plain.split(PARTS).filter((part) => part && !isStopWord(part))
  const whole = /[\p{N}._/:@+\\]/u.test(plain) ? plain : stem(plain.replaceAll('-', ''))
  return [...new Set([whole, ...parts.map((part) => stem(part))])].map(cut)
}

/** Terms and their counts, as a memory is indexed and as a query is read. */
export function analyze(text: string): Analysis {
  const terms = new Map<string, number>()
  const words: string[] = []
  let length = 0
  for (const { word } of tokenize(text)) {
    const found = termsOf(word)
    if (found[0] !== undefined) words.push(found[0])
    for (const term of found) terms.set(term, (terms.get(term) ?? 0) + 1)
    length += found.length
  }
  return { terms, length, words }
}

function pairs(word: string): string[] {
  const characters = [...word]
  if (characters.length < 3) return [word]
  return characters.slice(1).map((character, i) => `${characters[i]}${character}`)
}

const cut = (term: string) => term.slice(0, LONGEST_TERM)
