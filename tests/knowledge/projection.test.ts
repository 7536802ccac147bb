import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Viewer } from '../../lib/context.ts'
import { logStart } from '../../lib/cursor.ts'
import { createLog, silentLog } from '../../lib/log.ts'
import {
  createExtractor,
  ExtractionFailedError,
  type Extractor,
} from '../../subgraphs/knowledge/extraction/extractor.ts'
import { conceptsProjector } from '../../subgraphs/knowledge/projection/projector.ts'
import { viewerOf } from '../kit/room-world.ts'
import { type KnowledgeWorld, openKnowledgeWorld, patience } from './world.ts'

let world: KnowledgeWorld
const extractor = createExtractor()
beforeAll(async () => {
  world = await openKnowledgeWorld()
})
afterAll(async () => {
  await extractor.close()
  await world.close()
})

const never = new AbortController().signal
const caughtUp = () => world.caughtUp()
const rebuild = () => world.projectors.rebuild('concepts', AbortSignal.timeout(patience))
const events = () => world.stores.log.read({ epoch: 1, ...logStart }, 10_000)
/** What a viewer's memories brought, after the world's own projector has taken it and all that it made is cleared. */
async function clearedEvents({ userId }: Viewer) {
  await caughtUp()
  await another().clear()
  return (await events()).filter((event) => event.ownerId === userId)
}
const another = (using: Extractor = extractor) =>
  conceptsProjector({ postgres: world.stores.postgres, logger: silentLog() }, using)

/** All that is derived from an owner's memories, but for the order of finding. */
async function derived({ userId }: Viewer) {
  const read = (columns: string, table: string) =>
    world.database.sql(`SELECT ${columns} FROM knowledge.${table} WHERE owner_id = $1 ORDER BY ${columns}`, [userId])
  return {
    concepts: await read('id, key, name, category, mention_count', 'concepts'),
    forms: await read('concept_id, name, category, support', 'forms'),
    mentions: await read('memory_id, concept_id, name, category, count, occurred_at, session_id', 'mentions'),
    relations: await read('source_id, target_id, type, support', 'relations'),
    casing: await read('word, lower_count, capital_count, initial_count', 'casing'),
    readings: await read('memory_id, version, words', 'readings'),
    corpora: await read('readings', 'corpora'),
  }
}

const nothing = { concepts: [], forms: [], mentions: [], relations: [], casing: [], readings: [], corpora: [] }

const people = ['Oksana', 'Bohdan', 'Marta', 'Olena', 'Taras'] as const
const sentence = (names: readonly string[]) => `then we met ${names.join(', and later met ')} and were glad.`
const some = fc.uniqueArray(fc.constantFrom(...people), { maxLength: 4 })
const step = fc.oneof(
  fc.record({ kind: fc.constant('remember'), names: fc.array(some, { minLength: 1, maxLength: 3 }) }),
  fc.record({ kind: fc.constant('revise'), which: fc.nat(), names: some }),
  fc.record({ kind: fc.constant('forget'), which: fc.nat() }),
  fc.record({ kind: fc.constant('project') }),
)

/** Takes the steps, and answers the names in each memory that is left. */
async function take(viewer: Viewer, steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[]) {
  const left = new Map<string, readonly string[]>()
  for (const each of steps) {
    const id = 'which' in each ? [...left.keys()][each.which % Math.max(left.size, 1)] : undefined
    if (each.kind === 'project') await caughtUp()
    else if (each.kind === 'remember' && 'names' in each) {
      const lists = each.names as readonly (readonly string[])[]
      const ids = await world.remember(viewer, ...lists.map(sentence))
      for (const [index, made] of ids.entries()) left.set(made, lists[index] ?? [])
    } else if (id !== undefined && 'names' in each) {
      await world.revise(viewer, id, sentence(each.names as readonly string[]))
      left.set(id, each.names as readonly string[])
    } else if (id !== undefined) {
      await world.forget(viewer, id)
      left.delete(id)
    }
  }
  return left
}

describe('the projection', () => {
  test('holds what the memories say, whatever came before, and a rebuild gives the same', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 10 }), async (steps) => {
        const viewer = viewerOf()
        const left = await take(viewer, steps)
        await caughtUp()
        const found = await derived(viewer)
        const counted = people.map((name) => [name, [...left.values()].filter((names) => names.includes(name)).length])
        expect(found.concepts.map(({ name, mention_count }) => [name, mention_count]).sort()).toEqual(
          counted.filter(([, count]) => count !== 0).sort(),
        )
        const pairs = [...left.values()].flatMap((names) => (names.length * (names.length - 1)) / 2)
        expect(found.relations.reduce((sum, { support }) => sum + Number(support), 0)).toBe(
          pairs.reduce((sum, count) => sum + count, 0),
        )
        expect(found.corpora).toEqual(left.size === 0 ? [] : [{ readings: left.size }])
        await rebuild()
        expect(await derived(viewer)).toEqual(found)
      }),
      { numRuns: 12 },
    )
  }, 120_000)

  test('takes nothing from a batch that comes again, whole or in part, in any order', async () => {
    const viewer = viewerOf()
    const [first = '', second = ''] = await world.remember(viewer, sentence(['Oksana', 'Marta']), sentence(['Oksana']))
    await world.revise(viewer, first, sentence(['Oksana', 'Taras']))
    await world.forget(viewer, second)
    await caughtUp()
    const before = await derived(viewer)
    expect(before.concepts.map(({ name }) => name).sort()).toEqual(['Oksana', 'Taras'])
    const own = (await events()).filter((event) => event.ownerId === viewer.userId)
    expect(own).toHaveLength(4)
    await another().apply(own, never)
    await another().apply(own.slice(0, 1), never)
    await another().apply([...own].reverse(), never)
    expect(await derived(viewer)).toEqual(before)
  })

  test('counts once what two projectors read at the same time', async () => {
    const viewer = viewerOf()
    await world.remember(viewer, sentence(['Oksana', 'Marta']))
    const own = (await events()).filter((event) => event.ownerId === viewer.userId)
    await Promise.all([another().apply(own, never), another().apply(own, never), caughtUp()])
    const { concepts, corpora } = await derived(viewer)
    expect(concepts.map(({ mention_count }) => mention_count)).toEqual([1, 1])
    expect(corpora).toEqual([{ readings: 1 }])
  })

  test('does not write what was read of a memory that has changed or gone meanwhile', async () => {
    const viewer = viewerOf()
    const [changed = '', gone = ''] = await world.remember(viewer, sentence(['Oksana']), sentence(['Marta']))
    const own = await clearedEvents(viewer)
    const meanwhile: Extractor = {
      ...extractor,
      async extract(...given) {
        const found = await extractor.extract(...given)
        await world.revise(viewer, changed, sentence(['Taras']))
        await world.forget(viewer, gone)
        return found
      },
    }
    await another(meanwhile).apply(own, never)
    const { concepts } = await derived(viewer)
    expect(concepts.map(({ name }) => name)).not.toContain('Oksana')
    expect(concepts.map(({ name }) => name)).not.toContain('Marta')
    await caughtUp()
    expect((await derived(viewer)).concepts.map(({ name }) => name)).toEqual(['Taras'])
  })

  test('leaves no word of what was forgotten', async () => {
    const viewer = viewerOf()
    const ids = await world.remember(viewer, 'The secret word is xyzzyplugh, said Oksana.', sentence(['Oksana']))
    await caughtUp()
    expect(JSON.stringify(await derived(viewer))).toContain('xyzzyplugh')
    for (const id of ids) await world.forget(viewer, id)
    await caughtUp()
    expect(await derived(viewer)).toEqual(nothing)
  })

  test('goes on with the others when a text cannot be read', async () => {
    const viewer = viewerOf()
    await world.remember(viewer, sentence(['Oksana']), 'the text that breaks it', sentence(['Marta']))
    const own = await clearedEvents(viewer)
    const breaking: Extractor = {
      ...extractor,
      async extract(sources, ...rest) {
        if (sources.some(({ text }) => text.includes('breaks'))) throw new ExtractionFailedError('broken')
        return extractor.extract(sources, ...rest)
      },
    }
    const lines: string[] = []
    const logger = Object.assign(createLog('silent'), { error: (_: object, line: string) => void lines.push(line) })
    await conceptsProjector({ postgres: world.stores.postgres, logger }, breaking).apply(own, never)
    const { concepts, corpora } = await derived(viewer)
    expect(concepts.map(({ name }) => name).sort()).toEqual(['Marta', 'Oksana'])
    expect(corpora).toEqual([{ readings: 3 }])
    expect(lines).toHaveLength(1)
  })

  test('leaves out what the database cannot keep, and goes on', async () => {
    const viewer = viewerOf()
    await world.remember(viewer, sentence(['Oksana']))
    const own = await clearedEvents(viewer)
    const odd = ['a\0b', 'c\ud83d'].map(
      (name) => ({ name, key: name, category: 'NAME', count: 1, offsets: [] }) as const,
    )
    const escaping: Extractor = {
      ...extractor,
      extract: async (...given) => (await extractor.extract(...given)).map((found) => [...odd, ...found]),
    }
    await another(escaping).apply(own, never)
    expect((await derived(viewer)).concepts.map(({ name }) => name)).toEqual(['Oksana'])
  })

  test('wants the events of memories alone, and clears only by itself', async () => {
    const projector = another()
    const [event] = await events()
    if (!event) throw new Error('no events')
    expect(projector.wants(event)).toBe(true)
    expect(projector.wants({ ...event, type: 'Message' })).toBe(false)
    // Of a memory's events the log may have kept only the last, whatever it tells.
    expect(projector.wants({ ...event, kind: 'RELATED' })).toBe(true)
    await projector.apply([{ ...event, id: randomUUID() }], never)
  })
})
