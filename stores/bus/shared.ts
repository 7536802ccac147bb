import type { Log } from '../../lib/log.ts'
import { inProcessBus } from './in-process.ts'
import { readMessage, writeMessage } from './message.ts'
import { type Bus, checkMessage, type Topic } from './port.ts'

/** What waits to be sent while the server is away; older hints are dropped. */
const maximumPending = 1000

/** A way to the other processes' buses. */
export interface Wire {
  readonly isOpen: boolean
  /** @returns those that were not sent */
  send(texts: readonly string[]): Promise<readonly string[]>
  close(): Promise<void>
}

/**
 * A bus among processes: what this one publishes it hears without the wire, and what waits for the wire goes out once it
 * is open. Whoever has the wire tells of what comes over it, and of its coming back.
 */
export class SharedBus implements Bus {
  readonly #wire: Wire
  readonly #logger: Log
  readonly #local = inProcessBus()
  /** Each once: the same hint twice tells no more. */
  readonly #pending = new Set<string>()
  #sending: Promise<void> | null = null
  #isClosed = false

  constructor(wire: Wire, logger: Log) {
    this.#wire = wire
    this.#logger = logger
  }

  publish(topic: Topic, message = ''): void {
    checkMessage(message)
    if (this.#isClosed) return
    this.#local.publish(topic, message)
    this.#pending.add(writeMessage(topic, message))
    if (this.#pending.size > maximumPending) this.#pending.delete(this.#pending.values().next().value as string)
    this.flush()
  }

  subscribe(topic: Topic, listener: (message: string) => void): () => void {
    return this.#local.subscribe(topic, listener)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#sending
    await this.#local.close()
    await this.#wire.close()
  }

  /** Hands on what another process has published. */
  receive(text: string): void {
    const read = readMessage(text)
    if (read && !this.#isClosed) this.#local.publish(...read)
  }

  /** Wakes whoever follows the log: while the wire was broken he may have missed something. */
  wake(): void {
    if (!this.#isClosed) this.#local.publish('events')
  }

  /** Sends what waits; one message at a time, and what is published meanwhile goes with the next. */
  flush(): void {
    this.#sending ??= this.#drain().finally(() => {
      this.#sending = null
    })
  }

  async #drain(): Promise<void> {
    while (this.#pending.size > 0 && this.#wire.isOpen) {
      const texts = [...this.#pending]
      this.#pending.clear()
      const failed = await this.#wire.send(texts)
      for (const text of failed) this.#pending.add(text)
      // They go out when the wire is open again, or with the next message.
      if (failed.length > 0) return void this.#logger.warn('Other processes could not be woken')
    }
  }
}
