import { randomUUID } from 'node:crypto'
import type { Log } from '../../lib/log.ts'
import type { RedisStore } from '../redis/redis.ts'
import { inProcessBus } from './in-process.ts'
import { readMessage, writeMessage } from './message.ts'
import { type Bus, checkMessage, type Topic } from './port.ts'

/** What waits to be sent while the server is away; older hints are dropped. */
const maximumPending = 1000

/**
 * A bus among all processes on one Redis server, by publish and subscribe. What this process publishes it hears without
 * the server. While the connection is broken nothing comes from others; when it is back, whoever follows the log is
 * woken, since he may have missed something.
 */
export async function openRedisBus(redis: RedisStore, logger: Log): Promise<Bus> {
  const bus = new RedisBus(redis, logger)
  await bus.listen(redis)
  return bus
}

class RedisBus implements Bus {
  readonly #redis: RedisStore
  readonly #logger: Log
  readonly #local = inProcessBus()
  readonly #channel: string
  /** Tells our own messages from others'. */
  readonly #self = `${randomUUID()} `
  /** Each once: the same hint twice tells no more. */
  readonly #pending = new Set<string>()
  #sending: Promise<void> | null = null
  #isClosed = false

  constructor(redis: RedisStore, logger: Log) {
    this.#redis = redis
    this.#logger = logger
    this.#channel = `${redis.prefix}bus`
  }

  async listen(redis: RedisStore): Promise<void> {
    const listener = await redis.connect()
    listener.on('message', (_channel, text: string) => {
      if (this.#isClosed || text.startsWith(this.#self)) return
      const read = readMessage(text.slice(this.#self.length))
      if (read) this.#local.publish(...read)
    })
    // The driver subscribes again by itself after a break.
    await listener.subscribe(this.#channel)
    listener.on('ready', () => {
      if (!this.#isClosed) this.#local.publish('events')
    })
    redis.client.on('ready', () => this.#send())
  }

  publish(topic: Topic, message = ''): void {
    checkMessage(message)
    if (this.#isClosed) return
    this.#local.publish(topic, message)
    this.#pending.add(writeMessage(topic, message))
    if (this.#pending.size > maximumPending) this.#pending.delete(this.#pending.values().next().value as string)
    this.#send()
  }

  subscribe(topic: Topic, listener: (message: string) => void): () => void {
    return this.#local.subscribe(topic, listener)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#sending
    await this.#local.close()
  }

  #send(): void {
    this.#sending ??= this.#drain().finally(() => {
      this.#sending = null
    })
  }

  async #drain(): Promise<void> {
    while (this.#pending.size > 0 && this.#redis.client.status === 'ready') {
      const texts = [...this.#pending]
      this.#pending.clear()
      const sent = await Promise.allSettled(
        texts.map((text) => this.#redis.client.publish(this.#channel, `${this.#self}${text}`)),
      )
      const failed = texts.filter((_, index) => sent[index]?.status === 'rejected')
      for (const text of failed) this.#pending.add(text)
      // They go out when the connection is back, or with the next message.
      if (failed.length > 0) return void this.#logger.warn('Other processes could not be woken')
    }
  }
}
