import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RequestContext } from '../../lib/context.ts'
import { systemClock } from '../../lib/sources.ts'
import { MemoryContext } from '../../subgraphs/memory/context.ts'
import type { RecallIndex } from '../../subgraphs/memory/recall/port.ts'
import { openRecallIndex } from '../../subgraphs/memory/store/recall-index.ts'
import { memoryIndex, rowsOf, storedMemory } from '../kit/memory-index.ts'
import { type MemoryWorld, openMemoryWorld, verbs } from './world.ts'

let world: MemoryWorld

beforeAll(async () => {
  world = await openMemoryWorld()
})
afterAll(() => world.close())

const word = fc.constantFrom('apple', 'pear', 'plum', 'cherry', 'quince', 'medlar')
const text = fc.array(word, { minLength: 1, maxLength: 12 }).map((words) => words.join(' '))
const memory = fc.record({ content: text, session: fc.constantFrom(null, 0, 1), open: fc.boolean() })

/** Memories of one new user, in the database and in the exact index over plain arrays. */
async function twoIndexes(memories: readonly { content: string; session: number | null; open: boolean }[]) {
  const viewer = { ...world.owner, userId: crypto.randomUUID(), tenantId: crypto.randomUUID() }
  await world.database.sql('INSERT INTO app.tenants (id, name) VALUES ($1, $2)', [viewer.tenantId, 'another'])
  const own = verbs(world, viewer)
  const sessions = [await own.openSession(), await own.openSession()]
  const items = memories.map(({ content, session, open }, i) => ({
    content,
    // A name keeps what says the same apart.
    externalId: String(i),
    visibility: open ? 'PUBLIC' : 'PRIVATE',
    sessionId: session === null ? null : sessions[session],
  }))
  await own.act('rememberMany', { items })
  const rows = await world.database.sql<{ id: string; session_id: string | null; position: number | null }>(
    'SELECT id, session_id, position FROM memory.memories WHERE owner_id = $1 ORDER BY ordinal',
    [viewer.userId],
  )
  const documents = memories.map(({ content }, i) =>
    storedMemory({
      id: rows[i]?.id ?? '',
      content,
      sessionId: rows[i]?.session_id ?? null,
      position: rows[i]?.position ?? 0,
    }),
  )
  const request = { viewer, deadline: Number.POSITIVE_INFINITY, signal: new AbortController().signal, traceId: 'test' }
  const context = new MemoryContext(world.stores, { ...request, clock: systemClock } as unknown as RequestContext)
  return { stored: openRecallIndex(context, {}), plain: memoryIndex(documents), ids: documents.map(({ id }) => id) }
}

/** Scores to nine digits, so that the order of a sum does not matter; ties in the order of their ids. */
async function searched(index: RecallIndex, boosts: ReadonlyMap<string, number>) {
  const { hits, documents, averageLength, frequencies } = await index.search(boosts, 50)
  const rounded = hits.map(({ id, score }) => ({ id, score: score.toFixed(9) }))
  rounded.sort((a, b) => Number(b.score) - Number(a.score) || (a.id < b.id ? -1 : 1))
  return { rounded, documents, averageLength: averageLength.toFixed(9), frequencies }
}

describe('the stored recall index', () => {
  test('scores and counts like the exact one, whatever is on the shelves', async () => {
    const asked = fc.dictionary(
      fc.constantFrom('appl', 'pear', 'plum', 'cherri', 'absent'),
      fc.double({ min: 0.1, max: 2, noNaN: true }),
      { minKeys: 1 },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(memory, { minLength: 1, maxLength: 12 }), asked, async (memories, boosts) => {
        const { stored, plain } = await twoIndexes(memories)
        const terms = new Map(Object.entries(boosts))
        expect(await searched(stored, terms)).toEqual(await searched(plain, terms))
      }),
      { numRuns: 15 },
    )
  })

  test('brings the neighbours of what is asked for, each once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(memory, { minLength: 1, maxLength: 14 }),
        fc.nat(),
        fc.integer({ min: 0, max: 3 }),
        async (memories, pick, radius) => {
          const { stored, plain, ids } = await twoIndexes(memories)
          const wanted = [ids[pick % ids.length] ?? '', ids[0] ?? '']
          const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1)
          const told = (documents: Awaited<ReturnType<RecallIndex['context']>>) => {
            const sorted = rowsOf(documents).sort(byId)
            const firstOf = (session: number | undefined) =>
              sorted.findIndex((document) => document.session === session)
            return sorted.map(({ occurredAt: _, session, ...document }) => ({
              ...document,
              sessionOf: session === 0 ? null : firstOf(session),
            }))
          }
          const asked = { terms: new Set(['appl', 'plum', 'quinc']), pairs: new Set(['appl plum', 'quinc appl']) }
          expect(told(await stored.context(wanted, radius, asked))).toEqual(
            told(await plain.context(wanted, radius, asked)),
          )
        },
      ),
      { numRuns: 15 },
    )
  })
})
