import type { ParsedComponents } from 'chrono-node'
import { parse } from 'chrono-node/en'

/** A time that a question names, in milliseconds since the epoch. */
export interface TimeSpan {
  readonly from: number
  readonly to: number
  /** A month without a year ("in August"): it means that month of any year. */
  readonly anyYear: boolean
}

const DAY = 86_400_000

/** The times a text names; those relative to the present are counted from `now`. Days begin at midnight UTC. */
export function timesOf(text: string, now: Date): TimeSpan[] {
  const found = parse(text, { instant: now, timezone: 'UTC' })
  const spans = found.map(({ start, end }) => {
    const first = spanOf(start)
    return end ? { ...first, to: Math.max(first.to, spanOf(end).to) } : first
  })
  const rest = found.reduce((left, result) => left.replace(result.text, ' '), text)
  return [...spans, ...[...rest.matchAll(YEAR)].map(([year]) => spanOfYear(Number(year)))]
}

/** A year that stands alone, which the date parser passes over. */
const YEAR = /\b(19|20)\d\d\b/g

const spanOfYear = (year: number): TimeSpan => ({ from: Date.UTC(year, 0), to: Date.UTC(year + 1, 0), anyYear: false })

function spanOf(parts: ParsedComponents): TimeSpan {
  const year = parts.get('year') ?? 1970
  const month = (parts.get('month') ?? 1) - 1
  const day = parts.get('day') ?? 1
  const from = Date.UTC(year, month, day)
  if (parts.isCertain('day') || parts.isCertain('weekday')) return { from, to: from + DAY, anyYear: false }
  if (parts.isCertain('month')) {
    return { from: Date.UTC(year, month), to: Date.UTC(year, month + 1), anyYear: !parts.isCertain('year') }
  }
  if (parts.isCertain('year')) return spanOfYear(year)
  return { from: from - 3 * DAY, to: from + 4 * DAY, anyYear: false }
}

/**
 * How well a moment fits a span, 0 to 1: a narrow span says more than a wide one, and what happened is often told some
 * days later, so that closeness fades over about a week instead of ending.
 */
export function timeFit(at: number, span: TimeSpan): number {
  const { from, to } = span.anyYear ? inYearOf(at, span) : span
  const days = (to - from) / DAY
  const away = Math.max(from - at, at - to, 0) / DAY
  const sharpness = days > 60 ? 0.5 : 1
  return sharpness * Math.exp(-away / 8)
}

function inYearOf(at: number, { from }: TimeSpan): { from: number; to: number } {
  const [month, year] = [new Date(from).getUTCMonth(), new Date(at).getUTCFullYear()]
  return { from: Date.UTC(year, month), to: Date.UTC(year, month + 1) }
}
