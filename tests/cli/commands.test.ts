import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import { conversationLines, writeLines } from '../kit/conversations.ts'
import { runCommand, startCommand } from '../kit/process.ts'
import { type Data, person } from '../kit/product.ts'

// Each of these starts whole processes, several one after the other.
vi.setConfig({ testTimeout: 180_000 })

const directory = mkdtempSync(join(tmpdir(), 'mnemograph-cli-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
const data = (name: string) => join(directory, name)

async function signUp(url: string, username: string) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      query: `mutation ($input: SignUpInput!) { signUp(input: $input) { ... on SignUpSuccess { session { accessToken user { id } } } } }`,
      variables: { input: { username, email: `${username}@example.test`, password: `${username}-secret` } },
    }),
  })
  const { data } = (await response.json()) as { data: Data }
  const { session } = data.signUp
  return person(url, session.accessToken, session.user.id)
}

test('what was acknowledged is there after the server was killed in the middle of writing', async () => {
  const flags = ['start', '--port', '0', '--data', data('killed')]
  const first = await startCommand(flags)
  const writer = await signUp(first.url, 'writer')
  const acknowledged: string[] = []
  const writing = (async () => {
    for (let n = 0; ; n++) {
      const { remember } = await writer.ask(
        'mutation ($input: RememberInput!) { remember(input: $input) { ... on RememberSuccess { memory { id } } } }',
        { input: { content: `note ${n}` } },
      )
      acknowledged.push(remember.memory.id)
      if (acknowledged.length === 25) void first.end('SIGKILL')
    }
  })()
  await expect(writing).rejects.toThrow()
  const second = await startCommand(flags)
  try {
    const reader = person(second.url, writer.token, writer.id)
    const { nodes } = await reader.ask('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids: acknowledged })
    expect(nodes.map((node: { id: string } | null) => node?.id)).toEqual(acknowledged)
  } finally {
    await second.end('SIGTERM')
  }
})

test('a data directory in use is refused by name, and commands speak with the server that uses it', async () => {
  const flags = ['start', '--port', '0', '--data', data('shared')]
  const running = await startCommand(flags)
  try {
    const refused = await runCommand(flags)
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain(data('shared'))
    expect(refused.stderr).toContain(`process ${running.pid}`)
    await signUp(running.url, 'rosa')
    const file = writeLines(data('garden.jsonl'), [...conversationLines(2), 'not json'])
    const imported = await runCommand(['import', file, '--data', data('shared'), '--user', 'rosa', '--json'])
    expect(imported.code).toBe(3)
    expect(JSON.parse(imported.stdout)).toMatchObject({ conversations: 2, messages: 12, refused: [{ line: 3 }] })
  } finally {
    await running.end('SIGTERM')
  }
})

test('an import without a server opens the data directory itself, and one that was interrupted goes on', async () => {
  const flags = ['--data', data('alone'), '--json']
  const half = writeLines(data('half.jsonl'), conversationLines(2))
  const whole = writeLines(data('whole.jsonl'), conversationLines(4))
  const first = await runCommand(['import', half, ...flags])
  expect(JSON.parse(first.stdout)).toMatchObject({ conversations: 2, messages: 12, known: 0 })
  const second = await runCommand(['import', whole, ...flags])
  expect(JSON.parse(second.stdout)).toMatchObject({ conversations: 4, messages: 12, known: 12 })
  expect(second.code).toBe(0)
})

test('a wrong setting stops the start with every mistake listed', async () => {
  const { code, stderr } = await runCommand(['start', '--data', data('wrong')], {
    MNEMOGRAPH_PORT: 'many',
    MNEMOGRAPH_LOG_LEVEL: 'loud',
    MNEMOGRAPH_DATABASE_URL: 'mysql://nowhere',
  })
  expect(code).toBe(2)
  for (const name of ['MNEMOGRAPH_PORT', 'MNEMOGRAPH_LOG_LEVEL', 'MNEMOGRAPH_DATABASE_URL'])
    expect(stderr).toContain(name)
})

test('the first start prints a secret that signs in once', async () => {
  const running = await startCommand(['start', '--port', '0', '--data', ':memory:'])
  try {
    const secret = /one-time secret (\S+)/.exec(running.lines.join('\n'))?.[1]
    const signIn = async () => {
      const response = await fetch(running.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          query: `mutation ($input: SignInInput!) { signIn(input: $input) {
            ... on SignInSuccess { session { user { username role } } } ... on Problem { code } } }`,
          variables: { input: { login: 'admin', password: secret } },
        }),
      })
      return ((await response.json()) as { data: Data }).data.signIn
    }
    expect(await signIn()).toEqual({ session: { user: { username: 'admin', role: 'ADMIN' } } })
    expect(await signIn()).toEqual({ code: 'INVALID_CREDENTIALS' })
  } finally {
    await running.end('SIGTERM')
  }
})

test('migrate says what is applied, and what it would do', async () => {
  await runCommand(['migrate', 'up', '--data', data('migrated')])
  const { stdout } = await runCommand(['migrate', 'status', '--data', data('migrated'), '--json'])
  const status: { name: string; state: string }[] = JSON.parse(stdout)
  expect(status.map(({ state }) => state)).toEqual(status.map(() => 'applied'))
  const dry = await runCommand(['migrate', 'down', '--to', '0', '--dry-run', '--data', data('migrated'), '--json'])
  expect(JSON.parse(dry.stdout).map((step: { state: string }) => step.state)).toEqual(status.map(() => 'planned'))
  const again = await runCommand(['migrate', 'status', '--data', data('migrated'), '--json'])
  expect(JSON.parse(again.stdout)).toEqual(status)
})
