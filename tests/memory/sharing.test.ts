import { randomUUID } from 'node:crypto'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import type { Viewer } from '../../lib/context.ts'
import { toGlobalId, uuidOf } from '../../lib/ids.ts'
import { inProcessCache } from '../../stores/cache/in-process.ts'
import { explained, type Plan } from '../kit/plans.ts'
import { describeEachPostgres } from '../kit/postgres.ts'
import { viewerOf } from '../kit/room-world.ts'
import { type Data, type MemoryWorld, openMemoryWorld, verbs } from './world.ts'

const share = `mutation ($input: ShareMemoryInput!) { shareMemory(input: $input) {
  __typename ... on ShareMemorySuccess { cursor memory { id version visibility
    grants { subjectKind subjectId permission user { id } } } } ... on Problem { code message path } } }`
const unshare = `mutation ($input: UnshareMemoryInput!) { unshareMemory(input: $input) {
  __typename ... on UnshareMemorySuccess { memory { visibility grants { subjectId } } } ... on Problem { code path } } }`
const changes = 'subscription { memoryChanges { kind memoryId memory { content } } }'
const standing = `subscription ($query: String!) { recallChanges(query: $query) {
  entered { memory { id } } left hits { memory { id } } } }`

describeEachPostgres('sharing a memory', (database) => {
  let world: MemoryWorld
  let mine: ReturnType<typeof verbs>
  let friend: Viewer
  let team: string

  beforeAll(async () => {
    world = await openMemoryWorld({ database: database() })
    Object.assign(world.stores, { cache: inProcessCache() })
    mine = verbs(world, world.owner)
    for (const { userId } of [world.owner, world.stranger]) await enrol(userId)
    return () => world.close()
  })
  beforeEach(async () => {
    friend = viewerOf()
    await enrol(friend.userId)
    team = randomUUID()
    const { tenantId } = world.owner
    await world.database.sql('INSERT INTO app.teams (id, tenant_id, name) VALUES ($1::uuid, $2, $1::uuid::text)', [
      team,
      tenantId,
    ])
  })

  async function enrol(userId: string): Promise<void> {
    await world.database.sql(
      `INSERT INTO users.users (id, tenant_id, username, email, role, created_at, updated_at)
       VALUES ($1::uuid, $2, $1::uuid::text, $1::uuid::text, 'MEMBER', now(), now())`,
      [userId, world.owner.tenantId],
    )
  }
  const join = ({ userId, tenantId }: Viewer) =>
    world.database.sql('INSERT INTO app.team_members (team_id, tenant_id, user_id) VALUES ($1, $2, $3)', [
      team,
      tenantId,
      userId,
    ])
  const user = ({ userId }: Viewer) => toGlobalId('User', userId)
  const give = async (id: string, subjectId: string, permission?: string, from = world.owner): Promise<Data> =>
    (await world.ask(from, share, { input: { id, subjectId, permission } })).shareMemory
  const take = async (id: string, subjectId: string, from = world.owner): Promise<Data> =>
    (await world.ask(from, unshare, { input: { id, subjectId } })).unshareMemory
  /** What somebody finds of a memory, by every way there is. */
  async function seenBy(viewer: Viewer, id: string, word: string, filter: unknown = null) {
    const { memory, memories, recall } = await world.ask(
      viewer,
      `query ($id: ID!, $word: String!, $filter: MemoryFilter) { memory(id: $id) { content }
        memories(filter: $filter) { totalCount nodes { id } } recall(query: $word, filter: $filter) { hits { memory { id } } } }`,
      { id, word, filter },
    )
    const inList = memories.nodes.some((node: Data) => node.id === id)
    const found = recall.hits.some((hit: Data) => hit.memory.id === id)
    return { byId: memory?.content ?? null, inList, found, count: memories.totalCount }
  }

  test('with a user lets him read it, list it and find it, and taking it back ends all of it', async () => {
    const id = await mine.remember('The heliograph stands on Beacon Hill.')
    expect(await seenBy(friend, id, 'heliograph')).toEqual({ byId: null, inList: false, found: false, count: 0 })
    const { memory } = await give(id, user(friend))
    expect(memory).toMatchObject({ visibility: 'SHARED', version: 2 })
    expect(memory.grants).toEqual([
      { subjectKind: 'USER', subjectId: user(friend), permission: 'READ', user: { id: user(friend) } },
    ])
    const content = 'The heliograph stands on Beacon Hill.'
    expect(await seenBy(friend, id, 'heliograph')).toEqual({ byId: content, inList: true, found: true, count: 1 })
    const episodic = { tiers: ['EPISODIC'] }
    expect(await seenBy(friend, id, 'heliograph', episodic)).toMatchObject({ inList: true, found: true })
    expect(await seenBy(friend, id, 'heliograph', { tiers: ['WORKING'] })).toMatchObject({
      inList: false,
      found: false,
    })
    expect(await seenBy(world.stranger, id, 'heliograph')).toMatchObject({ byId: null, inList: false, found: false })
    expect(await take(id, user(friend))).toMatchObject({ memory: { visibility: 'SHARED', grants: [] } })
    expect(await seenBy(friend, id, 'heliograph')).toEqual({ byId: null, inList: false, found: false, count: 0 })
    expect(await seenBy(world.owner, id, 'heliograph')).toMatchObject({ byId: content, inList: true, found: true })
  })

  test('with a team lets in whoever is in it, as long as he is', async () => {
    const id = await mine.remember('The semaphore code is in the blue book.')
    await join(world.owner)
    await give(id, toGlobalId('Team', team))
    expect(await seenBy(friend, id, 'semaphore')).toMatchObject({ byId: null, found: false })
    await join(friend)
    expect(await seenBy(friend, id, 'semaphore')).toMatchObject({ inList: true, found: true })
    await world.database.sql('DELETE FROM app.team_members WHERE user_id = $1', [friend.userId])
    expect(await seenBy(friend, id, 'semaphore')).toMatchObject({ byId: null, inList: false, found: false })
  })

  test('with an agent or a session lets in whom it is of, named by those in a team with him', async () => {
    const session = await verbs(world, friend).openSession()
    const agent = randomUUID()
    await world.database.sql(
      `INSERT INTO agents.agents (id, tenant_id, owner_id, agent_id, name, type, created_at, updated_at)
       VALUES ($1, $2, $3, 'a', 'a', 'a', now(), now())`,
      [agent, friend.tenantId, friend.userId],
    )
    const id = await mine.remember('The tide table hangs by the door.')
    const subjects = [session, toGlobalId('Agent', agent)]
    for (const subject of subjects) expect(await give(id, subject)).toMatchObject({ code: 'NOT_FOUND' })
    await join(world.owner)
    await join(friend)
    for (const subject of subjects) {
      expect(await give(id, subject)).toMatchObject({ __typename: 'ShareMemorySuccess' })
      expect(await seenBy(friend, id, 'tide')).toMatchObject({ inList: true, found: true })
      await take(id, subject)
      expect(await seenBy(friend, id, 'tide')).toMatchObject({ byId: null, inList: false, found: false })
    }
    await give(id, session)
    expect(await seenBy(friend, id, 'tide')).toMatchObject({ inList: true, found: true })
    const remove = 'mutation ($input: DeleteChatSessionInput!) { deleteChatSession(input: $input) { __typename } }'
    await world.ask(friend, remove, { input: { id: session } })
    expect(await seenBy(friend, id, 'tide')).toMatchObject({ byId: null, inList: false, found: false })
  })

  test('for reading does not let him write; for writing lets him change what it says, and nothing else', async () => {
    const id = await mine.remember('The lamp burns red.')
    const others = verbs(world, friend)
    await give(id, user(friend))
    expect(await others.act('revise', { id, content: 'Read only.' })).toMatchObject({ code: 'NOT_FOUND' })
    await give(id, user(friend), 'WRITE')
    const revised = await others.act('revise', { id, content: 'The lamp burns viridian.', metadata: { by: 'friend' } })
    expect(revised.memory).toMatchObject({ version: 3, content: 'The lamp burns viridian.', visibility: 'SHARED' })
    for (const change of [{ visibility: 'PUBLIC' }, { tier: 'SEMANTIC' }, { retentionUntil: null }]) {
      expect(await others.act('revise', { id, ...change })).toMatchObject({ code: 'FORBIDDEN' })
    }
    expect(await others.act('forget', { id })).toMatchObject({ code: 'NOT_FOUND' })
    expect(await give(id, user(world.stranger), 'READ', friend)).toMatchObject({ code: 'NOT_FOUND' })
    expect(await seenBy(world.owner, id, 'viridian')).toMatchObject({ found: true })
    expect(await seenBy(friend, id, 'viridian')).toMatchObject({ found: true })
    expect(await seenBy(world.owner, id, 'red')).toMatchObject({ found: false })
    await take(id, user(friend))
    expect(await others.act('revise', { id, content: 'Once more.' })).toMatchObject({ code: 'NOT_FOUND' })
  })

  test('is enforced by the database itself, reading and writing apart', async () => {
    const id = await mine.remember('The vault is behind the map.')
    await give(id, user(friend))
    const uuid = uuidOf('Memory', id)
    const as = (viewer: Viewer, sql: string) =>
      world.stores.postgres.write(
        { ...viewer, role: 'memory', traceId: 'test', deadline: Number.POSITIVE_INFINITY },
        (tx) => tx.query(sql, [uuid]),
      )
    const write = 'UPDATE memory.memories SET speaker = NULL WHERE id = $1 RETURNING id'
    const read = 'SELECT FROM memory.memories WHERE id = $1'
    expect([(await as(friend, read)).length, (await as(friend, write)).length]).toEqual([1, 0])
    await give(id, user(friend), 'WRITE')
    expect((await as(friend, write)).length).toBe(1)
    // A grant that is not the memory's owner's own gives nothing.
    const forged = `INSERT INTO memory.grants (memory_id, subject_id, subject_kind, grantee_id, tenant_id, owner_id, may_write, created_at)
      VALUES ($1, '${world.stranger.userId}', 'USER', '${world.stranger.userId}', '${friend.tenantId}', '${friend.userId}', true, now())`
    await as(friend, forged)
    expect([(await as(world.stranger, read)).length, (await as(world.stranger, write)).length]).toEqual([0, 0])
    await mine.act('revise', { id, visibility: 'PRIVATE' })
    expect([(await as(friend, read)).length, (await as(friend, write)).length]).toEqual([0, 0])
  })

  test('shows in live views as it comes and goes, to those alone whose view changes', async () => {
    const ending = new AbortController()
    const live = async (viewer: Viewer, source: string, variables: Record<string, unknown> = {}) => {
      const events = await world.follow(viewer, source, variables, ending.signal)
      return async () => (Object.values((await events.next()).value.data) as Data[])[0]
    }
    const [his, hers, search] = await Promise.all([
      live(friend, changes),
      live(world.stranger, changes),
      live(friend, standing, { query: 'galvanometer' }),
    ])
    const id = await mine.remember('The galvanometer is broken.')
    await give(id, user(friend))
    expect(await his()).toMatchObject({ kind: 'CREATED', memoryId: id })
    expect((await search()).entered).toEqual([{ memory: { id } }])
    await give(id, user(world.stranger))
    expect(await hers()).toMatchObject({ kind: 'CREATED', memoryId: id })
    await take(id, user(friend))
    // What others were given is not news for him: the next that he hears is that it is gone.
    expect(await his()).toMatchObject({ kind: 'FORGOTTEN', memoryId: id, memory: null })
    expect(await search()).toMatchObject({ left: [id], hits: [] })
    await mine.act('revise', { id, visibility: 'PRIVATE' })
    expect(await hers()).toMatchObject({ kind: 'FORGOTTEN', memoryId: id })
    ending.abort()
  })

  test('tells its owner alone whom it was given to', async () => {
    const id = await mine.remember('Known to two.')
    await give(id, user(friend))
    const query = 'query ($id: ID!) { memory(id: $id) { grants { subjectId } } }'
    expect((await world.ask(friend, query, { id })).memory.grants).toEqual([])
    expect((await world.ask(world.owner, query, { id })).memory.grants).toEqual([{ subjectId: user(friend) }])
  })

  test('is refused for whom one may not name, for oneself and beyond the limit, and leaves nothing half done', async () => {
    const id = await mine.remember('Mine still.')
    const nobody = [toGlobalId('User', randomUUID()), toGlobalId('Team', team), toGlobalId('Memory', randomUUID()), '?']
    for (const subject of nobody) {
      expect(await give(id, subject)).toMatchObject({ code: 'NOT_FOUND', path: ['input', 'subjectId'] })
    }
    expect(await give(id, user(world.owner))).toMatchObject({ code: 'INVALID_INPUT' })
    expect(await give(id, user(friend), 'READ', world.stranger)).toMatchObject({
      code: 'NOT_FOUND',
      path: ['input', 'id'],
    })
    expect(await take(id, user(friend))).toMatchObject({ code: 'NOT_FOUND', path: ['input', 'subjectId'] })
    await world.database.sql(
      `INSERT INTO memory.grants (memory_id, subject_id, subject_kind, grantee_id, tenant_id, owner_id, created_at)
       SELECT $1, subject, 'USER', subject, $2, $3, now() FROM (SELECT gen_random_uuid() AS subject FROM generate_series(1, 100)) AS s`,
      [uuidOf('Memory', id), world.owner.tenantId, world.owner.userId],
    )
    expect(await give(id, user(friend))).toMatchObject({ code: 'LIMIT_EXCEEDED' })
    const { memory } = await world.ask(world.owner, 'query ($id: ID!) { memory(id: $id) { visibility version } }', {
      id,
    })
    expect(memory).toEqual({ visibility: 'PRIVATE', version: 1 })
  })

  test('asks one statement for the grants of a whole page', async () => {
    await world.ask(world.owner, '{ memories(first: 10) { nodes { grants { subjectId } } } }')
    const plans: (Plan | undefined)[] = []
    const { postgres } = world.stores
    Object.assign(world.stores, { postgres: explained(postgres, plans) })
    await world.ask(world.owner, '{ memories(first: 10) { nodes { grants { subjectId user { id } } } } }')
    Object.assign(world.stores, { postgres })
    expect(plans).toHaveLength(2)
  })
})
