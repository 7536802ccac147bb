import { hash } from 'node:crypto'
import type { CachePolicy } from '../../lib/cache-control.ts'
import type { RequestContext } from '../../lib/context.ts'
import type { Cache } from '../../stores/cache/port.ts'
import type { Freshness } from './freshness.ts'

/** A text that may be used again, and for how long it still may. */
export interface Kept {
  readonly text: string
  readonly policy: CachePolicy
}

/** What is kept: whole answers, root fields of a subgraph, entities. */
export type KeptKind = 'answer' | 'fetch' | 'entity'

/** Hears of each look into the cache. */
export type KeptWatch = (kind: KeptKind, isFound: boolean) => void

interface Entry {
  readonly text: string
  readonly scope: CachePolicy['scope']
  /** When it is over, in milliseconds since the epoch. */
  readonly until: number
}

/** What all keys of one request have in common: taken before anything is read, since a write may come meanwhile. */
export interface Reader {
  /** Under which tag of the data he reads. */
  readonly tag: string
  readonly tenantId: string
  /** The tag, and the client's headers that go to subgraphs: they can change an answer. */
  readonly common: string
  /** Who reads; undefined for nobody in particular, who then shares only what is public. */
  readonly viewer: string | undefined
}

/**
 * Texts kept in a cache. What is private is found by the viewer alone whom it was given to, what is public by everyone of
 * the tenant. A cache that fails is one that holds nothing.
 */
export class KeptTexts {
  readonly #cache: Cache
  readonly #freshness: Freshness
  readonly #graph: string
  readonly #watch: KeptWatch

  /** @param graph what tells this graph's texts from another's in the same cache. */
  constructor(cache: Cache, freshness: Freshness, graph: string, watch: KeptWatch = () => {}) {
    this.#cache = cache
    this.#freshness = freshness
    this.#graph = graph
    this.#watch = watch
    // What nobody can find any more must not stay either: it may be of somebody who is erased.
    freshness.onChange(() => void cache.clear().catch(() => {}))
  }

  /** Under which tag a query that begins now reads. */
  get tag(): string {
    return this.#freshness.tag
  }

  readerOf({ viewer, clientHeaders, readUnder = this.tag }: RequestContext): Reader {
    const { authorization, cookie, ...others } = clientHeaders ?? {}
    const isKnown = viewer !== null || authorization !== undefined || cookie !== undefined
    return {
      tag: readUnder,
      tenantId: viewer?.tenantId ?? '',
      common: `${this.#graph}|${readUnder}|${clientHeaders === undefined ? '' : JSON.stringify(others)}`,
      viewer: isKnown ? JSON.stringify([viewer, authorization, cookie]) : undefined,
    }
  }

  async find(reader: Reader, kind: KeptKind, what: string, now: number): Promise<Kept | undefined> {
    const kept = await this.#look(reader, what, now)
    this.#watch(kind, kept !== undefined)
    return kept
  }

  async #look(reader: Reader, what: string, now: number): Promise<Kept | undefined> {
    const publicly = await this.#get(reader.tenantId, keyOf(reader.common, what))
    const entry =
      publicly ??
      (reader.viewer === undefined
        ? undefined
        : await this.#get(reader.tenantId, keyOf(reader.common, what, reader.viewer)))
    if (entry === undefined) return undefined
    const maxAge = Math.floor((entry.until - now) / 1000)
    return maxAge <= 0 ? undefined : { text: entry.text, policy: { maxAge, scope: entry.scope } }
  }

  async keep(reader: Reader, what: string, { text, policy }: Kept, now: number): Promise<void> {
    if (reader.tag !== this.tag) return
    const isPublic = policy.scope === 'PUBLIC'
    if (!isPublic && reader.viewer === undefined) return
    const key = isPublic ? keyOf(reader.common, what) : keyOf(reader.common, what, reader.viewer)
    const entry: Entry = { text, scope: policy.scope, until: now + policy.maxAge * 1000 }
    try {
      await this.#cache.set(reader.tenantId, key, entry, policy.maxAge)
    } catch {
      // Not kept, then.
    }
  }

  async #get(tenantId: string, key: string): Promise<Entry | undefined> {
    try {
      return await this.#cache.get<Entry>(tenantId, key)
    } catch {
      return undefined
    }
  }
}

/** With the length of each part before it, none can reach into the next. */
function keyOf(...parts: readonly (string | undefined)[]): string {
  return hash('sha256', parts.map((part = '') => `${part.length}:${part}`).join(''), 'base64url')
}
