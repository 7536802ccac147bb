import { createPublicKey, randomUUID, verify } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Logger, pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { requireUuid } from '../../lib/ids.ts'
import { defaultTenantId } from '../../lib/tenants.ts'
import { loadSigningKey } from '../../lib/tokens.ts'
import { seal } from '../../stores/audit/sealer.ts'
import { verifyAudit } from '../../stores/audit/verify.ts'
import { projectorContext } from '../../stores/log/log.ts'
import type { DecisionNote } from '../../stores/notes.ts'
import { openOwnerConnection } from '../../stores/open.ts'
import { step } from '../../stores/privacy/subject.ts'
import { runOpenRequests } from '../../stores/privacy/worker.ts'
import { openTestPostgres, type TestPostgres } from '../kit/postgres.ts'
import { type Data, type Person, type Product, startProduct } from '../kit/product.ts'
import { openTestRedis, redisUrl } from '../kit/redis.ts'
import { holds, scanDatabase, scanFolder, scanRedis } from './canary.ts'
import { joinTenant, viewerOfPerson } from './matrix/people.ts'
import { compressAll, must, plant } from './matrix/plant.ts'
import { requestPrivacy, untilDone } from './privacy-request.ts'

interface World {
  readonly product: Product
  readonly folder: string
  /** Every line that was logged, and every message that other processes were sent. */
  readonly heard: string[]
  /** Where a word still stands; the embedded database is looked into when the product is closed. */
  scan(canary: string): Promise<Record<string, number>>
}

function listening(heard: string[]): Logger {
  return pino({ level: 'trace' }, { write: (line: string) => void heard.push(line) })
}

/** With the answers' cache on, and Redis where this machine has it. */
async function onServer(): Promise<World & { database: TestPostgres }> {
  const database = await openTestPostgres('PostgreSQL 18')
  const { user, password, host, port, database: name } = database.admin
  const folder = mkdtempSync(join(tmpdir(), 'privacy-'))
  const heard: string[] = []
  const env = {
    MNEMOGRAPH_DATABASE_URL: `postgres://${user}:${password}@${host}:${port}/${name}`,
    MNEMOGRAPH_CACHE_BYTES: '10000000',
    ...(redisUrl === '' ? {} : { MNEMOGRAPH_REDIS_URL: redisUrl }),
  }
  const product = await startProduct({ data: folder, env, log: listening(heard) })
  const redis = redisUrl === '' ? null : await openTestRedis((await systemOf(product)) ?? '')
  if (redis) {
    const ear = await redis.connect()
    ear.on('message', (_channel: string, text: string) => heard.push(text))
    await ear.subscribe(`${redis.prefix}bus`)
  }
  return {
    product,
    folder,
    database,
    heard,
    scan: async (canary) => ({
      ...(await scanDatabase(database.admin, canary)),
      ...(redis ? Object.fromEntries((await scanRedis(redis, canary)).map((key) => [`redis ${key}`, 1])) : {}),
    }),
  }
}

function systemOf({ server }: Product): Promise<string | undefined> {
  return server.stores.postgres.read(projectorContext('test'), async (db) => {
    const [row] = await db.query<{ id: string }>('SELECT system_id AS id FROM app.system')
    return row?.id
  })
}

async function embedded(): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'privacy-'))
  const heard: string[] = []
  const env = { MNEMOGRAPH_CACHE_BYTES: '10000000' }
  const product = await startProduct({ data: folder, env, log: listening(heard) })
  for (const topic of ['events', 'session-ended'] as const) {
    product.server.stores.bus.subscribe(topic, (message) => heard.push(message))
  }
  return {
    product,
    folder,
    heard,
    async scan(canary) {
      await product.close()
      const { connection, close } = await openOwnerConnection({ data: folder, databaseUrl: undefined })
      try {
        return await scanDatabase(connection, canary)
      } finally {
        await close()
      }
    },
  }
}

/** A user with the canary in everything that can hold it. */
async function plantCanary(product: Product, person: Person, canary: string, friend: string): Promise<void> {
  const items = [{ collection: 'VOICE_PATTERNS', kind: 'CONTEXT', content: `${canary} speaks`, metadata: { canary } }]
  await must(person, 'storeVectors', { items }, 'vectors { id }')
  const plants = await plant({ person, word: canary, friend, settled: product.settled })
  await must(
    person,
    'reviseMemory',
    { id: plants.id('Memory'), content: `${canary} revised`, metadata: { canary } },
    'memory { id }',
  )
  await must(person, 'remember', { content: `${canary} for all`, visibility: 'PUBLIC' }, 'memory { id }')
  await must(
    person,
    'openChatSession',
    { title: `${canary} once`, clientMutationId: `${canary}-key` },
    'session { id }',
  )
  await must(person, 'storeSecret', { name: `${canary} name`, value: `${canary} value` }, 'secret { id }')
  const { userId } = await viewerOfPerson(product, person)
  await product.server.stores.objects.put(userId, 'notes.txt', body(`${canary} in an object`))
  const { session } = await must(person, 'openChatSession', { title: 'Prompted' }, 'session { id }')
  const messages = [{ role: 'SYSTEM', content: `You serve ${canary}.` }]
  await must(person, 'appendMessages', { sessionId: session.id, messages }, 'added')
  await product.server.stores.cache.set(person.id, `${canary} key`, `${canary} cached`, 3_600)
  const wholly =
    '{ viewer { displayName } memories(first: 100) { nodes { content } } chatSessions(first: 20) { nodes { title } } }'
  for (const query of [wholly, `${wholly} # again`]) await person.ask(query)
  await must(person, 'remember', { content: coldOf(canary) }, 'memory { id }')
  await product.settled()
  await compressAll(person)
  await seal(product.server.stores)
}

const coldOf = (canary: string) =>
  `${canary} waited at the old harbour for the ferry, which had left at half past nine.`

async function* body(text: string) {
  yield Buffer.from(text)
}

const backends: readonly [string, boolean, () => Promise<World>][] = [
  ['PGlite', false, embedded],
  [
    'PostgreSQL 18 (set MNEMOGRAPH_TEST_POSTGRES_URL)',
    !process.env.MNEMOGRAPH_TEST_POSTGRES_URL && process.env.MNEMOGRAPH_REQUIRE_STORES !== '1',
    onServer,
  ],
]

describe.each(backends)('on %s', (_name, skip, open) => {
  describe.skipIf(skip)('a user’s data', { timeout: 120_000 }, () => {
    let world: World
    let gone: Person
    let nameless: Person
    let stays: Person
    let staff: Person
    const ask = requestPrivacy
    const done = (who: Person, input: object) => untilDone(world.product, staff, who, input)

    beforeAll(async () => {
      world = await open()
      const { product } = world
      gone = await product.join('gonegirl')
      nameless = await product.join('namelessman')
      stays = await product.join('stayer')
      staff = await joinTenant(product, defaultTenantId, 'ADMIN')
      await plantCanary(product, gone, 'Gonzorium', stays.id)
      await plantCanary(product, nameless, 'Namelium', stays.id)
      await plantCanary(product, stays, 'Stayorium', gone.id)
    }, 120_000)
    afterAll(async () => {
      await world?.product.close()
      if (world && 'database' in world) await (world.database as TestPostgres).close()
      if (world) rmSync(world.folder, { recursive: true, force: true })
    })

    test('is exported whole, as lines that only its owner reads', async () => {
      const request = await done(gone, { action: 'EXPORT' })
      expect(request).toMatchObject({ action: 'EXPORT', state: 'COMPLETED' })
      const read = 'query ($id: ID!, $part: Int!) { privacyRequest(id: $id) { parts lines(part: $part) } }'
      const lines: Data[] = []
      for (let part = 1; part <= request.parts; part++) {
        lines.push(...(await gone.ask(read, { id: request.id, part })).privacyRequest.lines)
      }
      const tables = new Set(lines.map(({ table, object }) => table ?? `object ${object}`))
      for (const table of [
        'users.users',
        'memory.revisions',
        'memory.messages',
        'memory.embeddings',
        'memory.vectors',
        'knowledge.concepts',
        'agents.agents',
        'agents.blackboard_events',
        'memory.memory_syncs',
        'memory.chat_turns',
        'knowledge.consensus_nodes',
        'knowledge.votes',
        'knowledge.learning_patterns',
        'memory.voice_samples',
        'memory.user_voice_settings',
        'users.encrypted_fields',
        'object notes.txt',
      ]) {
        expect(tables).toContain(table)
      }
      const text = JSON.stringify(lines)
      expect(text).toContain('Gonzorium value')
      const cold = lines.filter(({ table, row }) => table === 'memory.revisions' && row.compression_metadata)
      expect(cold.map(({ row }) => row.content)).toContain(coldOf('Gonzorium'))
      expect(text).not.toContain('content_packed":"')
      expect(text).toContain(Buffer.from('Gonzorium said 1').toString('base64'))
      expect(text).toContain('"arguments"')
      expect(text).not.toContain('Stayorium')
      expect(text).not.toMatch(/argon2|password_hash|token_hash/)
      expect(await stays.ask(read, { id: request.id, part: 1 })).toEqual({ privacyRequest: null })
      const exported = lines.filter(({ table }) => table === 'memory.revisions').length
      expect(request.receipt.counts.postgres['memory.revisions']).toBe(exported)
    })

    test('is exported whole, each row once, however much it is', { timeout: 120_000 }, async () => {
      const busy = await world.product.join()
      const contents = Array.from({ length: 1_260 }, (_, index) => `Number ${index}.`)
      for (const part of [contents.slice(0, 900), contents.slice(900)]) {
        await must(busy, 'rememberMany', { items: part.map((content) => ({ content })) }, 'memories { id }')
      }
      const request = await done(busy, { action: 'EXPORT' })
      const read = 'query ($id: ID!, $part: Int!) { privacyRequest(id: $id) { lines(part: $part) } }'
      const said: string[] = []
      for (let part = 1; part <= request.parts; part++) {
        const { lines } = (await busy.ask(read, { id: request.id, part })).privacyRequest
        said.push(
          ...lines.filter(({ table }: Data) => table === 'memory.revisions').map(({ row }: Data) => row.content),
        )
      }
      expect(said.sort()).toEqual(contents.sort())
      expect(request.receipt.counts.postgres['memory.revisions']).toBe(contents.length)
    })

    test('is not erased by mistake, by others, or of the last admin', async () => {
      expect(await ask(gone, { action: 'ERASE' })).toMatchObject({
        code: 'INVALID_INPUT',
        path: ['input', 'confirmation'],
      })
      expect(await ask(gone, { action: 'ERASE', confirmation: 'stayer' })).toMatchObject({ code: 'INVALID_INPUT' })
      const other = { userId: gone.id, confirmation: 'gonegirl' }
      expect(await ask(stays, { action: 'ERASE', ...other })).toMatchObject({ code: 'FORBIDDEN' })
      expect(await ask(stays, { action: 'EXPORT', ...other })).toMatchObject({ code: 'FORBIDDEN' })
    })

    test.each([
      ['erased', 'ERASE', 'Gonzorium', 'gonegirl', () => gone],
      ['made anonymous', 'ANONYMIZE', 'Namelium', 'namelessman', () => nameless],
    ])('is %s in every store, with a receipt that is signed', async (_, action, canary, username, who) => {
      if ('database' in world) {
        const before = await world.scan(canary)
        expect(Object.keys(before).length).toBeGreaterThan(8)
        expect(await world.scan('waited at the old harbour')).toMatchObject({ 'memory.revisions': expect.any(Number) })
      }
      const { cursor } = await must(stays, 'remember', { content: 'Before it.' }, 'cursor')
      const request = await done(who(), { action, confirmation: username })
      expect(request).toMatchObject({ action, state: 'COMPLETED' })
      // Whoever could see what was public hears that it is gone.
      const follow = 'subscription ($after: Cursor) { memoryChanges(after: $after) { kind memoryId memory { id } } }'
      const events = stays.follow('sse', follow, { after: cursor })
      const { value: event } = await events.next()
      expect(event.data.memoryChanges).toMatchObject({ kind: 'FORGOTTEN', memory: null })
      await events.return(undefined)
      const { counts, text, signature } = request.receipt
      expect(counts.postgres['memory.revisions']).toBeGreaterThan(2)
      expect(counts.postgres['audit.user_keys']).toBe(1)
      expect(counts.vectors.memories).toBeGreaterThan(2)
      expect(counts.objects.objects).toBeGreaterThan(0)
      const key = createPublicKey(loadSigningKey(world.folder).privateKey)
      expect(verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64'))).toBe(true)
      expect(verify(null, Buffer.from(`${text} `), key, Buffer.from(signature, 'base64'))).toBe(false)
      // He is signed out, and cannot come back.
      const { errors } = await who().send('{ viewer { id } }')
      expect(errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }])
      const { signIn } = await stays.ask(
        `mutation { signIn(input: { login: "${username}", password: "${username}-secret" }) { __typename } }`,
      )
      expect(signIn.__typename).toBe('InvalidCredentials')
    })

    test('of everybody else is as it was, and the audit still holds together', async () => {
      const { recall, viewer } = await stays.ask(
        '{ viewer { username } recall(query: "Stayorium ferry") { hits { memory { content } } } }',
      )
      expect(viewer.username).toBe('stayer')
      expect(recall.hits.length).toBeGreaterThan(0)
      expect(
        JSON.stringify(await stays.ask('{ memories(first: 100) { nodes { content owner { username } } } }')),
      ).not.toMatch(/Gonzorium|Namelium/)
      await seal(world.product.server.stores)
      const { postgres, signer } = world.product.server.stores
      expect((await verifyAudit(postgres, signer)).problems).toEqual([])
      const objects = await world.product.server.stores.objects.list(
        (await viewerOfPerson(world.product, stays)).userId,
      )
      expect(objects).toContain('notes.txt')
    })

    test('is not left half erased when a projector is behind: the work waits for it, and goes on', async () => {
      const { stores } = world.product.server
      const waiter = await world.product.join('waitingman')
      await must(waiter, 'remember', { content: 'Waitorium stands.' }, 'memory { id }')
      const viewer = await viewerOfPerson(world.product, waiter)
      const asProjector = (sql: string) => stores.postgres.write(projectorContext('test'), (tx) => tx.query(sql))
      await asProjector(`INSERT INTO events.positions (projector, epoch, xid, seq) VALUES ('stuck', 1, '0', 0)`)
      const { request } = await ask(waiter, { action: 'ERASE', confirmation: 'waitingman' })
      expect(request).toMatchObject({ state: 'PENDING', receipt: null })
      expect((await waiter.send('{ viewer { id } }')).errors).toMatchObject([
        { extensions: { code: 'UNAUTHENTICATED' } },
      ])
      // However often it is looked at: waiting is no failure.
      for (let look = 0; look < 7; look++) await runOpenRequests(stores)
      const now = () =>
        step(stores.postgres, viewer, (tx) =>
          tx.query<{ state: string; receipt: string | null }>(
            'SELECT state, receipt FROM users.privacy_requests WHERE subject_id = $1',
            [viewer.userId],
          ),
        )
      expect(await now()).toEqual([{ state: 'PENDING', receipt: null }])
      expect(await step(stores.postgres, viewer, (tx) => tx.query('SELECT id FROM users.users'))).toHaveLength(1)
      await asProjector(`DELETE FROM events.positions WHERE projector = 'stuck'`)
      await expect
        .poll(async () => {
          await runOpenRequests(stores)
          return (await now())[0]?.state
        })
        .toBe('COMPLETED')
      // What the runs before have removed is in the receipt too.
      const { counts } = JSON.parse((await now())[0]?.receipt ?? '')
      expect(counts.postgres).toMatchObject({ 'audit.user_keys': 1, 'memory.revisions': 1, 'users.users': 1 })
      expect(counts.vectors).toEqual({ memories: 1 })
    })

    test('is noted of no more once he is gone, however late whoever read it is', async () => {
      const { stores } = world.product.server
      const { tenantId } = await viewerOfPerson(world.product, stays)
      const what = { kind: 'REDACTION', action: 'MASK', phase: 'RETRIEVE', outcome: {}, traceId: 'late', ruleId: null }
      const decision = (owner: Person, ruleName: string): DecisionNote => ({
        ...{ at: new Date(), tenantId, actorId: null, memoryId: randomUUID(), requestId: randomUUID(), ...what },
        ownerId: requireUuid('User', owner.id, 'id'),
        ruleName,
      })
      const rules: [Person, string][] = [
        [gone, 'Gonzorium rule'],
        [nameless, 'Namelium rule'],
        [stays, 'Stayorium rule'],
      ]
      stores.notes.decided(rules.map(([owner, name]) => decision(owner, name)))
      await stores.notes.idle()
      // That nothing of the others' is kept is looked for in the whole database below.
      const { policyAudit } = await stays.ask('{ policyAudit(traceId: "late") { nodes { ruleName } } }')
      expect(policyAudit.nodes).toEqual([{ ruleName: 'Stayorium rule' }])
    })

    test('leaves no trace of whoever is gone, and every trace of whoever stays', async () => {
      const { scan } = world
      const { stores } = world.product.server
      for (const person of [gone, nameless]) expect(await stores.cache.get(person.id, 'Gonzorium key')).toBeUndefined()
      // The embedded database is closed by the first look into it, and then looked into again.
      const { memories } = await stays.ask('{ memories(first: 100) { nodes { content compressed } } }')
      expect(memories.nodes).toContainEqual({ content: coldOf('Stayorium'), compressed: true })
      const words = ['Gonzorium', 'gonegirl', 'Namelium', 'namelessman', 'Waitorium', 'waitingman']
      for (const word of words) {
        expect(await scan(word), word).toEqual({})
        expect(scanFolder(world.folder, word), word).toEqual([])
        expect(
          world.heard.filter((line) => holds(line, word)),
          word,
        ).toEqual([])
      }
      expect(Object.keys(await scan('Stayorium')).length).toBeGreaterThan(8)
      expect(scanFolder(world.folder, 'Stayorium')).not.toEqual([])
      expect(world.heard.length).toBeGreaterThan(10)
    })
  })
})
