interface Event {
  readonly at: number
  happen(): void
}

/**
 * Time that passes when nothing is left to do: events happen one by one, each when all that follows from the one before
 * has settled. So their order is theirs alone, and hangs neither on the machine nor on how many promises are in between.
 */
export class VirtualTime {
  readonly #events: Event[] = []
  #now = 0
  #running: Promise<void> | null = null

  /** Resolves when nothing is to happen any more. */
  async over(): Promise<void> {
    await this.#running
  }

  after<T>(delay: number, value: () => T): Promise<T> {
    const at = this.#now + delay
    const come = new Promise<void>((happen) => this.#events.push({ at, happen }))
    this.#running ??= this.#run()
    return come.then(value)
  }

  async #run(): Promise<void> {
    for (;;) {
      // Microtasks, however many follow each other, are done by then.
      await new Promise(setImmediate)
      const next = this.#events.sort((a, b) => a.at - b.at).shift()
      if (!next) break
      this.#now = next.at
      next.happen()
    }
    this.#running = null
  }
}
