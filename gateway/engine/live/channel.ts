import type { EngineResponse, SubgraphResponse } from '../types.ts'
import { Reader } from './reader.ts'
import type { Upstream } from './upstream.ts'

/** How many of the latest responses are kept for readers who come back, and how many characters at most. */
const remembered = 64
const rememberedCharacters = 1_000_000

export interface ChannelOptions {
  readonly upstream: Upstream
  /** The place that was asked for; a subgraph that cannot begin there says so in its first event. */
  readonly after: string | undefined
  /** Whether it began with the present, so that whoever asks for what comes from now on may join. */
  readonly isLive: boolean
  answer(event: SubgraphResponse): Promise<EngineResponse>
  /** The response that tells why the stream broke. */
  failure(reason: unknown): EngineResponse
  /** Hears of each response after its readers. */
  onDelivered(channel: Channel): void
  onOver(channel: Channel): void
}

/**
 * One upstream and its readers. Each event is answered once, and its answer goes to all. The upstream is asked for an
 * event when some reader waits for one, so it goes at the pace of the fastest.
 */
export class Channel {
  readonly isLive: boolean
  readonly #options: ChannelOptions
  readonly #readers = new Set<Reader>()
  readonly #recent: EngineResponse[] = []
  /** The place before the first of the recent responses. */
  #recentAfter: string | undefined
  #characters = 0
  #isWanted = false
  #isRunning = false
  #isOver = false

  constructor(options: ChannelOptions) {
    this.#options = options
    this.isLive = options.isLive
    this.#recentAfter = options.after ?? options.upstream.place
  }

  /** A new reader of what comes from now on, or after a place that is remembered; undefined when it is not. */
  join(after: string | undefined): Reader | undefined {
    const missed = after === undefined ? [] : this.#since(after)
    if (missed === undefined || this.#isOver) return undefined
    const startsAfter = after ?? this.#place
    const reader = new Reader(
      startsAfter,
      (waiting) => channelOf.get(waiting)?.want(),
      (leaving) => channelOf.get(leaving)?.leave(leaving),
    )
    this.#take(reader, missed)
    return reader
  }

  /** Takes over another's readers when the place that they have come to is remembered here. */
  adopt(other: Channel): boolean {
    const place = other.#place
    const missed = place === undefined ? undefined : this.#since(place)
    if (missed === undefined || this.#isOver || other.#isOver) return false
    for (const reader of [...other.#readers]) {
      other.#readers.delete(reader)
      this.#take(reader, missed)
    }
    void other.close()
    return true
  }

  want(): void {
    this.#isWanted = true
    if (!this.#isRunning) void this.#run()
  }

  leave(reader: Reader): void {
    if (this.#readers.delete(reader) && this.#readers.size === 0) void this.close()
  }

  async close(): Promise<void> {
    if (this.#isOver) return
    this.#isOver = true
    for (const reader of this.#readers) reader.end()
    this.#readers.clear()
    this.#options.onOver(this)
    await this.#options.upstream.return()
  }

  /** What its readers have been given goes up to here. */
  get #place(): string | undefined {
    return this.#recent.at(-1)?.cursor ?? this.#recentAfter
  }

  #take(reader: Reader, missed: readonly EngineResponse[]): void {
    channelOf.set(reader, this)
    for (const response of missed) if (!reader.push(response)) return
    this.#readers.add(reader)
    if (reader.isWaiting) this.want()
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    while (this.#isWanted && !this.#isOver) {
      this.#isWanted = false
      await this.#step()
    }
    this.#isRunning = false
  }

  async #step(): Promise<void> {
    try {
      const event = await this.#options.upstream.next()
      if (this.#isOver) return
      if (event.done) await this.close()
      else this.#deliver(await this.#options.answer(event.value))
    } catch (reason) {
      if (this.#isOver) return
      this.#deliver(this.#options.failure(reason))
      await this.close()
    }
  }

  #deliver(response: EngineResponse): void {
    if (this.#isOver) return
    const { cursor } = response
    if (cursor !== undefined) this.#remember(response)
    for (const reader of this.#readers) if (!reader.push(response)) this.#readers.delete(reader)
    if (this.#readers.size === 0) void this.close()
    else if (cursor !== undefined) this.#options.onDelivered(this)
  }

  #remember(response: EngineResponse): void {
    this.#recent.push(response)
    this.#characters += response.text.length
    while (this.#recent.length > remembered || this.#characters > rememberedCharacters) {
      const forgotten = this.#recent.shift()
      if (forgotten === undefined) return
      this.#characters -= forgotten.text.length
      this.#recentAfter = forgotten.cursor
    }
  }

  /** The remembered responses after a place; undefined when that place is not among them. */
  #since(place: string): readonly EngineResponse[] | undefined {
    if (place === this.#recentAfter) return this.#recent
    const at = this.#recent.findLastIndex(({ cursor }) => cursor === place)
    return at === -1 ? undefined : this.#recent.slice(at + 1)
  }
}

/** Readers move from one channel to another. */
const channelOf = new WeakMap<Reader, Channel>()
