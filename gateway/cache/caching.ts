import { hash } from 'node:crypto'
import { buildASTSchema, parse } from 'graphql'
import { CacheHints } from '../../lib/cache-hints.ts'
import type { Cache } from '../../stores/cache/port.ts'
import type { Channel, Engine } from '../engine/types.ts'
import { withKeptAnswers } from './answers.ts'
import { withHints, withKeptFetches, withPolicies } from './fetches.ts'
import type { Freshness } from './freshness.ts'
import { KeptTexts } from './kept.ts'

/** What is put around an engine, and around its ways to subgraphs, so that it knows how long answers may be kept. */
export interface Caching {
  /** @param hints what the subgraph's schema says, where the subgraph itself says nothing. */
  around(channel: Channel, hints: CacheHints | undefined): Channel
  answersOf<E extends Engine>(engine: E): E
}

/** @param cache Where answers are kept; without one it is only told how long they may be. */
export function createCaching(supergraphSdl: string, freshness: Freshness, cache: Cache | undefined): Caching {
  // Another supergraph may answer the same question otherwise.
  const graph = hash('sha256', supergraphSdl, 'base64url')
  const kept = cache && new KeptTexts(cache, freshness, graph)
  return {
    around(channel, hints) {
      const hinted = hints ? withHints(channel, hints) : channel
      return withPolicies(kept ? withKeptFetches(hinted, kept) : hinted)
    },
    // What a policy makes of a request is known anew each time, so that only fetches, which come after it, are kept.
    answersOf: (engine) => withKeptAnswers(engine, freshness, supergraphSdl.includes('@policy') ? undefined : kept),
  }
}

/** The hints of a supergraph whose subgraphs compose @cacheControl into it; undefined where there are none. */
export function supergraphHints(supergraphSdl: string): CacheHints | undefined {
  if (!supergraphSdl.includes('@cacheControl')) return undefined
  return new CacheHints(buildASTSchema(parse(supergraphSdl, { noLocation: true }), { assumeValidSDL: true }))
}
