import { LRUCache } from 'lru-cache'

/** The media types of one answer. */
export type MediaType = 'application/json' | 'application/graphql-response+json'
/** The media types of many answers. */
export type StreamType = 'text/event-stream' | 'multipart/mixed'

/** What an `Accept` header takes. */
export interface Negotiated {
  /** For an operation with one answer; an event stream can carry that too. */
  readonly answer: MediaType | 'text/event-stream'
  /** For a subscription; null when it takes no kind of stream. */
  readonly stream: StreamType | null
}

/** In the order that decides between equals: `*` + `/*` and no header at all mean JSON. */
const answers = ['application/json', 'application/graphql-response+json', 'text/event-stream'] as const
const streams = ['text/event-stream', 'multipart/mixed'] as const

interface MediaRange {
  readonly type: string
  readonly quality: number
}

const negotiated = new LRUCache<string, { choice: Negotiated | null }>({ max: 500 })

/** What to answer with under an `Accept` header (RFC 9110, 12.5.1), or null when it takes none of what we have. */
export function negotiate(accept: string | undefined): Negotiated | null {
  if (accept === undefined || accept === '') return { answer: 'application/json', stream: null }
  const known = negotiated.get(accept)
  if (known !== undefined) return known.choice
  const choice = choose(accept)
  if (accept.length < 500) negotiated.set(accept, { choice })
  return choice
}

function choose(accept: string): Negotiated | null {
  const ranges = accept.split(',').map(parseRange)
  const named = ranges.filter(({ type }) => !type.includes('*'))
  const stream = best(named, streams)
  // Clients of multipart subscriptions send the same header with every operation.
  const answer = best(ranges, answers) ?? (stream === 'multipart/mixed' ? 'application/json' : null)
  return answer && { answer, stream }
}

function best<T extends string>(ranges: readonly MediaRange[], offered: readonly T[]): T | null {
  let found: { type: T; quality: number; place: number } | null = null
  for (const type of offered) {
    const place = mostSpecific(ranges, type)
    const quality = ranges[place]?.quality ?? 0
    if (quality <= 0) continue
    const better = found === null || quality > found.quality || (quality === found.quality && place < found.place)
    if (better) found = { type, quality, place }
  }
  return found?.type ?? null
}

/** The index of the range that speaks for a type, or -1. */
function mostSpecific(ranges: readonly MediaRange[], type: string): number {
  const whole = ranges.findIndex((range) => range.type === type)
  if (whole >= 0) return whole
  const main = ranges.findIndex((range) => range.type === `${type.split('/')[0]}/*`)
  return main >= 0 ? main : ranges.findIndex((range) => range.type === '*/*')
}

const subscriptionSpec = /^subscriptionspec="?1\.0"?$/

function parseRange(text: string): MediaRange {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
  const weight = parameters.find((parameter) => parameter.startsWith('q='))
  const quality = weight === undefined ? 1 : Number(weight.slice(2))
  // Without its subscriptions' protocol, multipart is not ours to speak: it may be meant for `@defer`.
  const isOurs = type !== 'multipart/mixed' || parameters.some((parameter) => subscriptionSpec.test(parameter))
  return { type, quality: isOurs && Number.isFinite(quality) ? quality : 0 }
}
