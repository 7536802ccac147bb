/** A word of a text, with what the scanner knows of its capital letter. */
export interface Word {
  /** Without possessive or contraction: `Maria` of `Maria's`. */
  readonly base: string
  readonly lower: string
  readonly start: number
  readonly end: number
  /** Where the token ends, suffix included; equal to `end` when nothing was stripped. */
  readonly tokenEnd: number
  readonly shape: 'lower' | 'title' | 'upper' | 'mixed' | 'number'
  /** A sentence, line, label or title begins here, so a capital says nothing. */
  readonly neutral: boolean
}

const token = /([\p{L}\p{N}][\p{L}\p{M}\p{N}]*(?:['’]\p{L}+)*)|([^\s\p{L}\p{N}])/gu
const contraction = /['’](?:s|m|re|ve|ll|d)$/iu
const negation = /n['’]t$/iu
const lineLabel = /^[^\p{L}\n]{0,8}[\p{L}][^:\n]{0,40}:(?:[\s*]|$)/u
const longestWord = 64
/** After these a capital says nothing. Brackets, commas and the like leave the state as it is. */
const openers = new Set([...'.!?:…*_`"“”„«»|•#>'])

/** Splits a text into words, line by line: lists, labels and headings end a sentence as a full stop does. */
export function words(text: string): Word[] {
  const found: Word[] = []
  let from = 0
  while (from < text.length) {
    const newline = text.indexOf('\n', from)
    const to = newline < 0 ? text.length : newline
    if (to > from) found.push(...wordsOfLine(text.slice(from, to), from))
    from = to + 1
  }
  return found
}

function wordsOfLine(line: string, offset: number): Word[] {
  const label = lineLabel.exec(line)?.[0].length ?? 0
  const found: Word[] = []
  let neutral = true
  for (const match of line.matchAll(token)) {
    const raw = match[1]
    if (raw === undefined) {
      if (openers.has(match[0])) neutral = true
      continue
    }
    if (raw.length <= longestWord && !negation.test(raw)) {
      const isLabel = match.index < label || line[match.index + raw.length] === ':'
      found.push(word(raw, offset + match.index, neutral || isLabel))
    }
    neutral = false
  }
  return isTitle(found.filter((each) => each.start >= offset + label))
    ? found.map((each) => ({ ...each, neutral: true }))
    : found
}

function word(raw: string, start: number, neutral: boolean): Word {
  const base = raw.replace(contraction, '')
  return {
    base,
    lower: base.toLowerCase(),
    start,
    end: start + base.length,
    tokenEnd: start + raw.length,
    shape: shapeOf(base),
    neutral,
  }
}

function shapeOf(base: string): Word['shape'] {
  if (/\p{N}/u.test(base)) return 'number'
  const lower = base.toLowerCase()
  if (base === lower) return 'lower'
  if (base.length > 1 && base === base.toUpperCase()) return 'upper'
  const [first = '', ...rest] = base
  if (first === first.toLowerCase()) return 'mixed'
  const tail = rest.join('')
  // O'Reilly and McDonald are spelled so as names are, not as GraphQL is.
  const isPlain =
    tail === tail.toLowerCase() || /^(?:\p{Lu}['’]|Mc|Mac|De|La|Le|Di|Van)\p{Lu}[\p{Ll}\p{M}]+$/u.test(base)
  return isPlain ? 'title' : 'mixed'
}

/** A heading, a table's head or shouting: three words or more, nearly all of them with a capital. */
function isTitle(line: readonly Word[]): boolean {
  const spelled = line.filter((each) => each.shape !== 'number')
  if (spelled.length < 3) return false
  const capital = spelled.filter((each) => each.shape !== 'lower').length
  return capital / spelled.length >= 0.75
}
