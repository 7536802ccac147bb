import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from 'otplib'
import { afterAll, expect, test, vi } from 'vitest'
import { runCommand } from '../kit/process.ts'
import { person, startProduct } from '../kit/product.ts'
import { must } from '../security/matrix/plant.ts'

// Each of these starts whole processes, several one after the other.
vi.setConfig({ testTimeout: 180_000 })

const data = mkdtempSync(join(tmpdir(), 'mnemograph-keys-'))
afterAll(() => rmSync(data, { recursive: true, force: true }))

interface Shown {
  readonly keys: readonly { id: string; newest: boolean; encrypts: Record<string, number> }[]
  readonly dropped: readonly string[]
}

async function encryption(...flags: string[]): Promise<Shown> {
  const { stdout, stderr, code } = await runCommand(['keys', 'encryption', '--data', data, '--json', ...flags])
  expect(stderr).toBe('')
  expect(code).toBe(0)
  return JSON.parse(stdout)
}

test('what is encrypted moves to a new key by itself, and is read when the old one is gone', async () => {
  let product = await startProduct({ data })
  const ann = await product.join('annabel')
  const kept = (await must(ann, 'storeSecret', { name: 'door', value: 'under the mat' }, 'secret { id }')).secret.id
  const audio = Buffer.from('RIFF a voice')
  const voice = { audio: audio.toString('base64'), mediaType: 'audio/wav' }
  const sample = (await must(ann, 'registerVoiceSample', voice, 'sample { id }')).sample.id
  const { enrollTotp } = await ann.ask('mutation { enrollTotp { ... on EnrollTotpSuccess { secret } } }')
  const code = await generate({ secret: enrollTotp.secret })
  await must(ann, 'confirmTotp', { code }, 'user { id }')
  const [first] = (await encryption()).keys
  expect(first).toMatchObject({ newest: true, encrypts: { 'users.totp': 1, 'users.encrypted_fields': 1 } })
  await product.close()

  expect((await runCommand(['keys', 'rotate-encryption', '--data', data])).code).toBe(0)
  // Nothing is under it yet, and no key that encrypts is taken away.
  const before = await encryption('--drop-unused')
  expect(before.keys.map(({ newest }) => newest)).toEqual([true, false])
  expect(before).toMatchObject({
    dropped: [],
    keys: [{ encrypts: {} }, { id: first?.id, encrypts: { 'users.totp': 1 } }],
  })

  product = await startProduct({ data })
  await expect.poll(async () => (await encryption()).keys[1]?.encrypts, { timeout: 60_000, interval: 500 }).toEqual({})
  // The audio is moved after the fields, in the same run.
  await product.close()
  expect(await encryption('--drop-unused')).toMatchObject({ dropped: [first?.id] })
  expect((await encryption()).keys).toHaveLength(1)

  product = await startProduct({ data })
  try {
    const same = person(product.url, ann.token, ann.id)
    const { revealSecret } = await same.ask(
      'mutation ($id: ID!) { revealSecret(input: { id: $id }) { ... on RevealSecretSuccess { value } } }',
      { id: kept },
    )
    expect(revealSecret).toEqual({ value: 'under the mat' })
    const { node } = await same.ask('query ($id: ID!) { node(id: $id) { ... on VoiceSample { audio } } }', {
      id: sample,
    })
    expect(node).toEqual({ audio: audio.toString('base64') })
    const { secret } = enrollTotp
    const later = await generate({ secret, epoch: Math.floor(Date.now() / 1000) + 30 })
    const signIn = `mutation ($totp: String) { signIn(input: { login: "annabel", password: "annabel-secret", totp: $totp }) { __typename } }`
    expect((await person(product.url, '', '').ask(signIn, { totp: later })).signIn.__typename).toBe('SignInSuccess')
  } finally {
    await product.close()
  }
})

test('the audit is verified under a new signing key too, with what the old one has signed', async () => {
  expect((await runCommand(['keys', 'rotate', '--data', data])).code).toBe(0)
  const { stdout, code } = await runCommand(['audit', 'verify', '--data', data, '--json'])
  expect(JSON.parse(stdout)).toMatchObject({ valid: true, problems: [] })
  expect(JSON.parse(stdout).seals).toBeGreaterThan(0)
  expect(code).toBe(0)
})

test('a data directory is meant from where the command is given', () => {
  const main = join(import.meta.dirname, '../../cli/main.ts')
  const { status } = spawnSync(process.execPath, [main, 'keys', 'rotate-encryption', '--data', 'mine'], { cwd: data })
  expect(status).toBe(0)
  expect(existsSync(join(data, 'mine', 'encryption-keys'))).toBe(true)
})
