import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { prepareAdmin } from '../../subgraphs/users/admin.ts'
import { viewerOfLogin } from '../../subgraphs/users/identity.ts'
import { room } from '../../subgraphs/users/index.ts'
import { openUsersWorld, operations, type SignedIn, type UsersWorld } from './people.ts'

let world: UsersWorld

beforeAll(async () => {
  world = await openUsersWorld()
}, 60_000)
afterAll(() => world.close())
beforeEach(() => world.database.sql('TRUNCATE users.users CASCADE'))

const start = async () => {
  const made = await prepareAdmin(world.stores)
  if (made === null) throw new Error('the start printed no secret')
  return made.secret
}
const code = async (login: string, secret: string) => (await world.signIn(login, secret)).data.signIn.code
const setPassword = async ({ viewer }: SignedIn, currentPassword: string) =>
  (await world.run(viewer, operations.changePassword, { input: { currentPassword, newPassword: 'admin’s own' } })).data
    .changePassword.__typename

describe('the first start', () => {
  test('makes an admin who signs in with a secret once, and sets his password with it', async () => {
    const secret = await start()
    const admin = await world.signedIn('admin', secret)
    expect(admin.user).toMatchObject({ email: 'admin@localhost', role: 'ADMIN' })
    expect(admin.viewer.role).toBe('ADMIN')
    expect(await code('admin@localhost', secret)).toBe('INVALID_CREDENTIALS')
    expect(await setPassword(admin, secret)).toBe('ChangePasswordSuccess')
    expect(await world.signedIn('admin', 'admin’s own')).toMatchObject({ user: { username: 'admin' } })
    expect(await code('admin', secret)).toBe('INVALID_CREDENTIALS')
    expect(await prepareAdmin(world.stores)).toBeNull()
  })

  test('whoever signs up later is a member, and cannot take the admin’s name', async () => {
    await start()
    expect((await world.signUp('anna')).viewer.role).toBe('MEMBER')
    const input = { username: 'Admin', email: 'x@example.org', password: 'long enough' }
    expect((await world.run(null, operations.signUp, { input })).data.signUp.code).toBe('CONFLICT')
  })

  test('two at once make one admin', async () => {
    const made = await Promise.all([prepareAdmin(world.stores), prepareAdmin(world.stores)])
    const secrets = made.flatMap((one) => one?.secret ?? [])
    expect(await world.database.sql('SELECT username FROM users.users')).toEqual([{ username: 'admin' }])
    const codes = await Promise.all(secrets.map((secret) => code('admin', secret)))
    expect(codes.filter((found) => found === undefined)).toHaveLength(1)
  })
})

describe('later starts', () => {
  test('make a new secret while no password is set, and the old one is void', async () => {
    const first = await start()
    const second = await start()
    expect(second).not.toBe(first)
    expect(await code('admin', first)).toBe('INVALID_CREDENTIALS')
    expect(await code('admin', second)).toBeUndefined()
  })

  test('let an admin in again who signed in but set no password', async () => {
    const first = await start()
    const early = await world.signedIn('admin', first)
    const second = await start()
    expect(await setPassword(early, first)).toBe('InvalidCredentials')
    const late = await world.signedIn('admin', second)
    // Another sign-in than the one that spent the secret cannot use it any more.
    expect(await setPassword(early, second)).toBe('InvalidCredentials')
    expect(await setPassword(late, second)).toBe('ChangePasswordSuccess')
    expect(await world.isLive(early.viewer)).toBe(false)
  })

  test('an unspent secret sets the password in a sign-in of an earlier start', async () => {
    const early = await world.signedIn('admin', await start())
    const secret = await start()
    expect(await setPassword(early, secret)).toBe('ChangePasswordSuccess')
    expect(await code('admin', secret)).toBe('INVALID_CREDENTIALS')
  })

  test('make no admin where users came without one', async () => {
    await world.signUp('anna')
    expect(await prepareAdmin(world.stores)).toBeNull()
  })
})

test('a secret that two use at once lets one in', async () => {
  const secret = await start()
  const codes = await Promise.all([code('admin', secret), code('admin', secret)])
  expect(codes.filter((found) => found === undefined)).toHaveLength(1)
})

test('the start tells the operator how to sign in, until he has set a password', async () => {
  const [notice] = (await room.prepare?.(world.stores)) ?? []
  const secret = /secret ([\w-]{22})/.exec(notice ?? '')?.[1] ?? ''
  expect(await setPassword(await world.signedIn('admin', secret), secret)).toBe('ChangePasswordSuccess')
  expect(await room.prepare?.(world.stores)).toEqual([])
})

test('whoever runs the system may speak for a user by name', async () => {
  const { viewer } = await world.signUp('anna')
  const found = await viewerOfLogin(world.stores, 'Anna@example.org')
  expect(found).toEqual({ ...viewer, sessionId: '00000000-0000-0000-0000-000000000000' })
  expect(await viewerOfLogin(world.stores, 'nobody')).toBeNull()
  await world.database.sql(`UPDATE users.users SET status = 'SUSPENDED'`)
  expect(await viewerOfLogin(world.stores, 'anna')).toBeNull()
})
