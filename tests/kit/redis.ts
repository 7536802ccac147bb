import { randomUUID } from 'node:crypto'
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
export async function passTime({ client, prefix }: RedisStore, milliseconds: number): Promise<void> {
  let cursor = '0'
  do {
    const [next, keys] = await client.scan(cursor, 'MATCH', `${prefix}*`, 'COUNT', 1000)
    cursor = next
    for (const key of keys) {
      const left = (await client.pttl(key)) - milliseconds
      await (left > 0 ? client.pexpire(key, left) : client.del(key))
    }
  } while (cursor !== '0')
}
