import { casual } from 'chrono-node/en'
import type { Found } from './patterns.ts'

/** How far around a trigger the date parser reads: its many patterns are too slow for whole texts. */
const reach = 28
const mostWindows = 64
const months =
  'jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?'
// `today` is left out: it says no more than the time of the message. So is a bare `Friday`: gone by or to come?
const relative =
  'yesterday|tomorrow|days? ago|(?:last|next|this|past|coming) (?:mon|tues|wednes|thurs|fri|satur|sun)day'
const trigger = new RegExp(`\\b(?:${months}|${relative})\\b`, 'giu')
const relativeDay = new RegExp(`\\b(?:${relative})\\b`, 'iu')
const monthName = new RegExp(`\\b(?:${months})\\b`, 'iu')
const isoDay = /(?<![\d-])(\d{4})-(\d{2})-(\d{2})(?![\d-])/gu
const monthsOfYear = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]

/**
 * The days that a text names, keyed by ISO 8601 day. A day without a year is taken from the year nearest to `at`; without
 * `at` it keeps the truncated form `--MM-DD` (XML Schema gMonthDay). Relative days (`yesterday`, `next Friday`) need `at`.
 * Months, years and times alone are left out, and so is `5/6/2024`, whose order cannot be told.
 */
export function dates(text: string, at?: Date): Found[] {
  const found: Found[] = []
  for (const match of text.matchAll(isoDay)) {
    const [day, year, month, date] = match
    if (isDay(Number(year), Number(month), Number(date))) {
      found.push({ name: day, category: 'DATE', span: [match.index, match.index + day.length] })
    }
  }
  for (const [from, to] of windows(text)) found.push(...spoken(text.slice(from, to), from, at))
  return found
}

/** Stretches around the triggers, cut at line ends and joined where they meet. */
function windows(text: string): [number, number][] {
  const found: [number, number][] = []
  for (const match of text.matchAll(trigger)) {
    const end = match.index + match[0].length
    const [from, to] = [
      wordStart(text, Math.max(match.index - reach, 0)),
      wordEnd(text, Math.min(end + reach, text.length)),
    ]
    const last = found.at(-1)
    if (last !== undefined && from <= last[1] && to - last[0] < 400) last[1] = to
    else if (found.push([Math.max(from, last?.[1] ?? 0), to]) === mostWindows) break
  }
  return found
}

function wordStart(text: string, at: number): number {
  const space = at === 0 ? 0 : text.indexOf(' ', at)
  return space < 0 ? at : space
}

function wordEnd(text: string, at: number): number {
  const space = at === text.length ? at : text.lastIndexOf(' ', at)
  return space < 0 ? at : space
}

function spoken(window: string, offset: number, at: Date | undefined): Found[] {
  const reference = { instant: at ?? new Date(0), timezone: 0 }
  return casual.parse(window.replace(isoDay, '          '), reference).flatMap((result) => {
    const { start } = result
    const isAbsolute = monthName.test(result.text) && start.isCertain('day') && start.isCertain('month')
    if (!isAbsolute && (at === undefined || !relativeDay.test(result.text))) return []
    const [year, month, day] = [start.get('year') ?? 0, start.get('month') ?? 1, start.get('day') ?? 1]
    const isYearKnown = at !== undefined || start.isCertain('year')
    if (!isDay(isYearKnown ? year : 2000, month, day)) return []
    const name = isYearKnown ? iso(year, month, day) : `${monthsOfYear[month - 1]} ${day}`
    const key = isYearKnown ? name : `--${two(month)}-${two(day)}`
    const start0 = offset + result.index
    return [{ name, key, category: 'DATE' as const, span: [start0, start0 + result.text.length] as const }]
  })
}

function isDay(year: number, month: number, day: number): boolean {
  if (year < 1000 || month < 1 || month > 12 || day < 1) return false
  return day <= new Date(Date.UTC(year, month, 0)).getUTCDate()
}

function iso(year: number, month: number, day: number): string {
  return `${year}-${two(month)}-${two(day)}`
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
