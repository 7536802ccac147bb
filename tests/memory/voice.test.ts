import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { uuidOf } from '../../lib/ids.ts'
import { removeLeftovers } from '../../subgraphs/memory/service/objects.ts'
import { openTestPostgres, type TestPostgres } from '../kit/postgres.ts'
import { type Data, type Person, type Product, startProduct } from '../kit/product.ts'
import { viewerOfPerson } from '../security/matrix/people.ts'

const fields = `id audioHash mediaType audioBytes audio metadata status transcript confidence result problem version
  processing { status progress cached } session { id } message { content }
  logs { totalCount nodes { fromStatus toStatus details tookMs } }`
const problem = '... on Problem { code message path }'
const operations = {
  register: `mutation ($input: RegisterVoiceSampleInput!) { answer: registerVoiceSample(input: $input) {
    ... on RegisterVoiceSampleSuccess { added cursor sample { ${fields} } } ${problem} } }`,
  advance: `mutation ($input: AdvanceVoiceSampleInput!) { answer: advanceVoiceSample(input: $input) {
    ... on AdvanceVoiceSampleSuccess { cursor sample { ${fields} } } ${problem} } }`,
  process: `mutation ($input: ProcessVoiceInput!) { answer: processVoice(input: $input) {
    ... on ProcessVoiceSuccess { added cursor said { id content } sample { ${fields} } } ${problem} } }`,
  remove: `mutation ($input: DeleteVoiceSampleInput!) { answer: deleteVoiceSample(input: $input) {
    ... on DeleteVoiceSampleSuccess { sampleId cursor } ${problem} } }`,
  settings: `mutation ($input: SetVoiceSettingsInput!) { answer: setVoiceSettings(input: $input) {
    ... on SetVoiceSettingsSuccess { settings { language voice speakingRate keepAudio rememberTranscripts more version } }
    ${problem} } }`,
  open: `mutation ($input: OpenChatSessionInput!) { answer: openChatSession(input: $input) {
    ... on OpenChatSessionSuccess { session { id } } } }`,
} as const
const read = `query ($id: ID!) { voiceSample(id: $id) { ${fields} } }`

const backends: readonly [string, boolean][] = [
  ['PGlite', false],
  [
    'PostgreSQL 18 (set MNEMOGRAPH_TEST_POSTGRES_URL)',
    !process.env.MNEMOGRAPH_TEST_POSTGRES_URL && process.env.MNEMOGRAPH_REQUIRE_STORES !== '1',
  ],
]

describe.each(backends)('voice on %s', (name, skip) => {
  describe.skipIf(skip)('samples', { timeout: 60_000 }, () => {
    let product: Product
    let database: TestPostgres | null = null
    let owner: Person
    let other: Person
    const act = async (operation: keyof typeof operations, input: Data, who = owner): Promise<Data> =>
      (await who.ask(operations[operation], { input })).answer
    const audioOf = (bytes: Buffer) => ({ audio: bytes.toString('base64'), mediaType: 'audio/ogg; codecs=opus' })
    const fresh = () => audioOf(randomBytes(64))
    const sessionOf = async (): Promise<string> => (await act('open', {})).session.id
    const find = async (id: string): Promise<Data> => (await owner.ask(read, { id })).voiceSample
    const kept = async (): Promise<string[]> =>
      product.server.stores.objects.list((await viewerOfPerson(product, owner)).userId, 'voice/')

    beforeAll(async () => {
      if (name === 'PGlite') product = await startProduct()
      else {
        database = await openTestPostgres('PostgreSQL 18')
        const { user, password, host, port, database: of } = database.admin
        const url = `postgres://${user}:${password}@${host}:${port}/${of}`
        product = await startProduct({ env: { MNEMOGRAPH_DATABASE_URL: url } })
      }
      owner = await product.join()
      other = await product.join()
    }, 60_000)
    afterAll(async () => {
      await product?.close()
      await database?.close()
    })

    test('are kept once for their audio, which lies encrypted', async () => {
      const bytes = Buffer.from(`spoken ${'word '.repeat(100)}`)
      const hash = createHash('sha256').update(bytes).digest('hex')
      const first = await act('register', { ...audioOf(bytes), audioHash: hash, metadata: { room: 'hall' } })
      expect(first).toMatchObject({
        added: true,
        sample: {
          audioHash: hash,
          mediaType: 'audio/ogg; codecs=opus',
          audioBytes: bytes.length,
          audio: bytes.toString('base64'),
          metadata: { room: 'hall' },
          status: 'PENDING',
          version: 1,
          processing: { status: 'PENDING', progress: null, cached: true },
          logs: { totalCount: 1, nodes: [{ fromStatus: null, toStatus: 'PENDING' }] },
        },
      })
      const again = await act('register', audioOf(bytes))
      expect(again).toMatchObject({ added: false, cursor: null, sample: { id: first.sample.id } })
      const theirs = await act('register', audioOf(bytes), other)
      expect(theirs).toMatchObject({ added: true, sample: { audioHash: hash } })
      expect(theirs.sample.id).not.toBe(first.sample.id)
      const { userId } = await viewerOfPerson(product, owner)
      const stored: Uint8Array[] = []
      const body = await product.server.stores.objects.get(userId, `voice/${hash}`)
      for await (const chunk of body ?? []) stored.push(chunk)
      expect(Buffer.concat(stored).length).toBeGreaterThan(bytes.length)
      expect(Buffer.concat(stored).includes('spoken')).toBe(false)
    })

    test('may stay with the client, who gives their hash', async () => {
      const audioHash = randomBytes(32).toString('hex')
      const { sample } = await act('register', { audioHash, mediaType: 'audio/wav' })
      expect(sample).toMatchObject({ audioHash, audioBytes: null, audio: null })
    })

    test('go the ways that their states allow, each step noted', async () => {
      const { sample } = await act('register', fresh())
      const step = (input: Data) => act('advance', { id: sample.id, ...input })
      const refused = await step({ status: 'COMPLETED' })
      expect(refused).toMatchObject({ code: 'CONFLICT', path: ['input', 'status'] })
      expect(refused.message).toContain('PROCESSING or FAILED')
      await step({ status: 'PROCESSING', progress: 0.25, details: { worker: 'w1' } })
      expect((await find(sample.id)).processing).toEqual({ status: 'PROCESSING', progress: 0.25, cached: true })
      expect(await step({ status: 'PROCESSING', progress: 0.5, expectedVersion: 2 })).toMatchObject({
        sample: { version: 3, processing: { progress: 0.5 } },
      })
      expect(await step({ status: 'FAILED', problem: 'noise', expectedVersion: 2 })).toMatchObject({ code: 'CONFLICT' })
      await step({ status: 'FAILED', problem: 'noise' })
      expect(await find(sample.id)).toMatchObject({ status: 'FAILED', problem: 'noise' })
      await step({ status: 'PENDING' })
      await step({ status: 'PROCESSING' })
      const done = await step({
        status: 'COMPLETED',
        transcript: 'Good day.',
        confidence: 0.9,
        result: { words: 2 },
        tookMs: 12.5,
      })
      expect(done.sample).toMatchObject({
        status: 'COMPLETED',
        problem: null,
        transcript: 'Good day.',
        confidence: 0.9,
        result: { words: 2 },
        version: 7,
      })
      expect(done.sample.logs.nodes.map(({ toStatus }: Data) => toStatus)).toEqual(
        'PENDING PROCESSING PROCESSING FAILED PENDING PROCESSING COMPLETED'.split(' '),
      )
      expect(done.sample.logs.nodes[6]).toMatchObject({ fromStatus: 'PROCESSING', tookMs: 12.5 })
      expect(await step({ status: 'PENDING' })).toMatchObject({ code: 'CONFLICT' })
    })

    test('are answered from the sample when the cache has nothing, or less', async () => {
      const { sample } = await act('register', fresh())
      const { tenantId, userId } = await viewerOfPerson(product, owner)
      const { cache } = product.server.stores
      const key = `voice:${userId}:${uuidOf('VoiceSample', sample.id)}`
      const old = { status: 'PENDING', progress: null, updatedAt: new Date().toISOString(), version: 1 }
      await act('advance', { id: sample.id, status: 'PROCESSING' })
      await cache.set(tenantId, key, old, 60)
      expect((await act('advance', { id: sample.id, status: 'COMPLETED' })).sample.processing.cached).toBe(true)
      await cache.set(tenantId, key, old, 60)
      const ask = async () => {
        // Whatever the gateway keeps is forgotten when something is written.
        await act('register', fresh())
        return (await find(sample.id)).processing
      }
      expect(await ask()).toEqual({ status: 'COMPLETED', progress: null, cached: false })
      await cache.delete(tenantId, key)
      expect(await ask()).toMatchObject({ status: 'COMPLETED', cached: false })
    })

    test('run through in one call: audio, steps, message and memory', async () => {
      const sessionId = await sessionOf()
      const input = { ...fresh(), sessionId, transcript: 'Where is the ferry?', confidence: 0.8, remember: true }
      const done = await act('process', { ...input, clientMutationId: input.audio })
      expect(done).toMatchObject({
        added: true,
        cursor: expect.any(String),
        said: { content: 'Where is the ferry?' },
        sample: {
          status: 'COMPLETED',
          transcript: 'Where is the ferry?',
          confidence: 0.8,
          session: { id: sessionId },
          message: { content: 'Where is the ferry?' },
          processing: { status: 'COMPLETED', progress: 1, cached: true },
          logs: { totalCount: 3 },
        },
      })
      expect(await act('process', { ...input, clientMutationId: input.audio })).toEqual(done)
      // The same audio a second time says nothing a second time.
      expect(await act('process', input)).toMatchObject({ added: false, cursor: null, sample: { id: done.sample.id } })
      const { chatSession } = await owner.ask(
        'query ($id: ID!) { chatSession(id: $id) { messages { totalCount } memories { nodes { content } } } }',
        { id: sessionId },
      )
      expect(chatSession).toEqual({
        messages: { totalCount: 1 },
        memories: { nodes: [{ content: 'Where is the ferry?' }] },
      })
    })

    test('wait without a transcript, and go on when one comes', async () => {
      const sound = fresh()
      const waiting = await act('process', sound)
      expect(waiting).toMatchObject({ added: true, said: null, sample: { status: 'PENDING', transcript: null } })
      await act('advance', { id: waiting.sample.id, status: 'FAILED', problem: 'no recogniser' })
      const sessionId = await sessionOf()
      const done = await act('process', { ...sound, transcript: 'Now.', sessionId })
      expect(done).toMatchObject({ added: false, said: { content: 'Now.' }, sample: { status: 'COMPLETED' } })
      expect(done.sample.logs.nodes.map(({ toStatus }: Data) => toStatus)).toEqual(
        'PENDING FAILED PENDING PROCESSING COMPLETED'.split(' '),
      )
    })

    test('leave nothing behind when the flow cannot be done', async () => {
      const sessionId = await sessionOf()
      await owner.ask('mutation ($input: EndChatSessionInput!) { endChatSession(input: $input) { __typename } }', {
        input: { id: sessionId },
      })
      const before = await kept()
      const sound = fresh()
      expect(await act('process', { ...sound, transcript: 'Late.', sessionId })).toMatchObject({ code: 'CONFLICT' })
      expect(await kept()).toEqual(before)
      expect(await act('register', sound)).toMatchObject({ added: true })
    })

    test('that a rule forbids to remember are refused by name, with nothing done', async () => {
      const sessionId = await sessionOf()
      const rule = { name: 'none', kind: 'TIER', action: 'DENY', toTier: 'EPISODIC' }
      const set = `mutation ($input: SetPolicyRuleInput!) { answer: setPolicyRule(input: $input) {
        ... on SetPolicyRuleSuccess { rule { id } } } }`
      const { answer } = await owner.ask(set, { input: rule })
      const held = async () => ({
        audio: (await kept()).sort(),
        ...(await owner.ask(
          'query ($id: ID!) { chatSession(id: $id) { messages { totalCount } } voiceSamples { totalCount } }',
          { id: sessionId },
        )),
      })
      const before = await held()
      const input = { ...fresh(), transcript: 'Forget this.', sessionId }
      expect(await act('process', { ...input, remember: true })).toMatchObject({
        code: 'FORBIDDEN',
        path: ['input', 'remember', 'tier'],
      })
      expect(await held()).toEqual(before)
      expect((await act('process', input)).said.content).toBe('Forget this.')
      await owner.ask('mutation ($input: RemovePolicyRuleInput!) { removePolicyRule(input: $input) { __typename } }', {
        input: { id: answer.rule.id },
      })
    })

    test('follow the user’s settings', async () => {
      const set = await act('settings', {
        language: 'de-CH',
        keepAudio: false,
        rememberTranscripts: true,
        expectedVersion: 0,
      })
      expect(set.settings).toEqual({
        language: 'de-CH',
        voice: null,
        speakingRate: 1,
        keepAudio: false,
        rememberTranscripts: true,
        more: {},
        version: 1,
      })
      const sessionId = await sessionOf()
      const before = await kept()
      const { sample } = await act('process', { ...fresh(), transcript: 'Let it go.', sessionId })
      expect(sample).toMatchObject({ status: 'COMPLETED', audioBytes: null, audio: null })
      expect(await kept()).toEqual(before)
      const count = 'query ($id: ID!) { chatSession(id: $id) { memories { nodes { content } } } }'
      expect((await owner.ask(count, { id: sessionId })).chatSession.memories.nodes).toEqual([
        { content: 'Let it go.' },
      ])
      const changed = await act('settings', { language: null, keepAudio: true, more: { pitch: 2 } })
      expect(changed.settings).toMatchObject({
        language: null,
        rememberTranscripts: true,
        more: { pitch: 2 },
        version: 2,
      })
      expect(await act('settings', { voice: 'x', expectedVersion: 1 })).toMatchObject({ code: 'CONFLICT' })
      expect((await other.ask('{ voiceSettings { version keepAudio } }')).voiceSettings).toEqual({
        version: 0,
        keepAudio: true,
      })
    })

    test('are removed with their audio', async () => {
      const { sample } = await act('register', fresh())
      expect(await kept()).toContain(`voice/${sample.audioHash}`)
      expect(await act('remove', { id: sample.id })).toMatchObject({ sampleId: sample.id })
      expect(await find(sample.id)).toBeNull()
      expect(await kept()).not.toContain(`voice/${sample.audioHash}`)
      expect(await act('remove', { id: sample.id })).toMatchObject({ code: 'NOT_FOUND' })
    })

    test('lose their audio when that is committed, and only then', async () => {
      const { objects, cursors } = product.server.stores
      const sound = fresh()
      const { sample } = await act('register', sound)
      const name = `voice/${sample.audioHash}`
      const encode = vi.spyOn(cursors, 'encode').mockImplementationOnce(() => {
        throw new Error('not committed')
      })
      expect((await owner.send(operations.remove, { input: { id: sample.id } })).errors).toHaveLength(1)
      encode.mockRestore()
      expect(await find(sample.id)).toMatchObject({ audio: sound.audio })
      // The store fails after the commit: what it keeps is removed later, however often that is tried.
      const remove = vi.spyOn(objects, 'remove').mockRejectedValue(new Error('away'))
      expect(await act('remove', { id: sample.id })).toMatchObject({ sampleId: sample.id })
      const later = { ...product.server.stores, clock: { now: () => new Date(Date.now() + 120_000) } }
      await removeLeftovers(later)
      expect(await kept()).toContain(name)
      remove.mockRestore()
      await removeLeftovers(product.server.stores)
      expect(await kept()).toContain(name)
      await removeLeftovers(later)
      expect(await kept()).not.toContain(name)
    })

    test('keep audio that is brought again before it was removed', async () => {
      const sound = fresh()
      const { sample } = await act('register', sound)
      const remove = vi.spyOn(product.server.stores.objects, 'remove').mockRejectedValueOnce(new Error('away'))
      await act('remove', { id: sample.id })
      remove.mockRestore()
      const again = await act('register', sound)
      expect(again.added).toBe(true)
      await removeLeftovers({ ...product.server.stores, clock: { now: () => new Date(Date.now() + 120_000) } })
      expect((await find(again.sample.id)).audio).toBe(sound.audio)
    })

    // The embedded database runs one transaction after the other.
    test.skipIf(name === 'PGlite').each(['register', 'process'] as const)(
      'of a session that is being deleted find none: %s',
      async (operation) => {
        const server = database as TestPostgres
        const sessionId = await sessionOf()
        const row = uuidOf('ChatSession', sessionId) ?? ''
        await server.sql('BEGIN')
        await server.sql('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`session:${row}`])
        await server.sql('DELETE FROM memory.chat_sessions WHERE id = $1', [row])
        const asked = act(operation, { ...fresh(), sessionId })
        const waiting = `SELECT FROM pg_locks JOIN pg_stat_activity AS activity USING (pid)
          WHERE NOT granted AND activity.datname = current_database()`
        await vi.waitFor(async () => expect(await server.sql(waiting)).not.toEqual([]), 10_000)
        await server.sql('COMMIT')
        expect(await asked).toMatchObject({ code: 'NOT_FOUND', path: ['input', 'sessionId'] })
        expect(await act(operation, { ...fresh(), sessionId: await sessionOf() })).toMatchObject({ added: true })
      },
    )

    test('are their owner’s alone', async () => {
      const { sample } = await act('register', fresh())
      expect(await other.ask(read, { id: sample.id })).toEqual({ voiceSample: null })
      const refused = { code: 'NOT_FOUND', path: ['input', 'id'] }
      expect(await act('advance', { id: sample.id, status: 'PROCESSING' }, other)).toMatchObject(refused)
      expect(await act('remove', { id: sample.id }, other)).toMatchObject(refused)
      const session = { sessionId: await sessionOf(), ...fresh() }
      for (const name of ['register', 'process'] as const) {
        expect(await act(name, session, other)).toMatchObject({ code: 'NOT_FOUND', path: ['input', 'sessionId'] })
      }
      const list = '{ voiceSamples { totalCount nodes { id } } }'
      const ids = (await other.ask(list)).voiceSamples.nodes.map(({ id }: Data) => id)
      expect(ids).not.toContain(sample.id)
      expect((await owner.ask(list)).voiceSamples.nodes[0].id).toBe(sample.id)
      const pending = await owner.ask('{ voiceSamples(status: FAILED) { totalCount } }')
      expect(pending.voiceSamples.totalCount).toBe(0)
    })

    test.each([
      ['register', { mediaType: 'audio/ogg' }, 'audio'],
      ['register', { audio: '!!', mediaType: 'audio/ogg' }, 'audio'],
      ['register', { audio: '', mediaType: 'audio/ogg' }, 'audio'],
      ['register', { audio: 'AAAA', mediaType: 'image/png' }, 'mediaType'],
      ['register', { audio: 'AAAA', audioHash: '0'.repeat(64), mediaType: 'audio/ogg' }, 'audioHash'],
      ['register', { audioHash: 'ABC', mediaType: 'audio/ogg' }, 'audioHash'],
      ['register', { audio: Buffer.alloc(4 * 1024 * 1024 + 1).toString('base64'), mediaType: 'audio/ogg' }, 'audio'],
      ['process', { audio: 'AAAA', mediaType: 'audio/ogg', confidence: 1.5 }, 'confidence'],
      ['process', { audio: 'AAAA', mediaType: 'audio/ogg', transcript: '' }, 'transcript'],
      ['process', { audio: 'AAAA', mediaType: 'audio/ogg', remember: true }, 'remember'],
      ['settings', { speakingRate: 9 }, 'speakingRate'],
      ['settings', { language: 'not a tag' }, 'language'],
    ] as const)('take no wrong input: %s %#', async (operation, input, path) => {
      expect(await act(operation, input)).toMatchObject({ code: 'INVALID_INPUT', path: ['input', path] })
    })

    test('of the largest size come whole', async () => {
      const bytes = randomBytes(4 * 1024 * 1024)
      const { sample } = await act('register', audioOf(bytes))
      expect(sample.audioBytes).toBe(bytes.length)
      expect(createHash('sha256').update(Buffer.from(sample.audio, 'base64')).digest('hex')).toBe(sample.audioHash)
    })
  })
})
