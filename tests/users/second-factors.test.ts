import { generate } from 'otplib'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Viewer } from '../../lib/context.ts'
import { inProcessLimits } from '../../stores/limits/in-process.ts'
import { openUsersWorld, operations, password, type SignedIn, type UsersWorld } from './people.ts'

const step = 30_000
const day = 24 * 60 * 60 * 1000

let world: UsersWorld

beforeAll(async () => {
  world = await openUsersWorld()
}, 60_000)
afterAll(() => world.close())
beforeEach(() => {
  Object.assign(world.stores, { limits: inProcessLimits() })
  // Each test begins in a new step, so that no password of one is spent in another.
  world.clock.advance(10 * step)
})

/** What the authenticator shows at a moment, in milliseconds from now. */
const shown = (secret: string, later = 0) =>
  generate({ secret, epoch: Math.floor((world.clock.now().getTime() + later) / 1000) })

const mutate = async (viewer: Viewer | null, name: keyof typeof operations, input?: object) => {
  const { data, errors } = await world.run(viewer, operations[name], input === undefined ? {} : { input })
  return errors[0]?.code ?? data[name]
}
const signIn = async (login: string, more: object = {}) => {
  const { data, errors } = await world.run(null, operations.signIn, { input: { login, password, ...more } })
  return errors[0]?.code ?? data.signIn
}

interface Enrolled extends SignedIn {
  readonly secret: string
  readonly backupCodes: readonly string[]
}

async function enrolled(name: string): Promise<Enrolled> {
  const person = await world.signUp(name)
  const { secret } = await mutate(person.viewer, 'enrollTotp')
  const { backupCodes } = await mutate(person.viewer, 'confirmTotp', { code: await shown(secret) })
  world.clock.advance(2 * step)
  return { ...person, secret, backupCodes }
}

describe('setting one-time passwords up', () => {
  test('takes a seed, confirmed by its first password', async () => {
    const { viewer } = await world.signUp('anna')
    const { secret, uri } = await mutate(viewer, 'enrollTotp')
    expect(uri).toMatch(new RegExp(`^otpauth://totp/Mnemograph:anna\\?secret=${secret}&issuer=Mnemograph`))
    expect((await signIn('anna')).__typename).toBe('SignInSuccess')
    expect(await mutate(viewer, 'confirmTotp', { code: '000000' })).toMatchObject({ code: 'INVALID_CREDENTIALS' })
    const confirmed = await mutate(viewer, 'confirmTotp', { code: await shown(secret) })
    expect(confirmed).toMatchObject({ __typename: 'ConfirmTotpSuccess', user: { username: 'anna' } })
    expect(new Set(confirmed.backupCodes).size).toBe(10)
    expect(confirmed.backupCodes[0]).toMatch(/^[a-z2-7]{4}(-[a-z2-7]{4}){3}$/)
    expect((await world.run(viewer, operations.secondFactor)).data.viewer.secondFactor).toEqual({
      methods: ['TOTP', 'BACKUP_CODE'],
      backupCodesLeft: 10,
    })
    expect(await mutate(viewer, 'enrollTotp')).toMatchObject({ code: 'CONFLICT' })
    expect(await mutate(viewer, 'confirmTotp', { code: await shown(secret, step) })).toMatchObject({ code: 'CONFLICT' })
  })

  test('another seed takes the place of one that was never confirmed', async () => {
    const { viewer } = await world.signUp('ben')
    const first = await mutate(viewer, 'enrollTotp')
    const second = await mutate(viewer, 'enrollTotp')
    expect(await mutate(viewer, 'confirmTotp', { code: await shown(first.secret) })).toMatchObject({
      code: 'INVALID_CREDENTIALS',
    })
    expect((await mutate(viewer, 'confirmTotp', { code: await shown(second.secret) })).__typename).toBe(
      'ConfirmTotpSuccess',
    )
  })

  test('keeps the seed encrypted and of backup codes only hashes, in rows, audit and answers alike', async () => {
    const { secret, backupCodes } = await enrolled('carla')
    const rows = await world.database.sql<{ row: string }>(
      `SELECT totp::text AS row FROM users.totp UNION ALL SELECT backup_codes::text FROM users.backup_codes
       UNION ALL SELECT audit_log::text FROM audit.audit_log UNION ALL SELECT idempotency::text FROM app.idempotency`,
    )
    const text = rows.map(({ row }) => row).join('\n')
    expect(text).not.toContain(secret)
    expect(text).not.toContain(Buffer.from(secret).toString('hex'))
    for (const code of backupCodes) expect(text).not.toContain(code.replaceAll('-', ''))
    expect(rows.length).toBeGreaterThan(10)
  })

  test('needs somebody signed in', async () => {
    for (const name of ['enrollTotp', 'confirmTotp', 'disableTotp', 'renewBackupCodes'] as const) {
      expect(await mutate(null, name, name === 'enrollTotp' ? undefined : { code: '000000' })).toBe('UNAUTHENTICATED')
    }
  })
})

describe('signing in with one-time passwords', () => {
  test('asks for one once the password is right, and not before', async () => {
    const { secret } = await enrolled('dora')
    expect(await signIn('dora')).toMatchObject({
      __typename: 'SecondFactorRequired',
      code: 'SECOND_FACTOR_REQUIRED',
      path: ['input', 'totp'],
    })
    const wrong = await signIn('dora', { password: 'wrong password', totp: await shown(secret) })
    expect(wrong).toMatchObject({ code: 'INVALID_CREDENTIALS' })
    expect(await signIn('dora', { totp: '000000' })).toEqual(wrong)
    const { session } = await signIn('dora', { totp: await shown(secret) })
    const { viewer } = await world.stores.tokens.verify(session.accessToken)
    const { nodes } = (await world.run(viewer, operations.sessions)).data.viewer.sessions
    expect(nodes[0]).toMatchObject({ current: true, methods: ['PASSWORD', 'TOTP'] })
  })

  test('takes none twice, also not within its own time, nor an earlier one afterwards', async () => {
    const { secret } = await enrolled('emil')
    const [early, present, late] = [await shown(secret, -step), await shown(secret), await shown(secret, step)]
    expect((await signIn('emil', { totp: present })).__typename).toBe('SignInSuccess')
    expect((await signIn('emil', { totp: present })).code).toBe('INVALID_CREDENTIALS')
    expect((await signIn('emil', { totp: early })).code).toBe('INVALID_CREDENTIALS')
    expect((await signIn('emil', { totp: late })).__typename).toBe('SignInSuccess')
  })

  test('lets one of two in that bring the same at once', async () => {
    const { secret } = await enrolled('fred')
    const totp = await shown(secret)
    const answers = await Promise.all([signIn('fred', { totp }), signIn('fred', { totp })])
    expect(answers.map(({ __typename }) => __typename).sort()).toEqual(['InvalidCredentials', 'SignInSuccess'])
  })

  test.each([
    [-2 * step, 'INVALID_CREDENTIALS'],
    [2 * step, 'INVALID_CREDENTIALS'],
    [-step, undefined],
    [step, undefined],
  ])('takes what a clock shows that is wrong by %i ms: %s', async (later, code) => {
    const name = `gerd${later}`.replace('-', '_')
    const { secret } = await enrolled(name)
    expect((await signIn(name, { totp: await shown(secret, later) })).code).toBe(code)
  })

  test('locks after five wrong ones, and backup codes with them', async () => {
    const { secret, backupCodes } = await enrolled('hugo')
    for (let time = 0; time < 5; time += 1) {
      expect((await signIn('hugo', { totp: `11111${time}` })).code).toBe('INVALID_CREDENTIALS')
    }
    expect(await signIn('hugo', { totp: await shown(secret) })).toBe('RATE_LIMITED')
    expect(await signIn('hugo', { totp: backupCodes[0] })).toBe('RATE_LIMITED')
  })
})

describe('backup codes', () => {
  test('stand in for a one-time password, each once, however they are typed', async () => {
    const { viewer, backupCodes } = await enrolled('ida')
    const [first = '', second = ''] = backupCodes
    expect((await signIn('ida', { totp: first })).__typename).toBe('SignInSuccess')
    expect((await signIn('ida', { totp: first })).code).toBe('INVALID_CREDENTIALS')
    expect((await signIn('ida', { totp: second.toUpperCase().replaceAll('-', ' ') })).__typename).toBe('SignInSuccess')
    const { secondFactor } = (await world.run(viewer, operations.secondFactor)).data.viewer
    expect(secondFactor.backupCodesLeft).toBe(8)
  })

  test('are nobody else’s', async () => {
    const { backupCodes } = await enrolled('jan')
    await enrolled('karl')
    expect((await signIn('karl', { totp: backupCodes[0] })).code).toBe('INVALID_CREDENTIALS')
    expect((await signIn('jan', { totp: backupCodes[0] })).__typename).toBe('SignInSuccess')
  })

  test('are renewed with one of them or a one-time password, and then the old ones are void', async () => {
    const { viewer, backupCodes, secret } = await enrolled('lisa')
    expect(await mutate(viewer, 'renewBackupCodes', { code: '000000' })).toMatchObject({ code: 'INVALID_CREDENTIALS' })
    const renewed = await mutate(viewer, 'renewBackupCodes', { code: await shown(secret) })
    expect(renewed.backupCodes).toHaveLength(10)
    expect((await signIn('lisa', { totp: backupCodes[1] })).code).toBe('INVALID_CREDENTIALS')
    expect((await signIn('lisa', { totp: renewed.backupCodes[1] })).__typename).toBe('SignInSuccess')
  })
})

test('one-time passwords are taken away with one of them, and then a password is enough', async () => {
  const { viewer, secret, backupCodes } = await enrolled('mona')
  expect(await mutate(viewer, 'disableTotp', { code: '123456' })).toMatchObject({ code: 'INVALID_CREDENTIALS' })
  expect((await signIn('mona')).code).toBe('SECOND_FACTOR_REQUIRED')
  expect((await mutate(viewer, 'disableTotp', { code: await shown(secret) })).__typename).toBe('DisableTotpSuccess')
  expect((await signIn('mona')).__typename).toBe('SignInSuccess')
  expect((await mutate(viewer, 'disableTotp', { code: backupCodes[0] })).code).toBe('INVALID_CREDENTIALS')
})

describe('devices', () => {
  const register = (viewer: Viewer | null, securityLevel: string, name = 'Laptop') =>
    mutate(viewer, 'registerDevice', { name, type: 'LAPTOP', securityLevel })
  const list = async (viewer: Viewer) => (await world.run(viewer, operations.devices)).data.viewer

  test('are listed with the sign-ins on them, and hold a token that is told once', async () => {
    const { viewer } = await world.signUp('nele')
    const { deviceToken, device } = await register(viewer, 'STANDARD')
    expect(device).toMatchObject({ name: 'Laptop', type: 'LAPTOP', securityLevel: 'STANDARD', trustedUntil: null })
    world.clock.advance(1000)
    await signIn('nele', { deviceToken })
    const { devices, sessions } = await list(viewer)
    expect(devices).toMatchObject({
      totalCount: 1,
      nodes: [{ name: 'Laptop', lastSeenAt: world.clock.now().toISOString() }],
    })
    expect(sessions.nodes.map(({ device }: { device: { name: string } }) => device.name)).toEqual(['Laptop', 'Laptop'])
    const [row] = await world.database.sql<{ row: string }>('SELECT devices::text AS row FROM users.devices')
    expect(row?.row).not.toContain(deviceToken)
  })

  test('that are trusted stand in for a second factor for 30 days, until they are revoked', async () => {
    const { secret } = await enrolled('olga')
    const strong = await world.stores.tokens.verify(
      (await signIn('olga', { totp: await shown(secret) })).session.accessToken,
    )
    const trusted = await register(strong.viewer, 'TRUSTED')
    const { deviceToken } = trusted
    expect((await signIn('olga', { deviceToken })).__typename).toBe('SignInSuccess')
    expect((await signIn('olga', { deviceToken, password: 'wrong password' })).code).toBe('INVALID_CREDENTIALS')
    expect((await signIn('olga', { deviceToken: 'A'.repeat(43) })).code).toBe('SECOND_FACTOR_REQUIRED')
    const standard = await register(strong.viewer, 'STANDARD')
    expect((await signIn('olga', { deviceToken: standard.deviceToken })).code).toBe('SECOND_FACTOR_REQUIRED')
    world.clock.advance(30 * day)
    expect((await signIn('olga', { deviceToken })).code).toBe('SECOND_FACTOR_REQUIRED')
    world.clock.advance(-30 * day)
    expect((await mutate(strong.viewer, 'revokeDevice', { id: trusted.device.id })).__typename).toBe(
      'RevokeDeviceSuccess',
    )
    expect((await signIn('olga', { deviceToken })).code).toBe('SECOND_FACTOR_REQUIRED')
  })

  test('are trusted only by a sign-in that proved a second factor', async () => {
    const { viewer } = await enrolled('paul')
    expect(await register(viewer, 'TRUSTED')).toMatchObject({ code: 'FORBIDDEN', path: ['input', 'securityLevel'] })
    expect((await register(viewer, 'STANDARD')).__typename).toBe('RegisterDeviceSuccess')
  })

  test('of another prove nothing', async () => {
    const other = await world.signUp('quin')
    const { deviceToken, device } = await register(other.viewer, 'TRUSTED')
    const { viewer } = await enrolled('rita')
    expect((await signIn('rita', { deviceToken })).code).toBe('SECOND_FACTOR_REQUIRED')
    expect((await mutate(viewer, 'revokeDevice', { id: device.id })).code).toBe('NOT_FOUND')
    expect((await list(other.viewer)).devices.totalCount).toBe(1)
  })

  test('that others use end a sign-in after a day, however often it is renewed', async () => {
    const { viewer, refreshToken } = await world.signUp('sven')
    await register(viewer, 'LOW')
    world.clock.advance(day / 2)
    const { session } = (await world.refresh(refreshToken)).data.refreshSession
    expect(session.refreshToken).toBeDefined()
    expect(await world.isLive(viewer)).toBe(true)
    world.clock.advance(day / 2)
    expect(await world.isLive(viewer)).toBe(false)
    expect((await world.refresh(session.refreshToken)).data.refreshSession.code).toBe('INVALID_CREDENTIALS')
  })

  test('that are revoked end the sign-ins on them and no other', async () => {
    const present = await world.signUp('tina')
    const other = await world.signedIn('tina')
    const { device } = await register(other.viewer, 'STANDARD')
    const ended: string[] = []
    const stop = world.stores.bus.subscribe('session-ended', (id) => ended.push(id))
    await mutate(present.viewer, 'revokeDevice', { id: device.id })
    await new Promise(setImmediate)
    stop()
    expect(ended).toEqual([other.viewer.sessionId])
    expect(await world.isLive(other.viewer)).toBe(false)
    expect(await world.isLive(present.viewer)).toBe(true)
    expect((await list(present.viewer)).devices.totalCount).toBe(0)
  })

  test('need a name and somebody signed in', async () => {
    const { viewer } = await world.signUp('udo')
    expect(await register(viewer, 'STANDARD', '')).toMatchObject({ code: 'INVALID_INPUT', path: ['input', 'name'] })
    expect(await register(null, 'STANDARD')).toBe('UNAUTHENTICATED')
  })
})
