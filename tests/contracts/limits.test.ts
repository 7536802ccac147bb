import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { inProcessLimiter, inProcessLimits } from '../../stores/limits/in-process.ts'
import type { Limits } from '../../stores/limits/port.ts'
import { postgresLimits } from '../../stores/limits/postgres.ts'
import { redisLimits } from '../../stores/limits/redis.ts'
import type { RedisStore } from '../../stores/redis/redis.ts'
import { describeEachPostgres } from '../kit/postgres.ts'
import { openTestRedis, passTime, skipRedis } from '../kit/redis.ts'

// Only the date is moved: drivers need their timers.
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(() => void vi.useRealTimers())

/** For stores that count by this process's clock. */
const moveClock = async (milliseconds: number) => void vi.setSystemTime(Date.now() + milliseconds)

describe('limits in process', () => suite(() => inProcessLimits(), moveClock))
describeEachPostgres('limits in PostgreSQL', (world) => suite(() => postgresLimits(world().open()), moveClock))

describe.skipIf(skipRedis)('limits in Redis (set MNEMOGRAPH_TEST_REDIS_URL)', () => {
  let redis: RedisStore
  beforeAll(async () => {
    redis = await openTestRedis()
  })
  afterAll(() => redis.close())
  suite(
    () => redisLimits(redis, inProcessLimiter),
    (milliseconds) => passTime(redis, milliseconds),
  )

  test('are kept there only where no key is evicted', () => expect(redis.keepsKeys).toBe(true))

  test('are counted by the insurance while it is away', async () => {
    const away = await openTestRedis()
    const limits = redisLimits(away, inProcessLimiter)
    const rule = { name: 'two', points: 2, seconds: 60 }
    await away.close()
    const allowed = []
    for (let time = 0; time < 3; time += 1) allowed.push((await limits.take(rule, 'a')).allowed)
    expect(allowed).toEqual([true, true, false])
  })
})

function suite(open: () => Limits, pass: (milliseconds: number) => Promise<void>): void {
  const rule = { name: 'three', points: 3, seconds: 60 }
  const take = async (limits: Limits, key: string, times: number) => {
    const allowed = []
    for (let time = 0; time < times; time += 1) allowed.push((await limits.take(rule, key)).allowed)
    return allowed
  }

  test('let through as many as the rule says, for each key and rule', async () => {
    const limits = open()
    expect(await take(limits, 'a', 4)).toEqual([true, true, true, false])
    expect(await take(limits, 'b', 1)).toEqual([true])
    expect((await limits.take({ ...rule, name: 'other' }, 'a')).allowed).toBe(true)
  })

  test('tell how many are left and when the count begins anew', async () => {
    const limits = open()
    expect(await limits.take(rule, 'c')).toEqual({
      allowed: true,
      remaining: 2,
      resetsInMs: expect.closeTo(60_000, -3),
    })
    await pass(20_000)
    expect(await limits.take(rule, 'c')).toEqual({
      allowed: true,
      remaining: 1,
      resetsInMs: expect.closeTo(40_000, -3),
    })
    await take(limits, 'c', 2)
    await pass(40_001)
    expect((await limits.take(rule, 'c')).allowed).toBe(true)
  })

  test('give a point back, and begin anew', async () => {
    const limits = open()
    expect(await take(limits, 'd', 3)).toEqual([true, true, true])
    await limits.giveBack(rule, 'd')
    expect(await take(limits, 'd', 2)).toEqual([true, false])
    await limits.reset(rule, 'd')
    expect(await take(limits, 'd', 1)).toEqual([true])
  })

  test('count many at once exactly', async () => {
    const limits = open()
    const taken = await Promise.all(Array.from({ length: 10 }, () => limits.take(rule, 'e')))
    expect(taken.filter(({ allowed }) => allowed)).toHaveLength(3)
  })
}
