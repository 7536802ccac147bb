import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verdictOf } from '../../subgraphs/knowledge/consensus/verdict.ts'
import { type Data, type Person, type Product, startProduct } from '../kit/product.ts'
import { must } from '../security/matrix/plant.ts'

describe('what votes come to', () => {
  const cast = fc.record({
    choice: fc.constantFrom('FOR' as const, 'AGAINST' as const, 'ABSTAIN' as const),
    confidence: fc.double({ min: 0.1, max: 1, noNaN: true }),
  })
  const opposite = { FOR: 'AGAINST', AGAINST: 'FOR', ABSTAIN: 'ABSTAIN' } as const

  test('is nothing before the quorum, and a share afterwards', () => {
    fc.assert(
      fc.property(fc.array(cast), fc.integer({ min: 1, max: 10 }), (votes, quorum) => {
        const { score, status } = verdictOf(votes, quorum)
        expect(score).toBeGreaterThanOrEqual(0)
        expect(score).toBeLessThanOrEqual(1)
        if (votes.length < quorum) expect(status).toBe('UNVALIDATED')
      }),
    )
  })

  test('turns round when every vote does, and does not depend on their order', () => {
    fc.assert(
      fc.property(fc.array(cast, { minLength: 1 }), (votes) => {
        const turned = votes.map((vote) => ({ ...vote, choice: opposite[vote.choice] }))
        const there = verdictOf(votes, 1)
        const back = verdictOf(turned, 1)
        if (there.status !== 'UNVALIDATED') expect(there.score + back.score).toBeCloseTo(1)
        expect(verdictOf(votes.toReversed(), 1).score).toBeCloseTo(there.score)
      }),
    )
  })

  test.each([
    [['FOR', 'FOR', 'AGAINST'], 'VALIDATED'],
    [['FOR', 'AGAINST'], 'DISPUTED'],
    [['FOR', 'AGAINST', 'AGAINST'], 'REJECTED'],
    [['FOR'], 'UNVALIDATED'],
    [['FOR', 'ABSTAIN'], 'VALIDATED'],
    [['ABSTAIN', 'ABSTAIN'], 'UNVALIDATED'],
  ] as const)('of %j is %s', (choices, status) => {
    expect(
      verdictOf(
        choices.map((choice) => ({ choice, confidence: 1 })),
        2,
      ).status,
    ).toBe(status)
  })
})

describe('knowledge', () => {
  let product: Product
  let owner: Person
  let other: Person
  const answerOf = async (who: Person, mutation: string, input: Data): Promise<Data> => {
    const name = `${mutation[0]?.toUpperCase()}${mutation.slice(1)}`
    const query = `mutation ($input: ${name}Input!) { answer: ${mutation}(input: $input) { __typename ... on Problem { code message path } } }`
    return (await who.ask(query, { input })).answer
  }
  const propose = (key: string, more: Data = {}) =>
    must(
      owner,
      'proposeKnowledge',
      { type: 'fact', key, title: key, content: { key }, ...more },
      'cursor node { id version status score }',
    )
  const vote = (nodeId: string, choice: string, more: Data = {}) =>
    must(
      owner,
      'voteOnKnowledge',
      { nodeId, choice, ...more },
      'node { status score establishedAt votes { nodes { choice reason agent { agentId } } } }',
    )
  const agent = async (name: string) => (await must(owner, 'registerAgent', { agentId: name }, 'agent { id }')).agent.id

  beforeAll(async () => {
    product = await startProduct()
    owner = await product.join()
    other = await product.join()
  }, 60_000)
  afterAll(() => product.close())

  test('is what enough votes agree on; a second vote of a voter takes the place of his first', async () => {
    const { node } = await propose('tide')
    expect(node).toMatchObject({ version: 1, status: 'UNVALIDATED', score: 0 })
    const agentId = await agent('gull')
    await vote(node.id, 'AGAINST', { agentId })
    expect((await vote(node.id, 'FOR')).node).toMatchObject({ status: 'DISPUTED', establishedAt: null })
    const { node: agreed } = await vote(node.id, 'FOR', { agentId, reason: 'seen since' })
    expect(agreed).toMatchObject({ status: 'VALIDATED', score: 1, establishedAt: expect.any(String) })
    expect(agreed.votes.nodes).toEqual([
      { choice: 'FOR', reason: 'seen since', agent: { agentId: 'gull' } },
      { choice: 'FOR', reason: null, agent: null },
    ])
  })

  test('with new content is voted on anew, by who knows its version', async () => {
    const { node } = await propose('moon', { quorum: 1 })
    await vote(node.id, 'FOR')
    const { node: next } = await propose('moon', { content: { phase: 'full' }, quorum: 1, expectedVersion: 1 })
    expect(next).toEqual({ id: node.id, version: 2, status: 'UNVALIDATED', score: 0 })
    expect(
      await answerOf(owner, 'voteOnKnowledge', { nodeId: node.id, choice: 'FOR', expectedVersion: 1 }),
    ).toMatchObject({
      code: 'CONFLICT',
    })
    const late = { type: 'fact', key: 'moon', title: 'm', content: {}, expectedVersion: 1 }
    expect(await answerOf(owner, 'proposeKnowledge', late)).toMatchObject({ code: 'CONFLICT' })
  })

  test('is found by its name and listed by where it stands', async () => {
    const { node } = await propose('star', { quorum: 1 })
    await vote(node.id, 'AGAINST')
    const { consensusNode, consensusNodes, none } = await owner.ask(`{
      consensusNode(type: "fact", key: "star") { id title content }
      consensusNodes(status: REJECTED, type: "fact") { nodes { id } }
      none: consensusNode(type: "fact", key: "no star") { id } }`)
    expect(consensusNode).toEqual({ id: node.id, title: 'star', content: { key: 'star' } })
    expect(consensusNodes.nodes).toEqual([{ id: node.id }])
    expect(none).toBeNull()
    const { errors } = await owner.send('{ consensusNode(type: "fact") { id } }')
    expect(errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT')
  })

  test('votes at the same time all count', async () => {
    const { node } = await propose('crowd', { quorum: 4 })
    const voters = await Promise.all(['a', 'b', 'c', 'd'].map(agent))
    await Promise.all(voters.map((agentId) => vote(node.id, 'FOR', { agentId })))
    const { consensusNode } = await owner.ask('query ($id: ID!) { consensusNode(id: $id) { status score } }', {
      id: node.id,
    })
    expect(consensusNode).toEqual({ status: 'VALIDATED', score: 1 })
  })

  test('patterns count their uses, and are the surer the more often they work', async () => {
    const use = (more: Data = {}) =>
      must(
        owner,
        'recordLearningPattern',
        { key: 'by train', type: 'travel', content: { by: 'train' }, ...more },
        'pattern { id usageCount successCount confidence }',
      ).then(({ pattern }) => pattern)
    expect(await use()).toMatchObject({ usageCount: 1, successCount: 1, confidence: 2 / 3 })
    expect(await use({ succeeded: false })).toMatchObject({ usageCount: 2, successCount: 1, confidence: 0.5 })
    expect(await use({ confidence: 0.9 })).toMatchObject({ usageCount: 3, successCount: 2, confidence: 0.9 })
    const { learningPatterns } = await owner.ask('{ learningPatterns(type: "travel") { nodes { key usageCount } } }')
    expect(learningPatterns.nodes).toEqual([{ key: 'by train', usageCount: 3 }])
  })

  test('is its owner’s alone', async () => {
    const { node } = await propose('secret')
    const agentId = await agent('mole')
    expect(await other.ask('query ($id: ID!) { consensusNode(id: $id) { id } }', { id: node.id })).toEqual({
      consensusNode: null,
    })
    expect(await answerOf(other, 'voteOnKnowledge', { nodeId: node.id, choice: 'FOR' })).toMatchObject({
      code: 'NOT_FOUND',
    })
    const own = await must(
      other,
      'proposeKnowledge',
      { type: 'fact', key: 'own', title: 'o', content: {} },
      'node { id }',
    )
    expect(await answerOf(other, 'voteOnKnowledge', { nodeId: own.node.id, agentId, choice: 'FOR' })).toMatchObject({
      code: 'NOT_FOUND',
      path: ['input', 'agentId'],
    })
  })

  test.each([
    ['proposeKnowledge', { type: '', key: 'k', title: 't', content: {} }, 'type'],
    ['proposeKnowledge', { type: 't', key: 'k'.repeat(257), title: 't', content: {} }, 'key'],
    ['proposeKnowledge', { type: 't', key: 'k', title: 't', content: [] }, 'content'],
    ['proposeKnowledge', { type: 't', key: 'k', title: 't', content: {}, quorum: 0 }, 'quorum'],
    ['proposeKnowledge', { type: 't', key: 'k', title: 't', content: {}, tags: Array(21).fill('t') }, 'tags'],
    ['recordLearningPattern', { type: 't', key: 'k', content: {}, confidence: 2 }, 'confidence'],
  ])('takes no wrong input: %s %#', async (mutation, input, path) => {
    expect(await answerOf(owner, mutation, input)).toMatchObject({ code: 'INVALID_INPUT', path: ['input', path] })
  })
})
