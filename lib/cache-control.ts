import { LRUCache } from 'lru-cache'

/** How long an answer may be kept, in seconds, and by whom: everyone, or him alone whom it was given to. */
export interface CachePolicy {
  readonly maxAge: number
  readonly scope: 'PUBLIC' | 'PRIVATE'
}

/** The same few headers come again and again. */
const parsed = new LRUCache<string, CachePolicy | typeof none>({ max: 1000 })
const none = Symbol('not to be kept')

/**
 * Reads a `Cache-Control` header of an answer (RFC 9111, section 5.2.2): `s-maxage` wins over `max-age`, and one that
 * says neither keeps nothing. Undefined when the answer may not be kept.
 */
export function parseCacheControl(text: string): CachePolicy | undefined {
  let policy = parsed.get(text)
  if (policy === undefined) {
    policy = read(text) ?? none
    parsed.set(text, policy)
  }
  return policy === none ? undefined : policy
}

function read(text: string): CachePolicy | undefined {
  const directives = new Map<string, string>()
  for (const part of text.toLowerCase().split(',')) {
    const [name = '', value = ''] = part.split('=')
    directives.set(name.trim(), value.trim().replaceAll('"', ''))
  }
  if (directives.has('no-store') || directives.has('no-cache')) return undefined
  const age = directives.get('s-maxage') ?? directives.get('max-age') ?? ''
  if (!/^\d{1,9}$/.test(age) || Number(age) === 0) return undefined
  return { maxAge: Number(age), scope: directives.has('private') ? 'PRIVATE' : 'PUBLIC' }
}

/** A policy as a `Cache-Control` header; without one the answer is not to be kept. */
export function printCacheControl(policy: CachePolicy | undefined): string {
  return policy === undefined ? 'no-store' : `max-age=${policy.maxAge}, ${policy.scope.toLowerCase()}`
}

/**
 * The policy of an answer that is made of several: the shortest time, and private when one of them is. An answer made of
 * nothing is not kept.
 */
export class PolicySum {
  #maxAge = Number.POSITIVE_INFINITY
  #scope: CachePolicy['scope'] = 'PUBLIC'

  /** @param policy undefined for a part that may not be kept. */
  add(policy: CachePolicy | undefined): void {
    this.#maxAge = Math.min(this.#maxAge, policy?.maxAge ?? 0)
    if (policy?.scope === 'PRIVATE') this.#scope = 'PRIVATE'
  }

  get policy(): CachePolicy | undefined {
    if (this.#maxAge <= 0 || this.#maxAge === Number.POSITIVE_INFINITY) return undefined
    return { maxAge: this.#maxAge, scope: this.#scope }
  }
}
