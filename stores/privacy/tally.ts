import type { Postgres, Transaction } from '../postgres/postgres.ts'
import { type Subject, step } from './subject.ts'

/** What was done to each store: how many rows, vectors, objects, by table or kind. */
export type Counts = Record<string, Record<string, number>>

/**
 * Counts what a request has done. The counts are saved with each step, in its transaction, so that a receipt tells of
 * what was done before an interruption too.
 */
export class Tally {
  readonly counts: Counts
  readonly #postgres: Postgres
  readonly #request: Subject & { readonly id: string }

  /** @param before what earlier runs of the request have counted. */
  constructor(postgres: Postgres, request: Subject & { readonly id: string }, before: Counts) {
    this.#postgres = postgres
    this.#request = request
    this.counts = { postgres: {}, vectors: {}, events: {}, objects: {}, ...before }
  }

  /** One step of the work, in a transaction of its own. */
  step<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return step(this.#postgres, this.#request, async (tx) => {
      const result = await work(tx)
      await tx.query('UPDATE users.privacy_requests SET counts = $2 WHERE id = $1', [
        this.#request.id,
        JSON.stringify(this.counts),
      ])
      return result
    })
  }

  add(store: string, what: string, amount: number): void {
    if (amount > 0) this.#of(store)[what] = (this.#of(store)[what] ?? 0) + amount
  }

  /** For work that counts what is there before it: done again, it finds the same or less. */
  atLeast(store: string, what: string, amount: number): void {
    if (amount > 0) this.#of(store)[what] = Math.max(this.#of(store)[what] ?? 0, amount)
  }

  #of(store: string): Record<string, number> {
    this.counts[store] ??= {}
    return this.counts[store]
  }
}
