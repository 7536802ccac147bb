import { randomUUID } from 'node:crypto'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { loadConfig } from '../../gateway/config.ts'
import { openServer } from '../../gateway/server.ts'
import { person } from '../kit/product.ts'

test('a secret, a password or a token is in no log line and in no error', async () => {
  const lines: string[] = []
  const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) })
  const { config } = loadConfig({ env: { MNEMOGRAPH_DATA: ':memory:', MNEMOGRAPH_PORT: '0' }, cwd: '/nowhere' })
  const server = await openServer({ config, log, listen: true })
  const [secret, password] = [`secret-${randomUUID()}`, `password-${randomUUID()}`]
  const answers: string[] = []
  try {
    const url = `${server.url}/graphql`
    const nobody = person(url, '', '')
    const signUp = `mutation ($input: SignUpInput!) { signUp(input: $input) {
      ... on SignUpSuccess { session { accessToken refreshToken user { id } } } } }`
    const input = { username: 'ann', email: 'ann@example.test', password }
    const { session } = (await nobody.ask(signUp, { input })).signUp
    const ann = person(url, session.accessToken, session.user.id)
    const store = `mutation ($input: StoreSecretInput!) { storeSecret(input: $input) { __typename ... on Problem { message } } }`
    const sent = [
      ann.send(store, { input: { name: 'door', value: secret } }),
      ann.send(store, { input: { name: '', value: secret } }),
      ann.send(store, { input: { name: 'door', value: `${secret}\ud800` } }),
      ann.send(store, { input: { name: 'door', value: [secret] } }),
      ann.send(`mutation { storeSecret(input: { name: "a", value: "${secret}", wrong: 1 }) { __typename } }`),
      nobody.send('mutation ($p: String!) { signIn(input: { login: "ann", password: $p }) { __typename } }', {
        p: `${password}x`,
      }),
      person(url, `${session.accessToken}x`, '').send('{ viewer { id } }'),
    ]
    for (const answer of await Promise.all(sent)) answers.push(JSON.stringify(answer))
  } finally {
    await server.close()
    const told = lines.join('\n')
    expect(lines.length).toBeGreaterThan(0)
    for (const word of [secret, password]) expect(told).not.toContain(word)
    expect(told).not.toMatch(/eyJ[\w-]+\.[\w-]+\.[\w-]+/)
  }
  expect(answers[0]).toContain('StoreSecretSuccess')
  for (const answer of answers.slice(1, 3)) expect(answer).not.toContain(secret)
  for (const answer of answers) expect(answer).not.toContain(password)
})
