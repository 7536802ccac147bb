import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Viewer } from '../../lib/context.ts'
import { toGlobalId } from '../../lib/ids.ts'
import { viewerOf } from '../kit/room-world.ts'
import { openUsersWorld, operations, password, type SignedIn, type UsersWorld } from './people.ts'

const day = 24 * 60 * 60 * 1000

let world: UsersWorld
const ended: string[] = []

beforeAll(async () => {
  world = await openUsersWorld()
  world.stores.bus.subscribe('session-ended', (sessionId) => ended.push(sessionId))
}, 60_000)
afterAll(() => world.close())

/** Word travels on the next turn. */
const told = () => new Promise(setImmediate).then(() => ended.splice(0))

describe('refreshing', () => {
  test('gives new tokens of the same session, also after the access token has ended', async () => {
    const { viewer, refreshToken } = await world.signUp('anna')
    world.clock.advance(day)
    const { refreshSession } = (await world.refresh(refreshToken)).data
    expect(refreshSession).toMatchObject({
      __typename: 'RefreshSessionSuccess',
      session: { user: { username: 'anna' } },
    })
    expect(refreshSession.session.refreshToken).not.toBe(refreshToken)
    const { viewer: renewed, expiresAt } = await world.stores.tokens.verify(refreshSession.session.accessToken)
    expect(renewed).toEqual(viewer)
    expect(expiresAt.getTime() - world.clock.now().getTime()).toBe(15 * 60 * 1000)
  })

  test('goes on as long as each token is used within 30 days', async () => {
    const { viewer, refreshToken } = await world.signUp('ben')
    let newest = refreshToken
    for (let month = 0; month < 3; month += 1) {
      world.clock.advance(30 * day - 1)
      expect(await world.isLive(viewer)).toBe(true)
      newest = (await world.refresh(newest)).data.refreshSession.session.refreshToken
    }
    world.clock.advance(30 * day)
    expect(await world.isLive(viewer)).toBe(false)
    expect((await world.refresh(newest)).data.refreshSession.code).toBe('INVALID_CREDENTIALS')
  })

  test('a spent token ends the whole sign-in, the newest token too', async () => {
    const { viewer, refreshToken } = await world.signUp('carla')
    const other = await world.signedIn('carla')
    const newest = (await world.refresh(refreshToken)).data.refreshSession.session.refreshToken
    await told()
    const reused = (await world.refresh(refreshToken)).data.refreshSession
    expect(reused).toMatchObject({ __typename: 'InvalidCredentials', code: 'INVALID_CREDENTIALS' })
    expect(await told()).toEqual([viewer.sessionId])
    expect(await world.isLive(viewer)).toBe(false)
    expect((await world.refresh(newest)).data.refreshSession).toEqual(reused)
    expect(await world.isLive(other.viewer)).toBe(true)
    const [row] = await world.database.sql('SELECT end_reason FROM users.sessions WHERE id = $1', [viewer.sessionId])
    expect(row).toEqual({ end_reason: 'REUSED' })
  })

  test('two uses of one token at once: one wins, then the sign-in ends', async () => {
    const { viewer, refreshToken } = await world.signUp('dora')
    const answers = await Promise.all([world.refresh(refreshToken), world.refresh(refreshToken)])
    const names = answers.map(({ data }) => data.refreshSession.__typename).sort()
    expect(names).toEqual(['InvalidCredentials', 'RefreshSessionSuccess'])
    expect(await world.isLive(viewer)).toBe(false)
  })

  test.each(['', 'rubbish', 'A'.repeat(43)])('refuses the token %j', async (token) => {
    expect((await world.refresh(token)).data.refreshSession.code).toBe('INVALID_CREDENTIALS')
  })

  test('refuses a suspended user', async () => {
    const { refreshToken } = await world.signUp('emil')
    await world.database.sql(`UPDATE users.users SET status = 'SUSPENDED' WHERE username = 'emil'`)
    expect((await world.refresh(refreshToken)).data.refreshSession.code).toBe('INVALID_CREDENTIALS')
  })
})

describe('signing out', () => {
  test('ends the present sign-in alone and says so', async () => {
    const { viewer, refreshToken } = await world.signUp('fred')
    const other = await world.signedIn('fred')
    const { data } = await world.run(viewer, operations.signOut)
    expect(data.signOut.endedAt).toBe(world.clock.now().toISOString())
    expect(await told()).toContain(viewer.sessionId)
    expect(await world.isLive(viewer)).toBe(false)
    expect(await world.isLive(other.viewer)).toBe(true)
    expect((await world.refresh(refreshToken)).data.refreshSession.code).toBe('INVALID_CREDENTIALS')
    expect((await world.refresh(other.refreshToken)).data.refreshSession.__typename).toBe('RefreshSessionSuccess')
  })

  test('ends nobody else’s, whatever session a viewer claims', async () => {
    const { viewer } = await world.signUp('gerd')
    const thief = await world.signUp('hugo')
    await world.run(viewerOf({ userId: thief.viewer.userId, sessionId: viewer.sessionId }), operations.signOut)
    expect(await world.isLive(viewer)).toBe(true)
  })

  test('needs somebody signed in', async () => {
    expect((await world.run(null, operations.signOut)).errors).toMatchObject([{ code: 'UNAUTHENTICATED' }])
  })
})

describe('the list of sign-ins', () => {
  const list = async (viewer: Viewer, page: Record<string, unknown> = {}) =>
    (await world.run(viewer, operations.sessions, page)).data.viewer.sessions

  test('shows those that go on, the latest first, with what tells them apart', async () => {
    const first = await world.signUp('lisa')
    world.clock.advance(1000)
    const client = { address: '192.0.2.7', agent: 'curl/8.0' }
    const input = { login: 'lisa', password }
    const second = (await world.run(null, operations.signIn, { input }, client)).data.signIn.session
    const { viewer } = await world.stores.tokens.verify(second.accessToken)
    const { nodes, totalCount } = await list(viewer)
    expect(totalCount).toBe(2)
    const at = world.clock.now().getTime()
    const iso = (time: number) => new Date(time).toISOString()
    expect(nodes).toMatchObject([
      { current: true, methods: ['PASSWORD'], address: '192.0.2.7', userAgent: 'curl/8.0', createdAt: iso(at) },
      {
        current: false,
        address: null,
        userAgent: null,
        lastUsedAt: iso(at - 1000),
        expiresAt: iso(at - 1000 + 30 * day),
      },
    ])
    world.clock.advance(1000)
    await world.refresh(first.refreshToken)
    expect((await list(viewer)).nodes[1].lastUsedAt).toBe(iso(at + 1000))
    world.clock.advance(30 * day)
    expect((await list(viewer)).nodes).toEqual([])
  })

  test('comes in pages, and refuses a cursor of its own making', async () => {
    const { viewer } = await world.signUp('mona')
    for (let time = 0; time < 4; time += 1) await world.signedIn('mona')
    const seen: string[] = []
    for (let after: string | null = null, more = true; more; ) {
      const { nodes, pageInfo } = await list(viewer, { first: 2, after })
      seen.push(...nodes.map(({ id }: { id: string }) => id))
      after = pageInfo.endCursor
      more = pageInfo.hasNextPage
    }
    expect(new Set(seen).size).toBe(5)
    const { pageInfo } = await list(viewer, { first: 1 })
    const [scope] = JSON.parse(Buffer.from(pageInfo.endCursor, 'base64url').toString())
    for (const key of [
      [scope, 'x', 'y'],
      [scope, '2026-05-15T15:00:00.000Z'],
      [scope, 1, 2],
    ]) {
      const after = Buffer.from(JSON.stringify(key)).toString('base64url')
      const { errors } = await world.run(viewer, operations.sessions, { first: 1, after })
      expect(errors).toMatchObject([{ code: 'BAD_USER_INPUT' }])
    }
  })

  test('is the user’s alone', async () => {
    const { user } = await world.signUp('nele')
    const other = await world.signUp('olga')
    const ask = (viewer: Viewer) =>
      world.run(
        viewer,
        'query ($of: [_Any!]!) { _entities(representations: $of) { ... on User { sessions { totalCount } } } }',
        {
          of: [{ __typename: 'User', id: user.id }],
        },
      )
    expect((await ask(other.viewer)).data._entities).toEqual([{ sessions: null }])
  })
})

describe('ending sign-ins from elsewhere', () => {
  const revoke = async (viewer: Viewer, id: string) =>
    (await world.run(viewer, operations.revokeSession, { input: { id } })).data.revokeSession
  const idOf = ({ sessionId }: Viewer) => toGlobalId('UserSession', sessionId)

  test('ends the one that is named, at once and for good', async () => {
    const present = await world.signUp('paul')
    const other = await world.signedIn('paul')
    await told()
    expect(await revoke(present.viewer, idOf(other.viewer))).toMatchObject({
      __typename: 'RevokeSessionSuccess',
      session: { id: idOf(other.viewer), endedAt: world.clock.now().toISOString() },
    })
    expect(await told()).toEqual([other.viewer.sessionId])
    expect(await world.isLive(other.viewer)).toBe(false)
    expect(await world.isLive(present.viewer)).toBe(true)
    expect((await world.refresh(other.refreshToken)).data.refreshSession.code).toBe('INVALID_CREDENTIALS')
    expect((await revoke(present.viewer, idOf(other.viewer))).__typename).toBe('RevokeSessionSuccess')
    expect(await told()).toEqual([])
  })

  test('knows nothing of another’s', async () => {
    const owner = await world.signUp('quin')
    const thief = await world.signUp('rita')
    for (const id of [idOf(owner.viewer), toGlobalId('UserSession', owner.viewer.userId), owner.user.id, 'rubbish']) {
      expect((await revoke(thief.viewer, id)).code).toBe('NOT_FOUND')
    }
    expect(await world.isLive(owner.viewer)).toBe(true)
    const node = 'query ($id: ID!) { node(id: $id) { __typename } }'
    const seen = async ({ viewer }: SignedIn) => (await world.run(viewer, node, { id: idOf(owner.viewer) })).data.node
    expect(await seen(thief)).toBeNull()
    expect(await seen(owner)).toEqual({ __typename: 'UserSession' })
  })

  test('everywhere ends all of the user’s and nobody else’s', async () => {
    const present = await world.signUp('sven')
    const other = await world.signedIn('sven')
    const stranger = await world.signUp('tina')
    await told()
    const { data } = await world.run(present.viewer, operations.signOutEverywhere)
    expect(data.signOutEverywhere).toEqual({ endedAt: world.clock.now().toISOString(), sessionCount: 2 })
    expect((await told()).sort()).toEqual([present.viewer.sessionId, other.viewer.sessionId].sort())
    const live = [present, other, stranger].map(({ viewer }) => world.isLive(viewer))
    expect(await Promise.all(live)).toEqual([false, false, true])
    expect((await world.run(null, operations.signOutEverywhere)).errors).toMatchObject([{ code: 'UNAUTHENTICATED' }])
  })
})

describe('changing the password', () => {
  const change = (viewer: Parameters<UsersWorld['isLive']>[0], currentPassword: string, newPassword: string) =>
    world.run(viewer, operations.changePassword, { input: { currentPassword, newPassword } })

  test('ends every other sign-in and takes only the new password from then on', async () => {
    const present = await world.signUp('ida')
    const other = await world.signedIn('ida')
    const stranger = await world.signUp('jan')
    await told()
    const { data } = await change(present.viewer, password, 'new password')
    expect(data.changePassword).toEqual({ __typename: 'ChangePasswordSuccess', user: { username: 'ida' } })
    expect(await told()).toEqual([other.viewer.sessionId])
    expect(await Promise.all([present, other, stranger].map(({ viewer }) => world.isLive(viewer)))).toEqual([
      true,
      false,
      true,
    ])
    expect((await world.signIn('ida')).data.signIn.code).toBe('INVALID_CREDENTIALS')
    expect((await world.signIn('ida', 'new password')).data.signIn.__typename).toBe('SignInSuccess')
  })

  test('needs the present password and a good new one, or changes nothing', async () => {
    const { viewer } = await world.signUp('karl')
    const other = await world.signedIn('karl')
    expect((await change(viewer, 'wrong password', 'new password')).data.changePassword.code).toBe(
      'INVALID_CREDENTIALS',
    )
    expect((await change(viewer, password, 'short')).data.changePassword).toMatchObject({
      code: 'INVALID_INPUT',
      path: ['input', 'newPassword'],
    })
    expect(await world.isLive(other.viewer)).toBe(true)
    expect((await world.signIn('karl')).data.signIn.__typename).toBe('SignInSuccess')
  })

  test('needs somebody signed in', async () => {
    const { errors } = await world.run(null, operations.changePassword, {
      input: { currentPassword: password, newPassword: 'new password' },
    })
    expect(errors).toMatchObject([{ code: 'UNAUTHENTICATED' }])
  })
})
