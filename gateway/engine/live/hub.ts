import type { EngineResponse, ResponseStream, SubgraphResponse } from '../types.ts'
import { Channel } from './channel.ts'
import type { Subject } from './subject.ts'
import { type OpenStream, Upstream } from './upstream.ts'

/** How a subscription is read and answered; the first reader's stands for all that share it. */
export interface Source {
  readonly open: OpenStream
  readonly signal: AbortSignal
  answer(event: SubgraphResponse): Promise<EngineResponse>
  failure(reason: unknown): EngineResponse
}

/**
 * Shares subscriptions: one upstream for each operation, variables and authority, however many read. A reader who comes
 * back joins at his place when it is remembered. Otherwise he reads from the log by a channel of his own, until it has
 * come as far as another one; from there on they are one.
 */
export class Hub {
  readonly #groups = new Map<string, Set<Channel>>()
  readonly #opening = new Map<string, Promise<Channel>>()

  /** @param source makes the source of a channel that has to be opened. */
  async subscribe(subject: Subject, source: (ending: AbortController) => Source): Promise<ResponseStream> {
    const { key, after } = subject
    const joined = this.#join(key, after)
    if (joined) return joined
    const name = `${key}\n${after ?? ''}`
    // Readers who come while a channel is opened for one of them share it too; it may be over before they get in.
    for (;;) {
      let opening = this.#opening.get(name)
      if (!opening) {
        opening = this.#open(subject, source).finally(() => this.#opening.delete(name))
        this.#opening.set(name, opening)
      }
      const channel = await opening
      const reader = channel.join(after) ?? this.#join(key, after)
      if (reader) return reader
    }
  }

  #join(key: string, after: string | undefined): ResponseStream | undefined {
    for (const channel of this.#groups.get(key) ?? []) {
      if (after === undefined && !channel.isLive) continue
      const reader = channel.join(after)
      if (reader) return reader
    }
    return undefined
  }

  async #open({ key, after }: Subject, source: (ending: AbortController) => Source): Promise<Channel> {
    const ending = new AbortController()
    const { open, signal, answer, failure } = source(ending)
    const upstream = await Upstream.open(open, after, signal)
    const channel = new Channel({
      upstream,
      after,
      isLive: after === undefined,
      answer,
      failure,
      onDelivered: (delivered) => this.#unite(key, delivered),
      onOver: (ended) => {
        ending.abort()
        this.#remove(key, ended)
      },
    })
    const group = this.#groups.get(key) ?? new Set()
    this.#groups.set(key, group.add(channel))
    return channel
  }

  /** Where one channel has come to a place that another remembers, both go on as one. */
  #unite(key: string, channel: Channel): void {
    const group = this.#groups.get(key)
    if (group === undefined || group.size < 2) return
    for (const other of group) {
      if (other === channel) continue
      const [stays, goes] = channel.isLive ? [channel, other] : [other, channel]
      if (stays.adopt(goes) && goes === channel) return
    }
  }

  #remove(key: string, channel: Channel): void {
    const group = this.#groups.get(key)
    group?.delete(channel)
    if (group?.size === 0) this.#groups.delete(key)
  }
}
