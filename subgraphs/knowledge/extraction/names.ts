import { categoryOfName } from './categories.ts'
import { calendar, commonCapitals, companyForms, endings, greetings, honorifics, leading, places } from './gazetteer.ts'
import type { Found } from './patterns.ts'
import type { Tagger } from './tagger.ts'
import type { CasingLookup } from './types.ts'
import { type Word, words } from './words.ts'

/** Small words inside names: `Bank of America`, `Ludwig van Beethoven`. */
const connectors = new Set(['of', 'de', 'da', 'del', 'della', 'van', 'von', 'der', 'bin', 'al', '&'])
const mostWordsOfName = 6
const mostInitials = 3
/** Seen so often at starts and never inside a sentence, an unknown word is no name but an exclamation (`Yup`). */
const manyStarts = 5
/** A word written small is a name only when the owner wrote it with a capital so often, and so many times oftener. */
const surelyCapitalised = 5

/**
 * Finds proper nouns, and joins their words into names. The rule is the owner's own spelling: a capital inside a
 * sentence is evidence, the same word in small letters is evidence against. Where the place in the sentence gives the
 * capital, or the owner wrote little yet, the tagger decides.
 */
export function names(text: string, casing: CasingLookup, tagger: Tagger): Found[] {
  const all = words(text)
  const judge = createJudge(text, all, casing, tagger)
  const found: Found[] = []
  let index = 0
  while (index < all.length) {
    const length = nameLength(all, index, text, judge)
    if (length > 0) found.push(named(all, index, length, text))
    index += Math.max(length, 1)
  }
  return found
}

interface Judge {
  /** Whether the word belongs to a name, by itself. */
  isName(index: number): boolean
  /** Whether the tagger takes it for a proper noun. */
  isProper(index: number): boolean
}

function createJudge(text: string, all: readonly Word[], casing: CasingLookup, tagger: Tagger): Judge {
  let proper: Set<number> | null = null
  const isProper = (index: number) => {
    proper ??= tagger.properNouns(text)
    return proper.has(all[index]?.start ?? -1)
  }
  const verdicts: (boolean | undefined)[] = []
  const decide = (index: number): boolean => {
    const word = all[index]
    if (word === undefined || word.shape === 'number' || word.base.length < 2) return false
    if (calendar.has(word.lower.replace(/s$/u, '')) || commonCapitals.has(word.lower)) return false
    const { lower = 0, capitalised = 0, initial = 0 } = casing.get(word.lower) ?? {}
    const isCommon = () => tagger.isCommon(word.lower)
    if (word.shape === 'lower') {
      return capitalised >= surelyCapitalised && lower * surelyCapitalised <= capitalised && !isCommon()
    }
    if (word.shape === 'mixed') return lower <= capitalised + initial
    if (all[index - 1]?.tokenEnd === word.start - 2 && honorifics.has(all[index - 1]?.lower ?? '')) return true
    if (!word.neutral) {
      if (isCommon()) return capitalised > 2 * lower && !isNumbered(all, index)
      return capitalised >= lower
    }
    if (word.shape === 'upper') return capitalised > (isCommon() ? 2 * lower + 1 : lower)
    if (lower === 0 && places.has(word.lower)) return isProper(index)
    if (isCommon()) return capitalised >= 2 && capitalised > 2 * lower && isProper(index)
    if (capitalised === 0 && (lower > 0 || initial >= manyStarts || isExclaimed(text, all, index))) return false
    return capitalised >= lower && isProper(index)
  }
  const isName = (index: number) => {
    verdicts[index] ??= decide(index)
    return verdicts[index] === true
  }
  return { isName, isProper }
}

/** `Phew, that was close!`: an unknown word that stands alone before a mark, where also a name may stand. */
function isExclaimed(text: string, all: readonly Word[], index: number): boolean {
  const [before, word] = [all[index - 1], all[index]]
  if (word === undefined || (before !== undefined && before.tokenEnd === word.start - 1)) return false
  return /^[,.!?…]/u.test(text.slice(word.tokenEnd, word.tokenEnd + 1))
}

/** `Option 2`, `Room 12`: a label with its number. */
function isNumbered(all: readonly Word[], index: number): boolean {
  const [word, next] = [all[index], all[index + 1]]
  return word !== undefined && next?.shape === 'number' && next.start === word.tokenEnd + 1
}

/** How many words from `index` on make one name; 0 when none begins there. */
function nameLength(all: readonly Word[], index: number, text: string, judge: Judge): number {
  const first = all[index]
  if (first === undefined) return 0
  if (!judge.isName(index) && !isInitialOf(all, index, text, judge) && !isLead(all, index, text, judge)) return 0
  const length = extent(all, index, text, judge)
  return length === 1 && leading.has(first.lower) ? 0 : length
}

/** How far the name goes that begins at `index`. */
function extent(all: readonly Word[], index: number, text: string, judge: Judge): number {
  let length = 1
  while (length < mostWordsOfName && isJoined(all, index + length - 1, text)) {
    const more = continuation(all, index + length, text, judge)
    if (more === 0) break
    length += more
  }
  return length
}

/** How many words at `index` continue the name before them: a name's word, an ending, or what leads to either. */
function continuation(all: readonly Word[], index: number, text: string, judge: Judge): number {
  const [word, after] = [all[index], all[index + 1]]
  if (word === undefined) return 0
  if (isPlace(all[index - 1], word)) return 1
  const isHyphened = text[word.start - 1] === '-'
  if (isCapital(word) && (isHyphened || judge.isName(index) || endings.has(word.lower) || isInitial(word))) return 1
  if (after === undefined || !isCapital(after) || !isJoined(all, index, text)) return 0
  if (connectors.has(word.lower)) return judge.isName(index + 1) ? 2 : 0
  return isCapital(word) && endings.has(after.lower) ? 2 : 0
}

/** A common word that the words after it make part of a name: `New York`, `Jean-Luc`, `Acme Corp`, `Golden Gate Bridge`. */
function isLead(all: readonly Word[], index: number, text: string, judge: Judge): boolean {
  const [word, next] = [all[index], all[index + 1]]
  if (word === undefined || next === undefined || !isCapital(word) || !isCapital(next)) return false
  if (!isJoined(all, index, text)) return false
  if (companyForms.has(next.lower) || isPlace(word, next)) return true
  if (leading.has(word.lower) || (next.start === word.tokenEnd + 1 && text[word.tokenEnd] === '-'))
    return judge.isName(index + 1)
  if (!word.neutral || greetings.has(word.lower) || !judge.isProper(index)) return false
  const length = judge.isName(index + 1) ? extent(all, index + 1, text, judge) : 0
  return length > 1 && endings.has(all[index + length]?.lower ?? '')
}

function named(all: readonly Word[], index: number, length: number, text: string): Found {
  const parts = all.slice(index, index + length)
  const start = parts[0]?.start ?? 0
  const end = parts.at(-1)?.end ?? start
  const name = text.slice(start, end).replace(/\s+/gu, ' ')
  return { name, category: categoryOfName({ all, index, length, text }), span: [start, end] }
}

/** `Fort Worth`, `Cape Town`: two common words that the gazetteer knows together. */
function isPlace(word: Word | undefined, next: Word): boolean {
  return word !== undefined && isCapital(word) && isCapital(next) && places.has(`${word.lower} ${next.lower}`)
}

/** Whether only a space, a hyphen or an initial's full stop lies between the word and the next, and no possessive. */
function isJoined(all: readonly Word[], index: number, text: string): boolean {
  const [word, next] = [all[index], all[index + 1]]
  if (word === undefined || next === undefined || word.end !== word.tokenEnd) return false
  const gap = text.slice(word.tokenEnd, next.start)
  if (gap === ' ' || gap === '\u00a0') return true
  if (gap === '-') return isCapital(word) && isCapital(next)
  return gap === ' & ' || (gap === '. ' && isInitial(word))
}

function isCapital(word: Word): boolean {
  return word.shape !== 'lower' && word.shape !== 'number'
}

function isInitial(word: Word): boolean {
  return word.base.length === 1 && word.base !== word.lower && word.lower !== 'i'
}

/** `J. K. Rowling`, from either initial on. */
function isInitialOf(all: readonly Word[], index: number, text: string, judge: Judge): boolean {
  for (let at = index; at < index + mostInitials; at++) {
    const word = all[at]
    if (word === undefined || !isInitial(word) || word.lower === 'a' || !isJoined(all, at, text)) return false
    if (judge.isName(at + 1)) return true
  }
  return false
}
