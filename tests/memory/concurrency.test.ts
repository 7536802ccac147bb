import { beforeAll, expect, test } from 'vitest'
import { describeEachPostgres } from '../kit/postgres.ts'
import { type Data, type MemoryWorld, openMemoryWorld, operations, verbs } from './world.ts'

// The embedded database runs one transaction after the other; only a server can be raced.
describeEachPostgres('writers at the same time', (database) => {
  let world: MemoryWorld
  let mine: ReturnType<typeof verbs>
  beforeAll(async () => {
    world = await openMemoryWorld({ database: database() })
    mine = verbs(world, world.owner)
    return () => world.close()
  })

  const all = <T>(count: number, write: (i: number) => Promise<T>) =>
    Promise.all(Array.from({ length: count }, (_, i) => write(i)))

  test('of one name add one memory', async () => {
    for (let round = 0; round < 5; round++) {
      const externalId = `race ${round}`
      const answers = await all(8, (i) => mine.act('remember', { content: `Race ${i}`, externalId }))
      expect(new Set(answers.map((answer: Data) => answer.memory?.id)).size).toBe(1)
    }
  })

  test('of one name open one session', async () => {
    const ids = await all(8, () => mine.openSession({ externalId: 'race' }))
    expect(new Set(ids).size).toBe(1)
  })

  test('under one key do the work once', async () => {
    const input = { content: 'Once.', clientMutationId: 'race' }
    const answers = await all(8, () => mine.act('remember', input))
    expect(new Set(answers.map((answer: Data) => answer.memory.id)).size).toBe(1)
  })

  test('that revise one version get one through', async () => {
    const id = await mine.remember('First.')
    const answers = await all(8, (i) => mine.act('revise', { id, content: `Racing ${i}`, expectedVersion: 1 }))
    const codes = answers.map(({ code }: Data) => code ?? 'DONE').sort()
    expect(codes).toEqual([...Array.from({ length: 7 }, () => 'CONFLICT'), 'DONE'])
  })

  test('that revise and forget one memory end with nothing of it', async () => {
    for (let round = 0; round < 5; round++) {
      const id = await mine.remember('Contested.')
      // Whoever revised it may find it forgotten before he has read it back.
      await all(6, (i) =>
        i === 3
          ? mine.act('forget', { id })
          : world.run(world.owner, operations.revise, { input: { id, content: `Contested ${i}.` } }),
      )
    }
    const left = await world.database.sql("SELECT FROM memory.revisions WHERE content LIKE 'Contested%'")
    const terms = await world.database.sql("SELECT FROM memory.postings WHERE term = 'contest'")
    expect([left, terms]).toEqual([[], []])
  })

  test('to one session stand behind one another, none lost, none doubled', async () => {
    const sessionId = await mine.openSession()
    const say = (content: string) => ({ role: 'USER', content, externalId: content })
    await all(12, (i) =>
      mine.act('append', { sessionId, messages: [say(`${i % 3}`), say(`own ${i}`)], remember: true }),
    )
    const { chatSession } = await world.ask(
      world.owner,
      `query ($id: ID!) { chatSession(id: $id) { messages(first: 100) { totalCount nodes { position content } }
        memories(first: 100) { totalCount nodes { content } } } }`,
      { id: sessionId },
    )
    const { messages, memories } = chatSession
    expect(messages.nodes.map(({ position }: Data) => position)).toEqual([...Array(15).keys()])
    expect(new Set(messages.nodes.map(({ content }: Data) => content)).size).toBe(15)
    expect(memories.nodes.map(({ content }: Data) => content)).toEqual(
      messages.nodes.map(({ content }: Data) => content),
    )
    expect([messages.totalCount, memories.totalCount]).toEqual([15, 15])
  })

  test('with one system prompt store and remember it once', async () => {
    const prompt = { role: 'SYSTEM', content: 'You race.' }
    const sessions = await all(8, () => mine.openSession())
    const answers = await all(8, (i) =>
      mine.act('append', { sessionId: sessions[i], messages: [prompt], remember: true }),
    )
    expect(answers.map(({ remembered }: Data) => remembered).sort()).toEqual([0, 0, 0, 0, 0, 0, 0, 1])
    const stored = await world.database.sql("SELECT FROM memory.prompts WHERE content = 'You race.'")
    expect(stored).toHaveLength(1)
  })
})
