import { describe, expect, test } from 'vitest'
import { eachKey, openTestRedis, skipRedis } from '../kit/redis.ts'

describe.skipIf(skipRedis)('the product’s user of Redis (set MNEMOGRAPH_TEST_REDIS_URL)', () => {
  test('reads and writes its own keys, and neither reads others nor learns their names', async () => {
    const redis = await openTestRedis()
    const { client, prefix } = redis
    await client.set(`${prefix}own`, 'value')
    expect(await client.get(`${prefix}own`)).toBe('value')
    await expect(client.get('another:key')).rejects.toThrow('NOPERM')
    await expect(client.set('another:key', 'x')).rejects.toThrow('NOPERM')
    await expect(client.scan('0')).rejects.toThrow('NOPERM')
    await expect(client.randomkey()).rejects.toThrow('NOPERM')
    await expect(client.keys('*')).rejects.toThrow('NOPERM')
    const names: string[] = []
    await eachKey(prefix, async (_client, key) => void names.push(key))
    expect(names).toEqual([`${prefix}own`])
    await client.del(`${prefix}own`)
    await redis.close()
  })
})
