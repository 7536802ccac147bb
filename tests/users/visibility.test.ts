import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toGlobalId } from '../../lib/ids.ts'
import { prepareAdmin } from '../../subgraphs/users/admin.ts'
import { viewerOf } from '../kit/room-world.ts'
import { openUsersWorld, operations, type SignedIn, type UsersWorld } from './people.ts'

const node =
  'query ($id: ID!) { node(id: $id) { __typename ... on User { id username email } ... on Memory { nodeRef } } }'
const nodes = 'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename ... on User { username } } }'
const card = 'username displayName createdAt'
const references = (selection: string) =>
  `query ($of: [_Any!]!) { _entities(representations: $of) { ... on User { ${selection} } } }`

let world: UsersWorld
let anna: SignedIn
let ben: SignedIn
let admin: SignedIn

beforeAll(async () => {
  world = await openUsersWorld()
  const secret = await prepareAdmin(world.stores)
  admin = await world.signedIn('admin', secret?.secret)
  anna = await world.signUp('anna')
  ben = await world.signUp('ben')
}, 60_000)
afterAll(() => world.close())

const entities = (who: SignedIn | null, selection: string, ...ids: string[]) =>
  world.run(who?.viewer ?? null, references(selection), { of: ids.map((id) => ({ __typename: 'User', id })) })

describe('viewer', () => {
  test('is whoever is signed in, or nobody', async () => {
    expect((await world.run(anna.viewer, operations.viewer)).data.viewer).toEqual(anna.user)
    expect(await world.run(null, operations.viewer)).toEqual({ data: { viewer: null }, errors: [] })
    expect((await world.run(viewerOf(), operations.viewer)).data.viewer).toBeNull()
  })
})

describe('node', () => {
  const ask = async (who: SignedIn, id: string) => (await world.run(who.viewer, node, { id })).data.node

  test('finds oneself, and of others not even that they exist', async () => {
    expect(await ask(anna, anna.user.id)).toMatchObject({ id: anna.user.id, username: 'anna' })
    expect(await ask(ben, anna.user.id)).toBeNull()
    expect(await ask(admin, anna.user.id)).toBeNull()
    expect(await ask(anna, toGlobalId('User', '00000000-0000-4000-8000-00000000abcd'))).toBeNull()
  })

  test('hands an id of another room’s type to that room, and knows no other types', async () => {
    const id = toGlobalId('Memory', anna.viewer.userId)
    expect(await ask(anna, id)).toEqual({ __typename: 'Memory', nodeRef: id })
    for (const type of ['PageInfo', 'Query', 'AuthSession', 'Unknown']) {
      expect(await ask(anna, toGlobalId(type, anna.viewer.userId))).toBeNull()
    }
    expect(await ask(anna, 'rubbish')).toBeNull()
  })

  test('finds several in the order asked, at most 100', async () => {
    const ids = [ben.user.id, 'rubbish', anna.user.id, toGlobalId('Agent', anna.viewer.userId)]
    expect((await world.run(anna.viewer, nodes, { ids })).data.nodes).toEqual([
      null,
      null,
      { __typename: 'User', username: 'anna' },
      { __typename: 'Agent' },
    ])
    const full = await world.run(anna.viewer, nodes, { ids: Array(100).fill(anna.user.id) })
    expect(full.data.nodes).toHaveLength(100)
    const over = await world.run(anna.viewer, nodes, { ids: Array(101).fill(anna.user.id) })
    expect(over.errors).toMatchObject([{ code: 'BAD_USER_INPUT' }])
  })

  test('needs somebody signed in', async () => {
    expect((await world.run(null, node, { id: anna.user.id })).errors).toMatchObject([{ code: 'UNAUTHENTICATED' }])
  })
})

describe('a reference to a user', () => {
  test('shows the public card of anyone in the tenant, in one statement', async () => {
    world.statements.length = 0
    const { data } = await entities(ben, card, anna.user.id, ben.user.id, admin.user.id, anna.user.id)
    expect(data._entities.map((user: { username: string }) => user.username)).toEqual(['anna', 'ben', 'admin', 'anna'])
    expect(world.statements).toHaveLength(1)
  })

  test.each(['email', 'role'])('shows the %s to the user and to admins only', async (field) => {
    const refused = await entities(ben, `username ${field}`, anna.user.id)
    expect(refused.data._entities).toEqual([null])
    expect(refused.errors).toMatchObject([{ code: 'FORBIDDEN', path: `_entities.0.${field}` }])
    const expected = { email: 'anna@example.org', role: 'MEMBER' }[field]
    expect((await entities(anna, field, anna.user.id)).data._entities).toEqual([{ [field]: expected }])
    expect((await entities(admin, field, anna.user.id)).data._entities).toEqual([{ [field]: expected }])
  })

  test('is judged by the role in the database, not by what a token says', async () => {
    const claimed = viewerOf({ userId: ben.viewer.userId, role: 'ADMIN' })
    const { errors } = await world.run(claimed, references('email'), {
      of: [{ __typename: 'User', id: anna.user.id }],
    })
    expect(errors).toMatchObject([{ code: 'FORBIDDEN' }])
  })

  test('is nothing to another tenant, to nobody, and for what is no user', async () => {
    const other = viewerOf({ userId: ben.viewer.userId, tenantId: '00000000-0000-4000-8000-00000000beef' })
    const of = [{ __typename: 'User', id: anna.user.id }]
    expect((await world.run(other, references(card), { of })).data._entities).toEqual([null])
    expect((await entities(null, card, anna.user.id)).data._entities).toEqual([null])
    expect((await entities(anna, card, 'rubbish', toGlobalId('Agent', anna.viewer.userId))).data._entities).toEqual([
      null,
      null,
    ])
  })
})
