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
   * they are found by only the given terms are told: there are thousands of memories, and a question asks for few terms.
   */
  context(ids: readonly string[], radius: number, terms: ReadonlySet<string>): Promise<readonly RecallDocument[]>
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

/** A memory as recall weighs it. */
export interface RecallDocument {
  readonly id: string
  /** Null for a memory outside any session: it has no neighbours then. */
  readonly sessionId: string | null
  /** Its place in the session, counted in memories: a neighbour's differs by one. */
  readonly position: number
  readonly occurredAt: Date
  /** Who said it, when known. */
  readonly speaker: string | null
  readonly content: string
  /** How many terms it has, all counted. */
  readonly length: number
  /** `analyze(content).terms`, as kept when the memory was written, as far as they were asked for. */
  readonly terms: ReadonlyMap<string, number>
}
