import { moreTelling } from './categories.ts'
import { dates } from './dates.ts'
import { places } from './gazetteer.ts'
import { conceptKey } from './key.ts'
import { names } from './names.ts'
import { type Found, masked } from './patterns.ts'
import { type Fragment, fragments } from './structured.ts'
import type { Tagger } from './tagger.ts'
import type { CasingLookup, Category, Mention, Source, Span } from './types.ts'

/** A text keeps its most mentioned concepts up to this many; longer lists are catalogues, not talk. */
export const mostConcepts = 128
const mostOffsets = 32
const longestKey = 200

/**
 * The concepts that a text mentions, in order of their first mention. `casing` must already count the text itself
 * (`countCasing`), or a name in the owner's first text has no evidence. Pure: equal input, equal output.
 */
export function extract(source: Source, casing: CasingLookup, tagger: Tagger): Mention[] {
  const values = fragments(source.text)
  const found = values === null ? inProse(source, casing, tagger) : inData(values, source.at, casing, tagger)
  return joined(found)
}

/** The mentions of each text, in the order of the texts. */
export function extractBatch(sources: readonly Source[], casing: CasingLookup, tagger: Tagger): Mention[][] {
  return sources.map((source) => extract(source, casing, tagger))
}

function inProse(source: Source, casing: CasingLookup, tagger: Tagger): Found[] {
  const { text, found } = masked(source.text)
  return [...found, ...dates(text, source.at), ...names(text, casing, tagger)]
}

/** Long values are prose; short ones are taken whole when they are written as a name is. */
function inData(values: readonly Fragment[], at: Date | undefined, casing: CasingLookup, tagger: Tagger): Found[] {
  const found: Found[] = []
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as Fragment
    const person = fullName(value, values[index + 1])
    if (person !== null) {
      found.push(person)
      index += 1
      continue
    }
    if (value.text.length > 60) {
      found.push(...inProse({ text: value.text, at }, casing, tagger).map((each) => moved(each, value)))
      continue
    }
    const { text, found: patterns } = masked(value.text)
    for (const each of [...patterns, ...dates(text, at)]) found.push(moved(each, value))
    const category = categoryOfValue(value, text, casing, tagger)
    if (category !== null) found.push({ name: text, category, span: [value.start, value.end] })
  }
  return found
}

const givenName = /^(?:first|given)_?name$/u
const familyName = /^(?:last|family|sur)_?name$/u

function fullName(value: Fragment, next: Fragment | undefined): Found | null {
  if (next === undefined || !givenName.test(value.property) || !familyName.test(next.property)) return null
  return { name: `${value.text} ${next.text}`, category: 'PERSON', span: [value.start, next.end] }
}

const reference = /(?:^|_)(?:ids?|number|code|ref|reference|key|sku)$/u
const locality = /^(?:city|country|province|state)$/u

/** What a short value is as a whole, by its property and how it is written; null when it is no concept. */
function categoryOfValue(value: Fragment, text: string, casing: CasingLookup, tagger: Tagger): Category | null {
  if (reference.test(value.property) && /^[A-Z]{4,36}$/u.test(text)) return 'IDENTIFIER'
  if (!isWrittenAsName(text, casing, tagger)) return null
  return locality.test(value.property) || places.has(text.toLowerCase()) ? 'PLACE' : 'NAME'
}

function isWrittenAsName(text: string, casing: CasingLookup, tagger: Tagger): boolean {
  if (!/^\p{Lu}[\p{L}\p{M}'’.]*(?:[ -]\p{Lu}[\p{L}\p{M}'’.]*){0,4}$/u.test(text)) return false
  return text.split(/[ -]/u).some((word) => {
    const lower = word.toLowerCase()
    const count = casing.get(lower)
    if (count !== undefined && count.lower > count.capitalised) return false
    if (count !== undefined && count.capitalised > 0) return true
    return places.has(text.toLowerCase()) || !tagger.isCommon(lower)
  })
}

function moved(found: Found, value: Fragment): Found {
  const limit = (offset: number) => Math.min(value.start + offset, value.end)
  return { ...found, span: [limit(found.span[0]), limit(found.span[1])] }
}

/** Makes one mention of equal keys. */
function joined(found: readonly Found[]): Mention[] {
  const mentions = new Map<string, { name: string; key: string; category: Category; count: number; offsets: Span[] }>()
  for (const each of [...found].sort((a, b) => a.span[0] - b.span[0])) {
    const key = each.key ?? conceptKey(each.name)
    if (key === '' || key.length > longestKey) continue
    const mention = mentions.get(key) ?? { name: each.name, key, category: each.category, count: 0, offsets: [] }
    mention.count += 1
    mention.category = moreTelling(mention.category, each.category)
    if (mention.offsets.length < mostOffsets) mention.offsets.push(each.span)
    mentions.set(key, mention)
  }
  const all = [...mentions.values()]
  if (all.length <= mostConcepts) return all
  const kept = new Set([...all].sort((a, b) => b.count - a.count).slice(0, mostConcepts))
  return all.filter((mention) => kept.has(mention))
}
