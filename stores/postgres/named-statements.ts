const longest = 20_000
/** Texts that have been seen once are not remembered for ever. */
const mostOnce = 1000

/**
 * Names for statements that come again, so that a connection has each parsed and planned once: under row-level security
 * that takes as long as to run it. Texts that are made up as they go, a list of so many values in each, would fill the
 * server's memory: only what has come before is named, and only so many of them.
 */
export class NamedStatements {
  readonly #names = new Map<string, string>()
  readonly #once = new Set<string>()
  readonly #most: number

  constructor(most: number) {
    this.#most = most
  }

  /** The name that a text goes by on every connection of this process; none when it goes without. */
  nameOf(text: string): string | undefined {
    const name = this.#names.get(text)
    if (name !== undefined || text.length > longest || this.#names.size >= this.#most) return name
    return this.#once.delete(text) ? this.#give(text) : this.#note(text)
  }

  #give(text: string): string {
    const name = `mnemograph_${this.#names.size}`
    this.#names.set(text, name)
    return name
  }

  #note(text: string): undefined {
    if (this.#once.size >= mostOnce) this.#once.clear()
    this.#once.add(text)
  }
}
