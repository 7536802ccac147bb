import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rotateSigningKey } from '../../lib/key-ring.ts'
import { systemClock } from '../../lib/sources.ts'
import { defaultTenantId } from '../../lib/tenants.ts'
import { createAccessTokens, loadSigningKey } from '../../lib/tokens.ts'
import { type Data, type Person, type Product, person, startProduct } from '../kit/product.ts'
import { joinTenant } from '../security/matrix/people.ts'

const problem = '... on Problem { code message path }'
const create = `mutation ($input: CreateServiceAccountInput!) { createServiceAccount(input: $input) {
  __typename ... on CreateServiceAccountSuccess { serviceAccount { id name scopes user { username role } } } ${problem} } }`
const issue = `mutation ($input: IssueServiceTokenInput!) { issueServiceToken(input: $input) {
  __typename ... on IssueServiceTokenSuccess { token serviceToken { id name scopes expiresAt } } ${problem} } }`
const revoke = `mutation ($input: RevokeServiceTokenInput!) { revokeServiceToken(input: $input) {
  __typename ... on RevokeServiceTokenSuccess { serviceToken { id revokedAt } } ${problem} } }`
const list = '{ serviceAccounts { nodes { name tokens { name revokedAt } } } }'
const remember = 'mutation { remember(input: { content: "Kept by a program." }) { __typename } }'
const memories = '{ memories { nodes { content } } }'
const day = 24 * 60 * 60 * 1000

let product: Product
let admin: Person
let member: Person
const folder = mkdtempSync(join(tmpdir(), 'services-'))

beforeAll(async () => {
  product = await startProduct({ data: folder })
  admin = await joinTenant(product, defaultTenantId, 'ADMIN')
  member = await product.join('member')
}, 60_000)
afterAll(async () => {
  await product.close()
  rmSync(folder, { recursive: true })
})

const ask = async (who: Person, document: string, input: object): Promise<Data> =>
  Object.values(await who.ask(document, { input }))[0]

async function makeService(name: string, scopes: readonly string[]): Promise<string> {
  return (await ask(admin, create, { name, scopes })).serviceAccount.id
}
const issued = async (serviceAccountId: string, more: object = {}) => {
  const { token, serviceToken } = await ask(admin, issue, { serviceAccountId, ...more })
  return { ...person(product.url, token, ''), serviceToken }
}
const codeOf = async (who: Person, document: string) => (await who.send(document)).errors?.[0]?.extensions.code

describe('a service', () => {
  test('asks in its own name, as far as its token’s scopes go', async () => {
    const id = await makeService('importer', ['MEMORY_READ', 'MEMORY_WRITE'])
    const service = await issued(id)
    expect(await service.ask('{ viewer { username role permissions } }')).toEqual({
      viewer: { username: 'importer', role: 'SERVICE', permissions: [] },
    })
    expect(await service.ask(remember)).toEqual({ remember: { __typename: 'RememberSuccess' } })
    expect((await service.ask(memories)).memories.nodes).toEqual([{ content: 'Kept by a program.' }])
    expect((await member.ask(memories)).memories.nodes).toEqual([])
    expect(await codeOf(service, '{ concepts { totalCount } }')).toBe('FORBIDDEN')
    expect(await codeOf(service, '{ settings { key } }')).toBe('FORBIDDEN')
    expect(await codeOf(service, '{ users { totalCount } }')).toBe('FORBIDDEN')
  })

  test('reads and does not write with a token that may only read, on every transport', async () => {
    const id = await makeService('reader', ['MEMORY_READ', 'MEMORY_WRITE'])
    const reader = await issued(id, { scopes: ['MEMORY_READ'] })
    expect(await reader.ask(memories)).toEqual({ memories: { nodes: [] } })
    expect(await codeOf(reader, remember)).toBe('FORBIDDEN')
    const nothing = await issued(id, { scopes: [] })
    expect(await codeOf(nothing, memories)).toBe('FORBIDDEN')
    const changes = 'subscription { memoryChanges { kind } }'
    for (const transport of ['websocket', 'sse'] as const) {
      const { value } = await nothing.follow(transport, changes).next()
      expect(JSON.stringify(value)).toContain('FORBIDDEN')
    }
  })

  test('gets no token that may more than its account', async () => {
    const id = await makeService('narrow', ['MEMORY_READ'])
    const beyond = await ask(admin, issue, { serviceAccountId: id, scopes: ['MEMORY_READ', 'AGENTS_WRITE'] })
    expect(beyond).toMatchObject({ code: 'FORBIDDEN', message: expect.stringContaining('agents:write') })
    for (const days of [-1, 366]) {
      const validUntil = new Date(Date.now() + days * day).toISOString()
      expect(await ask(admin, issue, { serviceAccountId: id, validUntil })).toMatchObject({ code: 'INVALID_INPUT' })
    }
  })

  test('is refused at once when its token is revoked, and its other tokens are not', async () => {
    const id = await makeService('revoked', ['MEMORY_READ'])
    const [one, other] = [await issued(id, { name: 'One' }), await issued(id, { name: 'Other' })]
    expect(await one.ask(memories)).toBeDefined()
    const revoked = await ask(admin, revoke, { id: one.serviceToken.id })
    expect(revoked).toMatchObject({ serviceToken: { id: one.serviceToken.id, revokedAt: expect.any(String) } })
    expect(await codeOf(one, memories)).toBe('UNAUTHENTICATED')
    expect(await other.ask(memories)).toBeDefined()
    const { nodes } = (await admin.ask(list)).serviceAccounts
    const { tokens } = nodes.find(({ name }: { name: string }) => name === 'revoked')
    expect(tokens).toEqual([
      { name: 'Other', revokedAt: null },
      { name: 'One', revokedAt: expect.any(String) },
    ])
  })

  test('is made, given tokens and seen by admins of its tenant alone', async () => {
    const id = await makeService('private', ['MEMORY_READ'])
    const { serviceToken } = await issued(id)
    expect(await ask(member, create, { name: 'mine', scopes: [] })).toMatchObject({ code: 'FORBIDDEN' })
    expect(await ask(member, issue, { serviceAccountId: id })).toMatchObject({ code: 'FORBIDDEN' })
    expect(await ask(member, revoke, { id: serviceToken.id })).toMatchObject({ code: 'FORBIDDEN' })
    expect(await codeOf(member, list)).toBe('FORBIDDEN')
    const stranger = await joinTenant(product, '00000000-0000-4000-8000-00000000beef', 'ADMIN')
    expect(await ask(stranger, issue, { serviceAccountId: id })).toMatchObject({ code: 'NOT_FOUND' })
    expect(await ask(stranger, revoke, { id: serviceToken.id })).toMatchObject({ code: 'NOT_FOUND' })
    expect((await stranger.ask(list)).serviceAccounts.nodes).toEqual([])
  })

  test('has a name of its own, and no secret signs it in', async () => {
    await makeService('taken', [])
    expect(await ask(admin, create, { name: 'Taken', scopes: [] })).toMatchObject({ code: 'CONFLICT' })
    expect(await ask(admin, create, { name: 'no name', scopes: [] })).toMatchObject({ code: 'INVALID_INPUT' })
    const signIn = `mutation ($input: SignInInput!) { signIn(input: $input) { ${problem} } }`
    expect(await ask(member, signIn, { login: 'taken', password: '' })).toMatchObject({ code: 'INVALID_CREDENTIALS' })
  })
})

describe('the published keys', () => {
  test('verify a token without asking us', async () => {
    const { token } = await issued(await makeService('remote', ['MEMORY_READ']))
    const url = new URL('/.well-known/jwks.json', product.url)
    const keys = createRemoteJWKSet(url)
    const { payload } = await jwtVerify(token, keys, { issuer: 'mnemograph', audience: 'mnemograph', typ: 'at+jwt' })
    expect(payload).toMatchObject({ role: 'SERVICE', scope: 'memory:read' })
    const text = await (await fetch(url)).text()
    expect(JSON.parse(text).keys).toEqual([
      { kty: 'OKP', crv: 'Ed25519', x: expect.any(String), kid: expect.any(String), use: 'sig', alg: 'EdDSA' },
    ])
    expect((await fetch(url, { method: 'POST' })).status).toBe(405)
  })

  test('are two after a rotation: tokens of the old key are good until they end, and new ones are of the new key', async () => {
    const id = await makeService('rotated', ['MEMORY_READ'])
    const before = await issued(id)
    await product.close()
    const { made, retired } = rotateSigningKey(folder, new Date())
    product = await startProduct({ data: folder })
    const again = (who: Person) => person(product.url, who.token, '')
    expect(await again(before).ask(memories)).toBeDefined()
    admin = again(admin)
    const after = await issued(id)
    const kidOf = ({ token }: Person) => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid
    expect([kidOf(before), kidOf(after)]).toEqual([retired, made])
    const { keys } = (await (await fetch(new URL('/.well-known/jwks.json', product.url))).json()) as Data
    expect(keys.map(({ kid }: { kid: string }) => kid)).toEqual([made, retired])
    await expect(createAccessTokens(loadSigningKey(folder), systemClock).verify(before.token)).rejects.toThrow()
  })
})

describe('a token that a service asks about', () => {
  const about = async (asker: string, token: string) => {
    const response = await fetch(new URL('/oauth/introspect', product.url), {
      method: 'POST',
      headers: asker === '' ? {} : { authorization: `Bearer ${asker}` },
      body: new URLSearchParams({ token }),
    })
    return { status: response.status, answer: (await response.json()) as Data }
  }

  test('is told to be good with whose it is and what it may, until it is revoked', async () => {
    const asker = await issued(await makeService('asker', ['MEMORY_READ']))
    const asked = await issued(await makeService('asked', ['MEMORY_READ', 'MEMORY_WRITE']), { scopes: ['MEMORY_READ'] })
    const { status, answer } = await about(asker.token, asked.token)
    expect(status).toBe(200)
    expect(answer).toMatchObject({ active: true, token_type: 'Bearer', role: 'SERVICE', scope: 'memory:read' })
    expect(answer.exp).toBe(Math.floor(Date.parse(asked.serviceToken.expiresAt) / 1000))
    expect(await about(admin.token, asked.token)).toEqual({ status, answer })
    expect((await about(asker.token, member.token)).answer).toMatchObject({ active: true, role: 'MEMBER' })
    await ask(admin, revoke, { id: asked.serviceToken.id })
    await expect.poll(async () => (await about(asker.token, asked.token)).answer).toEqual({ active: false })
    // A revoked one does not ask either.
    expect((await about(asked.token, asker.token)).status).toBe(401)
  })

  test('is inactive when it is forged, nonsense, or another tenant’s', async () => {
    const asker = await issued(await makeService('doubter', ['MEMORY_READ']))
    const stranger = await joinTenant(product, product.server.stores.ids.next(), 'ADMIN')
    for (const token of ['', 'x', `${asker.token}x`, 'a b', stranger.token, 'x'.repeat(9_000)]) {
      expect((await about(asker.token, token)).answer, token).toEqual({ active: false })
    }
    expect((await about(stranger.token, stranger.token)).answer).toMatchObject({ active: true })
  })

  test('is told of to services and admins alone, and by POST', async () => {
    expect((await about('', member.token)).status).toBe(401)
    expect((await about(`${member.token}x`, member.token)).status).toBe(401)
    expect((await about(member.token, member.token)).status).toBe(403)
    const url = new URL('/oauth/introspect', product.url)
    const headers = { authorization: `Bearer ${admin.token}` }
    expect((await fetch(url, { headers })).status).toBe(405)
    expect((await fetch(url, { method: 'POST', headers, body: new URLSearchParams() })).status).toBe(400)
    const json = { ...headers, 'content-type': 'application/json' }
    expect((await fetch(url, { method: 'POST', headers: json, body: '{}' })).status).toBe(415)
    const large = new URLSearchParams({ token: 'x'.repeat(20_000) })
    expect((await fetch(url, { method: 'POST', headers, body: large })).status).toBe(413)
  })
})
