import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { loadConfig } from '../../gateway/config.ts'
import { openServer, type Server } from '../../gateway/server.ts'
import type { Viewer } from '../../lib/context.ts'
import { type EnvelopeClaims, type EnvelopedRequest, envelopeHeader, sealEnvelope } from '../../lib/envelope.ts'
import { silentLog } from '../../lib/log.ts'
import { systemClock } from '../../lib/sources.ts'
import { createAccessTokens, loadSigningKey, type SigningKey } from '../../lib/tokens.ts'
import { roomNames } from '../../subgraphs/rooms.ts'
import { openTestPostgres, type TestPostgres, urlOf } from '../kit/postgres.ts'
import { type Person, person, transports } from '../kit/product.ts'
import { type RoomChild, startRoomChild } from '../kit/room-process.ts'

const required = process.env.MNEMOGRAPH_REQUIRE_STORES === '1'
const skip = !process.env.MNEMOGRAPH_TEST_POSTGRES_URL && !required

/** What follows the log waits for every open transaction of the server, those of suites beside this one as well. */
const patience = 90_000
const title = 'rooms in processes of their own, on PostgreSQL 18 (set MNEMOGRAPH_TEST_POSTGRES_URL)'

describe.skipIf(skip)(title, { timeout: patience }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'rooms-'))
  const rooms = new Map<string, RoomChild>()
  let database: TestPostgres
  let gateway: Server
  let key: SigningKey
  let ann: Person
  let viewer: Viewer

  const env = (name: string) => ({
    MNEMOGRAPH_DATABASE_URL: urlOf(database.admin),
    MNEMOGRAPH_LOG_LEVEL: 'warn',
    // Only the room that issues tokens may have the private key.
    ...(name === 'users'
      ? { MNEMOGRAPH_DATA: folder }
      : {
          MNEMOGRAPH_DATA: ':memory:',
          MNEMOGRAPH_GATEWAY_PUBLIC_KEY: String(key.publicKey.export({ type: 'spki', format: 'pem' })),
        }),
  })
  const roomUrl = (name: string) => (rooms.get(name) as RoomChild).url

  beforeAll(async () => {
    database = await openTestPostgres('PostgreSQL 18')
    key = loadSigningKey(folder)
    await Promise.all(roomNames().map(async (name) => rooms.set(name, await startRoomChild(name, env(name)))))
    const urls = roomNames().map((name) => [`MNEMOGRAPH_SUBGRAPH_${name.toUpperCase()}_URL`, roomUrl(name)])
    const settings = { MNEMOGRAPH_DATA: folder, MNEMOGRAPH_PORT: '0', MNEMOGRAPH_DATABASE_URL: urlOf(database.admin) }
    const { config } = loadConfig({ env: { ...settings, ...Object.fromEntries(urls) }, cwd: '/nowhere' })
    gateway = await openServer({ config, log: silentLog(), listen: true })
    ann = await signUp('ann')
    viewer = (await createAccessTokens(key, systemClock).verify(ann.token)).viewer
  }, 120_000)

  afterAll(async () => {
    await gateway?.close()
    for (const room of rooms.values()) await room.end('SIGKILL')
    await database?.close()
    rmSync(folder, { recursive: true })
  })

  test('listen where only this machine reaches them, and say so when told to listen everywhere', async () => {
    for (const name of roomNames()) {
      expect(new URL(roomUrl(name)).hostname).toBe('127.0.0.1')
      expect((rooms.get(name) as RoomChild).output()).not.toContain('warning')
    }
    const open = await startRoomChild('knowledge', { ...env('knowledge'), MNEMOGRAPH_HOST: '0.0.0.0' })
    try {
      await expect.poll(() => open.output()).toContain('warning: 0.0.0.0 may be reached from everywhere')
    } finally {
      await open.end('SIGTERM')
    }
  })

  async function signUp(username: string, at = gateway.url): Promise<Person> {
    const nobody = person(`${at}/graphql`, '', '')
    const input = { username, email: `${username}@example.test`, password: 'correct horse battery' }
    const response = await fetch(`${at}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: operations.signUp, variables: { input } }),
    })
    const { data } = (await response.json()) as Awaited<ReturnType<typeof nobody.send>>
    const { accessToken, user } = data.signUp.session
    return person(`${at}/graphql`, accessToken, user.id)
  }

  test('none of them runs in the gateway, which follows no log', () => {
    expect(gateway.projectors.status()).toEqual([])
    expect(gateway.notices).toEqual([])
    expect(rooms.get('users')?.output()).toMatch(/one-time secret/)
  })

  test('answer one query together, in whose name it is asked', async () => {
    const { remember } = await ann.ask(operations.remember, { content: 'Lena Ortiz moved the Atlas project to Rust.' })
    const { id } = remember.memory
    const query = `query ($id: ID!) {
      viewer { username }
      memory(id: $id) { content owner { username } }
      node(id: $id) { id ... on Memory { tier } }
      concepts(first: 5) { totalCount }
      agents { totalCount }
    }`
    expect(await ann.ask(query, { id })).toEqual({
      viewer: { username: 'ann' },
      memory: { content: 'Lena Ortiz moved the Atlas project to Rust.', owner: { username: 'ann' } },
      node: { id, tier: 'EPISODIC' },
      concepts: { totalCount: expect.any(Number) },
      agents: { totalCount: 0 },
    })
    const bea = await signUp('bea')
    const others = await bea.send('query ($id: ID!) { memory(id: $id) { content } node(id: $id) { id } }', { id })
    expect(others.data).toEqual({ memory: null, node: null })
  })

  test('make of a memory in one process concepts in another', async () => {
    await ann.ask(operations.remember, { content: 'Katharina Vogel presented Bluefin to Katharina Vogel’s team.' })
    await vi.waitFor(
      async () => {
        const { concept } = await ann.ask('{ concept(name: "Katharina Vogel") { name } }')
        expect(concept).toEqual({ name: 'Katharina Vogel' })
      },
      { timeout: patience, interval: 100 },
    )
  })

  test.each(transports)('stream events through the gateway over %s, and resume', async (transport) => {
    const query = `subscription ($after: Cursor) {
      memoryChanges(after: $after) { cursor kind memory { content owner { username } } } }`
    const { remember: first } = await ann.ask(operations.remember, { content: `before, over ${transport}` })
    const { remember: second } = await ann.ask(operations.remember, { content: `missed, over ${transport}` })
    const events = ann.follow(transport, query, { after: first.cursor })
    expect((await events.next()).value.data.memoryChanges).toEqual({
      cursor: second.cursor,
      kind: 'CREATED',
      memory: { content: `missed, over ${transport}`, owner: { username: 'ann' } },
    })
    const pending = events.next()
    const { remember: third } = await ann.ask(operations.remember, { content: `live, over ${transport}` })
    const { value } = await pending
    expect(value.data.memoryChanges.memory.content).toBe(`live, over ${transport}`)
    expect(value.extensions.live).toMatchObject({ cursor: third.cursor, resync: false })
    await events.return(undefined)
  })

  test('resume from the `Last-Event-ID` of an event stream, which goes under the signature', async () => {
    const { remember: first } = await ann.ask(operations.remember, { content: 'seen' })
    const { remember: second } = await ann.ask(operations.remember, { content: 'missed' })
    const response = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${ann.token}`,
        'content-type': 'application/json',
        accept: 'text/event-stream',
        'last-event-id': first.cursor,
      },
      body: JSON.stringify({ query: 'subscription { memoryChanges { cursor } }' }),
    })
    let text = ''
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      text += Buffer.from(chunk).toString()
      if (text.includes('"cursor"')) break
    }
    expect(text).toContain(`id: ${second.cursor}\n`)
  })

  test('end a session everywhere when one of them ends it', async () => {
    const cleo = await signUp('cleo')
    await cleo.ask('{ viewer { username } }')
    await cleo.ask('mutation { signOut { ... on SignOutSuccess { endedAt } } }')
    await vi.waitFor(
      async () =>
        expect((await cleo.send('{ agents { totalCount } }')).errors?.[0]?.extensions.code).toBe('UNAUTHENTICATED'),
      { timeout: 4000, interval: 20 },
    )
  })

  describe('a statement that waits', () => {
    let admin: pg.Client
    beforeAll(async () => {
      admin = new pg.Client(database.admin)
      await admin.connect()
    })
    afterAll(() => admin.end())
    afterEach(() => admin.query('ROLLBACK'))

    const lock = () => admin.query('BEGIN; LOCK TABLE memory.chat_sessions IN ACCESS EXCLUSIVE MODE')
    const ask = (url: string | null, token: string, signal = AbortSignal.timeout(20_000)) =>
      fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: '{"query":"{ chatSessions(first: 1) { nodes { id } } }"}',
        signal,
      })

    async function waitFor(count: number): Promise<void> {
      await vi.waitFor(
        async () => {
          // A table has the same number in every suite's database.
          const { rows } = await admin.query(
            `SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = database
             WHERE datname = current_database() AND relation = 'memory.chat_sessions'::regclass AND NOT granted`,
          )
          expect(rows).toHaveLength(count)
        },
        { timeout: 10_000, interval: 20 },
      )
    }

    test('is cancelled in the room when the client of the gateway goes away, in both lanes', async () => {
      await lock()
      for (const _lane of ['pipeline', 'fast']) {
        const leave = new AbortController()
        const answer = ask(gateway.url, ann.token, leave.signal)
        await waitFor(1)
        leave.abort()
        await expect(answer).rejects.toThrow()
        await waitFor(0)
      }
      await admin.query('ROLLBACK')
      expect(await (await ask(gateway.url, ann.token)).json()).toEqual({ data: { chatSessions: { nodes: [] } } })
    })

    test('is cancelled when the time of the operation is over, with rooms in one process too', async () => {
      const settings = { MNEMOGRAPH_DATA: ':memory:', MNEMOGRAPH_PORT: '0', MNEMOGRAPH_OPERATION_TIMEOUT_MS: '3000' }
      const env = { ...settings, MNEMOGRAPH_DATABASE_URL: urlOf(database.admin) }
      const server = await openServer({
        config: loadConfig({ env, cwd: '/nowhere' }).config,
        log: silentLog(),
        listen: true,
      })
      try {
        const dora = await signUp('dora', server.url)
        expect((await ask(server.url, dora.token)).status).toBe(200)
        await lock()
        const answer = ask(server.url, dora.token)
        await waitFor(1)
        const { status, text } = await answer.then(async (got) => ({ status: got.status, text: await got.text() }))
        expect([status, JSON.parse(text).errors[0].extensions.code]).toEqual([504, 'DEADLINE_EXCEEDED'])
        await waitFor(0)
      } finally {
        await server.close()
      }
    })
  })

  describe('a request to a room', () => {
    const body = '{"query":"{ agents { totalCount } }","variables":{}}'
    const claims = (): EnvelopeClaims => ({ viewer, traceId: 'a'.repeat(32), deadline: Date.now() + 30_000 })
    const path = '/graphql'

    function seal(given: Partial<EnvelopedRequest> = {}, signer = key, clock = systemClock, said = claims()): string {
      const request = { method: 'POST', path, body: Buffer.from(body), audience: 'agents', ...given }
      return sealEnvelope(request, said, signer, clock)
    }

    async function send(headers: Record<string, string>, sent = body, room = 'agents', to = path) {
      const response = await fetch(new URL(to, roomUrl(room)), {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: sent,
      })
      return { status: response.status, text: await response.text() }
    }

    const accepted = { status: 200, text: '{"data":{"agents":{"totalCount":0}}}' }
    const refused = { status: 401, text: 'Unauthorized\n' }
    const past = { now: () => new Date(Date.now() - 61_000) }

    test('is answered when the gateway has signed it, once', async () => {
      const envelope = seal()
      expect(await send({ [envelopeHeader]: envelope })).toEqual(accepted)
      expect(await send({ [envelopeHeader]: envelope })).toEqual(refused)
      expect(await send({ [envelopeHeader]: seal({ path: '/' }) }, body, 'agents', '/')).toEqual(accepted)
    })

    test.each<[string, () => ReturnType<typeof send>]>([
      ['unsigned', () => send({})],
      ['in a form that is none', () => send({ [envelopeHeader]: 'x.y' })],
      ['signed by another', () => send({ [envelopeHeader]: seal({}, loadSigningKey(':memory:')) })],
      ['signed a minute ago', () => send({ [envelopeHeader]: seal({}, key, past) })],
      ['for another path', () => send({ [envelopeHeader]: seal({ path: '/' }) })],
      ['for another room', () => send({ [envelopeHeader]: seal() }, body, 'knowledge')],
      ['with another body', () => send({ [envelopeHeader]: seal() }, body.replace('agents', 'tools'))],
      ['with identity beside the envelope', () => send({ authorization: `Bearer ${ann.token}`, 'x-user-id': ann.id })],
    ])('is refused when it is %s', async (_, sending) => {
      expect(await sending()).toEqual(refused)
    })

    test('is asked in the name of whom the envelope says, whatever headers say', async () => {
      const nobody = seal({}, key, systemClock, { ...claims(), viewer: null })
      const answer = await send({ [envelopeHeader]: nobody, authorization: `Bearer ${ann.token}` })
      expect(JSON.parse(answer.text).errors[0].extensions.code).toBe('UNAUTHENTICATED')
    })

    test('is not begun when its time is over', async () => {
      const late = seal({}, key, systemClock, { ...claims(), deadline: Date.now() - 1 })
      const { status, text } = await send({ [envelopeHeader]: late })
      expect([status, JSON.parse(text).errors[0].extensions.code]).toEqual([504, 'DEADLINE_EXCEEDED'])
    })

    test('is refused when it asks for what the room does not have, or is no request of GraphQL', async () => {
      const signed = (text: string) => send({ [envelopeHeader]: seal({ body: Buffer.from(text) }) }, text)
      const unknown = await signed('{"query":"{ nothing }"}')
      expect([unknown.status, JSON.parse(unknown.text).errors[0].message]).toEqual([500, 'Internal server error'])
      expect(rooms.get('agents')?.output()).toContain('Cannot query field \\"nothing\\"')
      expect((await signed('{"query":1}')).status).toBe(400)
      expect((await fetch(new URL('/graphql', roomUrl('agents')))).status).toBe(405)
      expect((await fetch(new URL('/other', roomUrl('agents')))).status).toBe(404)
    })

    test('for its health needs no signature', async () => {
      for (const path of ['/health/live', '/health/ready']) {
        expect((await fetch(new URL(path, roomUrl('agents')))).status).toBe(200)
      }
    })
  })

  test('one that is killed takes only its own part with it, and is back when it runs again', async () => {
    const query = '{ viewer { username } agents { totalCount } }'
    const { url } = rooms.get('agents') as RoomChild
    await rooms.get('agents')?.end('SIGKILL')
    // `agents` may not be null, so the fields beside it go with it: it is asked by itself.
    const alone = await ann.send('{ viewer { username } agent(id: "x") { id } }')
    expect(alone).toMatchObject({ data: { viewer: { username: 'ann' }, agent: null } })
    expect(alone.errors).toMatchObject([{ path: ['agent'], extensions: { code: 'SUBGRAPH_UNAVAILABLE' } }])
    rooms.set('agents', await startRoomChild('agents', env('agents'), new URL(url).port))
    expect(await ann.ask(query)).toEqual({ viewer: { username: 'ann' }, agents: { totalCount: 0 } })
  })

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'one that ends by %s takes no event from whoever follows it',
    async (signal) => {
      const { url } = rooms.get('memory') as RoomChild
      const events = ann.follow('sse', 'subscription { memoryChanges { memory { content } } }')
      const pending = events.next()
      let asked = 0
      await vi.waitFor(
        async () => {
          // What is said twice in the same words is one memory, and told once.
          await ann.ask(operations.remember, { content: `open at ${signal}? ${asked++}` })
          await Promise.race([pending, Promise.reject(new Error('no event yet'))])
        },
        { timeout: patience, interval: 100 },
      )
      const exit = await rooms.get('memory')?.end(signal)
      expect(exit).toBe(signal === 'SIGTERM' ? 0 : signal)
      rooms.set('memory', await startRoomChild('memory', env('memory'), new URL(url).port))
      // A subgraph that was away is left alone for a moment.
      await vi.waitFor(() => ann.ask('{ memoryStats { count } }'), { timeout: patience, interval: 100 })
      const contents = ['one', 'two', 'three'].map((word) => `${word} after ${signal}`)
      for (const content of contents) await ann.ask(operations.remember, { content })
      const seen: string[] = []
      while (seen.at(-1) !== contents.at(-1)) {
        const { value } = await events.next()
        seen.push(value.data.memoryChanges.memory.content)
      }
      expect(seen.filter((content) => !content.startsWith('open at '))).toEqual(contents)
      await events.return(undefined)
    },
  )
})

describe('a room that cannot be served', () => {
  const serve = (name: string) => startRoomChild(name, { MNEMOGRAPH_DATABASE_URL: '' })

  test('says why', async () => {
    await expect(serve('users')).rejects.toThrow(/ended with 2:.*MNEMOGRAPH_DATABASE_URL must be set/s)
    await expect(serve('cellar')).rejects.toThrow(/ended with 2:.*Allowed choices are agents/s)
  })

  test('and a gateway over rooms elsewhere needs the database that they share', async () => {
    const env = { MNEMOGRAPH_DATA: ':memory:', MNEMOGRAPH_SUBGRAPH_USERS_URL: 'http://127.0.0.1:1/' }
    const { config } = loadConfig({ env, cwd: '/nowhere' })
    await expect(openServer({ config, log: silentLog(), listen: false })).rejects.toThrow('share a PostgreSQL server')
  })
})

const operations = {
  signUp: `mutation ($input: SignUpInput!) {
    signUp(input: $input) { ... on SignUpSuccess { session { accessToken user { id } } } } }`,
  remember: `mutation ($content: String!) {
    remember(input: { content: $content }) { ... on RememberSuccess { cursor memory { id } } } }`,
}
