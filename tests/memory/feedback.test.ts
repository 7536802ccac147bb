import { beforeAll, expect, test } from 'vitest'
import { toGlobalId } from '../../lib/ids.ts'
import { describeEachPostgres } from '../kit/postgres.ts'
import { type Data, type MemoryWorld, openMemoryWorld, verbs } from './world.ts'

const leave = `mutation ($input: LeaveFeedbackInput!) { leaveFeedback(input: $input) {
  ... on LeaveFeedbackSuccess { cursor feedback { id message { id } owner { id } type rating comment version } }
  ... on Problem { code path } } }`
const withdraw = `mutation ($input: WithdrawFeedbackInput!) { withdrawFeedback(input: $input) {
  ... on WithdrawFeedbackSuccess { cursor messageId } ... on Problem { code path } } }`
const read = `query ($id: ID!) { chatSession(id: $id) { messages { nodes { feedback { totalCount
  nodes { type rating comment version } } } } } }`

describeEachPostgres('feedback on a message', (database) => {
  let world: MemoryWorld
  let session: string
  let message: string
  beforeAll(async () => {
    world = await openMemoryWorld({ database: database() })
    return () => world.close()
  })
  const act = async (source: string, input: Data, who = world.owner): Promise<Data> =>
    Object.values(await world.ask(who, source, { input: { messageId: message, ...input } }))[0]
  const begin = async (count = 1) => {
    const mine = verbs(world, world.owner)
    session = await mine.openSession()
    const messages = Array.from({ length: count }, (_, n) => ({ role: 'ASSISTANT', content: `Answer ${n}` }))
    message = (await mine.act('append', { sessionId: session, messages })).messages[0].id
  }
  const shown = async (): Promise<Data[]> =>
    (await world.ask(world.owner, read, { id: session })).chatSession.messages.nodes.map((node: Data) => node.feedback)

  test('is left, changed by leaving it again, and listed on the message', async () => {
    await begin(2)
    expect(await act(leave, { type: 'UNHELPFUL', rating: 2, comment: 'Too long' })).toMatchObject({
      cursor: expect.any(String),
      feedback: {
        message: { id: message },
        owner: { id: toGlobalId('User', world.owner.userId) },
        type: 'UNHELPFUL',
        rating: 2,
        comment: 'Too long',
        version: 1,
      },
    })
    await act(leave, { type: 'HELPFUL', rating: 5 })
    expect(await shown()).toEqual([
      { totalCount: 1, nodes: [{ type: 'HELPFUL', rating: 5, comment: null, version: 2 }] },
      { totalCount: 0, nodes: [] },
    ])
  })

  test('is one even when it is left twice at once', async () => {
    await begin()
    await Promise.all([1, 5].map((rating) => act(leave, { type: 'OTHER', rating })))
    expect((await shown())[0]).toMatchObject({ totalCount: 1, nodes: [{ version: 2 }] })
  })

  test('is taken back, once', async () => {
    await begin()
    await act(leave, { type: 'HARMFUL' })
    expect(await act(withdraw, {})).toMatchObject({ messageId: message })
    expect(await shown()).toEqual([{ totalCount: 0, nodes: [] }])
    expect(await act(withdraw, {})).toEqual({ code: 'NOT_FOUND', path: ['input', 'messageId'] })
  })

  test('has an id of its own, which names something for its owner alone', async () => {
    await begin()
    const id = (await act(leave, { type: 'HELPFUL' })).feedback.id
    expect((await act(leave, { type: 'OTHER' })).feedback.id).toBe(id)
    const entity = `query ($them: [_Any!]!) { _entities(representations: $them) { ... on MessageFeedback { id type } } }`
    const them = ['id', 'nodeRef'].map((key) => ({ __typename: 'MessageFeedback', [key]: id }))
    const found = { id, type: 'OTHER' }
    expect((await world.ask(world.owner, entity, { them }))._entities).toEqual([found, found])
    expect((await world.ask(world.stranger, entity, { them }))._entities).toEqual([null, null])
    await act(withdraw, {})
    expect((await world.ask(world.owner, entity, { them }))._entities).toEqual([null, null])
  })

  test('is for those who may see the message', async () => {
    await begin()
    const missing = { code: 'NOT_FOUND', path: ['input', 'messageId'] }
    expect(await act(leave, { type: 'HELPFUL' }, world.stranger)).toEqual(missing)
    await act(leave, { type: 'HELPFUL' })
    expect(await act(withdraw, {}, world.stranger)).toEqual(missing)
    expect((await shown())[0].totalCount).toBe(1)
  })

  test.each([
    [{ rating: 0 }, 'rating'],
    [{ rating: 6 }, 'rating'],
    [{ comment: 'c'.repeat(4001) }, 'comment'],
  ] as [Data, string][])('takes no wrong %2$s', async (wrong, field) => {
    await begin()
    expect(await act(leave, { type: 'OTHER', ...wrong })).toEqual({ code: 'INVALID_INPUT', path: ['input', field] })
    expect((await shown())[0].totalCount).toBe(0)
  })

  test('on many messages is read by the same statements as on one', async () => {
    const statements = async (count: number) => {
      await begin(count)
      world.statements.length = 0
      await shown()
      return world.statements.length
    }
    expect(await statements(8)).toBe(await statements(1))
  })
})
