import { execFile } from 'node:child_process'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { loadConfig } from '../../gateway/config.ts'
import { readPems } from '../../lib/key-ring.ts'
import { systemClock } from '../../lib/sources.ts'
import { createAccessTokens, loadSigningKey, readVerifyingKey } from '../../lib/tokens.ts'
import { member } from '../kit/edge.ts'

const folder = mkdtempSync(join(tmpdir(), 'keys-'))
afterAll(() => rmSync(folder, { recursive: true }))

const { privateKey, publicKey } = loadSigningKey(':memory:')
const privatePem = pemOf(privateKey, 'pkcs8')
const publicPem = pemOf(publicKey, 'spki')
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })

function pemOf(key: KeyObject, type: 'pkcs8' | 'spki'): string {
  return String(key.export({ type, format: 'pem' } as never))
}

describe('a key from the settings', () => {
  const load = (env: Record<string, string>) => loadConfig({ env, cwd: '/nowhere' }).config

  test('is taken in PEM, also with its line breaks written out', () => {
    for (const pem of [privatePem, privatePem.replaceAll('\n', '\\n')]) {
      const { signingKey } = load({ MNEMOGRAPH_SIGNING_KEY: pem })
      expect(loadSigningKey(folder, signingKey).privateKey.equals(privateKey)).toBe(true)
    }
    const { gatewayPublicKey = '' } = load({ MNEMOGRAPH_GATEWAY_PUBLIC_KEY: publicPem })
    expect(readVerifyingKey(gatewayPublicKey).publicKey.equals(publicKey)).toBe(true)
    const next = loadSigningKey(':memory:').publicKey
    const both = load({ MNEMOGRAPH_GATEWAY_PUBLIC_KEY: `${publicPem}${pemOf(next, 'spki')}` }).gatewayPublicKey ?? ''
    expect(readPems(both).map((key) => pemOf(key.publicKey, 'spki'))).toEqual([publicPem, pemOf(next, 'spki')])
    expect(readdirSync(folder)).toEqual([])
  })

  test.each([
    ['SIGNING_KEY', 'a public one', publicPem],
    ['SIGNING_KEY', 'of another algorithm', pemOf(rsa.privateKey, 'pkcs8')],
    ['SIGNING_KEY', 'no key', 'secret'],
    ['GATEWAY_PUBLIC_KEY', 'a private one', privatePem],
    ['GATEWAY_PUBLIC_KEY', 'of another algorithm', pemOf(rsa.publicKey, 'spki')],
  ])('is refused as %s when it is %s, and never told', (name, _what, pem) => {
    expect(() => load({ [`MNEMOGRAPH_${name}`]: pem })).toThrow(new RegExp(`MNEMOGRAPH_${name} must be an Ed25519`))
    expect(() => load({ [`MNEMOGRAPH_${name}`]: pem })).not.toThrow(pem)
  })
})

test('a public key alone verifies tokens and issues none', async () => {
  const { token } = await createAccessTokens({ privateKey, publicKey }, systemClock).issue(member)
  const room = createAccessTokens(readVerifyingKey(publicPem), systemClock)
  expect((await room.verify(token)).viewer).toEqual(member)
  await expect(room.issue(member)).rejects.toThrow('no key to sign tokens with')
})

test('processes that start together on one directory have one key', async () => {
  const program = `import { loadSigningKey } from '${new URL('../../lib/tokens.ts', import.meta.url)}'
    console.log(loadSigningKey('${folder}').publicKey.export({ type: 'spki', format: 'pem' }))`
  const run = () => promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
  const keys = await Promise.all(Array.from({ length: 6 }, async () => (await run()).stdout))
  expect(new Set(keys).size).toBe(1)
  expect(readdirSync(folder)).toEqual(['signing-key.pem'])
})
