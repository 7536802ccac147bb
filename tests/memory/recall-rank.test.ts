import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readMeaning } from '../../subgraphs/memory/recall/meaning.ts'
import { readQuestion } from '../../subgraphs/memory/recall/question.ts'
import { type Meaning, NO_MEANING, type RecallHit, rank } from '../../subgraphs/memory/recall/rank.ts'
import { DEFAULT_SETTINGS, type Part, type RecallSettings } from '../../subgraphs/memory/recall/weights.ts'
import { type MemoryFixture, memoryIndex, storedMemory } from '../kit/memory-index.ts'

const now = new Date('2025-03-12T12:00:00Z')

interface Asking {
  readonly meaning?: Meaning
  readonly settings?: Partial<RecallSettings>
  readonly vectors?: ReadonlyMap<string, Float32Array>
}

async function ask(text: string, memories: readonly MemoryFixture[], asking: Asking = {}): Promise<RecallHit[]> {
  const index = memoryIndex(memories.map(storedMemory), asking.vectors)
  const settings = { ...DEFAULT_SETTINGS, ...asking.settings }
  return rank(readQuestion(text, now), asking.meaning ?? NO_MEANING, index, settings)
}

const part = (hit: RecallHit | undefined, name: Part) => hit?.why.find(({ part }) => part === name)?.score ?? 0
const scoreOf = (hits: readonly RecallHit[], id: string) => hits.find((hit) => hit.id === id)

/** A conversation of two, one memory a turn. */
function conversation(sessionId: string, turns: readonly (readonly [speaker: string, content: string])[]) {
  return turns.map(([speaker, content], position): MemoryFixture => {
    return { id: `${sessionId}.${position}`, sessionId, position, speaker, content, occurredAt: now }
  })
}

const filler = (count: number): MemoryFixture[] =>
  Array.from({ length: count }, (_, i) => ({ id: `filler ${i}`, content: `ordinary note number ${i} on weather` }))

describe('recall', () => {
  test('puts the memory that says it first, and leaves out what nothing speaks for', async () => {
    const hits = await ask('Which sailing boat was bought?', [
      ...filler(20),
      { id: 'bought', content: 'We bought a sailing boat.' },
      { id: 'sold', content: 'The boat of the neighbours is for sale.' },
    ])
    expect(hits.map(({ id }) => id)).toEqual(['bought', 'sold'])
  })

  test('finds nothing in nothing, and nothing by stop words alone', async () => {
    expect(await ask('boat', [])).toEqual([])
    expect(await ask('what is it', filler(3))).toEqual([])
    expect(await ask('', filler(3))).toEqual([])
  })

  test('finds an answer that shares no word with the question by what was said around it', async () => {
    const hits = await ask('What did Ann think of the memorial in Verdun?', [
      ...conversation('trip', [
        ['Ann', 'Last week we went to the memorial in Verdun.'],
        ['Bob', 'What was it like?'],
        ['Ann', 'I was humbled.'],
      ]),
      ...conversation('other', [
        ['Ann', 'I had soup.'],
        ['Bob', 'Tasty?'],
        ['Ann', 'I was full.'],
      ]),
      ...filler(20),
    ])
    expect(scoreOf(hits, 'trip.2')?.why.map(({ part }) => part)).toContain('NEIGHBOURS')
    expect(part(scoreOf(hits, 'trip.2'), 'TEXT')).toBeLessThan(part(scoreOf(hits, 'trip.2'), 'NEIGHBOURS'))
    expect(scoreOf(hits, 'other.2')).toBeUndefined()
  })

  test('prefers the turn of the one whom the question names', async () => {
    const turns = conversation('c', [
      ['Ann', 'I like old clocks.'],
      ['Bob', 'I like old clocks.'],
    ])
    const hits = await ask('What old clocks does Bob like?', [...turns, ...filler(20)])
    expect(hits[0]?.id).toBe('c.1')
    expect(part(hits[0], 'PARTICIPANT')).toBeGreaterThan(0)
  })

  test('prefers what happened when the question says', async () => {
    const trip = (id: string, date: string) => ({ id, content: 'A trip to the lake.', occurredAt: new Date(date) })
    const trips = [trip('spring', '2023-04-10'), trip('summer', '2023-07-15'), trip('autumn', '2023-10-10')]
    const hits = await ask('Which trip was in July 2023?', [...trips, ...filler(20)])
    expect(hits[0]?.id).toBe('summer')
    expect(part(hits[0], 'TIME')).toBeGreaterThan(part(hits[1], 'TIME'))
  })

  test('finds what one person told at different times when a question asks for several things', async () => {
    const told = (sessionId: string, content: string) =>
      conversation(sessionId, [
        ['Bob', 'What is new?'],
        ['Ann', content],
        ['Bob', 'Good to hear.'],
      ])
    const market = conversation('market', [
      ['Ann', 'The market had pets: a parrot, and pets that were sold.'],
      ['Bob', 'Pets at a market, what a sight.'],
      ['Ann', 'It was loud there.'],
      ['Bob', 'Sounds loud.'],
    ])
    const memories = [
      ...told('may', 'I brought a kitten home.'),
      ...market,
      ...told('june', 'My rabbit is well.'),
      ...filler(20),
    ]
    const related = new Map([
      [
        'pets',
        new Map([
          ['kitten', 0.7],
          ['rabbit', 0.7],
        ]),
      ],
      [
        'pet',
        new Map([
          ['kitten', 0.7],
          ['rabbit', 0.7],
        ]),
      ],
    ])
    const meaning = { vector: null, related }
    const ranksOf = async (question: string) => {
      const hits = await ask(question, memories, { meaning })
      return ['may.1', 'june.1'].map((id) => hits.findIndex((hit) => hit.id === id) + 1)
    }
    const [several, one] = [await ranksOf('Which pets has Ann had?'), await ranksOf('Which pet did Ann mention?')]
    expect(Math.max(...several)).toBeLessThan(Math.max(...one))
  })

  test('breaks a tie by the newer memory', async () => {
    const old = { id: 'a', content: 'A trip to the lake.', occurredAt: new Date('2020-01-01') }
    const hits = await ask('trip', [old, { ...old, id: 'b', occurredAt: new Date('2024-01-01') }])
    expect(hits.map(({ id }) => id)).toEqual(['b', 'a'])
    expect(part(hits[0], 'RECENCY')).toBeGreaterThan(part(hits[1], 'RECENCY'))
  })

  test('finds by related words and by vectors what no word of the question finds', async () => {
    const memories = [{ id: 'cat', content: 'Our kitten sleeps.' }, ...filler(20)]
    const related = new Map([['cat', new Map([['kitten', 0.8]])]])
    const byWords = await ask('cat', memories, { meaning: { vector: null, related } })
    expect(byWords.map(({ id }) => id)).toEqual(['cat'])
    const vectors = new Map([
      ['cat', Float32Array.of(1, 0)],
      ['filler 1', Float32Array.of(0, 1)],
    ])
    const meaning = { vector: Float32Array.of(1, 0), related: new Map() }
    const byVector = await ask('cat', memories, { meaning, vectors })
    expect(byVector[0]?.id).toBe('cat')
    expect(part(byVector[0], 'VECTOR')).toBeGreaterThan(part(byVector[1], 'VECTOR'))
  })

  test('leaves dialogue out when it is told to', async () => {
    const turns = conversation('c', [
      ['Bob', 'Do you own a boat?'],
      ['Ann', 'I own a boat.'],
    ])
    const [on, off] = await Promise.all([true, false].map((dialogue) => ask('boat', turns, { settings: { dialogue } })))
    expect(part(scoreOf(on ?? [], 'c.1'), 'DIALOGUE')).not.toBe(0)
    for (const hit of off ?? []) expect(part(hit, 'DIALOGUE')).toBe(0)
  })
})

describe('a score', () => {
  const word = fc.constantFrom('boat', 'sail', 'lake', 'Ann', 'Bob', 'why', 'yesterday', 'I', 'you', '?', 'two', 'Rome')
  const text = fc.array(word, { maxLength: 12 }).map((words) => words.join(' '))
  const question = fc.tuple(fc.constantFrom('', 'Which boats has '), text).map(([opening, words]) => opening + words)
  const memory = fc.record({
    content: text,
    speaker: fc.constantFrom('Ann', 'Bob', null),
    sessionId: fc.constantFrom('one', 'two', null),
    occurredAt: fc.date({ min: new Date('2000-01-01'), max: new Date('2030-01-01'), noInvalidDate: true }),
  })
  const memories = fc
    .array(memory, { maxLength: 12 })
    .map((list) => list.map((one, position): MemoryFixture => ({ ...one, id: `${position}`, position })))
  const vectorsOf = (documents: readonly MemoryFixture[]) =>
    new Map(documents.map(({ id }, i) => [id, Float32Array.of(Math.cos(i), Math.sin(i))]))

  test('is the sum of its parts, finite and in order; each memory comes once, whatever order they are read in', async () => {
    await fc.assert(
      fc.asyncProperty(question, memories, fc.boolean(), async (question, documents, withVector) => {
        const meaning = {
          vector: withVector ? Float32Array.of(1, 0) : null,
          related: new Map([['boat', new Map([['sail', 0.7]])]]),
        }
        const hits = await ask(question, documents, { meaning, vectors: vectorsOf(documents) })
        expect(new Set(hits.map(({ id }) => id)).size).toBe(hits.length)
        hits.forEach(({ score, why }, i) => {
          expect(Number.isFinite(score)).toBe(true)
          expect(why.reduce((sum, { score: part }) => sum + part, 0)).toBe(score)
          expect(new Set(why.map(({ part }) => part)).size).toBe(why.length)
          expect(score).toBeLessThanOrEqual(hits[i - 1]?.score ?? Number.POSITIVE_INFINITY)
        })
        const shuffled = [...documents].reverse()
        const again = await ask(question, shuffled, { meaning, vectors: vectorsOf(documents) })
        expect(again.map(({ id }) => id).sort()).toEqual(hits.map(({ id }) => id).sort())
      }),
    )
  })
})

describe('the meaning of a question', () => {
  test('is its vector and the index terms related to its words', async () => {
    const question = readQuestion('Any cats?', now)
    const encoder = { encode: async (texts: readonly string[]) => texts.map(() => Float32Array.of(1)) }
    const thesaurus = {
      related: async (words: readonly string[]) =>
        words.map(
          () =>
            new Map([
              ['kittens', 0.7],
              ['kitten', 0.6],
              ['weather', 0.1],
            ]),
        ),
    }
    const meaning = await readMeaning('Any cats?', question, encoder, thesaurus)
    expect(meaning.vector).toEqual(Float32Array.of(1))
    const related = meaning.related.get('cats')
    expect([...(related?.keys() ?? [])]).toEqual(['kitten'])
    expect(related?.get('kitten')).toBeCloseTo(0.5)
  })
})
