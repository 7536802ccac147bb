import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { silentLog } from '../../lib/log.ts'
import { openRedis, type RedisStore } from '../../stores/redis/redis.ts'

export const redisUrl = process.env.MNEMOGRAPH_TEST_REDIS_URL ?? ''
/** Whether to leave out what needs Redis. Where stores are required it fails instead. */
export const skipRedis = redisUrl === '' && process.env.MNEMOGRAPH_REQUIRE_STORES !== '1'

/** A Redis of one suite's own: a namespace on the shared server. */
export function openTestRedis(systemId: string = randomUUID()): Promise<RedisStore> {
  return openRedis(redisUrl, systemId, silentLog())
}

/** Lets time pass for the keys of a namespace: each is that much nearer to its end. */
export async function passTime({ prefix }: RedisStore, milliseconds: number): Promise<void> {
  await eachKey(prefix, async (client, key) => {
    const left = (await client.pttl(key)) - milliseconds
    await (left > 0 ? client.pexpire(key, left) : client.del(key))
  })
}

/** Goes over the keys of a namespace. As a user of the tests' own: the product's may not list keys. */
export async function eachKey(prefix: string, work: (client: Redis, key: string) => Promise<void>): Promise<void> {
  const url = new URL(redisUrl)
  if (url.username === 'mnemograph') url.username = 'tests'
  const client = new Redis(url.href)
  try {
    let cursor = '0'
    do {
      const [next, keys] = await client.scan(cursor, 'MATCH', `${prefix}*`, 'COUNT', 1000)
      cursor = next
      for (const key of keys) await work(client, key)
    } while (cursor !== '0')
  } finally {
    client.disconnect()
  }
}
