import { hash } from 'node:crypto'
import { buildASTSchema, parse } from 'graphql'
import { CacheHints } from '../../lib/cache-hints.ts'
import type { Metrics } from '../../lib/metrics.ts'
import type { Cache } from '../../stores/cache/port.ts'
import { openCache } from '../../stores/open-cache.ts'
import type { Channel, Engine } from '../engine/types.ts'
import { withKeptAnswers } from './answers.ts'
import { withHints, withKeptFetches, withPolicies } from './fetches.ts'
import type { Freshness } from './freshness.ts'
import { KeptTexts, type KeptWatch } from './kept.ts'

/** What is put around an engine, and around its ways to subgraphs, so that it knows how long answers may be kept. */
export interface Caching {
  /** @param hints what the subgraph's schema says, where the subgraph itself says nothing. */
  around(channel: Channel, hints: CacheHints | undefined): Channel
  answersOf<E extends Engine>(engine: E): E
}

/** Where answers are kept, and who hears of it. */
export interface Keeping {
  readonly cache: Cache
  readonly watch: KeptWatch
}

/** A cache of so many bytes, which shows in the metrics; undefined for none. */
export function openKeeping(maxBytes: number, metrics: Metrics): Keeping | undefined {
  if (maxBytes === 0) return undefined
  const looks = metrics.counter('mnemograph_kept_lookups_total', 'Looks into the cache of answers.', [
    'kind',
    'outcome',
  ])
  return { cache: openCache(maxBytes), watch: (kind, isFound) => looks.inc([kind, isFound ? 'hit' : 'miss']) }
}

/** @param keeping without it, it is only told how long answers may be kept. */
export function createCaching(supergraphSdl: string, freshness: Freshness, keeping: Keeping | undefined): Caching {
  // Another supergraph may answer the same question otherwise.
  const graph = hash('sha256', supergraphSdl, 'base64url')
  const kept = keeping && new KeptTexts(keeping.cache, freshness, graph, keeping.watch)
  return {
    around(channel, hints) {
      const hinted = hints ? withHints(channel, hints) : channel
      return withPolicies(kept ? withKeptFetches(hinted, kept) : hinted)
    },
    // What a policy makes of a request is known anew each time, so that only fetches, which come after it, are kept.
    answersOf: (engine) => withKeptAnswers(engine, freshness, /@policy\b/.test(supergraphSdl) ? undefined : kept),
  }
}

/** The hints of a supergraph whose subgraphs compose @cacheControl into it; undefined where there are none. */
export function supergraphHints(supergraphSdl: string): CacheHints | undefined {
  if (!supergraphSdl.includes('@cacheControl')) return undefined
  return new CacheHints(buildASTSchema(parse(supergraphSdl, { noLocation: true }), { assumeValidSDL: true }))
}
