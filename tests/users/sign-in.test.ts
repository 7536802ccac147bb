import * as argon2 from '@node-rs/argon2'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { openUsersWorld, operations, password, type UsersWorld } from './people.ts'

vi.mock('@node-rs/argon2', async (original) => {
  const real = await original<typeof argon2>()
  return { ...real, hash: vi.fn(real.hash), verify: vi.fn(real.verify) }
})

let world: UsersWorld

beforeAll(async () => {
  world = await openUsersWorld()
  await world.signUp('anna')
}, 60_000)
afterAll(() => world.close())
beforeEach(() => {
  vi.mocked(argon2.verify).mockClear()
})

describe('signing up', () => {
  const signUp = (input: object) => world.run(null, operations.signUp, { input })

  test('makes a member and signs him in', async () => {
    const { data, errors } = await signUp({ username: 'Ben.1', email: 'Ben@example.org', password })
    expect(errors).toEqual([])
    expect(data.signUp).toEqual({
      __typename: 'SignUpSuccess',
      session: {
        accessToken: expect.any(String),
        refreshToken: expect.stringMatching(/^[\w-]{43}$/),
        expiresAt: '2026-05-15T15:15:00.000Z',
        user: {
          id: expect.any(String),
          username: 'Ben.1',
          displayName: 'Ben.1',
          email: 'Ben@example.org',
          role: 'MEMBER',
          createdAt: '2026-05-15T15:00:00.000Z',
        },
      },
    })
    const { viewer } = await world.stores.tokens.verify(data.signUp.session.accessToken)
    expect(viewer).toMatchObject({ role: 'MEMBER', scopes: [] })
    expect(await world.isLive(viewer)).toBe(true)
    expect((await world.run(viewer, operations.viewer)).data.viewer).toEqual(data.signUp.session.user)
  })

  test.each([
    ['username', { username: 'ANNA', email: 'other@example.org', password }],
    ['email', { username: 'other', email: 'Anna@Example.ORG', password }],
  ])('refuses a %s that is taken, whatever its case, and makes nothing', async (field, input) => {
    const before = await world.database.sql('SELECT count(*) FROM users.users')
    const { data } = await signUp(input)
    expect(data.signUp).toMatchObject({ __typename: 'Conflict', code: 'CONFLICT', path: ['input', field] })
    expect(await world.database.sql('SELECT count(*) FROM users.users')).toEqual(before)
  })

  test.each([
    ['email', { email: 'no address' }],
    ['email', { email: 'two@at@example.org' }],
    ['email', { email: `${'a'.repeat(250)}@b.org` }],
    ['email', { email: 'nul\0@example.org' }],
    ['email', { email: 'half\ud800@example.org' }],
    ['username', { username: 'ab' }],
    ['username', { username: 'a'.repeat(33) }],
    ['username', { username: 'anna@example.org' }],
    ['username', { username: 'annа' }],
    ['password', { password: 'seven77' }],
    ['password', { password: '🔑'.repeat(257) }],
  ])('names a wrong %s: %j', async (field, wrong) => {
    const { data } = await signUp({ username: 'carla', email: 'carla@example.org', password, ...wrong })
    expect(data.signUp).toMatchObject({ __typename: 'InvalidInput', code: 'INVALID_INPUT', path: ['input', field] })
  })

  test('takes names and passwords at their bounds', async () => {
    const { data } = await signUp({ username: 'a_-', email: 'a@b', password: '🔑'.repeat(256) })
    expect(data.signUp.__typename).toBe('SignUpSuccess')
  })

  test('keeps neither password nor refresh token, only what cannot be turned back', async () => {
    const { refreshToken } = await world.signUp('dora')
    const rows = await world.database.sql<{ row: string }>(
      `SELECT users::text AS row FROM users.users UNION ALL SELECT refresh_tokens::text FROM users.refresh_tokens`,
    )
    const text = rows.map(({ row }) => row).join('\n')
    expect(text).not.toContain(password)
    expect(text).not.toContain(refreshToken)
    expect(text).toContain('$argon2id$v=19$m=19456,t=2,p=1$')
  })
})

describe('signing in', () => {
  test.each(['anna', 'ANNA', 'anna@example.org', 'Anna@Example.Org'])('takes the login %s', async (login) => {
    const { data } = await world.signIn(login)
    expect(data.signIn).toMatchObject({ __typename: 'SignInSuccess', session: { user: { username: 'anna' } } })
  })

  test('each time makes a session of its own', async () => {
    const [one, two] = [await world.signedIn('anna'), await world.signedIn('anna')]
    expect(one.viewer.sessionId).not.toBe(two.viewer.sessionId)
  })

  test('answers an unknown name and a wrong password alike, after the same work', async () => {
    const answers = []
    const work = []
    // What was seen before is written down beside the requests.
    await world.stores.sentinel.idle()
    for (const [login, secret] of [
      ['anna', 'wrong password'],
      ['nobody', password],
      ['no\0body', password],
    ] as const) {
      vi.mocked(argon2.verify).mockClear()
      world.statements.length = 0
      answers.push((await world.signIn(login, secret)).data)
      work.push(vi.mocked(argon2.verify).mock.calls.map(([hash]) => argon2.parseOptions(hash)))
      expect(world.statements.filter(({ text }) => !text.includes('find_by_login'))).toEqual([])
    }
    expect(answers[0].signIn).toMatchObject({ __typename: 'InvalidCredentials', code: 'INVALID_CREDENTIALS' })
    expect(answers[1]).toEqual(answers[0])
    expect(answers[2]).toEqual(answers[0])
    const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1, outputLen: 32, saltLen: 16 }
    expect(work).toEqual([[expect.objectContaining(cost)], [work[0]?.[0]], [work[0]?.[0]]])
  })

  test('takes a password however its letters are composed', async () => {
    const input = { username: 'emil', email: 'emil@example.org', password: 'pässwörd'.normalize('NFC') }
    await world.run(null, operations.signUp, { input })
    expect((await world.signIn('emil', input.password.normalize('NFD'))).data.signIn.__typename).toBe('SignInSuccess')
  })

  test('keeps a password under a dearer hash once its own is cheaper than those made now', async () => {
    await world.signUp('greta')
    const hashOf = async () => {
      const [row] = await world.database.sql<{ password_hash: string }>(
        `SELECT password_hash FROM users.users WHERE username = 'greta'`,
      )
      return row?.password_hash ?? ''
    }
    const cheap = await argon2.hash(password, { memoryCost: 8192, timeCost: 1, parallelism: 1 })
    await world.database.sql(`UPDATE users.users SET password_hash = $1 WHERE username = 'greta'`, [cheap])
    expect((await world.signIn('greta', 'wrong password')).data.signIn.code).toBe('INVALID_CREDENTIALS')
    expect(await hashOf()).toBe(cheap)
    expect((await world.signIn('greta')).data.signIn.__typename).toBe('SignInSuccess')
    const dear = await hashOf()
    expect(dear).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    expect((await world.signIn('greta')).data.signIn.__typename).toBe('SignInSuccess')
    expect(await hashOf()).toBe(dear)
  })

  test('refuses a suspended user, and his sessions are over', async () => {
    const { viewer } = await world.signUp('fred')
    expect(await world.isLive(viewer)).toBe(true)
    await world.database.sql(`UPDATE users.users SET status = 'SUSPENDED' WHERE username = 'fred'`)
    expect((await world.signIn('fred')).data.signIn.code).toBe('INVALID_CREDENTIALS')
    expect(await world.isLive(viewer)).toBe(false)
  })

  test('fails when the password is changed while it is verified', async () => {
    const { viewer } = await world.signUp('gerd')
    const real = vi.mocked(argon2.verify).getMockImplementation()
    if (!real) throw new Error('verify is not mocked')
    vi.mocked(argon2.verify).mockImplementationOnce(async (...args) => {
      const fits = await real(...args)
      const input = { currentPassword: password, newPassword: 'another one' }
      const { data } = await world.run(viewer, operations.changePassword, { input })
      expect(data.changePassword.__typename).toBe('ChangePasswordSuccess')
      return fits
    })
    expect((await world.signIn('gerd')).data.signIn.code).toBe('INVALID_CREDENTIALS')
    expect((await world.signIn('gerd', 'another one')).data.signIn.__typename).toBe('SignInSuccess')
  })
})
