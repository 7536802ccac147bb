import * as argon2 from '@node-rs/argon2'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { inProcessLimits } from '../../stores/limits/in-process.ts'
import { openUsersWorld, operations, password, type UsersWorld } from './people.ts'

// Only how often is asked here, so a cheap stand-in verifies: the password is right when it is `password`.
vi.mock('@node-rs/argon2', async (original) => ({
  ...(await original<typeof argon2>()),
  verify: vi.fn(async (_hash: string, secret: string) => secret === password),
}))

let world: UsersWorld

beforeAll(async () => {
  world = await openUsersWorld()
  for (const name of ['anna', 'ben', 'carla']) await world.signUp(name)
}, 60_000)
afterAll(() => world.close())
beforeEach(() => {
  Object.assign(world.stores, { limits: inProcessLimits() })
})

const at = (address: string) => ({ address, agent: null })
const attempt = async (login: string, secret: string, address = '192.0.2.1') => {
  const input = { login, password: secret }
  const { data, errors } = await world.run(null, operations.signIn, { input }, at(address))
  return errors[0]?.code ?? data.signIn.code ?? 'IN'
}
const fail = async (times: number, login: string, address?: string) => {
  const codes = new Set<unknown>()
  for (let time = 0; time < times; time += 1) codes.add(await attempt(login, 'wrong password', address))
  return [...codes]
}

describe('after ten wrong passwords for a name from one place', () => {
  test('even the right one waits, and is not verified', async () => {
    expect(await fail(10, 'anna')).toEqual(['INVALID_CREDENTIALS'])
    vi.mocked(argon2.verify).mockClear()
    const { errors } = await world.run(null, operations.signIn, { input: { login: 'ANNA', password } }, at('192.0.2.1'))
    expect(errors).toMatchObject([{ code: 'RATE_LIMITED', message: expect.stringMatching(/try again in \d+ s/) }])
    expect(argon2.verify).not.toHaveBeenCalled()
  })

  test('the user himself signs in from elsewhere, and others from there', async () => {
    await fail(11, 'anna')
    expect(await attempt('anna', password, '192.0.2.2')).toBe('IN')
    expect(await attempt('ben', password)).toBe('IN')
  })

  test('an unknown name is locked alike', async () => {
    const known = [await fail(10, 'anna'), await attempt('anna', 'wrong password')]
    const unknown = [await fail(10, 'nobody'), await attempt('nobody', 'wrong password')]
    expect(unknown).toEqual(known)
    expect(known[1]).toBe('RATE_LIMITED')
  })

  test('addresses of one IPv6 network are one place, and others are not', async () => {
    for (let host = 1; host <= 10; host += 1) await attempt('anna', 'wrong password', `2001:db8:1:2::${host}`)
    expect(await attempt('anna', password, '2001:db8:1:2:ffff::1')).toBe('RATE_LIMITED')
    expect(await attempt('anna', password, '2001:db8:1:3::1')).toBe('IN')
  })

  test('a hundred at once are no way round', async () => {
    const codes = await Promise.all(Array.from({ length: 30 }, () => attempt('anna', 'wrong password')))
    expect(codes.filter((code) => code === 'INVALID_CREDENTIALS')).toHaveLength(10)
  })
})

test('a success begins the count anew', async () => {
  await fail(9, 'anna')
  expect(await attempt('anna', password)).toBe('IN')
  await fail(9, 'anna')
  expect(await attempt('anna', password)).toBe('IN')
})

test('a hundred wrong passwords lock a name from anywhere, and those from one place lock the place', async () => {
  for (let place = 0; place < 10; place += 1) await fail(10, 'anna', `198.51.100.${place}`)
  expect(await attempt('anna', password, '203.0.113.1')).toBe('RATE_LIMITED')
  expect(await attempt('ben', password, '203.0.113.1')).toBe('IN')
  for (let name = 0; name < 100; name += 1) await attempt(`name-${name}`, 'wrong password', '203.0.113.2')
  expect(await attempt('ben', password, '203.0.113.2')).toBe('RATE_LIMITED')
  expect(await attempt('ben', password, '203.0.113.3')).toBe('IN')
})

test('changing a password counts wrong ones too', async () => {
  const { viewer } = await world.signedIn('carla')
  const change = async (currentPassword: string) => {
    const input = { currentPassword, newPassword: password }
    const { data, errors } = await world.run(viewer, operations.changePassword, { input })
    return errors[0]?.code ?? data.changePassword.code ?? 'CHANGED'
  }
  expect(await change(password)).toBe('CHANGED')
  for (let time = 0; time < 10; time += 1) expect(await change('wrong password')).toBe('INVALID_CREDENTIALS')
  expect(await change(password)).toBe('RATE_LIMITED')
})
