import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { describe, expect, onTestFinished, test } from 'vitest'
import { loadConfig } from '../../gateway/config.ts'
import { openRates, type RateSettings } from '../../gateway/guard/rates.ts'
import { inProcessLimits } from '../../stores/limits/in-process.ts'
import { member, startEdge } from '../kit/edge.ts'
import { transportNames, transports } from '../kit/transports.ts'

const world = (settings: Partial<RateSettings>, config: Parameters<typeof startEdge>[0] = {}) =>
  startEdge({ ...config, edge: { rates: openRates(settings, inProcessLimits()) } })

const hello = { query: '{ hello }' }
const codes = async (response: Response | Promise<Response>) => {
  const { errors } = (await (await response).json()) as { errors?: { extensions: { code: string } }[] }
  return errors?.map(({ extensions }) => extensions.code) ?? []
}

async function askBySocket(socketPath: string, query: string): Promise<unknown> {
  const asking = request({
    socketPath,
    path: '/graphql',
    method: 'POST',
    headers: { 'content-type': 'application/json' },
  })
  asking.end(JSON.stringify({ query }))
  const [response] = (await once(asking, 'response')) as [IncomingMessage]
  return json(response)
}

describe('a limit of operations a minute', () => {
  test('refuses a user beyond it with a time to wait, in both lanes, and nobody else', async () => {
    await using edge = await world({ perUser: 3 })
    const { token } = await edge.tokens.issue({ ...member, userId: randomUUID() })
    const authorization = edge.bearer
    const lefts: (string | null)[] = []
    for (let n = 0; n < 3; n++) {
      const response = await edge.post(hello, { authorization })
      lefts.push(response.headers.get('ratelimit-remaining'))
      expect(await codes(response)).toEqual([])
    }
    expect(lefts).toEqual(['2', '1', '0'])
    for (const query of ['{ hello }', '{ hello number }', '{ number }']) {
      const refused = await edge.post({ query }, { authorization })
      expect(refused.status).toBe(429)
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60)
      expect(refused.headers.get('ratelimit-limit')).toBe('3')
      expect(await codes(refused)).toEqual(['RATE_LIMITED'])
    }
    expect(await codes(edge.post(hello, { authorization: `Bearer ${token}` }))).toEqual([])
    expect(await codes(edge.post(hello))).toEqual([])
  })

  test('counts an address, whoever asks from it, by what a trusted proxy says', async () => {
    await using edge = await world({ perAddress: 2 }, { config: { proxies: 1 } })
    const from = (address: string, headers = {}) => edge.post(hello, { 'x-forwarded-for': address, ...headers })
    expect(await codes(from('203.0.113.7'))).toEqual([])
    expect(await codes(from('198.51.100.1, 203.0.113.7', { authorization: edge.bearer }))).toEqual([])
    expect(await codes(from('203.0.113.7'))).toEqual(['RATE_LIMITED'])
    expect(await codes(from('203.0.113.7, 203.0.113.8'))).toEqual([])
  })

  test('believes no such header where there is no proxy', async () => {
    await using edge = await world({ perAddress: 1 })
    const from = (address: string) => edge.post(hello, { 'x-forwarded-for': address })
    expect(await codes(from('203.0.113.1'))).toEqual([])
    expect(await codes(from('203.0.113.2'))).toEqual(['RATE_LIMITED'])
  })

  test('counts a field of the root each time that it runs, under whatever alias and in whatever fragment', async () => {
    await using edge = await world({ perField: new Map([['add', 3]]) })
    const authorization = edge.bearer
    const twice =
      'mutation { add(by: 1) ...Again ... on Mutation { add(by: 1) } } fragment Again on Mutation { b: add(by: 1) }'
    expect(await codes(edge.post({ query: twice }, { authorization }))).toEqual([])
    expect(await codes(edge.post({ query: twice }, { authorization }))).toEqual(['RATE_LIMITED'])
    expect(await codes(edge.post(hello, { authorization }))).toEqual([])
    expect(await codes(edge.post({ query: 'mutation { add(by: 1) }' }))).toEqual([])
  })

  test.each(transportNames)('holds over %s', async (name) => {
    await using edge = await world({ perUser: 1 })
    expect(await transports[name](edge, hello, edge.bearer)).toMatchObject({ data: { hello: expect.any(String) } })
    expect(await transports[name](edge, hello, edge.bearer)).toMatchObject({
      errors: [{ extensions: { code: 'RATE_LIMITED', retryAfter: expect.any(Number) } }],
    })
  })

  test('holds for subscriptions', async () => {
    await using edge = await world({ perUser: 1 })
    const subscribe = { query: 'subscription { count(to: 1) }' }
    expect(await transports.SSE(edge, subscribe, edge.bearer)).toMatchObject({ data: { count: 1 } })
    expect(await transports.SSE(edge, subscribe, edge.bearer)).toMatchObject({
      errors: [{ extensions: { code: 'RATE_LIMITED' } }],
    })
  })

  test('holds for nobody on the socket of the process’s owner', async () => {
    await using edge = await world({ perUser: 1, perAddress: 1 })
    const folder = mkdtempSync(join(tmpdir(), 'rates-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'control.sock')
    await edge.edge.listenTrusted(path, async () => ({ viewer: member, expiresAt: null, isOwner: true }))
    for (let n = 0; n < 3; n++)
      expect(await askBySocket(path, '{ hello }')).toEqual({ data: { hello: expect.any(String) } })
  })

  test('that nothing sets costs nothing: no count is made', () => {
    expect(openRates({}, inProcessLimits())).toBeUndefined()
    expect(openRates({ perUser: 0, perAddress: 0, perField: new Map() }, inProcessLimits())).toBeUndefined()
  })

  test('is read from the settings', () => {
    const rates = (env: Record<string, string>) => loadConfig({ env, cwd: '/nowhere' }).config.rates
    expect(rates({})).toEqual({})
    expect(
      rates({
        MNEMOGRAPH_RATE_LIMIT_USER: '10',
        MNEMOGRAPH_RATE_LIMIT_ADDRESS: '0',
        MNEMOGRAPH_RATE_LIMIT_FIELDS: 'signUp=5, rememberMany = 60',
      }),
    ).toEqual({
      perUser: 10,
      perAddress: 0,
      perField: new Map([
        ['signUp', 5],
        ['rememberMany', 60],
      ]),
    })
    for (const wrong of ['signUp', 'signUp=', 'signUp=0', 'signUp=-1', 'a b=1', '=1']) {
      expect(() => rates({ MNEMOGRAPH_RATE_LIMIT_FIELDS: wrong })).toThrow('MNEMOGRAPH_RATE_LIMIT_FIELDS')
    }
  })
})
