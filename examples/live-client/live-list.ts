import { type FollowOptions, follow, type Status } from './follow.ts'

/** What a list looks like now. */
export interface ListState<Item> {
  readonly items: readonly Item[]
  readonly status: Status
}

export interface LiveListOptions<Item, Event> extends Omit<FollowOptions, 'signal' | 'onStatus' | 'onBegin' | 'after'> {
  /** Reads the whole list. */
  read(): Promise<readonly Item[]>
  /** The list after an event. An event may tell of what the list has already, so it must not matter how often it comes. */
  apply(items: readonly Item[], event: Event): readonly Item[]
  onChange(state: ListState<Item>): void
}

/** A list that is kept as it is on the server, across lost connections. */
export class LiveList<Item, Event> {
  readonly #options: LiveListOptions<Item, Event>
  readonly #ending = new AbortController()
  #items: readonly Item[] = []
  #status: Status = 'connecting'

  constructor(options: LiveListOptions<Item, Event>) {
    this.#options = options
  }

  /** Runs until it is closed. @throws LiveError when the server refuses the subscription itself */
  async run(): Promise<void> {
    const { signal } = this.#ending
    // Read once the stream has begun: what changes from then on comes as an event.
    const begun = Promise.withResolvers<void>()
    let reading = begun.promise.then(() => this.#read())
    const events = follow<Event>({
      ...this.#options,
      signal,
      onBegin: () => begun.resolve(),
      onStatus: (status) => this.#change({ status }),
    })
    for await (const { data, live } of events) {
      await reading
      if (live?.resync) {
        reading = this.#read()
        await reading
      } else if (data) this.#change({ items: this.#options.apply(this.#items, data) })
    }
  }

  close(): void {
    this.#ending.abort()
  }

  /** Tries until it succeeds: the events that have come meanwhile wait. */
  async #read(): Promise<void> {
    const { signal } = this.#ending
    for (let wait = 100; !signal.aborted; wait = Math.min(wait * 2, 10_000)) {
      try {
        return this.#change({ items: await this.#options.read() })
      } catch {
        await new Promise((resolve) => setTimeout(resolve, wait))
      }
    }
  }

  #change({ items = this.#items, status = this.#status }: Partial<ListState<Item>>): void {
    this.#items = items
    this.#status = status
    if (!this.#ending.signal.aborted) this.#options.onChange({ items, status })
  }
}
