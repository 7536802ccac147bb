import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { silentLog } from '../../lib/log.ts'
import type { EmbeddingSettings } from '../../stores/open-embeddings.ts'
import { runProjectors } from '../../stores/projector.ts'
import { room } from '../../subgraphs/memory/index.ts'
import { FakeProvider } from '../kit/fake-provider.ts'
import { describeEachPostgres } from '../kit/postgres.ts'
import { cleanUpQdrant, describeQdrantDouble, qdrantSettings } from '../kit/qdrant.ts'
import { viewerOf } from '../kit/room-world.ts'
import { type Data, type MemoryWorld, openMemoryWorld, verbs } from './world.ts'

// Databases are opened several times over, and asked all the time: a busy machine takes its time for that.
vi.setConfig({ testTimeout: 180_000 })

const provider = await FakeProvider.start()
afterAll(() => provider[Symbol.asyncDispose]())
beforeEach(() => {
  provider.gate = async () => {}
})
const encoder = (model: string) => ({ url: provider.url, key: 'k', model, dimensions: 1536 })

const query = `query ($query: String!) { recall(query: $query, first: 50) {
  hits { memory { id } } model degraded pending } }`
const similar = 'query ($id: ID!) { chatSession(id: $id) { similarSessions { degraded hits { session { id } } } } }'

describeEachPostgres('a change of the model', (database) => {
  changes(database, {
    first: {},
    second: { encoder: encoder('small') },
    models: ['static-glove-100d-1', 'small@1536'],
    backend: 'pgvector',
  })
})

describeQdrantDouble('a change of the store', () => {
  const settings = qdrantSettings()
  cleanUpQdrant(settings)
  describeEachPostgres(
    'from PostgreSQL to it',
    (database) => {
      changes(database, {
        first: {},
        second: { qdrant: settings },
        models: ['static-glove-100d-1', 'static-glove-100d-1'],
        backend: 'qdrant',
      })
    },
    { backends: ['PGlite'] },
  )
})

interface Change {
  readonly first: EmbeddingSettings
  readonly second: EmbeddingSettings
  /** The model's name before and after. */
  readonly models: readonly [string, string]
  /** Where vectors stand after. */
  readonly backend: string
}

function changes(database: Parameters<Parameters<typeof describeEachPostgres>[1]>[0], change: Change): void {
  async function open(embeddings: EmbeddingSettings, as?: Data) {
    const world = await openMemoryWorld({ database: database(), embeddings })
    if (as) Object.assign(world, { owner: as })
    const projectors = await runProjectors(world.stores, room.projectors?.(world.stores) ?? [], silentLog())
    const recall = async (text: string): Promise<Data> => (await world.ask(world.owner, query, { query: text })).recall
    return {
      world,
      projectors,
      recall,
      mine: verbs(world, world.owner),
      async [Symbol.asyncDispose]() {
        await projectors.close()
        await world.close()
      },
    }
  }
  const ids = ({ hits }: Data): string[] => hits.map(({ memory }: Data) => memory.id)

  test('is made beside the index that serves: recall loses nothing, and never does without vectors', async () => {
    const contents = Array.from({ length: 40 }, (_, n) => `The captain wrote letter ${n} about the voyage.`)
    let owner: Data
    const talks: string[] = []
    {
      await using before = await open(change.first)
      owner = before.world.owner
      await before.mine.act('rememberMany', { items: contents.map((content) => ({ content })) })
      // Shares no word with the question: vectors alone bring it in.
      await before.mine.remember('Quarterly taxes were due on Friday.')
      for (const content of ['The ferry sails at noon.', 'The boat leaves at twelve.']) {
        const sessionId = await before.mine.openSession()
        await before.mine.act('append', { sessionId, remember: false, messages: [{ role: 'USER', content }] })
        talks.push(sessionId)
      }
      await before.projectors.caughtUp()
      const found = await before.recall('captain letter voyage')
      expect(found).toMatchObject({ degraded: [], pending: 0, model: change.models[0] })
      expect(found.hits).toHaveLength(41)
    }
    const building = Promise.withResolvers<void>()
    // The provider makes the new vectors no sooner than it is let to.
    provider.gate = ({ input }) => (input.length > 1 ? building.promise : Promise.resolve())
    await using during = await open(change.second, owner)
    const known = ids(await during.recall('captain letter voyage'))
    expect(known).toHaveLength(41)
    const alike = async () => (await during.world.ask(owner, similar, { id: talks[0] })).chatSession.similarSessions
    expect(await alike()).toEqual({ degraded: [], hits: [{ session: { id: talks[1] } }] })
    const begun = Promise.withResolvers<void>()
    const progress = watch(during.world, () => begun.resolve())
    await Promise.race([begun.promise, progress])
    let asked = 0
    let over = false
    const always = (async () => {
      while (!over) {
        const answer = await during.recall('captain letter voyage')
        expect(answer.degraded).toEqual([])
        // Whatever was found by words or by meaning stays found, whichever model compares.
        expect(ids(answer)).toEqual(expect.arrayContaining(known))
        asked += 1
      }
    })()
    const late = during.mine.remember('A stowaway told of pirates.')
    building.resolve()
    await late
    await expect
      .poll(async () => (await states(during)).ACTIVE, { timeout: 120_000 })
      .toBe(`${change.backend} ${change.models[1]}`)
    await during.projectors.caughtUp()
    await during.recall('captain letter voyage')
    over = true
    await always
    expect(asked).toBeGreaterThan(0)
    const told = await progress
    const wanted = `${change.backend} ${change.models[1]}`
    const ofWanted = told.map(({ indexes }) => indexes.find(({ name }: Data) => name === wanted))
    // Where a provider makes them, none is made before it is let to.
    if (change.second.encoder) expect(ofWanted[0]).toMatchObject({ state: 'BUILDING', done: 0, total: 43 })
    expect(ofWanted.at(-1)).toMatchObject({ state: 'ACTIVE' })
    const done = ofWanted.map((index) => index.done)
    expect(done).toEqual(done.toSorted((a, b) => a - b))
    const after = await during.recall('stowaway pirates')
    expect(after).toMatchObject({ degraded: [], pending: 0, model: change.models[1] })
    expect(await alike()).toEqual({ degraded: [], hits: [{ session: { id: talks[1] } }] })
    expect(await states(during)).toMatchObject({ RETIRED: expect.stringContaining(change.models[0]) })
    const status = await during.world.stores.embeddings.status()
    expect(status.every(({ done, total }) => done === 44 && total === 44)).toBe(true)
  })

  test('leaves what served before to the next start, which removes it', async () => {
    await using last = await open(change.second)
    expect(await states(last)).toEqual({ ACTIVE: `${change.backend} ${change.models[1]}` })
    const positions = await database().sql<{ projector: string }>(
      "SELECT projector FROM events.positions WHERE projector LIKE 'vectors%'",
    )
    expect(positions.map(({ projector }) => projector)).toEqual([`vectors ${change.backend} ${change.models[1]}`])
  })

  /** What an admin is told until the new index serves; a member is told of his own vectors. */
  async function watch(world: MemoryWorld, begun: () => void): Promise<Data[]> {
    const live = 'subscription { embeddingProgress { cursor indexes { name state done total } } }'
    for (const [member, total] of [
      [world.owner, 43],
      [world.stranger, 0],
    ] as const) {
      const { embeddingIndexes } = await world.ask(member, '{ embeddingIndexes { total } }')
      expect(embeddingIndexes.map((index: Data) => index.total)).toEqual([total, total])
    }
    const admin = viewerOf({ role: 'ADMIN' })
    const stop = new AbortController()
    const told: Data[] = []
    for await (const { data } of await world.follow(admin, live, {}, stop.signal)) {
      told.push(data.embeddingProgress)
      begun()
      if (data.embeddingProgress.indexes.every(({ state }: Data) => state !== 'BUILDING')) break
    }
    return told
  }

  async function states({ world }: Awaited<ReturnType<typeof open>>): Promise<Record<string, string>> {
    const rows = await world.stores.embeddings.status()
    return Object.fromEntries(rows.map(({ state, name }) => [state, name]))
  }
}

describe('an index that these settings cannot reach', () => {
  test('is not waited for: words find what vectors do not yet', async () => {
    const { openTestPostgres } = await import('../kit/postgres.ts')
    const database = await openTestPostgres('PGlite')
    const first = await openMemoryWorld({ database, embeddings: { encoder: encoder('large') } })
    await first.close()
    const second = await openMemoryWorld({ database })
    const rows = await second.stores.embeddings.status()
    expect(rows.find(({ state }) => state === 'ACTIVE')?.name).toBe('pgvector static-glove-100d-1')
    await second.close()
    await database.close()
  })
})
