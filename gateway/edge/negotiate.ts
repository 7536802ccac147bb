import { LRUCache } from 'lru-cache'

/** The media types of one answer. */
export type MediaType = 'application/json' | 'application/graphql-response+json'
export type Negotiated = MediaType | 'text/event-stream'

/** In the order that decides between equals: `*` + `/*` and no header at all mean JSON. */
const offered: readonly Negotiated[] = ['application/json', 'application/graphql-response+json', 'text/event-stream']

interface MediaRange {
  readonly type: string
  readonly quality: number
}

const negotiated = new LRUCache<string, { choice: Negotiated | null }>({ max: 500 })

/** What to answer with under an `Accept` header (RFC 9110, 12.5.1), or null when it takes none of what we have. */
export function negotiate(accept: string | undefined): Negotiated | null {
  if (accept === undefined || accept === '') return 'application/json'
  const known = negotiated.get(accept)
  if (known !== undefined) return known.choice
  const choice = choose(accept)
  if (accept.length < 500) negotiated.set(accept, { choice })
  return choice
}

function choose(accept: string): Negotiated | null {
  const ranges = accept.split(',').map(parseRange)
  let best: { type: Negotiated; quality: number; place: number } | null = null
  for (const type of offered) {
    const place = mostSpecific(ranges, type)
    const quality = ranges[place]?.quality ?? 0
    if (quality <= 0) continue
    const better = best === null || quality > best.quality || (quality === best.quality && place < best.place)
    if (better) best = { type, quality, place }
  }
  return best?.type ?? null
}

/** The index of the range that speaks for a type, or -1. */
function mostSpecific(ranges: readonly MediaRange[], type: string): number {
  const whole = ranges.findIndex((range) => range.type === type)
  if (whole >= 0) return whole
  const main = ranges.findIndex((range) => range.type === `${type.split('/')[0]}/*`)
  return main >= 0 ? main : ranges.findIndex((range) => range.type === '*/*')
}

function parseRange(text: string): MediaRange {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
  const weight = parameters.find((parameter) => parameter.startsWith('q='))
  const quality = weight === undefined ? 1 : Number(weight.slice(2))
  return { type, quality: Number.isFinite(quality) ? quality : 0 }
}
