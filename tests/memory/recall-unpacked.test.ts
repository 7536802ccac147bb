import { expect, test } from 'vitest'
import { room } from '../../subgraphs/memory/index.ts'
import { describeEachPostgres } from '../kit/postgres.ts'
import { type Data, openMemoryWorld, verbs } from './world.ts'

const query = `query ($query: String!) { recall(query: $query) { hits { score memory { id content } why { part score } } } }`

describeEachPostgres('memories that are not in the forward index yet', (database) => {
  test('are found as those that are, and are put in by the job; what is forgotten leaves it', async () => {
    const world = await openMemoryWorld({ database: database() })
    const own = verbs(world, world.owner)
    const sessionId = await own.openSession()
    const contents = [
      'Ann: I bought a sailing boat last week.',
      'Bob: Which harbour?',
      'Ann: The old one.',
      'Unrelated.',
    ]
    for (const content of contents) await own.remember(content, { sessionId })
    const id = await own.remember('The sailing boat was sold.')
    const found = async (): Promise<Data> =>
      (await world.ask(world.owner, query, { query: 'Which sailing boat?' })).recall
    const packed = () => database().sql('SELECT id, forward FROM memory.memories ORDER BY ordinal')
    const [hits, entries] = [await found(), await packed()]
    expect(hits.hits.length).toBeGreaterThan(2)

    await database().sql('UPDATE memory.memories SET forward = NULL')
    expect(await found()).toEqual(hits)
    const job = room.jobs?.(world.stores).find(({ name }) => name === 'forward index')
    await job?.run()
    expect(await packed()).toEqual(entries)
    expect(await found()).toEqual(hits)

    await own.act('forget', { id })
    expect(await database().sql('SELECT forward FROM memory.memories WHERE forgotten_at IS NOT NULL')).toEqual([
      { forward: null },
    ])
    const put = database().sql('UPDATE memory.memories SET forward = $1 WHERE forgotten_at IS NOT NULL', ['x'])
    await expect(put).rejects.toThrow(/check/)
    await world.close()
  })
})
