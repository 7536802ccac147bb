import type { Category, Span } from './types.ts'

/** A concept found by its form, before equal ones are joined. */
export interface Found {
  readonly name: string
  /** Given where the identity is not that of the name. */
  readonly key?: string
  readonly category: Category
  readonly span: Span
}

/** Texts are read up to this many code units; what comes after is not searched for concepts. */
export const longestText = 100_000
/** A run without spaces beyond this length is data; the tagger's time grows with its square. */
const longestRun = 64
const longestLink = 200
const longestIdentifier = 36

// Every pattern is linear: bounded repeats, and neighbouring classes that share no character.
const link = /\bhttps?:\/\/[^\s<>"'`()[\]{}|\\^]+/giu
const email = /(?<![\w.+-])[\w.+-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,5}/giu
const compound = /[\p{L}\p{N}]+(?:[_-][\p{L}\p{N}]+)*/gu
const hashtag = /(?<![\p{L}\p{N}#&/])#(\p{L}[\p{L}\p{N}_]{1,48})/gu
const quoted = /["“]([\p{L}\p{N}][^"“”\n]{2,60})["”]/gu
/** Two words or more, all with a capital but the small ones between: a book, a song, a film. */
const title =
  /^\p{Lu}[\p{L}\p{N}'’]*(?:[ :,-]{1,2}(?:a|an|and|at|for|from|in|of|on|or|the|to|with|\p{Lu}[\p{L}\p{N}'’]*))*(?:[ :,-]{1,2}\p{Lu}[\p{L}\p{N}'’]*)$/u
const fence = /```[^`]*```/gu
const run = /\S{65,}/gu
const hasDigit = /\p{N}/u
const hasLetter = /\p{L}/u
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/iu
const credential = /^(?:sk|pk|rk|gh[pousr]|xox[abprs]|glpat|AKIA|eyJ)[-_A-Z0-9]/u
const trailing = /[.,;:!?*_]+$/u

/**
 * Finds links, mail addresses, identifiers, hashtags and quoted titles, and blanks them out (same length) together with code blocks and
 * overlong runs, so that what is left is prose. Amounts of money, times and bare numbers are no concepts: they would
 * join what has nothing in common.
 */
export function masked(whole: string): { readonly text: string; readonly found: readonly Found[] } {
  const found: Found[] = []
  let text = whole.slice(0, longestText)
  if (text.includes('`')) text = text.replace(fence, blank)
  if (text.includes('://')) text = text.replace(link, (raw, at: number) => noteLink(raw, at, found))
  if (text.includes('@')) text = text.replace(email, (raw, at: number) => note(raw, 'IDENTIFIER', at, found))
  if (text.includes('#')) {
    text = text.replace(hashtag, (raw, name: string, at: number) => {
      found.push({ name, category: 'TOPIC', span: [at, at + raw.length] })
      return blank(raw)
    })
  }
  if (/["“]/u.test(text)) {
    text = text.replace(quoted, (raw, name: string, at: number) => {
      if (!title.test(name)) return raw
      found.push({ name, category: 'NAME', span: [at + 1, at + 1 + name.length] })
      return blank(raw)
    })
  }
  if (hasDigit.test(text)) text = text.replace(compound, (raw, at: number) => noteCompound(raw, at, found))
  return { text: text.replace(run, blank), found }
}

function noteCompound(raw: string, at: number, found: Found[]): string {
  const category = categoryOf(raw)
  if (category !== null) return note(raw, category, at, found)
  return raw.length > longestRun ? blank(raw) : raw
}

/**
 * Identifiers mix letters and digits in a way that words, ordinals, units and times do not: `HAT083`, `mia_li_3668`,
 * `PROJ-142`, a UUID, a commit. What looks like an access key is left out: a concept is shown in lists.
 */
function categoryOf(raw: string): Category | null {
  if (raw.length < 3 || raw.length > longestIdentifier || !hasDigit.test(raw) || !hasLetter.test(raw)) return null
  if (credential.test(raw)) return null
  if (uuid.test(raw)) return 'IDENTIFIER'
  if (/^\p{Lu}{2,10}-\d{1,2}$/u.test(raw)) return 'TOPIC'
  if (/^\p{Lu}{2,10}-\d{3,}$/u.test(raw)) return 'IDENTIFIER'
  if (raw.includes('_')) return /\p{N}{2}/u.test(raw) ? 'IDENTIFIER' : null
  if (raw.includes('-')) return null
  if (/^[0-9a-f]{7,}$/u.test(raw)) return /\d\D+\d|[a-f]\d+[a-f]/u.test(raw) ? 'IDENTIFIER' : null
  const capitals = raw.replace(/[^\p{Lu}]/gu, '').length
  const small = /\p{Ll}/u.test(raw)
  if (small) return raw.length >= 12 && capitals >= 2 ? 'IDENTIFIER' : null
  return raw.length >= 4 || (raw.length === 3 && capitals === 1 && /^\p{Lu}/u.test(raw)) ? 'IDENTIFIER' : null
}

function note(raw: string, category: Category, at: number, found: Found[]): string {
  const name = raw.replace(trailing, '')
  found.push({ name, category, span: [at, at + name.length] })
  return blank(raw)
}

/** A link is known by host and path; its query can hold what nobody should list. */
function noteLink(raw: string, at: number, found: Found[]): string {
  const shown = raw.replace(trailing, '')
  if (URL.canParse(shown)) {
    const { host, pathname } = new URL(shown)
    const name = `${host}${pathname === '/' ? '' : pathname}`.slice(0, longestLink)
    found.push({ name, category: 'LINK', span: [at, at + shown.length] })
  }
  return blank(raw)
}

function blank(raw: string): string {
  return ' '.repeat(raw.length)
}
