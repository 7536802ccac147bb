import { afterAll, beforeAll, expect, test } from 'vitest'
import { uuidOf } from '../../lib/ids.ts'
import { silentLog } from '../../lib/log.ts'
import type { Encoder } from '../../stores/encoder/port.ts'
import { staticVectors } from '../../stores/encoder/static-vectors.ts'
import type { EmbeddingSettings } from '../../stores/open-embeddings.ts'
import { type Projectors, runProjectors } from '../../stores/projector.ts'
import { room } from '../../subgraphs/memory/index.ts'
import { describeEachPostgres, type TestPostgres } from '../kit/postgres.ts'
import { cleanUpQdrant, describeQdrantDouble, qdrantSettings } from '../kit/qdrant.ts'
import { viewerOf } from '../kit/room-world.ts'
import { type Data, type MemoryWorld, openMemoryWorld, verbs } from './world.ts'

const similar = `query ($id: ID!, $first: Int) { chatSession(id: $id) {
  similarSessions(first: $first) { degraded hits { score session { id title } } } } }`
const ofMany = `query { chatSessions(first: 50) { nodes { id similarSessions(first: 3) { hits { session { id } } } } } }`
const summarize = `mutation ($id: ID!) { summarizeSession(input: { sessionId: $id }) { ... on Problem { code } } }`
const deleteSummary = `mutation ($id: ID!) { deleteSessionSummary(input: { sessionId: $id }) { ... on Problem { code } } }`
const rename = `mutation ($id: ID!, $title: String) { updateChatSession(input: { id: $id, title: $title }) {
  ... on Problem { code message } } }`
const deleteMessage = 'mutation ($id: ID!) { deleteMessage(input: { id: $id }) { ... on Problem { code } } }'
const deleteSession = 'mutation ($id: ID!) { deleteChatSession(input: { id: $id }) { ... on Problem { code } } }'
const setContext = `mutation ($id: ID!) { setContext(input: { sessionId: $id, key: "k", value: 1 }) {
  ... on Problem { code } } }`
const search = `query { searchVectors(collection: CONVERSATION_CONTEXT, query: "ferry harbour", first: 50) {
  hits { vector { id } } } }`

const talks = {
  ferry: ['When does the ferry to Lisbon leave the harbour?', 'The boat sails at noon from the harbour.'],
  boats: ['Are there boats across the sea to Lisbon?', 'Ships and ferries leave the port every day.'],
  bread: ['How long do I bake bread in the oven?', 'Bake the dough with flour and yeast for an hour.'],
}

describeEachPostgres('sessions that are alike', (database) => suite(database, {}))

describeQdrantDouble('sessions that are alike', () => {
  const qdrant = qdrantSettings()
  cleanUpQdrant(qdrant)
  describeEachPostgres('beside', (database) => suite(database, { qdrant }), { backends: ['PGlite'] })
})

function suite(database: () => TestPostgres, embeddings: EmbeddingSettings): void {
  let world: MemoryWorld
  let projectors: Projectors
  /** How often each text was encoded. */
  const encoded: string[] = []
  beforeAll(async () => {
    world = await openMemoryWorld({ database: database(), embeddings, encoder: counting(encoded) })
    projectors = await runProjectors(world.stores, room.projectors?.(world.stores) ?? [], silentLog())
  })
  afterAll(async () => {
    await projectors.close()
    await world.close()
  })

  /** A user with a session for each talk. */
  async function someone() {
    const viewer = viewerOf()
    const person = verbs(world, viewer)
    const open = async (name: keyof typeof talks, title: string | null = null) => {
      const id = await person.openSession(title === null ? {} : { title })
      return { id, messages: await say(id, talks[name]) }
    }
    const say = async (sessionId: string, contents: readonly string[]): Promise<string[]> => {
      const messages = contents.map((content, i) => ({ role: i % 2 === 0 ? 'USER' : 'ASSISTANT', content }))
      return (await person.act('append', { sessionId, messages, remember: false })).messages.map(({ id }: Data) => id)
    }
    const ask = async (id: string, first = 10): Promise<Data> => {
      await projectors.caughtUp()
      return (await world.ask(viewer, similar, { id, first })).chatSession?.similarSessions
    }
    const like = async (id: string, first = 10): Promise<string[]> =>
      (await ask(id, first)).hits.map(({ session }: Data) => session.id)
    const act = async (source: string, variables: Data) =>
      expect(Object.values(await world.ask(viewer, source, variables))).toEqual([{}])
    return { viewer, open, say, ask, like, act }
  }
  const points = async (ids: readonly string[]) => {
    await projectors.caughtUp()
    const rows = ids.map((id) => uuidOf('ChatSession', id) ?? '')
    return world.stores.collections.CONVERSATION_CONTEXT.find(rows, false)
  }

  test('are found the most alike first, of the viewer’s own, and never the session itself', async () => {
    const ann = await someone()
    const bob = await someone()
    const [ferry, bread, boats] = [await ann.open('ferry'), await ann.open('bread'), await ann.open('boats')]
    const theirs = await bob.open('ferry')
    const { hits, degraded } = await ann.ask(ferry.id)
    expect(degraded).toEqual([])
    expect(hits.map(({ session }: Data) => session.id)).toEqual([boats.id, bread.id])
    expect(hits[0].score).toBeGreaterThan(hits[1].score)
    expect(hits[0].score).toBeLessThan(1)
    expect(await ann.like(bread.id, 1)).toHaveLength(1)
    expect(await bob.like(theirs.id)).toEqual([])
    expect((await world.ask(bob.viewer, similar, { id: ferry.id })).chatSession).toBeNull()
    const wrong = await world.run(ann.viewer, similar, { id: ferry.id, first: 101 })
    expect(wrong.errors).toMatchObject([{ code: 'BAD_USER_INPUT' }])
  })

  test('follow what is said, what they are called and their summaries, and a burst makes the vector once', async () => {
    const ann = await someone()
    const [ferry, bread, boats] = [await ann.open('ferry'), await ann.open('bread'), await ann.open('boats')]
    expect(await ann.like(bread.id)).toHaveLength(2)
    const other = await ann.open('bread')
    expect((await ann.like(ferry.id))[0]).toBe(boats.id)
    encoded.length = 0
    await ann.say(
      boats.id,
      Array.from({ length: 40 }, (_, n) => `${talks.bread[n % 2]} Loaf number ${n}.`),
    )
    expect((await ann.like(bread.id)).slice(0, 2).sort()).toEqual([boats.id, other.id].sort())
    expect((await ann.like(ferry.id))[0]).not.toBe(undefined)
    expect(encoded.filter((text) => text.includes('Loaf number 39'))).toHaveLength(1)

    const quiet = await ann.open('bread')
    const before = (await ann.ask(ferry.id)).hits.find(({ session }: Data) => session.id === quiet.id).score
    await ann.act(rename, { id: quiet.id, title: talks.ferry.join(' ') })
    const named = (await ann.ask(ferry.id)).hits.find(({ session }: Data) => session.id === quiet.id).score
    expect(named).toBeGreaterThan(before)
    await ann.act(summarize, { id: quiet.id })
    encoded.length = 0
    await ann.act(deleteSummary, { id: quiet.id })
    await ann.like(quiet.id)
    expect(encoded.filter((text) => text.startsWith(talks.ferry.join(' ')))).toHaveLength(1)
    encoded.length = 0
    await ann.act(setContext, { id: quiet.id })
    await ann.like(quiet.id)
    expect(encoded).toEqual([])
  })

  test('lose what is deleted: messages, and sessions with their vectors', async () => {
    const ann = await someone()
    const [ferry, boats] = [await ann.open('ferry'), await ann.open('boats')]
    const mixed = await ann.open('bread')
    const said = await ann.say(mixed.id, talks.boats)
    const score = async () =>
      (await ann.ask(boats.id)).hits.find(({ session }: Data) => session.id === mixed.id)?.score as number
    const before = await score()
    for (const id of said) await ann.act(deleteMessage, { id })
    expect(await score()).toBeLessThan(before)
    expect(await points([mixed.id])).toHaveLength(1)
    for (const id of mixed.messages) await ann.act(deleteMessage, { id })
    expect(await ann.like(boats.id)).toEqual([ferry.id])
    await ann.act(deleteSession, { id: ferry.id })
    expect(await ann.like(boats.id)).toEqual([])
    expect(await points([mixed.id, ferry.id])).toEqual([])
    expect(await points([boats.id])).toHaveLength(1)
  })

  test('are found again when their vectors are made anew, also after the log has been trimmed', async () => {
    const ann = await someone()
    const [ferry, bread, boats] = [await ann.open('ferry'), await ann.open('bread'), await ann.open('boats')]
    await ann.act(setContext, { id: boats.id })
    expect(await ann.like(ferry.id)).toEqual([boats.id, bread.id])
    await world.stores.collections.CONVERSATION_CONTEXT.remove([uuidOf('ChatSession', boats.id) ?? ''])
    expect(await ann.like(ferry.id)).toEqual([bread.id])
    await world.database.sql(`SELECT events.trim('-1 day', 100000)`)
    await projectors.rebuild('vectors')
    expect(await ann.like(ferry.id)).toEqual([boats.id, bread.id])
  })

  test('are found for a whole page at once, and stay out of searches of texts', async () => {
    const ann = await someone()
    const counted = async () => {
      await projectors.caughtUp()
      world.statements.length = 0
      const { nodes } = (await world.ask(ann.viewer, ofMany)).chatSessions
      const statements = world.statements.filter(({ text }) => /embeddings|chat_sessions/.test(text))
      return { nodes, statements: statements.length }
    }
    for (const name of ['ferry', 'bread'] as const) await ann.open(name)
    const few = await counted()
    for (const name of ['ferry', 'boats', 'bread', 'bread'] as const) await ann.open(name)
    const many = await counted()
    expect(many.nodes.map(({ similarSessions }: Data) => similarSessions.hits.length)).toEqual(Array(6).fill(3))
    expect([few.statements > 1, many.statements]).toEqual([true, few.statements])
    expect((await world.ask(ann.viewer, search)).searchVectors.hits).toEqual([])
    expect((await world.ask(ann.viewer, `{ embeddingIndexes { done total } }`)).embeddingIndexes).toEqual([
      { done: 6, total: 6 },
    ])
  })
}

/** The offline encoder, noting what it encodes. */
function counting(encoded: string[]) {
  const encoder = staticVectors()
  const encode: Encoder['encode'] = async (texts, signal) => {
    encoded.push(...texts)
    return encoder.encode(texts, signal)
  }
  return new Proxy(encoder, {
    get: (of, name) => (name === 'encode' ? encode : (Reflect.get(of, name).bind?.(of) ?? Reflect.get(of, name))),
  })
}
