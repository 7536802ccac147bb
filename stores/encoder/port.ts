/**
 * Turns texts into vectors whose cosine tells how alike their meanings are. An encoder is known by its model's name:
 * vectors of two models must never be compared, and an index keeps the name of the model that filled it.
 */
export interface Encoder {
  /** Name and version of the model: the same name always gives the same vectors. */
  readonly model: string
  /** The length of every vector. */
  readonly dimensions: number
  /**
   * One vector a text, in order, each of length one (also for an empty text).
   * Rejects with the signal's reason when it aborts, and with an error after `close`.
   */
  encode(texts: readonly string[], signal?: AbortSignal): Promise<Float32Array[]>
  /** Frees what the encoder holds. Safe to call twice. */
  close(): Promise<void>
}

/** Knows which words are used alike, whatever encoder an index uses. */
export interface Thesaurus {
  /**
   * For each word the words nearest to it by use, with their cosines, nearest first, the word itself left out; empty
   * for a word that is not known. Words are lower case.
   */
  related(words: readonly string[], signal?: AbortSignal): Promise<ReadonlyMap<string, number>[]>
}
