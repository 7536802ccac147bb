import type { Rule } from './rules.ts'

/** What stands in the place of what is masked. */
export const blank = '▒▒▒'

/** A text as the rules let others read it. */
export function maskText(text: string, rules: readonly Rule[]): string {
  return rules.reduce((masked, { kind, configuration: { mask, words } }) => {
    if (kind === 'SHARING') return blank
    switch (mask) {
      case 'EMAILS':
        return masked.replace(emails, blank)
      case 'NUMBERS':
        return masked.replace(numbers, blank)
      case 'WORDS':
        return masked.replace(wordsOf(words ?? []), blank)
      default:
        return blank
    }
  }, text)
}

/** A value with every text in it masked; what is masked whole is not there. */
export function maskValue(value: unknown, rules: readonly Rule[]): unknown {
  if (rules.some(({ kind, configuration: { mask } }) => kind === 'SHARING' || mask === 'CONTENT')) return null
  return walk(value, (text) => maskText(text, rules))
}

function walk(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value)
  // A number says what its digits would say in a text.
  if (typeof value === 'number') {
    const text = change(String(value))
    return text === String(value) ? value : text
  }
  if (Array.isArray(value)) return value.map((item) => walk(item, change))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [change(key), walk(item, change)]))
}

/** Bounded on both sides of the sign, so that no text costs more than its length. */
const emails = /[^\s@<>()[\]",;:]{1,64}@[^\s@<>()[\]",;:]{1,255}/gu
/** Four digits or more, with what people put between them. */
const numbers = /\p{Nd}(?:[ ./()-]{0,2}\p{Nd}){3,}/gu

/** Whole words, whatever their case. */
function wordsOf(words: readonly string[]): RegExp {
  const any = words.map((word) => word.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|')
  return new RegExp(`(?<![\\p{L}\\p{N}])(?:${any})(?![\\p{L}\\p{N}])`, 'giu')
}
