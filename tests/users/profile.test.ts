import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Viewer } from '../../lib/context.ts'
import { openUsersWorld, operations, type SignedIn, type UsersWorld } from './people.ts'

let world: UsersWorld
let anna: SignedIn
let ben: SignedIn
let admin: SignedIn

beforeAll(async () => {
  world = await openUsersWorld()
  admin = await world.admin()
  anna = await world.signUp('anna')
  ben = await world.signUp('ben')
}, 60_000)
afterAll(() => world.close())

describe('a profile', () => {
  const update = async (viewer: Viewer, input: object) =>
    (await world.run(viewer, operations.updateProfile, { input })).data.updateProfile
  const shown = async ({ viewer }: SignedIn) => (await world.run(viewer, operations.profile)).data.viewer

  test('is empty until something is told, and keeps what is left out', async () => {
    const empty = { firstName: null, lastName: null, timezone: null, locale: null, preferences: {}, updatedAt: null }
    expect(await shown(anna)).toEqual({ displayName: 'anna', profile: empty })
    const told = { displayName: 'Anna K.', firstName: 'Anna', timezone: 'Europe/Vienna', locale: 'de-AT' }
    expect(await update(anna.viewer, { ...told, preferences: { theme: 'dark' } })).toEqual({
      __typename: 'UpdateProfileSuccess',
      user: { displayName: 'Anna K.' },
    })
    await update(anna.viewer, { lastName: 'K', firstName: null })
    expect(await shown(anna)).toEqual({
      displayName: 'Anna K.',
      profile: {
        firstName: null,
        lastName: 'K',
        timezone: 'Europe/Vienna',
        locale: 'de-AT',
        preferences: { theme: 'dark' },
        updatedAt: world.clock.now().toISOString(),
      },
    })
    await update(anna.viewer, { displayName: null, preferences: null })
    expect(await shown(anna)).toMatchObject({ displayName: 'anna', profile: { preferences: {} } })
  })

  test.each([
    ['displayName', ''],
    ['firstName', 'a'.repeat(101)],
    ['lastName', 'new\nline'],
    ['timezone', 'Mars/Olympus'],
    ['locale', 'not a locale'],
    ['preferences', []],
    ['preferences', { large: 'x'.repeat(17_000) }],
    ['preferences', { nul: 'a\0b' }],
  ])('refuses a wrong %s and changes nothing', async (field, value) => {
    const before = await shown(ben)
    const refused = await update(ben.viewer, { firstName: 'Changed', [field]: value })
    expect(refused).toMatchObject({ code: 'INVALID_INPUT', path: ['input', field] })
    expect(await shown(ben)).toEqual(before)
  })

  test('is the user’s alone, and not even an admin’s', async () => {
    const ask = 'query ($of: [_Any!]!) { _entities(representations: $of) { ... on User { profile { firstName } } } }'
    for (const { viewer } of [ben, admin]) {
      const { data } = await world.run(viewer, ask, { of: [{ __typename: 'User', id: anna.user.id }] })
      expect(data._entities).toEqual([{ profile: null }])
    }
  })
})

describe('settings', () => {
  const set = async ({ viewer }: SignedIn, input: object) =>
    (await world.run(viewer, operations.setSetting, { input })).data.setSetting
  const list = async ({ viewer }: SignedIn) =>
    (await world.run(viewer, operations.settings)).data.settings.map(
      ({ key, value, scope }: { key: string; value: unknown; scope: string }) => [key, value, scope],
    )

  test('of a user hold for him alone; those of an admin for everybody in the tenant', async () => {
    expect(await set(anna, { key: 'theme', value: 'dark' })).toEqual({
      __typename: 'SetSettingSuccess',
      setting: { key: 'theme', value: 'dark', scope: 'USER' },
    })
    await set(admin, { key: 'theme', value: { name: 'light' }, scope: 'GLOBAL' })
    await set(anna, { key: 'theme', value: 'darker' })
    expect(await list(anna)).toEqual([
      ['theme', 'darker', 'USER'],
      ['theme', { name: 'light' }, 'GLOBAL'],
    ])
    expect(await list(ben)).toEqual([['theme', { name: 'light' }, 'GLOBAL']])
    expect(await set(anna, { key: 'theme', value: null })).toMatchObject({ setting: null })
    expect(await list(anna)).toEqual([['theme', { name: 'light' }, 'GLOBAL']])
    const other = { ...ben, viewer: { ...ben.viewer, tenantId: '00000000-0000-4000-8000-00000000beef' } }
    expect(await list(other)).toEqual([])
  })

  test('for everybody are not a member’s to set or take away', async () => {
    expect(await set(anna, { key: 'theme', value: 'mine', scope: 'GLOBAL' })).toMatchObject({ code: 'FORBIDDEN' })
    expect(await set(anna, { key: 'theme', value: null, scope: 'GLOBAL' })).toMatchObject({ code: 'FORBIDDEN' })
    expect(await list(ben)).toEqual([['theme', { name: 'light' }, 'GLOBAL']])
    expect(await set(admin, { key: 'theme', value: null, scope: 'GLOBAL' })).toMatchObject({ setting: null })
    expect(await list(ben)).toEqual([])
  })

  test.each([
    ['key', { key: 'no key', value: 1 }],
    ['value', { key: 'big', value: 'x'.repeat(70_000) }],
  ])('have bounds: %s', async (field, input) => {
    expect(await set(ben, input)).toMatchObject({ code: 'INVALID_INPUT', path: ['input', field] })
  })

  test('are so many at most', async () => {
    const { tenantId, userId } = ben.viewer
    await world.database.sql(
      `INSERT INTO users.settings (id, tenant_id, owner_id, key, value, created_at, updated_at)
       SELECT gen_random_uuid(), $1, $2, 'key-' || n, '1', now(), now() FROM generate_series(1, 500) AS n`,
      [tenantId, userId],
    )
    expect(await set(ben, { key: 'one-more', value: 1 })).toMatchObject({ code: 'LIMIT_EXCEEDED' })
    expect(await set(ben, { key: 'key-1', value: 2 })).toMatchObject({ __typename: 'SetSettingSuccess' })
  })

  test('need somebody signed in', async () => {
    expect((await world.run(null, operations.settings)).errors).toMatchObject([{ code: 'UNAUTHENTICATED' }])
  })
})
