import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { CachedSessionGate, createIdentity } from '../../gateway/identity.ts'
import { type EnvelopedRequest, EnvelopeReader, sealEnvelope } from '../../lib/envelope.ts'
import { keyId } from '../../lib/key-id.ts'
import { createAccessTokens, loadSigningKey } from '../../lib/tokens.ts'
import { member } from '../kit/edge.ts'

const folder = mkdtempSync(join(tmpdir(), 'keys-'))
afterAll(() => rmSync(folder, { recursive: true }))

let time = Date.parse('2026-01-01T00:00:00Z')
const clock = { now: () => new Date(time) }
const key = loadSigningKey(':memory:')

describe('access tokens', () => {
  const tokens = createAccessTokens(key, clock)
  const kid = keyId(key.publicKey)
  const claims = { tid: 't', sid: 's', role: 'MEMBER', scope: 'a b' }
  const sign = (
    header: { alg: string; typ?: string; kid?: string },
    more: Record<string, unknown> = {},
    by = key.privateKey,
  ) =>
    new SignJWT({ ...claims, iss: 'mnemograph', aud: 'mnemograph', sub: 'u', exp: time / 1000 + 60, ...more })
      .setProtectedHeader(header)
      .sign(by)

  test('say who asks for 15 minutes', async () => {
    const { token, expiresAt } = await tokens.issue(member)
    expect(expiresAt.getTime() - time).toBe(15 * 60_000)
    expect(await tokens.verify(token)).toEqual({ viewer: member, expiresAt })
    time += 15 * 60_000 - 1000
    await tokens.verify(token)
    time += 1000
    await expect(tokens.verify(token)).rejects.toThrow()
  })

  test('a token with all that is asked is taken', async () => {
    const { viewer } = await tokens.verify(await sign({ alg: 'EdDSA', typ: 'at+jwt', kid }))
    expect(viewer).toEqual({ userId: 'u', tenantId: 't', sessionId: 's', role: 'MEMBER', scopes: ['a', 'b'] })
  })

  test.each<[string, () => Promise<string> | string]>([
    ['without a type', () => sign({ alg: 'EdDSA', kid })],
    ['of another type', () => sign({ alg: 'EdDSA', typ: 'JWT', kid })],
    ['of another issuer', () => sign({ alg: 'EdDSA', typ: 'at+jwt', kid }, { iss: 'other' })],
    ['for another audience', () => sign({ alg: 'EdDSA', typ: 'at+jwt', kid }, { aud: 'other' })],
    ['of no role of ours', () => sign({ alg: 'EdDSA', typ: 'at+jwt', kid }, { role: 'ROOT' })],
    ['without an end', () => sign({ alg: 'EdDSA', typ: 'at+jwt', kid }, { exp: undefined })],
    ['signed by another', () => sign({ alg: 'EdDSA', typ: 'at+jwt', kid }, {}, loadSigningKey(':memory:').privateKey)],
    ['that names no key', () => sign({ alg: 'EdDSA', typ: 'at+jwt' })],
    ['signed by nobody', () => new UnsecuredJWT({ ...claims, sub: 'u' }).setExpirationTime('1h').encode()],
  ])('a token %s is refused', async (_name, make) => {
    await expect(tokens.verify(await make())).rejects.toThrow()
  })
})

describe('the signing key', () => {
  test('is made once and is its owner’s alone', () => {
    const first = loadSigningKey(folder)
    const second = loadSigningKey(folder)
    expect(second.privateKey.equals(first.privateKey)).toBe(true)
    const file = join(folder, 'signing-key.pem')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    chmodSync(file, 0o644)
    expect(() => loadSigningKey(folder)).toThrow(/read by others.*chmod 600/)
  })
})

describe('the envelope', () => {
  const request: EnvelopedRequest = { method: 'POST', path: '/graphql', body: Buffer.from('{}'), audience: 'memory' }
  const claims = { viewer: member, traceId: 'trace', deadline: 1234 }
  const seal = (given = request) => sealEnvelope(given, claims, key, clock)

  test('carries viewer, trace and deadline', () => {
    expect(new EnvelopeReader([key], clock).open(seal(), request)).toEqual(claims)
    const nobody = sealEnvelope(request, { ...claims, viewer: null }, key, clock)
    expect(new EnvelopeReader([key], clock).open(nobody, request).viewer).toBe(null)
  })

  test.each<[string, Partial<EnvelopedRequest>]>([
    ['body', { body: Buffer.from('{ }') }],
    ['path', { path: '/graphql?x' }],
    ['method', { method: 'GET' }],
    ['room', { audience: 'users' }],
  ])('is good for one %s only', (_name, other) => {
    expect(() => new EnvelopeReader([key], clock).open(seal(), { ...request, ...other })).toThrow(/for another/)
  })

  test('is good once', () => {
    const reader = new EnvelopeReader([key], clock)
    const text = seal()
    reader.open(text, request)
    expect(() => reader.open(text, request)).toThrow('used before')
    reader.open(seal(), request)
  })

  test('is good for a minute, and stays spent for as long', () => {
    const reader = new EnvelopeReader([key], clock)
    const text = seal()
    time += 60_000
    reader.open(text, request)
    expect(() => reader.open(text, request)).toThrow('used before')
    time += 1
    expect(() => reader.open(text, request)).toThrow('too old')
    const ahead = seal()
    time -= 5_001
    expect(() => reader.open(ahead, request)).toThrow('from the future')
  })

  test('stays spent while it is good, also when the sender’s clock is ahead', () => {
    const reader = new EnvelopeReader([key], clock)
    const text = seal()
    time -= 5_000
    reader.open(text, request)
    time += 64_000
    reader.open(seal(), request)
    expect(() => reader.open(text, request)).toThrow('used before')
  })

  test('is refused when a byte of it is changed, or another signed it', () => {
    const [payload = '', signature = ''] = seal().split('.')
    const forged = Buffer.from(payload, 'base64url').toString().replace('MEMBER', 'ADMIN')
    const reader = new EnvelopeReader([key], clock)
    expect(() => reader.open(`${Buffer.from(forged).toString('base64url')}.${signature}`, request)).toThrow('signature')
    expect(() => new EnvelopeReader([loadSigningKey(':memory:')], clock).open(seal(), request)).toThrow('signature')
    for (const text of ['', '.', 'a', 'a.b', 'a.b.c']) expect(() => reader.open(text, request)).toThrow()
  })

  test('is taken by any of the gateway’s keys that the room knows, while it changes from one to the next', () => {
    const [next, unknown] = [loadSigningKey(':memory:'), loadSigningKey(':memory:')]
    const reader = new EnvelopeReader([next, key], clock)
    expect(reader.open(seal(), request)).toEqual(claims)
    expect(reader.open(sealEnvelope(request, claims, next, clock), request)).toEqual(claims)
    expect(() => reader.open(sealEnvelope(request, claims, unknown, clock), request)).toThrow('signature')
  })
})

describe('sessions', () => {
  test('is asked for again behind the answer that is known, and word of its end wins over what is being asked', async () => {
    const waiting: ((isLive: boolean) => void)[] = []
    const gate = new CachedSessionGate(() => new Promise((resolve) => waiting.push(resolve)), { ttlMs: 600_000 })
    const answer = (isLive: boolean) => waiting.shift()?.(isLive)
    const first = gate.isLive('s')
    answer(true)
    expect(await first).toBe(true)
    const other = gate.isLive('o')
    answer(true)
    expect(await other).toBe(true)
    expect([await gate.isLive('s'), await gate.isLive('o'), waiting]).toEqual([true, true, []])
    const now = performance.now.bind(performance)
    const later = vi.spyOn(performance, 'now').mockImplementation(() => now() + 400_000)
    onTestFinished(() => later.mockRestore())
    // Nobody waits for the one that is under way, and it is asked once.
    expect([await gate.isLive('s'), await gate.isLive('s'), waiting.length]).toEqual([true, true, 1])
    gate.revoke('s')
    answer(true)
    expect(await gate.isLive('s')).toBe(false)
    expect([await gate.isLive('o'), waiting.length]).toEqual([true, 1])
    answer(false)
    await expect.poll(() => gate.isLive('o')).toBe(false)
  })

  test('that end are known to have ended, though the source still says otherwise', async () => {
    let asked = 0
    const gate = new CachedSessionGate(async () => ++asked > 0, { ttlMs: 60_000 })
    const told: string[] = []
    const stop = gate.onRevoked((id) => told.push(id))
    expect([await gate.isLive('s'), await gate.isLive('s'), asked]).toEqual([true, true, 1])
    gate.revoke('s')
    stop()
    gate.revoke('other')
    expect([await gate.isLive('s'), told]).toEqual([false, ['s']])
  })

  test('are asked for again after a failure', async () => {
    let failing = true
    const gate = new CachedSessionGate(
      async () => {
        if (failing) throw new Error('away')
        return true
      },
      { ttlMs: 60_000 },
    )
    await expect(gate.isLive('s')).rejects.toThrow('away')
    failing = false
    expect(await gate.isLive('s')).toBe(true)
  })

  test('a token that was verified once is refused when it has expired', async () => {
    const tokens = createAccessTokens(key, clock)
    const identity = createIdentity(tokens, new CachedSessionGate(async () => true, { ttlMs: 60_000 }), clock)
    const { token, expiresAt } = await tokens.issue(member)
    expect((await identity.identify(`Bearer ${token}`)).viewer).toEqual(member)
    time = expiresAt.getTime()
    await expect(identity.identify(`Bearer ${token}`)).rejects.toMatchObject({
      extensions: { code: 'UNAUTHENTICATED' },
    })
  })
})
