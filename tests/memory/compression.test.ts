import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Viewer } from '../../lib/context.ts'
import { parseGlobalId } from '../../lib/ids.ts'
import { runProjectors } from '../../stores/projector.ts'
import { room } from '../../subgraphs/memory/index.ts'
import { forwardJob } from '../../subgraphs/memory/service/upkeep/forward.ts'
import { keepInOrder } from '../../subgraphs/memory/service/upkeep/job.ts'
import { describeEachPostgres } from '../kit/postgres.ts'
import { viewerOf } from '../kit/room-world.ts'
import { type Data, type MemoryWorld, openMemoryWorld, verbs } from './world.ts'

const day = 86_400_000
const compressCold = `mutation ($input: CompressColdMemoriesInput!) { compressColdMemories(input: $input) {
  ... on CompressColdMemoriesSuccess { compressed expanded complete originalBytes storedBytes }
  ... on Problem { code message path } } }`
const setRule = `mutation ($input: SetPolicyRuleInput!) { setPolicyRule(input: $input) {
  ... on SetPolicyRuleSuccess { rule { id kind action } } ... on Problem { code message path } } }`
const fields = `id content version updatedAt compressed
  compressionMetadata { algorithm originalBytes storedBytes compressedAt }`
const one = `query ($id: ID!, $asOf: DateTime) { memory(id: $id, asOf: $asOf) { ${fields}
  revisions { nodes { version content } } } }`
/** Looking through a list is no access. */
const list = `query ($asOf: DateTime) { memories(first: 100, orderBy: OLDEST_FIRST, filter: { visibility: PRIVATE }, asOf: $asOf) { nodes { ${fields} } } }`
const audit = `query ($id: ID!) { policyAudit(memoryId: $id) { nodes { ruleName kind action phase outcome } } }`
const recall = `query ($query: String!, $asOf: DateTime) { recall(query: $query, first: 20, asOf: $asOf) {
  hits { rank score memory { id content } why { part score } } pending degraded } }`

const ferry =
  'The ferry to Læsø leaves at half past nine, and again at four in the afternoon, when the weather allows for it.'
const verses = [
  'Rosa planted four apple trees behind the greenhouse, and the youngest of them bore fruit this September.',
  'When the plumber came on Tuesday he said that the boiler would last another winter, but hardly two.',
  'Emil asked whether the garden centre would take the cracked pots back; they did, and paid him in full.',
  'We agreed to meet the surveyor at the old harbour on the ninth of March, beside the lighthouse café.',
  'Her daughter starts at the new school in Aalborg, and will need a ticket for the early morning train.',
]

describeEachPostgres('compression of cold memories', (database) => {
  let world: MemoryWorld
  let ann: Viewer
  let mine: ReturnType<typeof verbs>
  const logged: string[] = []
  beforeAll(async () => {
    world = await openMemoryWorld({ database: database() })
    Object.assign(world.stores, {
      logger: pino({ level: 'trace' }, { write: (text: string) => void logged.push(text) }),
    })
  })
  afterAll(() => world.close())

  const begin = () => {
    ann = viewerOf()
    mine = verbs(world, ann)
    logged.length = 0
  }
  const act = async (source: string, input: Data = {}, who = ann): Promise<Data> =>
    Object.values(await world.ask(who, source, { input }))[0]
  const rule = (input: Data = {}, who = ann) =>
    act(setRule, { name: 'cold', kind: 'COMPRESSION', action: 'COMPRESS', ...input }, who)
  const compress = (input: Data = {}) => act(compressCold, input)
  const found = async (id: string, who = ann, asOf: string | null = null): Promise<Data> =>
    (await world.ask(who, one, { id, asOf })).memory
  const listed = async (asOf: string | null = null): Promise<Data[]> =>
    (await world.ask(ann, list, { asOf })).memories.nodes
  const rowId = (id: string) => parseGlobalId(id)?.uuid
  const stored = (id: string) =>
    database().sql<{ content: string | null; packed: Buffer | null }>(
      'SELECT content, content_packed AS packed FROM memory.revisions WHERE memory_id = $1 ORDER BY version',
      [rowId(id)],
    )
  /** As the note of reads would have it. */
  const read = async (id: string) => {
    world.stores.notes.read([rowId(id) ?? ''], world.clock.now())
    await world.stores.notes.idle()
  }

  test('what is packed reads the same, to the last character, and takes less', async () => {
    begin()
    const texts = [
      ferry,
      `${'Grüße aus Köln — 東京で会いましょう。 '.repeat(9)}👩‍👩‍👧‍👦 é vs é`,
      `${verses.join('\n')}\n`.repeat(130).slice(0, 65_536),
    ]
    const ids: string[] = []
    for (const text of texts) ids.push(await mine.remember(text))
    const before = await listed()
    await rule()
    world.clock.advance(day)
    const done = await compress()
    expect(done).toMatchObject({ compressed: 3, expanded: 0, complete: true })
    expect(done.storedBytes).toBeLessThan(done.originalBytes / 2)
    const now = world.clock.now().toISOString()
    for (const [n, memory] of (await listed()).entries()) {
      const { compressed, compressionMetadata, ...same } = memory
      const { compressed: _, compressionMetadata: none, ...was } = before[n] ?? {}
      expect(same).toEqual({ ...was, content: texts[n] })
      expect([none, compressed]).toEqual([null, true])
      expect(compressionMetadata).toMatchObject({ algorithm: 'BROTLI', compressedAt: now })
      const [row] = await stored(ids[n] ?? '')
      expect(row?.content).toBeNull()
      expect(row?.packed?.length).toBe(compressionMetadata.storedBytes)
      expect(compressionMetadata.originalBytes).toBe(Buffer.byteLength(texts[n] ?? ''))
      expect(compressionMetadata.storedBytes).toBeLessThan(compressionMetadata.originalBytes)
    }
    const stats = '{ memoryStats { count characters compressed { count originalBytes storedBytes } } }'
    const { memoryStats } = await world.ask(ann, stats)
    expect(memoryStats.characters).toBe(texts.reduce((sum, text) => sum + [...text].length, 0))
    expect(memoryStats.compressed).toEqual({
      count: 3,
      originalBytes: done.originalBytes,
      storedBytes: done.storedBytes,
    })
    expect((await world.ask(viewerOf(), stats)).memoryStats.compressed).toEqual({
      count: 0,
      originalBytes: 0,
      storedBytes: 0,
    })
    expect((await world.ask(ann, audit, { id: ids[0] })).policyAudit.nodes).toEqual([
      {
        ruleName: 'cold',
        kind: 'COMPRESSION',
        action: 'COMPRESS',
        phase: 'UPKEEP',
        outcome: { revisions: 1, originalBytes: Buffer.byteLength(ferry), storedBytes: expect.any(Number) },
      },
    ])
  })

  test('nothing is packed without a rule', async () => {
    begin()
    const id = await mine.remember(ferry)
    world.clock.advance(1000 * day)
    expect(await compress()).toMatchObject({ compressed: 0, complete: true })
    await keepInOrder(world.stores)
    expect(await found(id)).toMatchObject({ compressed: false, compressionMetadata: null })
    expect(await stored(id)).toEqual([{ content: ferry, packed: null }])
  })

  test('what is too short or has no order in it stays plain, and is not tried again', async () => {
    begin()
    const noise = randomBytes(400).toString('base64')
    const ids = [await mine.remember('Yes.'), await mine.remember(noise)]
    // Base64 has six bits in eight, which any compressor finds.
    const stays = await mine.remember(
      'q7#Zp!x@V9m$Lw2^Ks8&Bd4*Hf6(Jt1)Nc3_Ry5+Ug0=Ea%Xo~Wi;Pv:Mq,Tz.Yb<Cj>Sk?Gl/Dh|Fn-Ar',
    )
    await rule()
    expect(await compress()).toMatchObject({ compressed: 1, complete: true })
    expect((await listed()).map(({ compressed }) => compressed)).toEqual([false, true, false])
    expect((await found(ids[1] ?? '')).content).toBe(noise)
    world.statements.length = 0
    expect(await compress()).toMatchObject({ compressed: 0, complete: true })
    expect(world.statements.filter(({ text }) => text.includes('octet_length(said.content), octet'))).toEqual([])
    expect((await world.ask(ann, audit, { id: stays })).policyAudit.nodes).toEqual([])
    await mine.act('revise', { id: stays, content: verses[0] })
    expect(await compress()).toMatchObject({ compressed: 1 })
    expect((await found(stays)).content).toBe(verses[0])
  })

  test('a rule says what is cold: the job packs that and leaves what was read or revised since', async () => {
    begin()
    await rule({ condition: { idleDays: 30, tiers: ['EPISODIC'] } })
    const [cold = '', used = '', revised = '', other = ''] = await Promise.all([
      mine.remember(verses[0] ?? ''),
      mine.remember(verses[1] ?? ''),
      mine.remember(verses[2] ?? ''),
      mine.remember(verses[3] ?? '', { tier: 'SEMANTIC' }),
    ])
    const states = async () => {
      const all = new Map((await listed()).map((memory) => [memory.id, memory.compressed]))
      return [cold, used, revised, other].map((id) => all.get(id))
    }
    world.clock.advance(29 * day)
    await read(used)
    await mine.act('revise', { id: revised, metadata: { looked: 'at again' } })
    await keepInOrder(world.stores)
    expect(await states()).toEqual([false, false, false, false])
    world.clock.advance(day)
    expect(await compress({ tiers: ['WORKING'] })).toMatchObject({ compressed: 0 })
    expect(await compress({ at: new Date(world.clock.now().getTime() - day).toISOString() })).toMatchObject({
      compressed: 0,
    })
    await keepInOrder(world.stores)
    expect(await states()).toEqual([true, false, false, false])
    // Reading it leaves it as it is: unpacking costs next to nothing.
    await read(cold)
    await keepInOrder(world.stores)
    expect((await listed())[0]?.content).toBe(verses[0])
    expect(await states()).toEqual([true, false, false, false])
    world.clock.advance(29 * day)
    await keepInOrder(world.stores)
    expect(await states()).toEqual([true, true, true, false])
  })

  test('exceptions hold, another scope’s rule does not give way to them, and EXPAND brings it back', async () => {
    begin()
    await rule()
    await rule({ name: 'but', action: 'ALLOW', priority: 5, condition: { metadata: { hot: true } } })
    const hot = await mine.remember(verses[0] ?? '', { metadata: { hot: true } })
    const cold = await mine.remember(verses[1] ?? '')
    await mine.act('revise', { id: cold, content: verses[2] })
    expect(await compress()).toMatchObject({ compressed: 1, expanded: 0 })
    expect([(await found(hot)).compressed, (await found(cold)).compressed]).toEqual([false, true])
    expect((await stored(cold)).map(({ content }) => content)).toEqual([null, null])
    await rule({ action: 'EXPAND' })
    expect(await compress()).toMatchObject({ compressed: 0, expanded: 1, storedBytes: 0 })
    expect((await stored(cold)).map(({ content }) => content)).toEqual([verses[1], verses[2]])
    expect((await world.ask(ann, audit, { id: cold })).policyAudit.nodes).toMatchObject([
      { action: 'EXPAND', outcome: { revisions: 2 } },
      { action: 'COMPRESS', outcome: { revisions: 2 } },
    ])
    await rule()
    await keepInOrder(world.stores)
    expect(await found(cold)).toMatchObject({ compressed: true, content: verses[2] })
  })

  test.each([
    [{ first: 0 }, 'LIMIT_EXCEEDED', 'first'],
    [{ first: 1001 }, 'LIMIT_EXCEEDED', 'first'],
    [{ at: '2999-01-01T00:00:00Z' }, 'INVALID_INPUT', 'at'],
  ])('is not done with %j', async (input, code, field) => {
    begin()
    expect(await compress(input)).toMatchObject({ code, path: ['input', field] })
  })

  test.each([
    [{ kind: 'TIER', action: 'COMPRESS' }, 'action'],
    [{ action: 'KEEP', keepDays: 3 }, 'action'],
    [{ toTier: 'SEMANTIC' }, 'toTier'],
    [{ keepDays: 3 }, 'keepDays'],
  ])('is no rule with %j', async (input, field) => {
    begin()
    expect(await rule(input)).toMatchObject({ code: 'INVALID_INPUT', path: ['input', field] })
  })

  test('goes in batches, says whether to go on, and gives the same answer to the same key', async () => {
    begin()
    await rule()
    for (const verse of verses) await mine.remember(verse)
    const first = await compress({ first: 2, clientMutationId: 'once' })
    expect(first).toMatchObject({ compressed: 2, complete: false })
    expect(await compress({ first: 2, clientMutationId: 'once' })).toEqual(first)
    expect(await compress({ first: 2 })).toMatchObject({ compressed: 2, complete: false })
    expect(await compress({ first: 2 })).toMatchObject({ compressed: 1, complete: true })
    expect((await listed()).map(({ content, compressed }) => [content, compressed])).toEqual(
      verses.map((verse) => [verse, true]),
    )
  })

  test('what is longer than a batch takes is packed in several, all of it', async () => {
    begin()
    await rule()
    const long = (n: number) => `${n} ${verses.join(' ')} `.repeat(200).slice(0, 65_000)
    const items = Array.from({ length: 20 }, (_, n) => ({ content: long(n) }))
    await mine.act('rememberMany', { items })
    const first = await compress()
    expect(first.complete).toBe(false)
    expect(first.compressed).toBeGreaterThan(10)
    expect(first.compressed).toBeLessThan(20)
    await keepInOrder(world.stores)
    expect((await listed()).map(({ content, compressed }) => [content, compressed])).toEqual(
      items.map(({ content }) => [content, true]),
    )
  })

  test('all that was ever said is packed, and read as of every moment, in revisions, tiers and archives', async () => {
    begin()
    await rule()
    const id = await mine.remember(verses[0] ?? '', { contextAnalysis: { mood: 'calm' } })
    const moments = [world.clock.now().toISOString()]
    for (const verse of verses.slice(1, 3)) {
      world.clock.advance(day)
      await mine.act('revise', { id, content: verse })
      moments.push(world.clock.now().toISOString())
    }
    world.clock.advance(day)
    expect(await compress()).toMatchObject({ compressed: 1 })
    expect((await stored(id)).map(({ content }) => content)).toEqual([null, null, null])
    const expectAll = async () => {
      for (const [n, asOf] of moments.entries()) {
        expect(await found(id, ann, asOf)).toMatchObject({ content: verses[n], compressed: true, version: n + 1 })
        expect((await listed(asOf))[0]).toMatchObject({ content: verses[n], compressed: true })
      }
    }
    await expectAll()
    await rule({ name: 'up', kind: 'TIER', action: 'MOVE', toTier: 'SEMANTIC' })
    await keepInOrder(world.stores)
    await expectAll()
    expect(await found(id)).toMatchObject({ version: 4, content: verses[2], compressed: true })
    const twin = await mine.act('revise', { id, metadata: { noted: true } })
    expect(twin.memory).toMatchObject({ version: 5, content: verses[2] })
    expect(await found(id)).toMatchObject({
      compressed: false,
      revisions: { nodes: [5, 4, 3, 2, 1].map((version) => ({ version, content: verses[Math.min(version, 3) - 1] })) },
    })
    await compress()
    await mine.act('revise', { id, retentionUntil: new Date(world.clock.now().getTime() + day).toISOString() })
    await compress()
    world.clock.advance(2 * day)
    const expired = (await world.ask(ann, '{ expiredMemories { nodes { content compressed } } }')).expiredMemories
    expect(expired.nodes).toEqual([{ content: verses[2], compressed: true }])
    const cleanUp = `mutation { cleanUpExpired(input: { archive: true }) {
      ... on CleanUpExpiredSuccess { archive { lines } } } }`
    const [line] = (await world.ask(ann, cleanUp)).cleanUpExpired.archive.lines
    expect(line.revisions.map(({ content }: Data) => content)).toEqual(
      [1, 2, 3, 3, 3, 3].map((version) => verses[version - 1]),
    )
    expect(JSON.stringify(line)).not.toContain('packed')
  })

  test('what its engine made of it stays with what is said again', async () => {
    begin()
    await rule()
    const id = await mine.remember(verses[0] ?? '', { contextAnalysis: { mood: 'calm' } })
    await compress()
    await mine.act('revise', { id, metadata: { again: true } })
    const analysis = 'query ($id: ID!) { memory(id: $id) { contextAnalysis } }'
    expect((await world.ask(ann, analysis, { id })).memory.contextAnalysis).toEqual({ mood: 'calm' })
    // The same words are still the same memory, packed or not.
    await compress()
    const session = await mine.openSession()
    const twin = await mine.remember(verses[3] ?? '', { sessionId: session })
    await compress()
    expect(await mine.remember(verses[3] ?? '', { sessionId: session })).toBe(twin)
  })

  test('recall finds the same, with the same scores and parts, packed as not, now and as of then, also after a rebuild', async () => {
    begin()
    const sessionId = await mine.openSession()
    const said = [...verses, ferry].map((text, n) => ({ content: `${n % 2 ? 'Emil' : 'Rosa'}: ${text}`, sessionId }))
    await mine.act('rememberMany', { items: said })
    const projectors = await runProjectors(world.stores, room.projectors?.(world.stores) ?? [], world.stores.logger)
    try {
      await projectors.caughtUp()
      const moment = world.clock.now().toISOString()
      world.clock.advance(day)
      const id = await mine.remember(`Rosa: ${verses[3]}`, { sessionId })
      const later = world.clock.now().toISOString()
      world.clock.advance(day)
      await mine.act('revise', {
        id,
        content: 'Rosa: We met the surveyor in the end, and he never wore a hat in all that wind.',
      })
      await projectors.caughtUp()
      const questions = ['Who came about the boiler?', 'When does the boat leave?', 'apple trees', 'the train ticket?']
      const answers = async () => {
        const all = []
        for (const query of questions) {
          for (const asOf of [null, moment, later]) all.push((await world.ask(ann, recall, { query, asOf })).recall)
        }
        return all
      }
      const plain = await answers()
      expect(plain.every(({ hits }) => hits.length > 3)).toBe(true)
      await rule()
      expect(await compress()).toMatchObject({ compressed: 7 })
      expect(await answers()).toEqual(plain)
      for (const { name } of projectors.status()) await projectors.rebuild(name)
      await projectors.caughtUp()
      expect(await answers()).toEqual(plain)
      // What recall weighs is made of the contents again, for each question and by the job.
      await database().sql('UPDATE memory.memories SET forward = NULL WHERE owner_id = $1', [ann.userId])
      expect(await answers()).toEqual(plain)
      await forwardJob(world.stores).run()
      expect(await answers()).toEqual(plain)
    } finally {
      await projectors.close()
    }
    const near =
      'query ($id: ID!) { nearDuplicates(memoryId: $id, minSimilarity: 0.1) { similarity memory { content } } }'
    const like = await mine.remember(`Rosa: ${verses[0]} Really.`)
    await compress()
    expect((await world.ask(ann, near, { id: like })).nearDuplicates[0].memory.content).toBe(`Rosa: ${verses[0]}`)
    const vectors = 'query ($id: ID!) { memory(id: $id) { vectors(first: 5) { nodes { content } } } }'
    expect((await world.ask(ann, vectors, { id: like })).memory.vectors.nodes).toEqual([
      { content: `Rosa: ${verses[0]} Really.` },
    ])
  })

  test('a list of a hundred packed ones takes as many statements as one of plain ones', async () => {
    begin()
    await mine.act('rememberMany', { items: Array.from({ length: 100 }, (_, n) => ({ content: `${n} ${verses[0]}` })) })
    const cost = async () => {
      world.statements.length = 0
      expect((await listed()).every(({ content }, n) => content === `${n} ${verses[0]}`)).toBe(true)
      return world.statements.length
    }
    const plain = await cost()
    await rule()
    await compress()
    expect((await listed()).every(({ compressed }) => compressed)).toBe(true)
    expect(await cost()).toBe(plain)
  })

  describe('whose it is', () => {
    test('a stranger sees nothing and packs nothing; who may see it reads it, with what is masked masked', async () => {
      begin()
      const ben = viewerOf()
      await rule()
      await rule({ name: 'pots', kind: 'REDACTION', action: 'MASK', mask: 'WORDS', words: ['pots'] })
      const secret = await mine.remember(verses[1] ?? '')
      const open = await mine.remember(verses[2] ?? '', { visibility: 'PUBLIC' })
      await rule({}, ben)
      expect(await act(compressCold, {}, ben)).toMatchObject({ compressed: 0 })
      expect(await compress()).toMatchObject({ compressed: 2 })
      expect(await act(compressCold, {}, ben)).toMatchObject({ compressed: 0, expanded: 0 })
      expect(await found(secret, ben)).toBeNull()
      expect(await found(secret)).toMatchObject({ content: verses[1], compressed: true })
      expect(await found(open, ben)).toMatchObject({
        content: verses[2]?.replace('pots', '▒▒▒'),
        compressionMetadata: null,
        revisions: { nodes: [{ content: verses[2]?.replace('pots', '▒▒▒') }] },
      })
      expect((await found(open)).compressionMetadata).not.toBeNull()
      expect(
        (await world.ask(ben, audit, { id: open })).policyAudit.nodes.filter(
          ({ action }: Data) => action === 'COMPRESS',
        ),
      ).toEqual([])
    })

    test('what is forgotten is gone, packed as it was', async () => {
      begin()
      await rule()
      const id = await mine.remember(ferry)
      await mine.act('revise', { id, content: verses[0] })
      await compress()
      expect(await stored(id)).toHaveLength(2)
      const moment = world.clock.now().toISOString()
      expect(await mine.act('forget', { id })).toMatchObject({ memoryId: id })
      expect(await stored(id)).toEqual([])
      expect([await found(id), await found(id, ann, moment)]).toEqual([null, null])
      expect(await compress()).toMatchObject({ compressed: 0 })
    })
  })

  describe('at the same time', () => {
    test('revising, forgetting and compressing lose nothing that was said', async () => {
      begin()
      await rule()
      const ids: string[] = []
      for (let n = 0; n < 12; n++) ids.push(await mine.remember(`${n} first. ${verses[0]}`))
      const revise = async (id: string, n: number) => {
        for (const time of ['second', 'third']) await mine.act('revise', { id, content: `${n} ${time}. ${verses[1]}` })
      }
      await Promise.all([
        ...[1, 2, 3, 4].map(() => compress()),
        keepInOrder(world.stores),
        ...ids.slice(0, 8).map((id, n) => revise(id, n)),
        ...ids.slice(8, 10).map((id) => mine.act('forget', { id })),
      ])
      for (let last = await compress(); !last.complete; last = await compress())
        expect(last.compressed).toBeGreaterThan(0)
      const texts = async (id: string) => (await found(id))?.revisions.nodes.map(({ content }: Data) => content)
      for (const [n, id] of ids.entries()) {
        const first = `${n} first. ${verses[0]}`
        const all = [`${n} third. ${verses[1]}`, `${n} second. ${verses[1]}`, first]
        expect(await texts(id)).toEqual(n < 8 ? all : n < 10 ? undefined : [first])
      }
      expect((await listed()).map(({ compressed }) => compressed)).toEqual(Array(10).fill(true))
    })

    test('a crash between batches is harmless: what was done is done, and the rest is done by the next run', async () => {
      begin()
      await rule()
      await mine.act('rememberMany', {
        items: Array.from({ length: 450 }, (_, n) => ({ content: `${n} ${verses[0]}` })),
      })
      const { postgres } = world.stores
      let writes = 0
      const dying = {
        ...postgres,
        read: postgres.read.bind(postgres),
        write: (...given: Parameters<typeof postgres.write>) => {
          const [context, work] = given
          return postgres.write(context, async (tx) => {
            const done = await work(tx)
            if (context.userId === ann.userId && (await packedCount(tx)) > 200 && ++writes > 0)
              throw new Error('killed')
            return done
          })
        },
      }
      const packedCount = async (tx: { query<T>(text: string, values: unknown[]): Promise<T[]> }) => {
        const text = 'SELECT count(*)::integer AS count FROM memory.revisions WHERE owner_id = $1 AND content IS NULL'
        return (await tx.query<{ count: number }>(text, [ann.userId]))[0]?.count ?? 0
      }
      await expect(keepInOrder({ ...world.stores, postgres: dying as typeof postgres })).rejects.toThrow('killed')
      const count =
        'SELECT count(content_packed)::integer AS packed, count(content)::integer AS plain FROM memory.revisions WHERE owner_id = $1'
      expect(await database().sql(count, [ann.userId])).toEqual([{ packed: 200, plain: 250 }])
      await keepInOrder(world.stores)
      expect(await database().sql(count, [ann.userId])).toEqual([{ packed: 450, plain: 0 }])
      expect((await listed()).map(({ content }) => content)).toEqual(
        Array.from({ length: 100 }, (_, n) => `${n} ${verses[0]}`),
      )
    })
  })

  test('damaged bytes are an error of their own, which tells nothing, and hinder nothing else', async () => {
    begin()
    await rule()
    const projectors = await runProjectors(world.stores, room.projectors?.(world.stores) ?? [], world.stores.logger)
    const well = await mine.remember(verses[0] ?? '', { visibility: 'PUBLIC' })
    const bad = await mine.remember(verses[1] ?? '', { visibility: 'PUBLIC' })
    const tried = await mine.remember(verses[2] ?? '')
    await projectors.caughtUp()
    await compress()
    await database().sql(
      `UPDATE memory.revisions SET content_packed = overlay(content_packed PLACING '\\x00ff00ff'::bytea FROM 12)
       WHERE memory_id = ANY ($1::uuid[])`,
      [[rowId(bad), rowId(tried)]],
    )
    const { errors } = await world.run(ann, one, { id: bad })
    expect(errors).toMatchObject([{ path: expect.stringContaining('content') }])
    expect(JSON.stringify(errors)).not.toMatch(/plumber|boiler|brotli|zlib|decompress/i)
    // All else of it is there, and its neighbours are too.
    const beside = '{ memories(orderBy: OLDEST_FIRST, last: 3) { nodes { id tier compressed } } }'
    expect((await world.ask(ann, beside)).memories.nodes.map(({ id }: Data) => id)).toEqual([well, bad, tried])
    expect((await found(well)).content).toBe(verses[0])
    expect((await found(well, viewerOf())).content).toBe(verses[0])
    const hits = 'query ($query: String!) { recall(query: $query) { hits { memory { id } } } }'
    const recalled = await world.ask(ann, hits, { query: 'the plumber and the boiler' })
    expect(recalled.recall.hits[0].memory.id).toBe(bad)
    await database().sql('UPDATE memory.memories SET forward = NULL WHERE owner_id = $1', [ann.userId])
    await forwardJob(world.stores).run()
    const then = 'query ($asOf: DateTime) { recall(query: "the plumber", asOf: $asOf) { hits { memory { id } } } }'
    const asOf = world.clock.now().toISOString()
    expect(JSON.stringify(await world.ask(ann, then, { asOf }))).toContain(bad)
    // The projection goes on, and says which memory it left out.
    for (const { name } of projectors.status()) await projectors.rebuild(name)
    await projectors.caughtUp()
    expect(projectors.status().map(({ problem }) => problem)).toEqual(projectors.status().map(() => null))
    await projectors.close()
    expect(logged.join('')).toContain(`the stored content of memory ${rowId(bad)} is damaged`)
    expect(logged.join('')).not.toMatch(/plumber|boiler/)
    // Its owner says it anew, or forgets it.
    const revised = await mine.act('revise', { id: bad, content: verses[3] })
    expect(revised.memory).toMatchObject({ version: 2, content: verses[3] })
    expect(await mine.act('forget', { id: tried })).toMatchObject({ memoryId: tried })
    await rule({ action: 'EXPAND' })
    await compress()
    expect((await stored(bad)).map(({ content }) => content)).toEqual([null, verses[3]])
  })
})
