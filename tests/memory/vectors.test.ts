import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toGlobalId, uuidOf } from '../../lib/ids.ts'
import { silentLog } from '../../lib/log.ts'
import type { EmbeddingSettings } from '../../stores/open-embeddings.ts'
import { type Projectors, runProjectors } from '../../stores/projector.ts'
import { pointIdOf } from '../../stores/vector/port.ts'
import { room } from '../../subgraphs/memory/index.ts'
import { describeEachPostgres, openTestPostgres, type TestPostgres } from '../kit/postgres.ts'
import { cleanUpQdrant, describeQdrantDouble, qdrantSettings } from '../kit/qdrant.ts'
import { viewerOf } from '../kit/room-world.ts'
import { type Data, type MemoryWorld, openMemoryWorld, verbs } from './world.ts'

const store = `mutation ($input: StoreVectorsInput!) { storeVectors(input: $input) {
  ... on StoreVectorsSuccess { cursor vectors { id kind collection content visibility relevanceScore metadata } }
  ... on BatchRejected { problems { code path } } ... on Problem { code message path } } }`
const remove = `mutation ($input: RemoveVectorsInput!) { removeVectors(input: $input) {
  ... on RemoveVectorsSuccess { cursor vectorIds } ... on Problem { code path } } }`
const search = `query ($query: String!, $collection: VectorCollection!, $filter: VectorFilter, $first: Int) {
  searchVectors(query: $query, collection: $collection, filter: $filter, first: $first) {
    model degraded hits { rank score vector { id content kind } } } }`
const one = `query ($id: ID!) { node: _entities(representations: [{ __typename: "Vector", id: $id }]) { ... on Vector {
  id content model dimensions pointId embeddedAt embedding memory { id } session { id } owner { id } } } }`

describeEachPostgres('vectors', (database) => vectorSuite(database, {}))

describeQdrantDouble('vectors', () => {
  const qdrant = qdrantSettings()
  cleanUpQdrant(qdrant)
  describeEachPostgres('beside', (database) => vectorSuite(database, { qdrant }), { backends: ['PGlite'] })
})

function vectorSuite(database: () => TestPostgres, embeddings: EmbeddingSettings): void {
  let world: MemoryWorld
  let projectors: Projectors
  let mine: ReturnType<typeof verbs>
  beforeAll(async () => {
    world = await openMemoryWorld({ database: database(), embeddings })
    mine = verbs(world, world.owner)
    projectors = await runProjectors(world.stores, room.projectors?.(world.stores) ?? [], silentLog())
  })
  afterAll(async () => {
    await projectors.close()
    await world.close()
  })

  const act = async (source: string, input: Data, who = world.owner): Promise<Data> =>
    Object.values(await world.ask(who, source, { input }))[0]
  const put = async (items: Data[], who = world.owner): Promise<Data> => act(store, { items }, who)
  const find = async (query: string, more: Data = {}, who = world.owner): Promise<Data> => {
    await projectors.caughtUp()
    const { searchVectors } = await world.ask(who, search, { query, collection: 'CONVERSATION_CONTEXT', ...more })
    return searchVectors
  }
  const contents = ({ hits }: Data): string[] => hits.map(({ vector }: Data) => vector.content)
  const vectorOf = async (id: string, who = world.owner): Promise<Data> => {
    await projectors.caughtUp()
    return (await world.ask(who, one, { id })).node[0]
  }

  test('are stored in a collection, and found there by meaning, the nearest first', async () => {
    const answer = await put([
      { collection: 'CONVERSATION_CONTEXT', kind: 'QUERY', content: 'Which boat goes to the island?' },
      {
        collection: 'CONVERSATION_CONTEXT',
        kind: 'RESPONSE',
        content: 'The ferry sails at noon.',
        relevanceScore: 0.5,
      },
      { collection: 'REASONING_KNOWLEDGE', kind: 'KNOWLEDGE', content: 'Ferries stop in a storm.', metadata: { n: 1 } },
    ])
    expect(answer.cursor).toEqual(expect.any(String))
    expect(answer.vectors).toMatchObject([
      { kind: 'QUERY', collection: 'CONVERSATION_CONTEXT', visibility: 'PRIVATE', relevanceScore: null },
      { kind: 'RESPONSE', relevanceScore: 0.5 },
      { kind: 'KNOWLEDGE', collection: 'REASONING_KNOWLEDGE', metadata: { n: 1 } },
    ])
    const found = await find('The ferry sails when?')
    expect(found).toMatchObject({ degraded: [], model: world.stores.encoder.model })
    expect(contents(found)).toEqual(['The ferry sails at noon.', 'Which boat goes to the island?'])
    expect(found.hits[0].score).toBeGreaterThan(found.hits[1].score)
    expect(contents(await find('ferry', { first: 1 }))).toHaveLength(1)
    expect(contents(await find('ferry', { filter: { kinds: ['QUERY'] } }))).toEqual(['Which boat goes to the island?'])
    expect(contents(await find('ferry', { collection: 'REASONING_KNOWLEDGE' }))).toEqual(['Ferries stop in a storm.'])
    expect(contents(await find('ferry', { collection: 'VOICE_PATTERNS' }))).toEqual([])
  })

  test('say what the store holds of them, and their numbers only when asked', async () => {
    const { vectors } = await put([{ collection: 'VOICE_PATTERNS', kind: 'CONTEXT', content: 'A calm, slow voice.' }])
    const [{ id }] = vectors
    const { model, dimensions } = world.stores.encoder
    const vector = await vectorOf(id)
    const point = pointIdOf(uuidOf('Vector', id) ?? '', 'CONTEXT', model)
    expect(vector).toMatchObject({ model, dimensions, pointId: point, embeddedAt: expect.any(String) })
    const [truth] = await world.stores.encoder.encode(['A calm, slow voice.'])
    expect(vector.embedding).toHaveLength(dimensions)
    expect(vector.embedding[3]).toBeCloseTo(truth?.[3] ?? 9, 2)
    expect(await vectorOf(id, world.stranger)).toBeNull()
  })

  test('of a memory are its own, and what was stored about it', async () => {
    const memoryId = await mine.remember('The harbour closes at ten.')
    const sessionId = await mine.openSession()
    await put([
      { collection: 'REASONING_KNOWLEDGE', kind: 'KNOWLEDGE', content: 'Ships wait outside.', memoryId, sessionId },
    ])
    await projectors.caughtUp()
    const read = `query ($id: ID!, $session: ID!) {
      memory(id: $id) { vectors(first: 5) { nodes { id collection kind content model memory { id } } } }
      chatSession(id: $session) { vectors(first: 5) { nodes { content } } } }`
    const { memory, chatSession } = await world.ask(world.owner, read, { id: memoryId, session: sessionId })
    const { model } = world.stores.encoder
    expect(memory.vectors.nodes).toMatchObject([
      {
        collection: 'MEMORIES',
        kind: 'CONTEXT',
        content: 'The harbour closes at ten.',
        model,
        memory: { id: memoryId },
      },
      { collection: 'REASONING_KNOWLEDGE', kind: 'KNOWLEDGE', content: 'Ships wait outside.', model },
    ])
    expect(chatSession.vectors.nodes).toEqual([{ content: 'Ships wait outside.' }])
    expect(contents(await find('harbour', { collection: 'MEMORIES', filter: { memoryId } }))).toEqual([
      'The harbour closes at ten.',
    ])
    const own = await vectorOf(memory.vectors.nodes[0].id)
    expect(own).toMatchObject({ content: 'The harbour closes at ten.', memory: { id: memoryId } })
  })

  test('of one level are read in a number of statements that does not grow with them', async () => {
    const count = async (memories: number) => {
      const { cursor: _, memories: made } = await mine.act('rememberMany', {
        items: Array.from({ length: memories }, (_, n) => ({ content: `Lighthouse ${n} ${randomUUID()}.` })),
      })
      await projectors.caughtUp()
      world.statements.length = 0
      const representations = made.map(({ id }: Data) => ({ __typename: 'Memory', id }))
      const { _entities } = await world.ask(
        world.owner,
        `query ($representations: [_Any!]!) { _entities(representations: $representations) {
          ... on Memory { vectors(first: 2) { nodes { model pointId embeddedAt } } } } }`,
        { representations },
      )
      expect(_entities.at(-1).vectors.nodes).toMatchObject([{ model: world.stores.encoder.model }])
      // Its own and those of the index; not what goes on beside it.
      const own = world.statements.filter(({ role, text }) =>
        /memory$/.test(role) ? !text.includes('audit.') : /SELECT.*memory\.embeddings/s.test(text),
      )
      expect(own.length).toBeGreaterThan(0)
      return own.length
    }
    expect(await count(20)).toBe(await count(2))
  })

  test('go with the memory or the session that they belong to, out of the store too', async () => {
    const memoryId = await mine.remember('A secret cove.')
    const { vectors } = await put([
      { collection: 'REASONING_KNOWLEDGE', kind: 'KNOWLEDGE', content: 'The cove is hidden.', memoryId },
    ])
    expect(contents(await find('hidden cove', { collection: 'REASONING_KNOWLEDGE' }))).toContain('The cove is hidden.')
    await mine.act('forget', { id: memoryId })
    expect(contents(await find('hidden cove', { collection: 'REASONING_KNOWLEDGE' }))).not.toContain(
      'The cove is hidden.',
    )
    const ids = vectors.map(({ id }: Data) => uuidOf('Vector', id))
    expect(await world.stores.collections.REASONING_KNOWLEDGE.find(ids, false)).toEqual([])
    const sessionId = await mine.openSession()
    const kept = await put([{ collection: 'CONVERSATION_CONTEXT', kind: 'QUERY', content: 'Any coves?', sessionId }])
    const kids = kept.vectors.map(({ id }: Data) => uuidOf('Vector', id))
    await projectors.caughtUp()
    expect(await world.stores.collections.CONVERSATION_CONTEXT.find(kids, false)).toHaveLength(1)
    await database().sql('DELETE FROM memory.chat_sessions WHERE id = $1', [uuidOf('ChatSession', sessionId)])
    world.stores.bus.publish('events')
    await projectors.caughtUp()
    expect(await world.stores.collections.CONVERSATION_CONTEXT.find(kids, false)).toEqual([])
  })

  test('are removed by their owner alone, all or none', async () => {
    const { vectors } = await put([{ collection: 'VOICE_PATTERNS', kind: 'QUERY', content: 'Gone soon.' }])
    const ids = vectors.map(({ id }: Data) => id)
    const none = toGlobalId('Vector', randomUUID())
    expect(await act(remove, { ids }, world.stranger)).toEqual({ code: 'NOT_FOUND', path: ['input', 'ids', '0'] })
    expect(await act(remove, { ids: [...ids, none] })).toEqual({ code: 'NOT_FOUND', path: ['input', 'ids', '1'] })
    expect(await vectorOf(ids[0])).not.toBeNull()
    expect(await act(remove, { ids })).toMatchObject({ vectorIds: ids, cursor: expect.any(String) })
    expect(await vectorOf(ids[0])).toBeNull()
    expect(contents(await find('gone', { collection: 'VOICE_PATTERNS' }))).not.toContain('Gone soon.')
  })

  test('of others are found when they are public, or shared with leave to search', async () => {
    const grant = () =>
      database().sql(
        `INSERT INTO app.qdrant_access_control (id, tenant_id, owner_id, subject_id, collection, permission, created_at)
         VALUES ($1, $2, $3, $4, 'CONVERSATION_CONTEXT', 'READ', now())`,
        [randomUUID(), world.owner.tenantId, world.owner.userId, world.stranger.userId],
      )
    const item = (visibility: string) => ({
      collection: 'CONVERSATION_CONTEXT',
      kind: 'CONTEXT',
      content: `${visibility} talk of whales.`,
      visibility,
    })
    await put(['PRIVATE', 'SHARED', 'PUBLIC'].map(item))
    const seen = async (more: Data = {}) => contents(await find('whales', more, world.stranger))
    const listed = async () =>
      (
        await world.ask(
          world.stranger,
          '{ vectors(collection: CONVERSATION_CONTEXT, first: 50) { nodes { content } } }',
        )
      ).vectors.nodes.map(({ content }: Data) => content)
    expect(await seen()).toEqual(['PUBLIC talk of whales.'])
    await grant()
    world.statements.length = 0
    expect((await seen()).sort()).toEqual(['PUBLIC talk of whales.', 'SHARED talk of whales.'])
    // What is public is on a shelf that is searched anyway: only what was given is looked up beside it.
    expect(world.statements.filter(({ text }) => text.startsWith('SELECT vector.id FROM'))).toMatchObject([{ rows: 1 }])
    expect((await seen({ filter: { kinds: ['CONTEXT'] } })).sort()).toEqual([
      'PUBLIC talk of whales.',
      'SHARED talk of whales.',
    ])
    expect((await listed()).sort()).toEqual(['PUBLIC talk of whales.', 'SHARED talk of whales.'])
    await database().sql('DELETE FROM app.qdrant_access_control')
    expect(await seen()).toEqual(['PUBLIC talk of whales.'])
    expect(await listed()).toEqual(['PUBLIC talk of whales.'])
  })

  test('about a memory are seen by no more than see the memory, and as it may be read', async () => {
    const rule = (input: Data) =>
      act('mutation ($input: SetPolicyRuleInput!) { setPolicyRule(input: $input) { __typename } }', input)
    const about = (memoryId: string, visibility: string, more: Data = {}) =>
      put([
        {
          collection: 'REASONING_KNOWLEDGE',
          kind: 'QUERY',
          content: 'Ask tern@example.org now.',
          memoryId,
          visibility,
          ...more,
        },
      ])
    const secret = await mine.remember('Terns nest here.', { metadata: { kept: 'close' } })
    const refused = { code: 'BATCH_REJECTED', problems: [{ code: 'FORBIDDEN', path: ['0', 'visibility'] }] }
    expect(await about(secret, 'PUBLIC')).toMatchObject(refused)
    expect(await about(secret, 'SHARED')).toMatchObject(refused)
    expect((await about(secret, 'PRIVATE')).vectors).toHaveLength(1)
    const open = await mine.remember('Terns fly south.', { visibility: 'PUBLIC', metadata: { kept: 'close' } })
    const { vectors } = await about(open, 'PUBLIC', { metadata: { from: 'tern@example.org' } })
    const read = async (who: typeof world.owner): Promise<Data> => {
      const found = await find('tern', { collection: 'REASONING_KNOWLEDGE', filter: { memoryId: open } }, who)
      const seen =
        'query ($id: ID!) { node: _entities(representations: [{ __typename: "Vector", id: $id }]) { ... on Vector { content metadata embedding } } }'
      const { node } = await world.ask(who, seen, { id: vectors[0].id })
      return { found: contents(found), ...node[0], embedding: node[0]?.embedding.length }
    }
    const whole = { content: 'Ask tern@example.org now.', metadata: { from: 'tern@example.org' } }
    const { dimensions } = world.stores.encoder
    expect(await read(world.stranger)).toEqual({ found: [whole.content], ...whole, embedding: dimensions })
    await rule({ name: 'mail', kind: 'REDACTION', action: 'MASK', mask: 'EMAILS' })
    expect(await read(world.stranger)).toEqual({
      found: ['Ask ▒▒▒ now.'],
      content: 'Ask ▒▒▒ now.',
      metadata: { from: '▒▒▒' },
      embedding: 0,
    })
    expect(await read(world.owner)).toEqual({ found: [whole.content], ...whole, embedding: dimensions })
    // The memory's own vector says what the memory says.
    const own = await find('terns', { collection: 'MEMORIES', filter: { memoryId: open } }, world.stranger)
    expect(contents(own)).toEqual(['Terns fly south.'])
    await rule({ name: 'close', kind: 'SHARING', action: 'DENY', condition: { metadata: { kept: 'close' } } })
    expect(
      contents(await find('terns', { collection: 'MEMORIES', filter: { memoryId: open } }, world.stranger)),
    ).toEqual(['▒▒▒'])
    expect(await about(open, 'PUBLIC')).toMatchObject(refused)
    expect((await about(open, 'PRIVATE')).vectors).toHaveLength(1)
    expect(await read(world.stranger)).toMatchObject({ content: '▒▒▒', metadata: null, embedding: 0 })
    await mine.act('revise', { id: open, visibility: 'PRIVATE' })
    expect(await read(world.stranger)).toEqual({ found: [] })
    expect(await read(world.owner)).toMatchObject(whole)
  })

  test('are found by meaning and words together, where the store can', async () => {
    const texts = ['The zeppelin Wxyz landed.', 'An airship touched down.', 'Wxyz is a name.', 'Soup is warm.']
    await put(texts.map((content) => ({ collection: 'REASONING_KNOWLEDGE', kind: 'RESPONSE', content })))
    await projectors.caughtUp()
    const source = `query ($by: VectorRanking) { searchVectors(query: "zeppelin Wxyz", collection: REASONING_KNOWLEDGE,
      filter: { kinds: [RESPONSE] }, by: $by) { by degraded hits { rank score vector { content } } } }`
    const { searchVectors: both } = await world.ask(world.owner, source, { by: 'MEANING_AND_WORDS' })
    expect(both).toMatchObject({ by: embeddings.qdrant ? 'MEANING_AND_WORDS' : 'MEANING', degraded: [] })
    expect(contents(both)[0]).toBe('The zeppelin Wxyz landed.')
    // The cosine is told all the same.
    const { searchVectors: plain } = await world.ask(world.owner, source, { by: 'MEANING' })
    expect(plain.by).toBe('MEANING')
    const scores = ({ hits }: Data) =>
      new Map(hits.map(({ vector, score }: Data) => [vector.content, score.toFixed(2)]))
    expect(scores(both)).toEqual(scores(plain))
    const { searchVectors: theirs } = await world.ask(world.stranger, source, { by: 'MEANING_AND_WORDS' })
    expect(theirs.hits).toEqual([])
  })

  test('are refused when something is wrong with one, and none is stored', async () => {
    const good = { collection: 'VOICE_PATTERNS', kind: 'QUERY', content: 'Never stored.' }
    const theirs = await verbs(world, world.stranger).remember('Theirs.')
    for (const [wrong, path] of [
      [{ collection: 'MEMORIES' }, 'collection'],
      [{ content: '' }, 'content'],
      [{ relevanceScore: 2 }, 'relevanceScore'],
      [{ metadata: 'text' }, 'metadata'],
      [{ memoryId: theirs }, 'memoryId'],
      [{ sessionId: toGlobalId('ChatSession', randomUUID()) }, 'sessionId'],
    ] as const) {
      const { code, problems } = await put([good, { ...good, ...wrong }])
      expect({ code, problems }).toMatchObject({ code: 'BATCH_REJECTED', problems: [{ path: ['1', path] }] })
    }
    expect(await put([])).toMatchObject({ code: 'LIMIT_EXCEEDED' })
    expect(await put(Array.from({ length: 101 }, () => good))).toMatchObject({ code: 'LIMIT_EXCEEDED' })
    expect(contents(await find('never stored', { collection: 'VOICE_PATTERNS' }))).not.toContain('Never stored.')
  })

  test('are listed in pages, the newest first', async () => {
    await put(['a', 'b', 'c'].map((content) => ({ collection: 'REASONING_KNOWLEDGE', kind: 'CONTEXT', content })))
    const read = `query ($after: String) { vectors(collection: REASONING_KNOWLEDGE, filter: { kinds: [CONTEXT] }, first: 2, after: $after) {
      nodes { content } pageInfo { hasNextPage endCursor } } }`
    const first = (await world.ask(world.owner, read)).vectors
    expect(first.nodes).toEqual([{ content: 'c' }, { content: 'b' }])
    const next = (await world.ask(world.owner, read, { after: first.pageInfo.endCursor })).vectors
    expect(next).toMatchObject({ nodes: [{ content: 'a' }], pageInfo: { hasNextPage: false } })
  })
}

describe('a vector store that does not answer', () => {
  test('hinders neither writing nor recall, which says so; what it missed is there when it is back', {
    timeout: 120_000,
  }, async () => {
    const database = await openTestPostgres('PGlite')
    const owner = viewerOf()
    // Nothing listens there.
    const away = await openMemoryWorld({ database, embeddings: { qdrant: { url: 'http://127.0.0.1:9' } } })
    const projectors = await runProjectors(away.stores, room.projectors?.(away.stores) ?? [], silentLog())
    const recall = `{ recall(query: "the ferry") { hits { memory { content } } degraded pending } }`
    await verbs(away, owner).remember('The ferry sails at noon.')
    const { recall: lame } = await away.ask(owner, recall)
    expect(lame).toMatchObject({ degraded: ['VECTORS'], hits: [{ memory: { content: 'The ferry sails at noon.' } }] })
    await projectors.close()
    await away.close()
    const back = await openMemoryWorld({ database })
    const following = await runProjectors(back.stores, room.projectors?.(back.stores) ?? [], silentLog())
    await following.caughtUp()
    // The index that cannot be reached any more is not waited for.
    expect((await back.ask(owner, recall)).recall).toMatchObject({ degraded: [], pending: 0 })
    await following.close()
    await back.close()
    await database.close()
  })

  test('finds nothing and says so', async () => {
    const world = await openMemoryWorld({
      vectors: (vectors) => ({ ...vectors, nearest: () => Promise.reject(new Error('away')) }),
    })
    const { searchVectors } = await world.ask(world.owner, search, { query: 'x', collection: 'MEMORIES' })
    expect(searchVectors).toMatchObject({ hits: [], degraded: ['VECTORS'] })
    await world.close()
  })
})
