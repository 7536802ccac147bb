import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { envelopeHeader, sealEnvelope } from '../../lib/envelope.ts'
import { systemClock } from '../../lib/sources.ts'
import { loadSigningKey, type SigningKey } from '../../lib/tokens.ts'
import { type Data, type Product, startProduct } from '../kit/product.ts'

// Forged tokens, through the front door. Each is like a good one but for one thing; the twin is the good one.

const folder = mkdtempSync(join(tmpdir(), 'tokens-'))
let product: Product
let good: { readonly header: Data; readonly claims: Data }
let key: SigningKey
let token: string
let refreshToken: string

beforeAll(async () => {
  product = await startProduct({ data: folder })
  key = loadSigningKey(folder)
  const signUp = `mutation { signUp(input: { username: "anna", email: "anna@example.test", password: "anna-secret" }) {
    ... on SignUpSuccess { session { accessToken refreshToken } } } }`
  const { session } = (await post(null, signUp)).body.data.signUp
  token = session.accessToken
  refreshToken = session.refreshToken
  const [header = '', claims = ''] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString())
  good = { header: JSON.parse(header), claims: JSON.parse(claims) }
}, 60_000)
afterAll(async () => {
  await product.close()
  rmSync(folder, { recursive: true })
})

async function post(bearer: string | null, query: string, headers: Record<string, string> = {}) {
  const response = await fetch(product.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
      ...headers,
    },
    body: JSON.stringify({ query }),
  })
  return { status: response.status, body: (await response.json()) as Data }
}

const viewer = (bearer: string | null, headers?: Record<string, string>) =>
  post(bearer, '{ viewer { username role } }', headers)
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

function forged(
  change: { header?: Data; claims?: Data },
  by: (input: Buffer) => Buffer = (input) => sign(null, input, key.privateKey),
) {
  const input = `${part({ ...good.header, ...change.header })}.${part({ ...good.claims, ...change.claims })}`
  return `${input}.${by(Buffer.from(input)).toString('base64url')}`
}

const mac = (secret: string | Buffer) => (input: Buffer) => createHmac('sha256', secret).update(input).digest()
const jwkOf = ({ publicKey }: { publicKey: KeyObject }) => publicKey.export({ format: 'jwk' })
const own = generateKeyPairSync('ed25519')
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const byOwn = (input: Buffer) => sign(null, input, own.privateKey)
const pem = () => key.publicKey.export({ type: 'spki', format: 'pem' }).toString()
const now = () => Math.floor(Date.now() / 1000)

const forgeries: readonly (readonly [string, () => string])[] = [
  ['of no algorithm', () => forged({ header: { alg: 'none' } }, () => Buffer.alloc(0))],
  ['of no algorithm, spelt otherwise', () => forged({ header: { alg: 'NoNe' } }, () => Buffer.alloc(0))],
  ['without a signature', () => forged({}, () => Buffer.alloc(0))],
  ['whose secret is the public key as PEM', () => forged({ header: { alg: 'HS256' } }, mac(pem()))],
  [
    'whose secret is the public key’s bytes',
    () => forged({ header: { alg: 'HS256' } }, mac(Buffer.from(jwkOf(key).x ?? '', 'base64url'))),
  ],
  ['of an RSA key', () => forged({ header: { alg: 'RS256' } }, (input) => sign('sha256', input, rsa.privateKey))],
  [
    'of an elliptic key',
    () =>
      forged({ header: { alg: 'ES256' } }, (input) =>
        sign('sha256', input, { key: ec.privateKey, dsaEncoding: 'ieee-p1363' }),
      ),
  ],
  ['signed by another', () => forged({}, byOwn)],
  ['that brings its key', () => forged({ header: { jwk: jwkOf(own) } }, byOwn)],
  ['that brings its key and names no other', () => forged({ header: { jwk: jwkOf(own), kid: undefined } }, byOwn)],
  ['that says where its key is', () => forged({ header: { jku: 'http://127.0.0.1:9/jwks.json' } }, byOwn)],
  ['that brings a certificate', () => forged({ header: { x5c: ['MIIB'] } }, byOwn)],
  ['that says where its certificate is', () => forged({ header: { x5u: 'http://127.0.0.1:9/cert' } }, byOwn)],
  ['of ours that brings a key as well', () => forged({ header: { jwk: jwkOf(key) } })],
  ['that names a file as its key', () => forged({ header: { kid: '../../../dev/null' } }, mac(''))],
  ['that names no key', () => forged({ header: { kid: undefined } })],
  ['with extensions that must be understood', () => forged({ header: { crit: ['exp'], exp: now() + 60 } })],
  ['of the type JWT', () => forged({ header: { typ: 'JWT' } })],
  ['of no type', () => forged({ header: { typ: undefined } })],
  ['for another audience', () => forged({ claims: { aud: 'elsewhere' } })],
  ['of another issuer', () => forged({ claims: { iss: 'elsewhere' } })],
  ['that has ended', () => forged({ claims: { exp: now() - 1 } })],
  ['that never ends', () => forged({ claims: { exp: undefined } })],
  ['that is not good yet', () => forged({ claims: { nbf: now() + 3600 } })],
  ['of a session that is not', () => forged({ claims: { sid: '00000000-0000-4000-8000-00000000abcd' } })],
  ['of a role that is not', () => forged({ claims: { role: 'ROOT' } })],
  ['without a subject', () => forged({ claims: { sub: undefined } })],
  ['that is a refresh token', () => refreshToken],
  [
    'that is an envelope',
    () =>
      sealEnvelope(
        { method: 'POST', path: '/graphql', body: Buffer.from(''), audience: 'users' },
        { viewer: null, traceId: 'trace', deadline: Date.now() },
        key,
        systemClock,
      ),
  ],
  ['with changed claims', () => token.replace(/\.[^.]+\./, `.${part({ ...good.claims, role: 'ADMIN' })}.`)],
]

describe('a token', () => {
  test('that is as it was issued says who asks', async () => {
    expect((await viewer(token)).body).toEqual({ data: { viewer: { username: 'anna', role: 'MEMBER' } } })
    expect((await viewer(forged({}))).body).toEqual({ data: { viewer: { username: 'anna', role: 'MEMBER' } } })
  })

  test.each(forgeries)('%s is refused, in the same words', async (_, make) => {
    const { status, body } = await viewer(make())
    expect(status).toBe(401)
    expect(body.errors).toHaveLength(1)
    expect(body.errors[0].message).toMatch(/^The (access token is expired or not valid|session has ended)\.$/)
    expect(body.errors[0].extensions).toEqual({ code: 'UNAUTHENTICATED' })
    expect(body.data).toBeUndefined()
  })

  test('gives nobody a role that the database does not know of', async () => {
    const raised = forged({ claims: { role: 'ADMIN' } })
    // Only whoever has the signing key could make it; even so the room asks the database.
    expect((await post(raised, '{ users { totalCount } }')).body.errors[0].extensions.code).toBe('FORBIDDEN')
  })

  test('is taken from nowhere but the header', async () => {
    const { userId } = (await product.server.stores.tokens.verify(token)).viewer
    const envelope = sealEnvelope(
      {
        method: 'POST',
        path: '/graphql',
        body: Buffer.from(JSON.stringify({ query: '{ viewer { username role } }' })),
        audience: 'users',
      },
      {
        viewer: (await product.server.stores.tokens.verify(token)).viewer,
        traceId: 'trace',
        deadline: Date.now() + 9999,
      },
      key,
      systemClock,
    )
    const claimed = {
      'x-user-id': userId,
      'x-forwarded-user': 'anna',
      'x-tenant-id': good.claims.tid,
      'x-role': 'ADMIN',
      cookie: `token=${token}; accessToken=${token}`,
      [envelopeHeader]: envelope,
    }
    expect((await viewer(null, claimed)).body).toEqual({ data: { viewer: null } })
    const [url] = [
      `${product.url}?access_token=${token}&token=${token}&query=${encodeURIComponent('{viewer{username}}')}`,
    ]
    const response = await fetch(url, { headers: { 'apollo-require-preflight': 'true' } })
    expect(await response.json()).toEqual({ data: { viewer: null } })
  })
})

describe('a refresh token', () => {
  const refresh = async (given: string) =>
    (
      await post(
        null,
        `mutation { refreshSession(input: { refreshToken: "${given}" }) {
        ... on RefreshSessionSuccess { session { accessToken refreshToken } } ... on Problem { code } } }`,
      )
    ).body.data.refreshSession

  test('that comes twice ends the whole sign-in, access tokens too', async () => {
    const signIn = `mutation { signIn(input: { login: "anna", password: "anna-secret" }) {
      ... on SignInSuccess { session { accessToken refreshToken } } } }`
    const { session } = (await post(null, signIn)).body.data.signIn
    const next = (await refresh(session.refreshToken)).session
    expect((await viewer(next.accessToken)).body.data.viewer.username).toBe('anna')
    expect((await refresh(session.refreshToken)).code).toBe('INVALID_CREDENTIALS')
    expect((await refresh(next.refreshToken)).code).toBe('INVALID_CREDENTIALS')
    for (const dead of [session.accessToken, next.accessToken]) expect((await viewer(dead)).status).toBe(401)
    expect((await viewer(token)).body.data.viewer.username).toBe('anna')
  })
})

describe('what an input does not name', () => {
  const account = 'username: "mallory", email: "mallory@example.test", password: "mallory-secret"'
  test.each([
    `signUp(input: { ${account}, role: ADMIN })`,
    `signUp(input: { ${account}, tenantId: "x" })`,
    `signUp(input: { ${account}, id: "x" })`,
    'updateProfile(input: { role: ADMIN })',
    'updateProfile(input: { email: "root@example.test" })',
    'updateProfile(input: { userId: "x", firstName: "M" })',
    'setSetting(input: { key: "k", value: 1, ownerId: "x" })',
    'registerDevice(input: { name: "d", trustedUntil: "2099-01-01T00:00:00.000Z" })',
    'remember(input: { content: "c", ownerId: "x" })',
  ])('cannot be assigned: %s', async (field) => {
    const { body } = await post(token, `mutation { ${field} { __typename } }`)
    expect(body.data).toBeUndefined()
    expect(body.errors[0].extensions.code).toBe('GRAPHQL_VALIDATION_FAILED')
  })

  test('cannot be assigned by a variable either, nor by a name that objects inherit', async () => {
    const query = 'mutation ($input: UpdateProfileInput!) { updateProfile(input: $input) { __typename } }'
    const send = async (input: string) => {
      const response = await fetch(product.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: `{"query":${JSON.stringify(query)},"variables":{"input":${input}}}`,
      })
      return ((await response.json()) as Data).errors?.[0]?.extensions.code
    }
    expect(await send('{"firstName":"Anna"}')).toBeUndefined()
    expect(await send('{"firstName":"Anna","role":"ADMIN"}')).toBe('BAD_USER_INPUT')
    expect(await send('{"firstName":"Anna","__proto__":{"role":"ADMIN"}}')).toBe('BAD_USER_INPUT')
    expect((await viewer(token)).body.data.viewer).toEqual({ username: 'anna', role: 'MEMBER' })
  })
})
