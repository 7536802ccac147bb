import {
  companyForms,
  greetings,
  honorifics,
  organizationEndings,
  placeEndings,
  places,
  relations,
} from './gazetteer.ts'
import type { Category } from './types.ts'
import type { Word } from './words.ts'

/** A name in its place: `length` words of `all` from `index` on. */
export interface NameInText {
  readonly all: readonly Word[]
  readonly index: number
  readonly length: number
  readonly text: string
}

/**
 * The kind of a name, on evidence only: its own words, the gazetteer, or how it is spoken to and of. A name without
 * evidence is a `NAME`; another mention may tell more (see `moreTelling`).
 */
export function categoryOfName(name: NameInText): Category {
  const parts = name.all.slice(name.index, name.index + name.length)
  const last = parts.at(-1)?.lower ?? ''
  const joined = parts.map((part) => part.lower).join(' ')
  if (parts.length > 1 && (organizationEndings.has(last) || companyForms.has(last))) return 'ORGANIZATION'
  if (parts.length > 1 && placeEndings.has(last)) return 'PLACE'
  if (parts.length > 1 && /^(?:university|bank|institute|church|ministry|museum)$/u.test(parts[0]?.lower ?? '')) {
    return 'ORGANIZATION'
  }
  if (isAddressed(name)) return 'PERSON'
  if (places.has(joined)) return 'PLACE'
  if (hasVersion(name)) return 'PRODUCT'
  return parts.length === 1 && parts[0]?.shape === 'mixed' ? 'TOPIC' : 'NAME'
}

/** `Hi Ana,` · `Thanks, Ana!` · `Dr. Okafor` · `my sister Ana` · `Ana's brother` · `my name is Ana`. */
function isAddressed({ all, index, length, text }: NameInText): boolean {
  const [before, first, last, after] = [all[index - 1], all[index], all[index + length - 1], all[index + length]]
  if (first === undefined || last === undefined || first.shape === 'upper' || first.shape === 'mixed') return false
  if (last.tokenEnd > last.end && after !== undefined && relations.has(after.lower)) return true
  if (before === undefined) return false
  const gap = text.slice(before.tokenEnd, first.start)
  if (honorifics.has(before.lower) && (gap === ' ' || gap === '. ')) return true
  if (relations.has(before.lower) && (gap === ' ' || gap === ', ')) return true
  if (before.lower === 'is' && all[index - 2]?.lower === 'name' && gap === ' ') return true
  const follows = text.slice(last.tokenEnd, last.tokenEnd + 1)
  return greetings.has(before.lower) && (gap === ' ' || gap === ', ') && /^[,.!?\n]?$/u.test(follows)
}

/** `PostgreSQL 18.1`, `Python v3`: a number with a point, or a v before it. */
function hasVersion({ all, index, length, text }: NameInText): boolean {
  const last = all[index + length - 1]
  if (last === undefined) return false
  return /^ (?:v\d{1,3}|\d{1,3}\.\d{1,3})\b(?!,| ?(?:%|percent|million|billion))/u.test(
    text.slice(last.tokenEnd, last.tokenEnd + 16),
  )
}

/** Evidence found once holds for the concept: a plain kind gives way to a telling one, the first telling one stays. */
export function moreTelling(known: Category, seen: Category): Category {
  if (known === 'NAME') return seen
  return known === 'TOPIC' && seen !== 'NAME' ? seen : known
}
