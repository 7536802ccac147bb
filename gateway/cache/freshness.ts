/** Tells when kept answers may be out of date before their time. */
export interface Freshness {
  /** Part of every key: what was read under another tag is not found any more. */
  readonly tag: string
  /** Whether caches of others, which hear of no change, may keep answers as well. */
  readonly isByTime: boolean
  /** Something has changed: whoever asks after this gets nothing that was read before it. */
  changed(): void
  /** @param listener hears that nothing of what was read before can be found any more. */
  onChange(listener: () => void): void
}

/** Answers are good for as long as their subgraphs say. */
export const byTimeAlone: Freshness = { tag: '', isByTime: true, changed() {}, onChange() {} }

/**
 * Answers are good until anything is written. An answer is kept under the tag of the moment when it began to be read, so
 * one that was read across a write is never found after it.
 */
export class UntilWritten implements Freshness {
  readonly isByTime = false
  #writes = 0
  readonly #listeners: (() => void)[] = []

  get tag(): string {
    return String(this.#writes)
  }

  changed(): void {
    this.#writes += 1
    for (const listener of this.#listeners) listener()
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }
}
