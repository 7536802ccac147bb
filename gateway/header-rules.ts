import type { IncomingHttpHeaders } from 'node:http'
import { z } from 'zod'
import { envelopeHeader } from '../lib/envelope.ts'

/** Which headers go to a subgraph beside those of the protocol. Names are in small letters; `*` stands for any text. */
export interface HeaderRules {
  /** The client's headers that go on. */
  readonly propagateHeaders: readonly string[]
  /** Of those, the ones that do not, such as with `*` or `x-*`. */
  readonly removeHeaders: readonly string[]
  /** Headers that the gateway adds; they win over the client's. */
  readonly insertHeaders: Readonly<Record<string, string>>
}

type Headers = Readonly<Record<string, string>>

/** Headers that belong to one connection or body, or that the gateway itself writes: no rule may touch them. */
const reserved = new Set([
  'accept',
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'last-event-id',
  'te',
  'trailer',
  'traceparent',
  'tracestate',
  'transfer-encoding',
  'upgrade',
  envelopeHeader,
])
/** Whoever sends these on must name them: a pattern is easily wider than it was meant. */
const byNameAlone = /^(authorization|cookie|proxy-.*|sec-.*)$/

const pattern = /^[a-z0-9!#$%&'*+.^_`|~-]+$/
const name = /^[a-z0-9!#$%&'+.^_`|~-]+$/
/** Text that a header can carry. */
const value = /^[\t\x20-\x7e\x80-\xff]*$/

const names = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim().toLowerCase()))
  .refine((list) => list.every((entry) => pattern.test(entry) && !reserved.has(entry)), {
    error: 'must be a comma-separated list of header names, none of them one that the gateway writes itself',
  })

const inserted = z
  .string()
  .transform((text): unknown => parsed(text))
  .pipe(
    z.record(z.string(), z.string().regex(value), {
      error: 'must be a JSON object of header names and their values',
    }),
  )
  .transform((given) => Object.fromEntries(Object.entries(given).map(([key, text]) => [key.toLowerCase(), text])))
  .refine((given) => Object.keys(given).every((key) => name.test(key) && !reserved.has(key)), {
    error: 'must hold header names, none of them one that the gateway writes itself',
  })

/** By the end of a setting's name. */
export const headerSettings = {
  PROPAGATE_HEADERS: { key: 'propagateHeaders', schema: names },
  REMOVE_HEADERS: { key: 'removeHeaders', schema: names },
  INSERT_HEADERS: { key: 'insertHeaders', schema: inserted },
} as const

/**
 * Takes from a client's headers what some rule may send on; undefined when no rule sends anything on, so that nothing is
 * looked at.
 */
export function clientHeaderPicker(
  rules: readonly HeaderRules[],
): ((headers: IncomingHttpHeaders) => Headers) | undefined {
  const wanted = matcher(rules.flatMap(({ propagateHeaders }) => propagateHeaders))
  return wanted && ((headers) => pick(headers as Headers, wanted))
}

/** What a subgraph is sent of the client's headers, and beside them. */
export function subgraphHeaderRules(rules: HeaderRules): (client: Headers | undefined) => Headers {
  const { insertHeaders } = rules
  const wanted = matcher(rules.propagateHeaders)
  if (!wanted) return () => insertHeaders
  const removed = matcher(rules.removeHeaders)
  return (client = {}) => ({ ...pick(client, (key) => wanted(key) && !removed?.(key)), ...insertHeaders })
}

function pick(headers: Headers, isWanted: (key: string) => boolean): Headers {
  const picked: Record<string, string> = {}
  for (const [key, text] of Object.entries(headers)) {
    if (typeof text === 'string' && isWanted(key)) picked[key] = text
  }
  return picked
}

function matcher(patterns: readonly string[]): ((key: string) => boolean) | undefined {
  if (patterns.length === 0) return undefined
  const exact = new Set(patterns)
  const wide = patterns.filter((entry) => entry.includes('*')).map(toExpression)
  return (key) =>
    exact.has(key) || (!reserved.has(key) && !byNameAlone.test(key) && wide.some((expression) => expression.test(key)))
}

function toExpression(text: string): RegExp {
  return new RegExp(
    `^${text
      .split('*')
      .map((part) => part.replaceAll(/[.+^$|]/g, '\\$&'))
      .join('.*')}$`,
  )
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
