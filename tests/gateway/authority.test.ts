import { once } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { CachedSessionGate, createIdentity } from '../../gateway/identity.ts'
import { systemClock } from '../../lib/sources.ts'
import { createAccessTokens, loadSigningKey } from '../../lib/tokens.ts'
import { type EdgeWorld, type EdgeWorldOptions, member, startEdge } from '../kit/edge.ts'

let world: EdgeWorld | undefined
const sockets: WebSocket[] = []

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate()
  await world?.[Symbol.asyncDispose]()
  world = undefined
})

async function start(options?: EdgeWorldOptions): Promise<EdgeWorld> {
  world = await startEdge(options)
  return world
}

/** A socket that speaks the protocol by hand, and remembers what it was told. */
function socketOf(w: EdgeWorld) {
  const socket = new WebSocket(w.url.replace('http', 'ws'), 'graphql-transport-ws')
  sockets.push(socket)
  const told: Record<string, unknown>[] = []
  const closed = once(socket, 'close').then(([code, reason]) => ({ code, reason: String(reason) }))
  const refused = once(socket, 'unexpected-response').then(
    ([, response]) => (response as { statusCode: number }).statusCode,
  )
  closed.catch(() => {})
  refused.catch(() => {})
  socket.on('error', () => {})
  socket.on('message', (data) => told.push(JSON.parse(String(data))))
  return {
    socket,
    told,
    closed,
    refused,
    send: (message: unknown) => socket.send(JSON.stringify(message)),
    hears: (message: Record<string, unknown>) =>
      expect.poll(() => told).toContainEqual(expect.objectContaining(message)),
  }
}

/** A signed-in socket with a subscription on it. */
async function live(w: EdgeWorld, authorization: string) {
  const one = socketOf(w)
  await once(one.socket, 'open')
  one.send({ type: 'connection_init', payload: { authorization } })
  await one.hears({ type: 'connection_ack' })
  one.send({ id: '1', type: 'subscribe', payload: { query: 'subscription { forever }' } })
  await one.hears({ id: '1', type: 'next' })
  return one
}

describe('a token renewed in band', () => {
  /** Time stands still, a moment before the first token's end. */
  async function atTheEnd() {
    const key = loadSigningKey(':memory:')
    const early = await createAccessTokens(key, systemClock).issue(member)
    const clock = { now: () => new Date(early.expiresAt.getTime() - 2500) }
    const tokens = createAccessTokens(key, clock)
    const gate = new CachedSessionGate(async () => true, { ttlMs: 60_000 })
    const w = await start({ edge: { identity: createIdentity(tokens, gate, clock), clock } })
    return { w, gate, tokens, early: `Bearer ${early.token}` }
  }

  test('keeps the socket and its streams beyond the end of the one before', async () => {
    const { w, tokens, early } = await atTheEnd()
    const one = await live(w, early)
    const other = await live(w, early)
    const { token, expiresAt } = await tokens.issue(member)
    one.send({ type: 'ping', payload: { authorization: `Bearer ${token}` } })
    await one.hears({ type: 'pong', payload: { renewed: true, expiresAt: expiresAt.toISOString() } })
    expect(await other.closed).toEqual({ code: 4403, reason: 'Token expired' })
    one.send({ id: '2', type: 'subscribe', payload: { query: '{ whoAmI }' } })
    await one.hears({ id: '2', type: 'next', payload: { data: { whoAmI: 'u1' } } })
    expect(one.told.filter(({ id, type }) => id === '1' && type === 'complete')).toEqual([])
  })

  test('is the one that counts when a session is revoked', async () => {
    const { w, gate, tokens, early } = await atTheEnd()
    const one = await live(w, early)
    const { token } = await tokens.issue({ ...member, sessionId: 's2' })
    one.send({ type: 'ping', payload: { authorization: `Bearer ${token}` } })
    await one.hears({ type: 'pong', payload: expect.objectContaining({ renewed: true }) })
    gate.revoke('s2')
    expect(await one.closed).toEqual({ code: 4403, reason: 'Session revoked' })
  })

  test.each([
    ['is no good', { code: 4403, reason: 'Forbidden' }, () => 'Bearer bad'],
    [
      'is another user’s',
      { code: 1012, reason: 'Authority changed' },
      async (w: EdgeWorld) => `Bearer ${(await w.tokens.issue({ ...member, userId: 'u2' })).token}`,
    ],
    [
      'gives other scopes',
      { code: 1012, reason: 'Authority changed' },
      async (w: EdgeWorld) => `Bearer ${(await w.tokens.issue({ ...member, scopes: [] })).token}`,
    ],
  ])('closes the socket when it %s', async (_, closing, given) => {
    const w = await start()
    const one = await live(w, w.bearer)
    one.send({ type: 'ping', payload: { authorization: await given(w) } })
    expect(await one.closed).toEqual(closing)
  })

  test('is no part of a plain ping, which is answered with what it holds', async () => {
    const w = await start()
    const one = await live(w, w.bearer)
    one.send({ type: 'ping', payload: { n: 1 } })
    await one.hears({ type: 'pong', payload: { n: 1 } })
  })
})

test('a session that ended without word of it ends its sockets and streams all the same', async () => {
  const ended = new Set<string>()
  const tokens = createAccessTokens(loadSigningKey(':memory:'), systemClock)
  const gate = new CachedSessionGate(async () => true, {
    ttlMs: 60_000,
    askEnded: async (ids) => ids.filter((id) => ended.has(id)),
  })
  const w = await start({ edge: { identity: createIdentity(tokens, gate, systemClock) } })
  const bearerOf = async (sessionId: string) => `Bearer ${(await tokens.issue({ ...member, sessionId })).token}`
  const [gone, stays] = [await live(w, await bearerOf('s1')), await live(w, await bearerOf('s2'))]
  const stream = await w.post(
    { query: 'subscription { forever }' },
    { accept: 'text/event-stream', authorization: await bearerOf('s1') },
  )
  ended.add('s1')
  expect(await gone.closed).toEqual({ code: 4403, reason: 'Session revoked' })
  expect(await stream.text()).toContain('"closeCode":4403')
  expect(stays.socket.readyState).toBe(WebSocket.OPEN)
})

describe('open connections are counted', () => {
  const stream = (w: EdgeWorld, authorization: string) =>
    w.post({ query: 'subscription { forever }' }, { accept: 'text/event-stream', authorization })

  test('by user, over every transport; one that is closed makes room', async () => {
    const w = await start({ config: { connections: { perUser: 2, perAddress: 100 } } })
    const [one] = [await live(w, w.bearer), await stream(w, w.bearer)]
    const third = socketOf(w)
    await once(third.socket, 'open')
    third.send({ type: 'connection_init', payload: { authorization: w.bearer } })
    expect(await third.closed).toEqual({ code: 4429, reason: 'Too many connections' })
    const refused = await stream(w, w.bearer)
    expect(refused.status).toBe(429)
    expect(await refused.json()).toMatchObject({ errors: [{ extensions: { code: 'RATE_LIMITED' } }] })
    const { token } = await w.tokens.issue({ ...member, userId: 'u2' })
    await live(w, `Bearer ${token}`)
    one.socket.close()
    await one.closed
    await expect.poll(async () => (await stream(w, w.bearer)).status).toBe(200)
  })

  test('by address', async () => {
    const w = await start({ config: { connections: { perUser: 100, perAddress: 2 } } })
    await live(w, w.bearer)
    const { token } = await w.tokens.issue({ ...member, userId: 'u2' })
    await live(w, `Bearer ${token}`)
    expect(await socketOf(w).refused).toBe(429)
    expect((await stream(w, w.bearer)).status).toBe(429)
    expect((await w.post({ query: '{ number }' })).status).toBe(200)
  })
})
