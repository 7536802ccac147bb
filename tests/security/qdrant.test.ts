import { afterAll, beforeAll, expect, test } from 'vitest'
import { uuidOf } from '../../lib/ids.ts'
import { defaultTenantId } from '../../lib/tenants.ts'
import { vectorCollections } from '../../stores/vector/port.ts'
import { type Data, type Person, type Product, startProduct } from '../kit/product.ts'
import { cleanUpQdrant, describeQdrantDouble, qdrantSettings } from '../kit/qdrant.ts'
import { joinTenant } from './matrix/people.ts'
import { must } from './matrix/plant.ts'

describeQdrantDouble('whose vectors', () => {
  const settings = qdrantSettings()
  cleanUpQdrant(settings)
  let product: Product
  let admin: Person
  let stays: Person
  const env = { MNEMOGRAPH_QDRANT_URL: settings.url, MNEMOGRAPH_QDRANT_PREFIX: settings.prefix ?? '' }
  beforeAll(async () => {
    product = await startProduct({ env })
    admin = await joinTenant(product, defaultTenantId, 'ADMIN')
    stays = await product.join('stayer')
    await plant(stays)
  }, 60_000)
  afterAll(() => product?.close())

  async function plant(person: Person): Promise<string> {
    const { memory } = await must(person, 'remember', { content: 'The harbour pilot is ill.' }, 'memory { id }')
    const items = vectorCollections
      .filter((collection) => collection !== 'MEMORIES')
      .map((collection) => ({ collection, kind: 'CONTEXT', content: 'The harbour pilot spoke.' }))
    await must(person, 'storeVectors', { items }, 'vectors { id }')
    await product.settled()
    return memory.id
  }
  /** How many points an owner has in each collection, asked of the server itself. */
  async function pointsOf({ id }: Person): Promise<number[]> {
    const filter = { must: [{ key: 'owner', match: { value: uuidOf('User', id) } }] }
    return Promise.all(
      vectorCollections.map(async (collection) => {
        const answer = await fetch(
          `${settings.url}/collections/${settings.prefix}${collection.toLowerCase()}/points/count`,
          {
            method: 'POST',
            headers: { 'accept-encoding': 'identity', 'content-type': 'application/json' },
            body: JSON.stringify({ filter, exact: true }),
          },
        )
        return ((await answer.json()) as { result?: { count: number } }).result?.count ?? -1
      }),
    )
  }
  const erase = async (person: Person, action: string, confirmation: string): Promise<Data> => {
    const input = { action, confirmation }
    return (await must(person, 'requestPrivacyAction', input, 'request { state receipt { counts } }')).request
  }

  test('stand in the store under their owner, one in each collection, without a word of what they say', async () => {
    // Their common names are given once all is taken in.
    await expect.poll(() => pointsOf(stays)).toEqual([1, 1, 1, 1])
    const answer = await fetch(`${settings.url}/collections/${settings.prefix}memories/points/scroll`, {
      method: 'POST',
      headers: { 'accept-encoding': 'identity', 'content-type': 'application/json' },
      body: JSON.stringify({ filter: {}, limit: 100, with_payload: true }),
    })
    expect(await answer.text()).not.toContain('pilot')
  })

  test('are found by their owner and by nobody else', async () => {
    const search = `query ($collection: VectorCollection!) {
      searchVectors(query: "harbour pilot", collection: $collection) { degraded hits { vector { content } } } }`
    for (const collection of vectorCollections) {
      expect((await stays.ask(search, { collection })).searchVectors.hits).toHaveLength(1)
      expect((await admin.ask(search, { collection })).searchVectors).toEqual({ degraded: [], hits: [] })
    }
    const recall = '{ recall(query: "harbour pilot") { degraded pending hits { memory { content } } } }'
    expect((await stays.ask(recall)).recall).toMatchObject({ degraded: [], pending: 0, hits: [{}] })
    expect((await admin.ask(recall)).recall.hits).toEqual([])
  })

  test('are not shown to whom a store gives them by mistake', async () => {
    const theirs = (await stays.ask('{ memories(first: 1) { nodes { id } } }')).memories.nodes[0].id
    const adminId = uuidOf('User', (await admin.ask('{ viewer { id } }')).viewer.id) ?? ''
    const [index] = product.server.stores.embeddings.kept
    const [vector] = (await index?.encoder.encode(['harbour pilot'])) ?? []
    const id = uuidOf('Memory', theirs) ?? ''
    await index?.indexes.MEMORIES.put([
      {
        id,
        kind: 'CONTEXT',
        shelfId: adminId,
        tenantId: defaultTenantId,
        ownerId: adminId,
        version: 9,
        vector: vector as Float32Array,
      },
    ])
    expect(await index?.indexes.MEMORIES.nearest([adminId], vector as Float32Array, 5)).toHaveLength(1)
    expect((await admin.ask('{ recall(query: "harbour pilot") { hits { rank } } }')).recall.hits).toEqual([])
    const search = '{ searchVectors(query: "harbour pilot", collection: MEMORIES) { hits { rank } } }'
    expect((await admin.ask(search)).searchVectors.hits).toEqual([])
  })

  test('go with whoever is erased or made nobody, and no others with them', async () => {
    for (const [name, action] of [
      ['gonegirl', 'ERASE'],
      ['namelessman', 'ANONYMIZE'],
    ] as const) {
      const gone = await product.join(name)
      await plant(gone)
      expect(await pointsOf(gone)).toEqual([1, 1, 1, 1])
      const { state, receipt } = await erase(gone, action, name)
      expect(state).toBe('COMPLETED')
      expect(receipt.counts.vectors).toMatchObject({ memories: 1, voice_patterns: 1 })
      expect(await pointsOf(gone)).toEqual([0, 0, 0, 0])
    }
    expect((await pointsOf(stays)).slice(1)).toEqual([1, 1, 1])
  })

  test('are looked at by whoever asks how the system is', async () => {
    const { systemHealth } = await admin.ask('{ systemHealth { checks { name healthy detail } } }')
    expect(systemHealth.checks.find(({ name }: Data) => name === 'vectors')).toMatchObject({
      healthy: true,
      detail: expect.stringContaining('qdrant static-glove-100d-1 active'),
    })
    const { embeddingIndexes } = await admin.ask('{ embeddingIndexes { backend state model dimensions } }')
    expect(embeddingIndexes).toEqual([
      { backend: 'QDRANT', state: 'ACTIVE', model: 'static-glove-100d-1', dimensions: 100 },
    ])
  })
})
