import { describe, expect, test, vi } from 'vitest'
import { type Data, joinProduct, type Person, person } from '../kit/product.ts'
import { type Moment, openWorld, type World } from './sync-crash.ts'
import { operations } from './world.ts'

const known = 210
const added = 10

const sync = `mutation ($input: SyncMemoryInput!) { syncMemory(input: $input) {
  ... on SyncMemorySuccess { sync { id } } ... on Problem { message } } }`
const syncs = `{ memorySyncs(first: 10) { nodes {
  id status attempts problem transferred(first: 1000) { action targetVersion memory { id } } } } }`
const page = `query ($id: ID!, $after: String) {
  memories(filter: { sessionId: $id }, orderBy: OLDEST_FIRST, first: 100, after: $after) {
    pageInfo { hasNextPage endCursor } nodes { id content version revisions { nodes { version } } } } }`
const memoryNews = `subscription ($id: ID!, $after: Cursor) {
  memoryChanges(filter: { sessionId: $id }, after: $after) { kind memoryId } }`
const syncNews = 'subscription ($after: Cursor) { memorySyncChanges(after: $after) { syncId status } }'

const isThere = process.env.MNEMOGRAPH_TEST_POSTGRES_URL || process.env.MNEMOGRAPH_REQUIRE_STORES === '1'

describe('a sync of many memories is done once, though its server is killed again and again,', {
  timeout: 600_000,
}, () => {
  test.skipIf(!isThere)('on PostgreSQL 18 (set MNEMOGRAPH_TEST_POSTGRES_URL)', () => isDoneOnce('PostgreSQL 18'))
  test('on a data directory', () => isDoneOnce('a data directory'))
})

async function isDoneOnce(on: Parameters<typeof openWorld>[0]): Promise<void> {
  await using world = await openWorld(on)
  const { token, id } = await joinProduct(world.url(), 'ann')
  const ann = () => person(world.url(), token, id)
  const [from, to] = [await openSession(ann()), await openSession(ann())]
  const facts = await learn(ann(), from, range(0, known).map(fact))
  const input = { type: 'KNOWLEDGE_SHARE', sourceId: from, targetId: to }

  await send(world, ann(), { ...input, clientMutationId: 'first' }, 'as it begins')
  await world.startAgain('a minute later', 'among what it adds')
  await world.kill()
  // Nobody helps this time: it is taken up within a minute.
  await world.startAgain('at once')
  const first = await completed(ann(), 0)
  expect(countsOf(first.transferred.map(({ action }: Data) => action))).toEqual({ ADDED: known })
  const copies = await readAll(ann(), to)
  expect(copies.map(({ content }) => content)).toEqual(range(0, known).map(fact))
  expect(copies.map(({ version, revisions }) => [version, revisions.nodes.length])).toEqual(Array(known).fill([1, 1]))
  expect(first.transferred.map(({ memory }: Data) => memory.id)).toEqual(copies.map(({ id }) => id))

  const corrected = range(0, known).filter((n) => n % 3 === 0)
  for (const n of corrected) await correct(ann(), facts.ids[n] ?? '', n)
  await learn(ann(), from, range(known, known + added).map(fact))
  await send(world, ann(), { ...input, clientMutationId: 'second' }, 'among what it revises')
  for (const transaction of ['is lost', 'goes on'] as const) {
    await world.startAgain('a minute later', 'as it completes')
    await world.kill(transaction)
  }
  await world.startAgain('a minute later')
  const second = await completed(ann(), 1)
  expect(countsOf(second.transferred.map(({ action }: Data) => action))).toEqual({
    UPDATED: corrected.length,
    UNCHANGED: known - corrected.length,
    ADDED: added,
  })
  const whole = range(0, known + added).map((n) => (corrected.includes(n) ? [correction(n), 2, 2] : [fact(n), 1, 1]))
  const asTold = async () =>
    (await readAll(ann(), to)).map(({ content, version, revisions }) => [content, version, revisions.nodes.length])
  expect(await asTold()).toEqual(whole)

  // Who has had no answer asks again.
  for (const [n, key] of ['first', 'second'].entries()) {
    const { syncMemory } = await ann().ask(sync, { input: { ...input, clientMutationId: key } })
    expect(syncMemory.sync.id).toBe([first, second][n]?.id)
  }
  expect(await asTold()).toEqual(whole)

  const news = await newsOf(ann(), to, facts.cursor)
  expect(countsOf(news.map(({ kind }) => kind))).toEqual({ CREATED: known + added, REVISED: corrected.length })
  expect(new Set(news.map(({ kind, memoryId }) => `${kind} ${memoryId}`)).size).toBe(news.length)
  const steps = await stepsOf(ann(), input, facts.cursor)
  for (const { id, attempts } of [first, second]) {
    const own = steps.filter(({ syncId }) => syncId === id).map(({ status }) => status)
    expect(own).toEqual(['PENDING', ...Array(attempts).fill('IN_PROGRESS'), 'COMPLETED'])
  }
}

const fact = (n: number) => `Ferry ${n} leaves at noon.`
const correction = (n: number) => `Ferry ${n} leaves at one.`

function range(from: number, before: number): number[] {
  return Array.from({ length: before - from }, (_, n) => from + n)
}

function countsOf(words: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    Object.entries(Object.groupBy(words, (word) => word)).map(([word, all]) => [word, all?.length ?? 0]),
  )
}

async function openSession(who: Person): Promise<string> {
  return (await who.ask(operations.open, { input: { mode: 'SIMPLE' } })).openChatSession.session.id
}

async function learn(who: Person, sessionId: string, contents: readonly string[]) {
  const items = contents.map((content) => ({ content, sessionId, tier: 'SEMANTIC' }))
  const { rememberMany } = await who.ask(operations.rememberMany, { input: { items } })
  return { ids: rememberMany.memories.map(({ id }: Data) => id) as string[], cursor: rememberMany.cursor as string }
}

async function correct(who: Person, id: string, n: number): Promise<void> {
  const { reviseMemory } = await who.ask(operations.revise, { input: { id, content: correction(n) } })
  expect(reviseMemory.memory.version).toBe(2)
}

/** Asks for a sync whose server is killed before it has answered. */
async function send(world: World, who: Person, input: Data, moment: Moment): Promise<void> {
  await world.waitAt(moment)
  const answer = expect(who.ask(sync, { input })).rejects.toThrow()
  await world.kill()
  await answer
}

/** A sync when it is done; the oldest is number 0. */
function completed(who: Person, number: number): Promise<Data> {
  return vi.waitFor(
    async () => {
      const found = (await who.ask(syncs)).memorySyncs.nodes.reverse()[number]
      expect(found).toMatchObject({ status: 'COMPLETED', problem: null })
      return found
    },
    { timeout: 90_000, interval: 200 },
  )
}

async function readAll(who: Person, id: string): Promise<Data[]> {
  const all: Data[] = []
  for (let after: string | null = null; ; ) {
    const { memories }: Data = await who.ask(page, { id, after })
    all.push(...memories.nodes)
    if (!memories.pageInfo.hasNextPage) return all
    after = memories.pageInfo.endCursor
  }
}

/** What followers are told of a session's memories, up to one that is kept now. */
async function newsOf(who: Person, id: string, after: string): Promise<Data[]> {
  const { remember } = await who.ask(operations.remember, { input: { content: 'The end.', sessionId: id } })
  const news: Data[] = []
  for await (const { data } of who.follow('sse', memoryNews, { id, after })) {
    if (data?.memoryChanges.memoryId === remember.memory.id) break
    if (data) news.push(data.memoryChanges)
  }
  return news
}

/** What followers are told of syncs, up to one that is done now. */
async function stepsOf(who: Person, input: Data, after: string): Promise<Data[]> {
  const { syncMemory } = await who.ask(sync, { input: { ...input, type: 'CONTEXT_TRANSFER' } })
  const steps: Data[] = []
  for await (const { data } of who.follow('sse', syncNews, { after })) {
    if (data?.memorySyncChanges.syncId === syncMemory.sync.id) break
    if (data) steps.push(data.memorySyncChanges)
  }
  return steps
}
