import { randomUUID } from 'node:crypto'
import type { Log } from '../../lib/log.ts'
import type { RedisStore } from '../redis/redis.ts'
import type { Bus } from './port.ts'
import { SharedBus, type Wire } from './shared.ts'

/**
 * A bus among all processes on one Redis server, by publish and subscribe. While the connection is broken nothing comes
 * from others; when it is back, whoever follows the log is woken.
 */
export async function openRedisBus(redis: RedisStore, logger: Log): Promise<Bus> {
  const channel = `${redis.prefix}bus`
  /** Tells our own messages from others'. */
  const self = `${randomUUID()} `
  const bus = new SharedBus(wireTo(redis, channel, self), logger)
  const listener = await redis.connect()
  listener.on('message', (_channel, text: string) => {
    if (!text.startsWith(self)) bus.receive(text.slice(self.length))
  })
  // The driver subscribes again by itself after a break.
  await listener.subscribe(channel)
  listener.on('ready', () => bus.wake())
  redis.client.on('ready', () => bus.flush())
  return bus
}

function wireTo({ client }: RedisStore, channel: string, self: string): Wire {
  return {
    get isOpen() {
      return client.status === 'ready'
    },
    async send(texts) {
      const sent = await Promise.allSettled(texts.map((text) => client.publish(channel, `${self}${text}`)))
      return texts.filter((_, index) => sent[index]?.status === 'rejected')
    },
    // The connections are the store's to close.
    close: async () => {},
  }
}
