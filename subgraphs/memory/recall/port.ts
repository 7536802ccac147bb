import type { Documents } from './documents.ts'

/**
 * What recall reads of one owner's memories. Whoever implements it applies the owner, the visibility and the caller's
 * filters inside every method: recall only ever sees what it may answer with.
 */
export interface RecallIndex {
  /**
   * Full text: the memories with the highest sum, over the terms they have, of `boost × bm25(…)` (bm25.ts), and the
   * statistics that went into it. Frequencies are of the owner's own memories, or they would tell of others'.
   */
  search(boosts: ReadonlyMap<string, number>, limit: number): Promise<TextAnswer>
  /** The memories whose vectors are nearest by cosine, nearest first; empty when there is no vector index. */
  nearest(vector: Float32Array, limit: number): Promise<readonly Scored[]>
  /**
   * These memories and those up to `radius` places before and after each of them in its session, each once. Of what
   * they are found by only what is asked for is told: there are thousands of memories, and a question asks for little.
   */
  context(ids: readonly string[], radius: number, asked: Asked): Promise<Documents>
}

/** What a question looks for in each text. */
export interface Asked {
  readonly terms: ReadonlySet<string>
  /** Of those: first terms of two words that stand side by side, joined by a space. */
  readonly pairs: ReadonlySet<string>
}

export interface Scored {
  readonly id: string
  readonly score: number
}

export interface TextAnswer {
  readonly hits: readonly Scored[]
  /** How many memories were searched, and how many terms they have on average. */
  readonly documents: number
  readonly averageLength: number
  /** In how many of them each asked term occurs; a missing term is in none. */
  readonly frequencies: ReadonlyMap<string, number>
}
