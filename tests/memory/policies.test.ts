import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Viewer } from '../../lib/context.ts'
import { toGlobalId } from '../../lib/ids.ts'
import { maskText, maskValue } from '../../subgraphs/memory/policies/mask.ts'
import type { Rule } from '../../subgraphs/memory/policies/rules.ts'
import { viewerOf } from '../kit/room-world.ts'
import { type Data, type MemoryWorld, openMemoryWorld, operations, verbs } from './world.ts'

let world: MemoryWorld
beforeAll(async () => {
  world = await openMemoryWorld()
})
afterAll(() => world.close())

const set = `mutation ($input: SetPolicyRuleInput!) { setPolicyRule(input: $input) { __typename
  ... on SetPolicyRuleSuccess { cursor rule { id scope name kind action priority enabled version keepDays toTier mask words
    condition { tiers modes userIds visibilities metadata minAgeDays idleDays minAccesses maxAccesses } } }
  ... on Problem { code message path } } }`
const remove = `mutation ($input: RemovePolicyRuleInput!) { removePolicyRule(input: $input) { __typename
  ... on RemovePolicyRuleSuccess { cursor ruleId } ... on Problem { code path } } }`
const audit = `query ($memoryId: ID, $traceId: String, $kind: PolicyKind, $first: Int, $after: String) {
  policyAudit(memoryId: $memoryId, traceId: $traceId, kind: $kind, first: $first, after: $after) {
    nodes { memoryId ruleName kind action phase outcome times traceId requestId at actor { id } rule { name } memory { id } }
    pageInfo { hasNextPage endCursor } } }`
const read = `query ($id: ID!) { memory(id: $id) { content metadata retentionUntil accessCount accessedAt
  revisions(first: 5) { nodes { content metadata } } } }`

/** Somebody who is in the database too, as a new member of the tenant or what else he is said to be. */
async function join(role: Viewer['role'] = 'MEMBER'): Promise<Viewer> {
  const viewer = viewerOf({ role })
  await world.database.sql(
    `INSERT INTO users.users (id, tenant_id, username, email, role, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, now(), now())`,
    [viewer.userId, viewer.tenantId, viewer.userId.slice(0, 18), `${viewer.userId}@example.test`, role],
  )
  return viewer
}
const act = async (who: Viewer, source: string, input: Data): Promise<Data> =>
  Object.values(await world.ask(who, source, { input }))[0]
const decisions = async (who: Viewer, variables: Data): Promise<Data[]> => {
  await world.stores.notes.idle()
  return (await world.ask(who, audit, variables)).policyAudit.nodes
}
const memory = async (who: Viewer, id: string) => (await world.ask(who, read, { id })).memory
const ownCount = async (who: Viewer) => (await world.ask(who, '{ memoryStats { count } }')).memoryStats.count
const inDays = (days: number) => new Date(world.clock.now().getTime() + days * 86_400_000).toISOString()

describe('a policy rule', () => {
  test('is set by its name, seen by its owner, and gone when it is removed', async () => {
    const [ann, ben] = [await join(), await join()]
    const input = {
      name: 'short lived',
      kind: 'RETENTION',
      action: 'KEEP',
      keepDays: 7,
      condition: { tiers: ['WORKING'], metadata: { topic: 'x' } },
    }
    const { rule, cursor } = await act(ann, set, input)
    expect(cursor).toEqual(expect.any(String))
    expect(rule).toMatchObject({ scope: 'OWNER', version: 1, keepDays: 7, enabled: true, words: [] })
    expect(rule.condition).toMatchObject({ tiers: ['WORKING'], modes: [], metadata: { topic: 'x' }, minAgeDays: null })
    const again = await act(ann, set, { ...input, keepDays: 9, expectedVersion: 1 })
    expect(again.rule).toMatchObject({ id: rule.id, version: 2, keepDays: 9 })
    expect(await act(ann, set, { ...input, expectedVersion: 1 })).toMatchObject({
      code: 'CONFLICT',
      message: 'The rule is at version 2, not 1.',
    })
    const names = async (who: Viewer) =>
      (await world.ask(who, '{ policyRules(kind: RETENTION) { nodes { name } } }')).policyRules.nodes
    expect(await names(ann)).toEqual([{ name: 'short lived' }])
    expect(await names(ben)).toEqual([])
    expect(await act(ben, remove, { id: rule.id })).toMatchObject({ code: 'NOT_FOUND' })
    expect(await act(ann, remove, { id: rule.id })).toMatchObject({ ruleId: rule.id })
    expect(await act(ann, remove, { id: rule.id })).toMatchObject({ code: 'NOT_FOUND' })
    expect(await names(ann)).toEqual([])
  })

  test('of the tenant is an admin’s to set and everybody’s to see', async () => {
    const [ann, admin, analyst] = [await join(), await join('ADMIN'), await join('ANALYST')]
    const input = { scope: 'TENANT', name: 'ours', kind: 'SHARING', action: 'DENY', condition: { tiers: ['WORKING'] } }
    // What a token says of his role counts for nothing.
    for (const who of [ann, analyst, { ...ann, role: 'ADMIN' } as const]) {
      expect(await act(who, set, input)).toMatchObject({ code: 'FORBIDDEN' })
    }
    const { rule } = await act(admin, set, input)
    expect((await world.ask(ann, '{ policyRules { nodes { scope name } } }')).policyRules.nodes).toEqual([
      { scope: 'TENANT', name: 'ours' },
    ])
    expect(await act(ann, remove, { id: rule.id })).toMatchObject({ code: 'FORBIDDEN' })
    expect(await act(admin, remove, { id: rule.id })).toMatchObject({ ruleId: rule.id })
  })

  test.each([
    [{ action: 'MASK' }, 'action'],
    [{ keepDays: null }, 'keepDays'],
    [{ keepDays: 0 }, 'keepDays'],
    [{ keepDays: 36_501 }, 'keepDays'],
    [{ toTier: 'SHARED' }, 'toTier'],
    [{ mask: 'CONTENT' }, 'mask'],
    [{ words: ['x'] }, 'words'],
    [{ name: '' }, 'name'],
    [{ priority: 1001 }, 'priority'],
    [{ condition: { userIds: ['x'] } }, 'condition.userIds'],
    [{ scope: 'TENANT', condition: { userIds: ['x'] } }, 'condition.userIds.0'],
    [{ condition: { minAgeDays: -1 } }, 'condition.minAgeDays'],
    [{ condition: { metadata: [1] } }, 'condition.metadata'],
  ])('is refused with %j', async (wrong, path) => {
    const input = { name: 'n', kind: 'RETENTION', action: 'KEEP', keepDays: 1, ...wrong }
    expect(await act(await join('ADMIN'), set, input)).toMatchObject({
      code: 'INVALID_INPUT',
      path: ['input', ...path.split('.')],
    })
  })

  test('masks fifty words at most', async () => {
    const ann = await join()
    const mask = (words: string[]) =>
      act(ann, set, { name: 'w', kind: 'REDACTION', action: 'MASK', mask: 'WORDS', words })
    const words = Array.from({ length: 51 }, (_, n) => `word${n}`)
    expect(await mask(words)).toMatchObject({ code: 'LIMIT_EXCEEDED', path: ['input', 'words'] })
    expect((await mask(words.slice(1))).rule.words).toHaveLength(50)
  })

  test('is one of a hundred at most', async () => {
    const ann = await join()
    const rule = (n: number) => act(ann, set, { name: `${n}`, kind: 'SHARING', action: 'ALLOW' })
    for (let n = 0; n < 100; n++) await rule(n)
    expect(await rule(100)).toMatchObject({ code: 'LIMIT_EXCEEDED' })
    expect((await rule(99)).rule.version).toBe(2)
  })
})

describe('when a memory is stored', () => {
  test('a retention rule says how long it is kept, and the decision is found by memory and by trace', async () => {
    const ann = await join()
    const mine = verbs(world, ann)
    await act(ann, set, {
      name: 'week',
      kind: 'RETENTION',
      action: 'KEEP',
      keepDays: 7,
      condition: { tiers: ['WORKING'] },
    })
    const id = await mine.remember('For now.', { tier: 'WORKING' })
    expect((await memory(ann, id)).retentionUntil).toBe(inDays(7))
    const shorter = await mine.remember('For less.', { tier: 'WORKING', retentionUntil: inDays(2) })
    expect((await memory(ann, shorter)).retentionUntil).toBe(inDays(2))
    const longer = await mine.remember('For more.', { tier: 'WORKING', retentionUntil: inDays(20) })
    expect((await memory(ann, longer)).retentionUntil).toBe(inDays(7))
    const other = await mine.remember('For good.', { tier: 'SEMANTIC' })
    expect((await memory(ann, other)).retentionUntil).toBeNull()
    expect(await decisions(ann, { memoryId: id })).toEqual([
      expect.objectContaining({
        memoryId: id,
        ruleName: 'week',
        rule: { name: 'week' },
        memory: { id },
        kind: 'RETENTION',
        action: 'KEEP',
        phase: 'STORE',
        outcome: { retentionUntil: inDays(7) },
        times: 1,
        traceId: 'test',
        requestId: expect.any(String),
      }),
    ])
    expect(await decisions(ann, { memoryId: other })).toEqual([])
    expect((await decisions(ann, { traceId: 'test' })).map(({ memoryId }) => memoryId)).toEqual([longer, shorter, id])
    expect(await decisions(ann, { traceId: 'another' })).toEqual([])
    expect(await decisions(await join(), { memoryId: id })).toEqual([])
    expect(await decisions(await join('ANALYST'), { memoryId: id })).toHaveLength(1)
  })

  test('modes, users, owners’ and tenant’s rules: each scope’s first, and of both the stricter', async () => {
    const [ann, ben, admin] = [await join(), await join(), await join('ADMIN')]
    const condition = { userIds: [toGlobalId('User', ann.userId)], modes: ['SOCRATIC'] }
    const keep = (who: Viewer, name: string, keepDays: number, more: Data = {}) =>
      act(who, set, { name, kind: 'RETENTION', action: 'KEEP', keepDays, ...more })
    const { rule } = await keep(admin, 'socratic', 10, { scope: 'TENANT', condition })
    await keep(ann, 'mine', 5)
    await act(ann, set, {
      name: 'but not this',
      kind: 'RETENTION',
      action: 'ALLOW',
      priority: 1,
      condition: { metadata: { keep: true } },
    })
    const until = async (who: Viewer, mode: string, more: Data = {}) => {
      const sessionId = await verbs(world, who).openSession({ mode })
      const id = await verbs(world, who).remember('Something.', { sessionId, ...more })
      return (await memory(who, id)).retentionUntil
    }
    expect(await until(ann, 'SOCRATIC')).toBe(inDays(5))
    expect(await until(ann, 'SOCRATIC', { metadata: { keep: true } })).toBe(inDays(10))
    expect(await until(ann, 'SIMPLE', { metadata: { keep: true } })).toBeNull()
    expect(await until(ben, 'SOCRATIC')).toBeNull()
    await act(admin, remove, { id: rule.id })
  })

  test('a tier rule keeps it out of a tier, for one, for many, and when it is revised', async () => {
    const ann = await join()
    const mine = verbs(world, ann)
    const rule = {
      name: 'no jump',
      kind: 'TIER',
      action: 'DENY',
      toTier: 'SEMANTIC',
      condition: { tiers: ['WORKING'] },
    }
    await act(ann, set, rule)
    const id = await mine.remember('Half a thought.', { tier: 'WORKING' })
    expect(await mine.act('revise', { id, tier: 'SEMANTIC' })).toEqual({
      code: 'FORBIDDEN',
      message: 'The policy rule “no jump” keeps it out of the tier SEMANTIC.',
      path: ['input', 'tier'],
    })
    expect(await decisions(ann, { memoryId: id, kind: 'TIER' })).toMatchObject([
      { action: 'DENY', phase: 'STORE', outcome: { tier: 'WORKING', toTier: 'SEMANTIC' } },
    ])
    expect((await mine.act('revise', { id, tier: 'EPISODIC' })).memory).toMatchObject({ tier: 'EPISODIC', version: 2 })
    expect((await mine.act('revise', { id, tier: 'SEMANTIC' })).memory).toMatchObject({ tier: 'SEMANTIC', version: 3 })
    await act(ann, set, { ...rule, condition: null })
    expect(await mine.act('remember', { content: 'At once.', tier: 'SEMANTIC' })).toMatchObject({
      code: 'FORBIDDEN',
      path: ['input', 'tier'],
    })
    const many = await mine.act('rememberMany', { items: [{ content: 'One.' }, { content: 'Two.', tier: 'SEMANTIC' }] })
    expect(many.problems).toMatchObject([{ __typename: 'Forbidden', path: ['1', 'tier'] }])
    expect(await ownCount(ann)).toBe(1)
    await act(ann, set, { ...rule, enabled: false })
    expect((await mine.act('remember', { content: 'At last.', tier: 'SEMANTIC' })).memory.version).toBe(1)
  })

  test('a sharing rule refuses it to others, whoever turns it which way', async () => {
    const ann = await join()
    const mine = verbs(world, ann)
    await act(ann, set, { name: 'private', kind: 'SHARING', action: 'DENY', condition: { metadata: { secret: true } } })
    const refused = { code: 'FORBIDDEN', path: ['input', 'visibility'] }
    const secret = { content: 'S.', metadata: { secret: true, more: [1] } }
    expect(await mine.act('remember', { ...secret, visibility: 'PUBLIC' })).toMatchObject(refused)
    const id = (await mine.act('remember', secret)).memory.id
    expect(await mine.act('revise', { id, visibility: 'PUBLIC' })).toMatchObject(refused)
    const open = (await mine.act('remember', { content: 'S.', visibility: 'PUBLIC' })).memory.id
    expect(await mine.act('revise', { id: open, metadata: { secret: true } })).toMatchObject(refused)
    expect((await mine.act('revise', { id: open, metadata: { secret: false } })).memory.version).toBe(2)
  })

  test('messages that are remembered are judged too', async () => {
    const ann = await join()
    const mine = verbs(world, ann)
    const sessionId = await mine.openSession()
    const messages = [{ role: 'USER', content: 'Said.' }]
    await act(ann, set, { name: 'none', kind: 'TIER', action: 'DENY', toTier: 'EPISODIC' })
    expect(await mine.act('append', { sessionId, messages, remember: true })).toMatchObject({ code: 'FORBIDDEN' })
    expect((await mine.act('append', { sessionId, messages })).added).toBe(1)
  })
})

describe('when a memory is read', () => {
  test('others get it masked, its owner as it is, in every revision', async () => {
    const [ann, ben] = [await join(), await join()]
    const mine = verbs(world, ann)
    await act(ann, set, { name: 'mail', kind: 'REDACTION', action: 'MASK', mask: 'EMAILS' })
    const content = 'Write to ann@example.org about Quimby.'
    const metadata = { from: 'ann@example.org', n: 5 }
    const id = await mine.remember(content, { visibility: 'PUBLIC', metadata })
    await mine.act('revise', { id, content: `${content} Twice.` })
    const masked = { content: 'Write to ▒▒▒ about Quimby.', metadata: { from: '▒▒▒', n: 5 } }
    expect(await memory(ben, id)).toMatchObject({
      content: 'Write to ▒▒▒ about Quimby. Twice.',
      metadata: masked.metadata,
      revisions: { nodes: [{}, masked] },
    })
    expect(await memory(ann, id)).toMatchObject({
      content: `${content} Twice.`,
      metadata,
      revisions: { nodes: [{}, { content }] },
    })
    const noted = await decisions(ann, { memoryId: id })
    expect(noted).toMatchObject([
      { ruleName: 'mail', action: 'MASK', phase: 'RETRIEVE', outcome: { masked: 'EMAILS' } },
    ])
    // Read as a memory, and judged again for what it was in each revision: one row all the same.
    expect(noted[0]?.times).toBeGreaterThan(1)
    expect(await decisions(ben, { memoryId: id })).toEqual([])
  })

  test('what a later rule forbids to share is withheld from others at once', async () => {
    const [ann, ben, admin] = [await join(), await join(), await join('ADMIN')]
    const id = await verbs(world, ann).remember('Quarterly figures.', { visibility: 'PUBLIC', metadata: { a: 1 } })
    expect((await memory(ben, id)).content).toBe('Quarterly figures.')
    const condition = { metadata: { a: 1 } }
    const { rule } = await act(admin, set, { scope: 'TENANT', name: 'w', kind: 'SHARING', action: 'DENY', condition })
    expect(await memory(ben, id)).toMatchObject({ content: '▒▒▒', metadata: null })
    expect(await memory(ann, id)).toMatchObject({ content: 'Quarterly figures.', metadata: { a: 1 } })
    await act(admin, remove, { id: rule.id })
    expect((await memory(ben, id)).content).toBe('Quarterly figures.')
  })

  test('of many, rules and decisions cost the same statements as of one, and no write each', async () => {
    const [ann, ben] = [await join(), await join()]
    await act(ann, set, {
      name: 'all',
      kind: 'REDACTION',
      action: 'MASK',
      mask: 'CONTENT',
      condition: { maxAccesses: 1e6 },
    })
    const statements = async (first: number) => {
      world.statements.length = 0
      const { memories } = await world.ask(ben, 'query ($n: Int) { memories(first: $n) { nodes { content } } }', {
        n: first,
      })
      expect(memories.nodes.filter(({ content }: Data) => content === '▒▒▒')).toHaveLength(first)
      await world.stores.notes.idle()
      return world.statements.length
    }
    for (let n = 0; n < 20; n++) await verbs(world, ann).remember(`Number ${n}`, { visibility: 'PUBLIC' })
    expect(await statements(20)).toBe(await statements(1))
    expect(await decisions(ann, { kind: 'REDACTION', first: 100 })).toHaveLength(21)
  })

  test('its marks are not written over what they hide, by whoever may revise it', async () => {
    const [ann, ben] = [await join(), await join()]
    const mine = verbs(world, ann)
    await act(ann, set, { name: 'mail', kind: 'REDACTION', action: 'MASK', mask: 'EMAILS' })
    const content = 'Write to ann@example.org about tea.'
    const id = await mine.remember(content, { metadata: { from: 'ann@example.org' } })
    const share = 'mutation ($input: ShareMemoryInput!) { shareMemory(input: $input) { __typename } }'
    await act(ann, share, { id, subjectId: toGlobalId('User', ben.userId), permission: 'WRITE' })
    const theirs = verbs(world, ben)
    const seen = await memory(ben, id)
    const refused = (field: string) => ({ code: 'FORBIDDEN', path: ['input', field] })
    expect(await theirs.act('revise', { id, content: `${seen.content} Soon.` })).toMatchObject(refused('content'))
    expect(await theirs.act('revise', { id, metadata: seen.metadata })).toMatchObject(refused('metadata'))
    expect(await memory(ann, id)).toMatchObject({ content, metadata: { from: 'ann@example.org' } })
    expect((await theirs.act('revise', { id, content: 'Write to me about tea.' })).memory.version).toBe(3)
    // Where nothing is masked for him they are a text like any other: the owner's own, or another memory's.
    expect((await mine.act('revise', { id, content: 'A censor’s ▒▒▒.' })).memory.content).toBe('A censor’s ▒▒▒.')
    const open = await mine.remember('No mail.', { visibility: 'PUBLIC' })
    await act(ann, set, { name: 'mail', kind: 'REDACTION', action: 'ALLOW' })
    await act(ann, share, { id: open, subjectId: toGlobalId('User', ben.userId), permission: 'WRITE' })
    expect((await theirs.act('revise', { id: open, content: 'Still ▒▒▒.' })).memory.content).toBe('Still ▒▒▒.')
  })

  test('what another’s says nearly the same of is measured by what may be read of it', async () => {
    const [ann, ben] = [await join(), await join()]
    const secret = `The password of the ${ann.userId.slice(0, 8)} safe is rosebud tonight.`
    const id = await verbs(world, ann).remember(secret, { visibility: 'PUBLIC' })
    const guess = await verbs(world, ben).remember(secret)
    const likeness = async (who: Viewer) =>
      (
        await world.ask(who, 'query ($id: ID!) { nearDuplicates(memoryId: $id) { similarity memory { id } } }', {
          id: who === ben ? guess : id,
        })
      ).nearDuplicates
    expect(await likeness(ben)).toEqual([{ similarity: 1, memory: { id } }])
    await act(ann, set, { name: 'w', kind: 'REDACTION', action: 'MASK', mask: 'CONTENT' })
    expect(await likeness(ben)).toEqual([])
  })

  test('that it was is counted, when it was read by itself', async () => {
    const ann = await join()
    const id = await verbs(world, ann).remember('Looked at.')
    const at = world.clock.now().toISOString()
    expect(await memory(ann, id)).toMatchObject({ accessCount: 0, accessedAt: null })
    await world.ask(ann, '{ memories { nodes { content } } }')
    await world.stores.notes.idle()
    await memory(ann, id)
    await world.stores.notes.idle()
    expect(await memory(ann, id)).toMatchObject({ accessCount: 2, accessedAt: at })
  })
})

describe('masks', () => {
  const rule = (mask: string, words?: string[]): Rule =>
    ({
      id: 'r',
      ownerId: null,
      name: 'r',
      kind: 'REDACTION',
      action: 'MASK',
      priority: 0,
      configuration: { condition: {}, mask, words },
    }) as Rule

  test('take numbers, words and addresses, and nothing beside them', () => {
    expect(maskText('Call +49 (30) 1234-5678 at 12, card 4111 1111 1111 1111.', [rule('NUMBERS')])).toBe(
      'Call +▒▒▒ at 12, card ▒▒▒.',
    )
    expect(maskText('Ann met Annabel; ANN left. Ann-Marie?', [rule('WORDS', ['ann', 'C++', 'a|b'])])).toBe(
      '▒▒▒ met Annabel; ▒▒▒ left. ▒▒▒-Marie?',
    )
    expect(maskText('I like C++ and a|b, not a.', [rule('WORDS', ['ann', 'C++', 'a|b'])])).toBe(
      'I like ▒▒▒ and ▒▒▒, not a.',
    )
    expect(maskValue({ 'x@y.org': [20_26, { a: 12 }] }, [rule('EMAILS'), rule('NUMBERS')])).toEqual({
      '▒▒▒': ['▒▒▒', { a: 12 }],
    })
  })

  test('leave no masked word of any text, in time that grows with its length', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.stringMatching(/^[a-z]{1,9}$/),
        fc.string(),
        (before, word, after) => {
          const masked = maskText(`${before} ${word} ${after}`, [rule('WORDS', [word])])
          expect(` ${masked} `.toLowerCase()).not.toContain(` ${word} `)
        },
      ),
    )
    expect(maskText(`${'a.'.repeat(50_000)}@`, [rule('EMAILS')])).toHaveLength(100_001)
    expect(maskText(`${'1 '.repeat(50_000)}`, [rule('NUMBERS')])).toBe('▒▒▒ ')
  })
})

test('a refused memory leaves nothing behind', async () => {
  const ann = await join()
  await act(ann, set, { name: 'no', kind: 'SHARING', action: 'DENY' })
  const input = { content: 'Nowhere.', visibility: 'SHARED', externalId: 'e' }
  expect((await world.ask(ann, operations.remember, { input })).remember.code).toBe('FORBIDDEN')
  expect(await ownCount(ann)).toBe(0)
  expect((await verbs(world, ann).act('remember', { ...input, visibility: 'PRIVATE' })).memory.version).toBe(1)
})
