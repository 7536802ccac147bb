/**
 * The English (Porter2) stemmer of the Snowball project: https://snowballstem.org/algorithms/english/stemmer.html
 * Words are lower case. Anything but plain a–z words (with an inner apostrophe) is returned unchanged.
 */
export function stem(word: string): string {
  if (word.length < 3 || !/^[a-z]+$/.test(word)) return word
  const special = EXCEPTIONS.get(word)
  if (special !== undefined) return special
  const marked = markConsonantY(word)
  const r1 = regionOne(marked)
  const r2 = afterVowelConsonant(marked, r1)
  let w = step1a(marked)
  if (INVARIANT_AFTER_1A.has(w)) return w
  w = step1b(w, r1)
  w = step1c(w)
  w = replaceLongest(w, STEP_2, r1)
  w = step3(w, r1, r2)
  w = step4(w, r2)
  w = step5(w, r1, r2)
  return w.replaceAll('Y', 'y')
}

const EXCEPTIONS = new Map([
  ['skis', 'ski'],
  ['skies', 'sky'],
  ['idly', 'idl'],
  ['gently', 'gentl'],
  ['ugly', 'ugli'],
  ['early', 'earli'],
  ['only', 'onli'],
  ['singly', 'singl'],
  ...['sky', 'news', 'howe', 'atlas', 'cosmos', 'bias', 'andes'].map((word): [string, string] => [word, word]),
])

const INVARIANT_AFTER_1A = new Set([
  'inning',
  'outing',
  'canning',
  'herring',
  'earring',
  'proceed',
  'exceed',
  'succeed',
])

const VOWEL = /[aeiouy]/
const DOUBLE = /(bb|dd|ff|gg|mm|nn|pp|rr|tt)$/
const LI_ENDING = /[cdeghkmnrt]$/
const isVowel = (letter: string | undefined) => letter !== undefined && VOWEL.test(letter)

/** An initial y, and a y after a vowel, is a consonant: written Y. */
function markConsonantY(word: string): string {
  let out = ''
  for (const letter of word) {
    const consonant = letter === 'y' && (out === '' || isVowel(out.at(-1)))
    out += consonant ? 'Y' : letter
  }
  return out
}

function regionOne(word: string): number {
  const prefix = /^(gener|commun|arsen|past|univers|later|emerg|organ)/.exec(word)
  return prefix ? prefix[0].length : afterVowelConsonant(word, 0)
}

/** Where the region after the first non-vowel that follows a vowel begins, looking from `start`. */
function afterVowelConsonant(word: string, start: number): number {
  for (let i = start + 1; i < word.length; i++) {
    if (!isVowel(word[i]) && isVowel(word[i - 1]) && i - 1 >= start) return i + 1
  }
  return word.length
}

function endsInShortSyllable(word: string): boolean {
  if (word === 'past') return true
  if (word.length === 2) return isVowel(word[0]) && !isVowel(word[1])
  const [before, vowel, last] = word.slice(-3)
  return !isVowel(before) && isVowel(vowel) && !isVowel(last) && !/[wxY]/.test(last ?? '')
}

const isShort = (word: string, r1: number) => r1 >= word.length && endsInShortSyllable(word)

function step1a(word: string): string {
  if (word.endsWith('sses')) return word.slice(0, -2)
  if (/(ied|ies)$/.test(word)) return word.length > 4 ? word.slice(0, -2) : word.slice(0, -1)
  if (/(us|ss)$/.test(word)) return word
  if (word.endsWith('s') && VOWEL.test(word.slice(0, -2))) return word.slice(0, -1)
  return word
}

function step1b(word: string, r1: number): string {
  const eed = /(eedly|eed)$/.exec(word)
  if (eed) return eed.index >= r1 ? `${word.slice(0, eed.index)}ee` : word
  const ending = /(ingly|edly|ing|ed)$/.exec(word)
  if (!ending) return word
  const base = word.slice(0, ending.index)
  if (!VOWEL.test(base)) return word
  if (ending[0].startsWith('ing') && /^[^aeiouy]y$/.test(base)) return `${base[0]}ie`
  if (/(at|bl|iz)$/.test(base)) return `${base}e`
  if (DOUBLE.test(base)) return /^[aeo](.)\1$/.test(base) ? base : base.slice(0, -1)
  return isShort(base, r1) ? `${base}e` : base
}

function step1c(word: string): string {
  return word.length > 2 && /[^aeiouy][yY]$/.test(word) ? `${word.slice(0, -1)}i` : word
}

type Rule = readonly [suffix: string, replacement: string, after?: RegExp]

const STEP_2: readonly Rule[] = [
  ['ization', 'ize'],
  ['ational', 'ate'],
  ['fulness', 'ful'],
  ['ousness', 'ous'],
  ['iveness', 'ive'],
  ['tional', 'tion'],
  ['biliti', 'ble'],
  ['lessli', 'less'],
  ['entli', 'ent'],
  ['ation', 'ate'],
  ['alism', 'al'],
  ['aliti', 'al'],
  ['ousli', 'ous'],
  ['iviti', 'ive'],
  ['fulli', 'ful'],
  ['ogist', 'og'],
  ['enci', 'ence'],
  ['anci', 'ance'],
  ['abli', 'able'],
  ['izer', 'ize'],
  ['ator', 'ate'],
  ['alli', 'al'],
  ['bli', 'ble'],
  ['ogi', 'og', /l$/],
  ['li', '', LI_ENDING],
]

const STEP_3: readonly Rule[] = [
  ['ational', 'ate'],
  ['tional', 'tion'],
  ['alize', 'al'],
  ['icate', 'ic'],
  ['iciti', 'ic'],
  ['ical', 'ic'],
  ['ness', ''],
  ['ful', ''],
]

const STEP_4 = /(ement|ance|ence|able|ible|ment|ant|ent|ism|ate|iti|ous|ive|ize|al|er|ic)$/

/** Applies the longest suffix that fits, if it lies in the region. */
function replaceLongest(word: string, rules: readonly Rule[], region: number): string {
  const rule = rules.find(([suffix]) => word.endsWith(suffix))
  if (!rule) return word
  const [suffix, replacement, after] = rule
  const base = word.slice(0, word.length - suffix.length)
  return base.length >= region && (!after || after.test(base)) ? base + replacement : word
}

function step3(word: string, r1: number, r2: number): string {
  if (!word.endsWith('ative')) return replaceLongest(word, STEP_3, r1)
  return word.length - 5 >= r2 ? word.slice(0, -5) : word
}

function step4(word: string, r2: number): string {
  const ion = word.endsWith('ion')
  const suffix = ion ? 'ion' : STEP_4.exec(word)?.[0]
  if (suffix === undefined) return word
  const base = word.slice(0, word.length - suffix.length)
  if (base.length < r2) return word
  return ion && !/[st]$/.test(base) ? word : base
}

function step5(word: string, r1: number, r2: number): string {
  const base = word.slice(0, -1)
  if (word.endsWith('e')) {
    if (base.length >= r2 || (base.length >= r1 && !endsInShortSyllable(base))) return base
  } else if (word.endsWith('ll') && base.length >= r2) return base
  return word
}
