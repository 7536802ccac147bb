import * as argon2 from '@node-rs/argon2'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { hashSecret, verifySecret } from '../../subgraphs/users/passwords.ts'

vi.mock('@node-rs/argon2', async (original) => ({
  ...(await original<typeof argon2>()),
  hash: vi.fn(),
  verify: vi.fn(),
}))

/** Hashes under way, each to be ended by the test. */
let open: (() => void)[]

beforeEach(() => {
  open = []
  vi.mocked(argon2.hash).mockImplementation(() => new Promise((resolve) => open.push(() => resolve('hash'))))
  vi.mocked(argon2.verify).mockImplementation(async () => true)
})

const turns = () => new Promise(setImmediate)

/** Ends what is under way until nothing is; answers the most that were at once. */
async function drain(): Promise<number> {
  let most = 0
  for (await turns(); open.length > 0; await turns()) {
    most = Math.max(most, open.length)
    for (const end of open.splice(0)) end()
  }
  return most
}

describe('a flood of secrets', () => {
  test('is worked off two at a time, in the order of arrival', async () => {
    const done: number[] = []
    const all = Array.from({ length: 9 }, (_, index) => hashSecret(`${index}`).then(() => done.push(index)))
    expect(await drain()).toBe(2)
    await Promise.all(all)
    expect(done).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
    expect(
      vi
        .mocked(argon2.hash)
        .mock.calls.slice(-9)
        .map(([secret]) => secret),
    ).toEqual([...'012345678'])
  })

  test('is turned away beyond 100 that wait, and taken again afterwards', async () => {
    const taken = Array.from({ length: 102 }, () => hashSecret('secret'))
    await expect(verifySecret(null, 'secret')).rejects.toMatchObject({
      extensions: { code: 'RATE_LIMITED', retryAfter: 1 },
    })
    await drain()
    await Promise.all(taken)
    await expect(verifySecret(null, 'secret')).resolves.toBe(true)
  })

  test('forgets those who go away while they wait', async () => {
    const [one, two] = [hashSecret('one'), hashSecret('two')]
    const gone = new AbortController()
    const waiting = Array.from({ length: 100 }, () => hashSecret('gone', gone.signal))
    gone.abort(new Error('the client went away'))
    for (const outcome of await Promise.allSettled(waiting)) expect(outcome.status).toBe('rejected')
    const three = hashSecret('three')
    expect(await drain()).toBe(2)
    await Promise.all([one, two, three])
  })

  test('goes on after one that fails', async () => {
    vi.mocked(argon2.verify).mockImplementation(async () => {
      throw new Error('broken hash')
    })
    for (let index = 0; index < 5; index += 1) {
      await expect(verifySecret('no hash', 'secret')).rejects.toThrow('broken hash')
    }
    const one = hashSecret('one')
    expect(await drain()).toBe(1)
    await one
  })
})
