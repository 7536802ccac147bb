import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { type Browser, type CDPSession, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Data, type Product, startProduct } from '../kit/product.ts'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)
const required = process.env.MNEMOGRAPH_REQUIRE_STORES === '1'

const session = 'session { accessToken user { username } }'
const problem = '... on Problem { code message }'
const operations = {
  signUp: `mutation ($input: SignUpInput!) { signUp(input: $input) { ... on SignUpSuccess { ${session} } } }`,
  signIn: `mutation ($input: SignInInput!) { signIn(input: $input) { __typename ... on SignInSuccess { ${session} }
    ... on SecondFactorRequired { methods ticket } ${problem} } }`,
  beginRegistration: `mutation { beginPasskeyRegistration {
    ... on BeginPasskeyRegistrationSuccess { challengeId options } ${problem} } }`,
  finishRegistration: `mutation ($input: FinishPasskeyRegistrationInput!) { finishPasskeyRegistration(input: $input) {
    __typename ... on FinishPasskeyRegistrationSuccess { passkey { id name secondFactor } backupCodes } ${problem} } }`,
  beginSignIn: `mutation ($input: BeginPasskeySignInInput!) { beginPasskeySignIn(input: $input) {
    ... on BeginPasskeySignInSuccess { challengeId options } ${problem} } }`,
  finishSignIn: `mutation ($input: FinishPasskeySignInInput!) { finishPasskeySignIn(input: $input) {
    __typename ... on FinishPasskeySignInSuccess { ${session} } ${problem} } }`,
  revoke: `mutation ($input: RevokePasskeyInput!) { revokePasskey(input: $input) { __typename ${problem} } }`,
  viewer: '{ viewer { username passkeys { id name lastUsedAt } sessions { nodes { current methods } } } }',
}

describe.skipIf(executablePath === undefined && !required)(
  'passkeys in a real Chromium with a virtual authenticator (apt-get install chromium)',
  () => {
    let product: Product
    let browser: Browser
    let page: Page
    let devtools: CDPSession
    let authenticatorId: string

    beforeAll(async () => {
      const port = await freePort()
      product = await startProduct({ env: { MNEMOGRAPH_PORT: String(port), MNEMOGRAPH_HOST: 'localhost' } })
      browser = await chromium.launch({
        executablePath: executablePath ?? '/usr/bin/chromium',
        args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'],
      })
      page = await browser.newPage()
      // A page of the origin is all that is needed of it.
      await page.goto(`http://localhost:${port}/health/live`)
      devtools = await page.context().newCDPSession(page)
      await devtools.send('WebAuthn.enable')
      authenticatorId = await addAuthenticator()
    }, 120_000)
    afterAll(async () => {
      await browser?.close()
      await product?.close()
    })

    const addAuthenticator = async () =>
      (
        await devtools.send('WebAuthn.addVirtualAuthenticator', {
          options: {
            protocol: 'ctap2',
            transport: 'internal',
            hasResidentKey: true,
            hasUserVerification: true,
            isUserVerified: true,
            automaticPresenceSimulation: true,
          },
        })
      ).authenticatorId

    async function ask(token: string | null, name: keyof typeof operations, input?: object): Promise<Data> {
      const response = await fetch(product.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
        body: JSON.stringify({ query: operations[name], variables: input === undefined ? {} : { input } }),
      })
      const { data, errors } = (await response.json()) as { data: Data; errors?: Data[] }
      if (errors) throw new Error(JSON.stringify(errors))
      return Object.values(data)[0]
    }

    const join = async (username: string): Promise<string> => {
      const account = { username, email: `${username}@example.test`, password: `${username}-secret` }
      return (await ask(null, 'signUp', account)).session.accessToken
    }
    const make = (options: Data) =>
      page.evaluate(async (json: Data) => {
        const { PublicKeyCredential, navigator }: Data = globalThis
        const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(json)
        return (await navigator.credentials.create({ publicKey })).toJSON()
      }, options)
    const use = (options: Data) =>
      page.evaluate(async (json: Data) => {
        const { PublicKeyCredential, navigator }: Data = globalThis
        const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(json)
        return (await navigator.credentials.get({ publicKey })).toJSON()
      }, options)

    async function register(token: string, more: object = {}): Promise<Data> {
      const { challengeId, options } = await ask(token, 'beginRegistration')
      return ask(token, 'finishRegistration', { challengeId, credential: await make(options), ...more })
    }
    const begun = async (input: object = {}) => {
      const { challengeId, options } = await ask(null, 'beginSignIn', input)
      return { challengeId, options, credential: await use(options) }
    }
    const finish = ({ challengeId, credential }: Data): Promise<Data> =>
      ask(null, 'finishSignIn', { challengeId, credential })
    /** Another authenticator takes the place of the one before, whose keys are gone with it. */
    const freshAuthenticator = async () => {
      await devtools.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId })
      authenticatorId = await addAuthenticator()
    }

    test('sign in alone, without a name or a password', async () => {
      const token = await join('anna')
      expect(await register(token, { name: 'Phone' })).toMatchObject({
        __typename: 'FinishPasskeyRegistrationSuccess',
        passkey: { name: 'Phone', secondFactor: false },
        backupCodes: [],
      })
      const signedIn = await finish(await begun())
      expect(signedIn).toMatchObject({ session: { user: { username: 'anna' } } })
      const viewer = await ask(signedIn.session.accessToken, 'viewer')
      expect(viewer.sessions.nodes[0]).toEqual({ current: true, methods: ['PASSKEY'] })
      expect(viewer.passkeys).toEqual([{ id: expect.any(String), name: 'Phone', lastUsedAt: expect.any(String) }])
      const input = { login: 'anna', password: 'anna-secret' }
      expect((await ask(null, 'signIn', input)).__typename).toBe('SignInSuccess')
    })

    test('take a challenge once, and only what was signed for it', async () => {
      const answer = await begun()
      const other = await begun()
      const wrong = await finish({ challengeId: other.challengeId, credential: answer.credential })
      expect(wrong).toMatchObject({ code: 'INVALID_CREDENTIALS' })
      // A wrong answer spends the challenge too.
      expect(await finish(other)).toEqual(wrong)
      expect((await finish(answer)).__typename).toBe('FinishPasskeySignInSuccess')
      expect(await finish(answer)).toEqual(wrong)
      expect(await finish({ ...(await begun()), challengeId: 'rubbish' })).toEqual(wrong)
    })

    test('take no answer that was changed, for another origin, or of an unknown key', async () => {
      const { challengeId, credential } = await begun()
      const response = { ...credential.response, signature: flipped(credential.response.signature) }
      expect((await finish({ challengeId, credential: { ...credential, response } })).code).toBe('INVALID_CREDENTIALS')
      const client = JSON.parse(Buffer.from((await begun()).credential.response.clientDataJSON, 'base64url').toString())
      expect(client.origin).toBe(product.server.url?.replace('127.0.0.1', 'localhost').replace('[::1]', 'localhost'))
      const foreign = await begun()
      foreign.credential.response.clientDataJSON = Buffer.from(
        JSON.stringify({ ...client, origin: 'https://evil.example' }),
      ).toString('base64url')
      expect((await finish(foreign)).code).toBe('INVALID_CREDENTIALS')
      const unknown = await begun()
      expect((await finish({ ...unknown, credential: { ...unknown.credential, id: 'unknown' } })).code).toBe(
        'INVALID_CREDENTIALS',
      )
      expect((await finish(await begun())).__typename).toBe('FinishPasskeySignInSuccess')
    })

    test('take none whose counter falls back: it was copied', async () => {
      const { credentials } = await devtools.send('WebAuthn.getCredentials', { authenticatorId })
      const [copy] = credentials
      if (!copy) throw new Error('the authenticator has no key')
      expect((await finish(await begun())).__typename).toBe('FinishPasskeySignInSuccess')
      await devtools.send('WebAuthn.removeCredential', { authenticatorId, credentialId: copy.credentialId })
      await devtools.send('WebAuthn.addCredential', { authenticatorId, credential: { ...copy, signCount: 1 } })
      expect((await finish(await begun())).code).toBe('INVALID_CREDENTIALS')
    })

    test('are a second factor where the user says so, with backup codes for when they are lost', async () => {
      await freshAuthenticator()
      const token = await join('ben')
      const { backupCodes, passkey } = await register(token, { secondFactor: true })
      expect(passkey.secondFactor).toBe(true)
      expect(backupCodes).toHaveLength(10)
      const input = { login: 'ben', password: 'ben-secret' }
      const asked = await ask(null, 'signIn', input)
      expect(asked).toMatchObject({ __typename: 'SecondFactorRequired', methods: ['PASSKEY', 'BACKUP_CODE'] })
      const answer = await begun({ ticket: asked.ticket })
      expect(answer.options.allowCredentials).toHaveLength(1)
      const signedIn = await finish(answer)
      const viewer = await ask(signedIn.session.accessToken, 'viewer')
      expect(viewer.sessions.nodes[0].methods).toEqual(['PASSWORD', 'PASSKEY'])
      expect((await ask(null, 'signIn', { ...input, totp: backupCodes[0] })).__typename).toBe('SignInSuccess')
      expect((await ask(null, 'beginSignIn', { ticket: 'rubbish' })).code).toBe('INVALID_CREDENTIALS')
      // A challenge for anyone is no ticket, and a ticket no challenge.
      expect((await ask(null, 'beginSignIn', { ticket: answer.challengeId })).code).toBe('INVALID_CREDENTIALS')
      expect((await finish({ ...(await begun()), challengeId: asked.ticket })).code).toBe('INVALID_CREDENTIALS')
    })

    test('of one user do not answer another’s password', async () => {
      const token = await join('carla')
      await freshAuthenticator()
      await register(token, { secondFactor: true })
      const { ticket } = await ask(null, 'signIn', { login: 'carla', password: 'carla-secret' })
      await freshAuthenticator()
      await register(await join('dora'))
      const { challengeId } = await ask(null, 'beginSignIn', { ticket })
      const { credential } = await begun()
      expect((await finish({ challengeId, credential })).code).toBe('INVALID_CREDENTIALS')
    })

    test('are changed only by a sign-in that proved a second factor, where there is one, and by nobody else', async () => {
      await freshAuthenticator()
      const weak = await join('emil')
      const { passkey } = await register(weak, { secondFactor: true })
      expect((await ask(weak, 'beginRegistration')).code).toBe('FORBIDDEN')
      expect((await ask(weak, 'revoke', { id: passkey.id })).code).toBe('FORBIDDEN')
      expect((await ask(await join('fred'), 'revoke', { id: passkey.id })).code).toBe('NOT_FOUND')
      const strong = (await finish(await begun())).session.accessToken
      expect((await ask(strong, 'revoke', { id: passkey.id })).__typename).toBe('RevokePasskeySuccess')
      expect((await finish(await begun())).code).toBe('INVALID_CREDENTIALS')
      expect((await ask(null, 'signIn', { login: 'emil', password: 'emil-secret' })).__typename).toBe('SignInSuccess')
    })

    test('register once, for whom they were made', async () => {
      await freshAuthenticator()
      const [gerd, hugo] = [await join('gerd'), await join('hugo')]
      const { challengeId, options } = await ask(gerd, 'beginRegistration')
      const credential = await make(options)
      expect((await ask(hugo, 'finishRegistration', { challengeId, credential })).code).toBe('INVALID_INPUT')
      const again = await ask(gerd, 'beginRegistration')
      expect((await ask(gerd, 'finishRegistration', { challengeId: again.challengeId, credential })).code).toBe(
        'INVALID_INPUT',
      )
      expect((await register(gerd)).__typename).toBe('FinishPasskeyRegistrationSuccess')
    })
  },
)

/** The signature with one bit of its last byte turned. */
function flipped(signature: string): string {
  const bytes = Buffer.from(signature, 'base64url')
  bytes.writeUInt8((bytes.at(-1) ?? 0) ^ 1, bytes.length - 1)
  return bytes.toString('base64url')
}

/** The origin of passkeys names the port, so it must be known before the product starts. */
function freePort(): Promise<number> {
  const server = createServer()
  return new Promise((resolve) => {
    server.listen(0, 'localhost', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
