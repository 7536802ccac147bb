import { beforeAll, expect, test } from 'vitest'
import { describeEachPostgres } from '../kit/postgres.ts'
import { type Data, type MemoryWorld, openMemoryWorld, verbs } from './world.ts'

const record = `mutation ($input: RecordReasoningChainInput!) { recordReasoningChain(input: $input) {
  ... on RecordReasoningChainSuccess { cursor chain { id data confidence createdAt session { id }
    steps { position thought evidence confidence } } } ... on Problem { code message path } } }`

describeEachPostgres('reasoning chains', (database) => {
  let world: MemoryWorld
  let session: string
  beforeAll(async () => {
    world = await openMemoryWorld({ database: database() })
    session = await verbs(world, world.owner).openSession()
    return () => world.close()
  })
  const act = async (input: Data, who = world.owner): Promise<Data> =>
    (await world.ask(who, record, { input: { sessionId: session, ...input } })).recordReasoningChain
  const list = async (more = ''): Promise<Data> =>
    (
      await world.ask(
        world.owner,
        `query ($id: ID!) { chatSession(id: $id) { reasoningChains${more} { totalCount nodes { id data }
          pageInfo { endCursor hasNextPage } } } }`,
        { id: session },
      )
    ).chatSession.reasoningChains

  test('keep their steps in order, with evidence and confidence', async () => {
    const steps = [
      { thought: 'The ferry leaves at noon.', evidence: ['Timetable of May'], confidence: 0.9 },
      { thought: 'So breakfast is possible.' },
    ]
    const answer = await act({ steps, confidence: 0.8, data: { question: 'Is there time?' } })
    expect(answer).toMatchObject({
      cursor: expect.any(String),
      chain: {
        data: { question: 'Is there time?' },
        confidence: 0.8,
        session: { id: session },
        createdAt: world.clock.now().toISOString(),
        steps: [
          { position: 0, ...steps[0] },
          { position: 1, thought: 'So breakfast is possible.', evidence: [], confidence: null },
        ],
      },
    })
    expect((await list()).nodes[0]).toMatchObject({ id: answer.chain.id })
  })

  test('are listed the newest first, by pages', async () => {
    for (const n of [1, 2, 3]) await act({ steps: [{ thought: `Thought ${n}` }], data: { n } })
    const first = await list('(first: 2)')
    expect(first.nodes.map(({ data }: Data) => data.n)).toEqual([3, 2])
    const next = await list(`(first: 1, after: "${first.pageInfo.endCursor}")`)
    expect(next.nodes).toMatchObject([{ data: { n: 1 } }])
    expect(first.totalCount).toBe(next.totalCount)
  })

  test('are their owner’s alone', async () => {
    const { chain } = await act({ steps: [{ thought: 'Mine' }] })
    expect(await act({ steps: [{ thought: 'Theirs' }] }, world.stranger)).toMatchObject({
      code: 'NOT_FOUND',
      path: ['input', 'sessionId'],
    })
    const find = (who: Data) =>
      world.run(who, 'query ($of: [_Any!]!) { _entities(representations: $of) { ... on ReasoningChain { data } } }', {
        of: [{ __typename: 'ReasoningChain', id: chain.id }],
      })
    expect((await find(world.owner)).data._entities).toEqual([{ data: {} }])
    expect((await find(world.stranger)).data._entities).toEqual([null])
  })

  test('are recorded while their session goes on', async () => {
    const mine = verbs(world, world.owner)
    const ended = await mine.openSession()
    await mine.act('end', { id: ended })
    expect(await act({ sessionId: ended, steps: [{ thought: 'Late' }] })).toMatchObject({ code: 'CONFLICT' })
  })

  test.each([
    [{ steps: [] }, 'INVALID_INPUT', ['input', 'steps']],
    [{ steps: Array(101).fill({ thought: 't' }) }, 'LIMIT_EXCEEDED', ['input', 'steps']],
    [{ steps: [{ thought: '' }] }, 'INVALID_INPUT', ['input', 'steps', '0', 'thought']],
    [{ steps: [{ thought: 't', confidence: 2 }] }, 'INVALID_INPUT', ['input', 'steps', '0', 'confidence']],
    [{ steps: [{ thought: 't', evidence: [''] }] }, 'INVALID_INPUT', ['input', 'steps', '0', 'evidence', '0']],
    [
      { steps: [{ thought: 't', evidence: Array(21).fill('e') }] },
      'LIMIT_EXCEEDED',
      ['input', 'steps', '0', 'evidence'],
    ],
    [{ confidence: -1 }, 'INVALID_INPUT', ['input', 'confidence']],
    [{ data: 'text' }, 'INVALID_INPUT', ['input', 'data']],
  ] as [Data, string, string[]][])('take no %#', async (wrong, code, path) => {
    const before = (await list()).totalCount
    expect(await act({ steps: [{ thought: 'Right' }], ...wrong })).toMatchObject({ code, path })
    expect((await list()).totalCount).toBe(before)
  })
})
