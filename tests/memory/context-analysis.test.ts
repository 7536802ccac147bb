import { createHash } from 'node:crypto'
import { beforeAll, expect, test, vi } from 'vitest'
import type { ContextEngine } from '../../stores/context-engine/port.ts'
import { housekeeping } from '../../stores/jobs.ts'
import { describeEachPostgres } from '../kit/postgres.ts'
import { type MemoryWorld, openMemoryWorld } from './world.ts'

const day = 24 * 60 * 60 * 1000
const query = `query ($content: String!) { contextAnalysis(content: $content) {
  contentHash result confidence engineVersion createdAt expiresAt } }`

describeEachPostgres('the analysis of a content', (database) => {
  let world: MemoryWorld
  beforeAll(async () => {
    world = await openMemoryWorld({ database: database() })
    return () => world.close()
  })
  const ask = async (content: string, viewer = world.owner) =>
    (await world.ask(viewer, query, { content })).contextAnalysis
  const rows = () =>
    world.database.sql<{ owner_id: string }>('SELECT owner_id FROM memory.context_analysis_cache ORDER BY created_at')

  test('tells topics and names, is kept for a day by the hash of the content, and is its owner’s alone', async () => {
    const content = 'The ferry to Lisbon was late. When does the next ferry leave, Ann?'
    const first = await ask(content)
    expect(first).toMatchObject({
      contentHash: createHash('sha256').update(content).digest('hex'),
      result: { entities: ['lisbon', 'ann'], sentences: 2, question: true },
      engineVersion: 'offline-1',
    })
    expect(first.result.topics[0]).toBe('ferry')
    expect(Date.parse(first.expiresAt) - Date.parse(first.createdAt)).toBe(day)
    world.clock.advance(day - 1)
    expect(JSON.stringify(await ask(content))).toBe(JSON.stringify(first))
    expect((await ask(content, world.stranger)).createdAt).not.toBe(first.createdAt)
    world.clock.advance(1)
    const again = await ask(content)
    expect([again.result, again.createdAt === first.createdAt]).toEqual([first.result, false])
    expect((await rows()).map(({ owner_id }) => owner_id).sort()).toEqual(
      [world.owner.userId, world.stranger.userId].sort(),
    )
  })

  test('is kept for as long, and of as many contents, as is set: the oldest go', async () => {
    const analyses = { hours: 2, perOwner: 3 }
    Object.assign(world.stores, { analyses })
    const viewer = { ...world.owner, userId: crypto.randomUUID() }
    const made: string[] = []
    for (const n of [1, 2, 3, 4]) {
      world.clock.advance(1000)
      const { createdAt, expiresAt } = await ask(`Harbour ${n}.`, viewer)
      expect(Date.parse(expiresAt) - Date.parse(createdAt)).toBe(2 * 3_600_000)
      made.push(createdAt)
    }
    const kept = await Promise.all([2, 3, 4].map((n) => ask(`Harbour ${n}.`, viewer)))
    expect(kept.map(({ createdAt }) => createdAt)).toEqual(made.slice(1))
    world.clock.advance(1000)
    expect((await ask('Harbour 1.', viewer)).createdAt).not.toBe(made[0])
    Object.assign(world.stores, { analyses: undefined })
    const mine = 'SELECT FROM memory.context_analysis_cache WHERE owner_id = $1'
    expect(await world.database.sql(mine, [viewer.userId])).toHaveLength(3)
    await world.database.sql('DELETE FROM memory.context_analysis_cache WHERE owner_id = $1', [viewer.userId])
  })

  test('asks another engine, and another version of one, anew and once', async () => {
    const analyze = vi.fn(async () => ({ result: { mood: 'calm' }, confidence: 1 }))
    for (const version of ['model-1', 'model-1', 'model-2', 'model-2']) {
      Object.assign(world.stores, { contextEngine: { version, analyze } satisfies ContextEngine })
      const { result, engineVersion } = await ask('The sea is calm.')
      expect([result, engineVersion]).toEqual([{ mood: 'calm' }, version])
    }
    Object.assign(world.stores, { contextEngine: undefined })
    expect(analyze).toHaveBeenCalledTimes(2)
  })

  test('refuses what is no content, and nobody', async () => {
    for (const content of ['', 'x'.repeat(65_537), 'a\u0000b']) {
      expect((await world.run(world.owner, query, { content })).errors).toMatchObject([{ code: 'BAD_USER_INPUT' }])
    }
    expect((await world.run(null, query, { content: 'x' })).errors).toMatchObject([{ code: 'UNAUTHENTICATED' }])
  })

  test('is cleaned up by a job when it is over', async () => {
    await world.database.sql(`UPDATE memory.context_analysis_cache SET expires_at = now() - interval '1 second'`)
    world.clock.advance(1)
    await ask('Still good.')
    const good = `UPDATE memory.context_analysis_cache SET expires_at = now() + interval '1 hour' WHERE created_at = $1`
    await world.database.sql(good, [world.clock.now()])
    await world.database.sql(
      `INSERT INTO memory.context_analysis_cache
       SELECT gen_random_uuid(), tenant_id, owner_id, sha256(n::text::bytea), engine_version, analysis_result, confidence, created_at,
              now() - interval '1 second'
       FROM (SELECT * FROM memory.context_analysis_cache WHERE expires_at > now() LIMIT 1) AS one, generate_series(1, 2500) AS n`,
    )
    const removed: number[] = []
    const postgres = world.database.open({
      onStatement: ({ text, rows }) =>
        void (text.startsWith('DELETE FROM memory.context_analysis') && removed.push(rows)),
    })
    const job = housekeeping(postgres, 30).find(({ name }) => name === 'expired analyses')
    await job?.run()
    expect(await rows()).toHaveLength(1)
    // So many at a time, each batch in a transaction of its own.
    expect(Math.max(...removed)).toBe(1000)
    expect(removed.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(2500)
  })
})
