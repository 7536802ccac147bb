import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Viewer } from '../../lib/context.ts'
import { toGlobalId } from '../../lib/ids.ts'
import { viewerOf } from '../kit/room-world.ts'
import { openUsersWorld, operations, type SignedIn, type UsersWorld } from './people.ts'

let world: UsersWorld
let admin: SignedIn
let anna: SignedIn
let ben: SignedIn
const ended: string[] = []

beforeAll(async () => {
  world = await openUsersWorld()
  world.stores.bus.subscribe('session-ended', (sessionId) => ended.push(sessionId))
}, 60_000)
afterAll(() => world.close())
beforeEach(async () => {
  await world.database.sql('TRUNCATE users.users CASCADE')
  admin = await world.admin()
  anna = await world.signUp('anna')
  ben = await world.signUp('ben_100')
})

const told = () => new Promise(setImmediate).then(() => ended.splice(0))
const otherTenant = '00000000-0000-4000-8000-00000000beef'

async function send(viewer: Viewer | null, name: 'setUserRole' | 'suspendUser' | 'reinstateUser', input: object) {
  const { data, errors } = await world.run(viewer, operations[name], { input })
  return errors[0]?.code ?? data[name]
}

describe('permissions', () => {
  test.each([
    ['MEMBER', ['READ_GRAPH', 'WRITE_GRAPH']],
    ['ANALYST', ['READ_GRAPH', 'WRITE_GRAPH', 'READ_AUDIT', 'READ_METRICS']],
  ])('of the role %s', async (role, permissions) => {
    await world.database.sql('UPDATE users.users SET role = $1 WHERE id = $2', [role, anna.viewer.userId])
    expect((await world.run(anna.viewer, operations.permissions)).data.viewer.permissions).toEqual(permissions)
  })

  test('of an admin are all that there are', async () => {
    const { data } = await world.run(admin.viewer, operations.permissions)
    const all = '{ __type(name: "Permission") { enumValues { name } } }'
    const { enumValues } = (await world.run(admin.viewer, all)).data.__type
    const names = enumValues.map(({ name }: { name: string }) => name)
    expect([...data.viewer.permissions].sort()).toEqual(names.sort())
  })
})

describe('the list of users', () => {
  const list = async (viewer: Viewer, variables: Record<string, unknown> = {}) =>
    (await world.run(viewer, operations.users, variables)).data.users

  test('shows an admin those of his tenant, in pages', async () => {
    await world.database.sql(`UPDATE users.users SET tenant_id = $2 WHERE id = $1`, [
      ben.viewer.userId,
      (
        await world.database.sql<{ id: string }>(
          `INSERT INTO app.tenants (id, name) VALUES ($1, 'other') ON CONFLICT (id) DO UPDATE SET name = 'other' RETURNING id`,
          [otherTenant],
        )
      )[0]?.id,
    ])
    const page = await list(admin.viewer, { first: 1 })
    expect(page).toMatchObject({ totalCount: 2, pageInfo: { hasNextPage: true } })
    const next = await list(admin.viewer, { first: 1, after: page.pageInfo.endCursor })
    expect([...page.nodes, ...next.nodes].map(({ username }) => username).sort()).toEqual(['admin', 'anna'])
    expect(next.pageInfo.hasNextPage).toBe(false)
  })

  test('finds by a part of a name or address, which is no pattern', async () => {
    const found = async (search: string) =>
      (await list(admin.viewer, { search })).nodes.map(({ username }: { username: string }) => username).sort()
    expect(await found('NN')).toEqual(['anna'])
    expect(await found('example.org')).toEqual(['anna', 'ben_100'])
    expect(await found('n_1')).toEqual(['ben_100'])
    expect(await found('n%a')).toEqual([])
    expect(await found('_')).toEqual(['ben_100'])
    expect(await found('\\')).toEqual([])
  })

  test('is for admins alone, by the role that they have now', async () => {
    const refusal = async (viewer: Viewer | null) => (await world.run(viewer, operations.users)).errors[0]?.code
    expect(await refusal(admin.viewer)).toBeUndefined()
    expect(await refusal(anna.viewer)).toBe('FORBIDDEN')
    expect(await refusal(viewerOf({ userId: anna.viewer.userId, role: 'ADMIN' }))).toBe('FORBIDDEN')
    expect(await refusal(null)).toBe('UNAUTHENTICATED')
  })
})

describe('roles', () => {
  test('are given by an admin, and hold at once', async () => {
    await told()
    expect(await send(admin.viewer, 'setUserRole', { userId: anna.user.id, role: 'ADMIN' })).toEqual({
      __typename: 'SetUserRoleSuccess',
      user: { username: 'anna', role: 'ADMIN' },
    })
    expect(await told()).toEqual([anna.viewer.sessionId])
    expect(await world.isLive(anna.viewer)).toBe(false)
    const again = await world.signedIn('anna')
    expect(again.viewer.role).toBe('ADMIN')
    expect((await world.run(again.viewer, operations.users)).errors).toEqual([])
    expect(await send(again.viewer, 'setUserRole', { userId: admin.user.id, role: 'MEMBER' })).toMatchObject({
      __typename: 'SetUserRoleSuccess',
    })
    expect((await world.run(admin.viewer, operations.users)).errors[0]?.code).toBe('FORBIDDEN')
  })

  test('are not given by others, nor to others, nor that of a service', async () => {
    const input = { userId: anna.user.id, role: 'ADMIN' }
    expect(await send(anna.viewer, 'setUserRole', input)).toMatchObject({ code: 'FORBIDDEN' })
    expect(await send(ben.viewer, 'suspendUser', { userId: anna.user.id })).toMatchObject({ code: 'FORBIDDEN' })
    expect(await send(null, 'setUserRole', input)).toBe('UNAUTHENTICATED')
    const nobody = toGlobalId('User', '00000000-0000-4000-8000-00000000abcd')
    for (const userId of [nobody, 'rubbish', toGlobalId('Agent', anna.viewer.userId)]) {
      expect(await send(admin.viewer, 'setUserRole', { userId, role: 'ADMIN' })).toMatchObject({ code: 'NOT_FOUND' })
    }
    expect(await send(admin.viewer, 'setUserRole', { ...input, role: 'SERVICE' })).toMatchObject({
      code: 'INVALID_INPUT',
    })
    const roles = await world.database.sql(`SELECT role FROM users.users WHERE username <> 'admin'`)
    expect(roles).toEqual([{ role: 'MEMBER' }, { role: 'MEMBER' }])
  })

  test('do not cross tenants', async () => {
    await world.database.sql(`INSERT INTO app.tenants (id, name) VALUES ($1, 'other') ON CONFLICT DO NOTHING`, [
      otherTenant,
    ])
    await world.database.sql(`UPDATE users.users SET tenant_id = $1 WHERE id = $2`, [otherTenant, anna.viewer.userId])
    expect(await send(admin.viewer, 'suspendUser', { userId: anna.user.id })).toMatchObject({ code: 'NOT_FOUND' })
  })

  test('leave an admin: the last one cannot go, by whichever way', async () => {
    for (const [name, more] of [
      ['setUserRole', { role: 'MEMBER' }],
      ['suspendUser', {}],
    ] as const) {
      expect(await send(admin.viewer, name, { userId: admin.user.id, ...more })).toMatchObject({ code: 'CONFLICT' })
    }
    expect(await world.isLive(admin.viewer)).toBe(true)
    await send(admin.viewer, 'setUserRole', { userId: anna.user.id, role: 'ADMIN' })
    const again = await world.signedIn('anna')
    const both = [
      send(admin.viewer, 'setUserRole', { userId: anna.user.id, role: 'MEMBER' }),
      send(again.viewer, 'setUserRole', { userId: admin.user.id, role: 'MEMBER' }),
    ]
    const codes = (await Promise.all(both)).map(({ __typename }) => __typename).sort()
    expect(codes).toEqual(['Forbidden', 'SetUserRoleSuccess'])
  })
})

test('who is suspended is out at once and stays out until he is reinstated', async () => {
  expect(await send(admin.viewer, 'suspendUser', { userId: anna.user.id })).toMatchObject({
    user: { username: 'anna', status: 'SUSPENDED' },
  })
  expect(await told()).toContain(anna.viewer.sessionId)
  expect(await world.isLive(anna.viewer)).toBe(false)
  expect((await world.signIn('anna')).data.signIn.code).toBe('INVALID_CREDENTIALS')
  expect((await world.refresh(anna.refreshToken)).data.refreshSession.code).toBe('INVALID_CREDENTIALS')
  expect(await send(admin.viewer, 'reinstateUser', { userId: anna.user.id })).toMatchObject({
    user: { username: 'anna', status: 'ACTIVE' },
  })
  expect(await world.isLive(anna.viewer)).toBe(false)
  expect((await world.signIn('anna')).data.signIn.__typename).toBe('SignInSuccess')
})
