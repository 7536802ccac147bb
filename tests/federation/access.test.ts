import { describe, expect, test } from 'vitest'
import type { RequestContext } from '../../lib/context.ts'
import { member } from '../kit/edge.ts'
import { Federation, type FederationOptions, testContext } from '../kit/federation.ts'

const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9",
  import: ["@key", "@requires", "@external", "@shareable", "@authenticated", "@requiresScopes", "@policy"])
`

const subgraphs = {
  shop: {
    sdl: `${link}
      type Query {
        me: User
        users: [User!]!
        secret: String @authenticated
        vault: Vault
        code: Code
        level: Level
        things: [Thing]
        strict: [Thing!]!
        items: [Item]
      }
      type Mutation { open: Int  reset: Int @requiresScopes(scopes: [["admin"]]) }
      type Subscription { ticks: Int  alarms: User @authenticated }
      type User @key(fields: "id") {
        id: ID!
        name: String
        mail: String! @requiresScopes(scopes: [["mail", "read"], ["admin"]])
        pay: Int @policy(policies: [["owner"], ["boss", "open"]])
      }
      type Vault @authenticated @key(fields: "id") { id: ID! gold: Int }
      scalar Code @authenticated
      enum Level @requiresScopes(scopes: [["admin"]]) { HIGH }
      union Thing = Vault | Stone
      type Stone { weight: Int }
      interface Item { id: ID! price: Int }
      type Toy implements Item { id: ID! price: Int }
      type Gem implements Item { id: ID! price: Int @authenticated }`,
    resolvers: {
      Query: {
        me: () => ({ id: '1', name: 'Ada' }),
        users: () => [{ id: '1' }, { id: '2' }],
        secret: () => 'sesame',
        vault: () => ({ id: 'v', gold: 1 }),
        code: () => 'c',
        level: () => 'HIGH',
        things: () => [
          { __typename: 'Stone', weight: 3 },
          { __typename: 'Vault', id: 'v', gold: 1 },
        ],
        strict: () => [{ __typename: 'Vault', id: 'v', gold: 1 }],
        items: () => [
          { __typename: 'Toy', id: 't', price: 1 },
          { __typename: 'Gem', id: 'g', price: 2 },
        ],
      },
      Mutation: { open: () => 1, reset: () => 2 },
      Subscription: {
        ticks: { subscribe: () => once({ ticks: 1 }) },
        alarms: { subscribe: () => once({ alarms: { id: '1' } }) },
      },
      User: { mail: ({ id }: { id: string }) => `${id}@x`, pay: () => 9 },
    },
  },
  pets: {
    sdl: `${link}
      type User @key(fields: "id") { id: ID! pets: [String!] @authenticated diary: String @requiresScopes(scopes: [["admin"]]) }
      type Vault @key(fields: "id") { id: ID! locks: Int }`,
    resolvers: { User: { pets: () => ['cat'], diary: () => 'dear' }, Vault: { locks: () => 3 } },
  },
}

async function* once<T>(event: T): AsyncGenerator<T> {
  yield event
}

const nobody = testContext()
const as = (...scopes: string[]): RequestContext => ({ ...testContext(), viewer: { ...member, scopes } })
const world = (options?: FederationOptions) => new Federation(subgraphs, options)
const unknown = { code: 'UNAUTHENTICATED', reason: 'UNAUTHORIZED_FIELD_OR_TYPE' }
const forbidden = { ...unknown, code: 'FORBIDDEN' }

describe('what a supergraph keeps from viewers', () => {
  test('is null with an error, and the rest is answered', async () => {
    const federation = world()
    const answer = await federation.run('{ me { id name pets } secret }', {}, nobody)
    expect(answer).toEqual({
      data: { me: { id: '1', name: 'Ada', pets: null }, secret: null },
      errors: [
        {
          message: 'The field "pets" is open only to who has signed in.',
          path: ['me', 'pets'],
          extensions: unknown,
        },
        { message: 'The field "secret" is open only to who has signed in.', path: ['secret'], extensions: unknown },
      ],
    })
    expect(federation.requests.map(({ subgraph }) => subgraph)).toEqual(['shop'])
    expect(federation.requests[0]?.operation).not.toMatch(/secret|pets/)
    expect(await federation.run('{ me { id name pets } secret }', {}, as())).toEqual({
      data: { me: { id: '1', name: 'Ada', pets: ['cat'] }, secret: 'sesame' },
    })
  })

  test('asks no subgraph when nothing else is selected', async () => {
    const federation = world()
    expect((await federation.run('{ secret vault { locks } code level }', {}, nobody)).data).toEqual({
      secret: null,
      vault: null,
      code: null,
      level: null,
    })
    expect(federation.requests).toEqual([])
    expect(await federation.run('{ secret vault { locks } code level }', {}, as('admin'))).toEqual({
      data: { secret: 'sesame', vault: { locks: 3 }, code: 'c', level: 'HIGH' },
    })
  })

  test.each([
    [[], false],
    [['mail'], false],
    [['read'], false],
    [['mail', 'read'], true],
    [['admin'], true],
  ])('opens to all scopes of any one list: %j', async (scopes, isOpen) => {
    const { data, errors } = await world().run('{ me { id mail } }', {}, as(...scopes))
    // `mail` may not be null, so its object goes with it.
    expect(data).toEqual({ me: isOpen ? { id: '1', mail: '1@x' } : null })
    expect(errors?.[0]?.extensions).toEqual(isOpen ? undefined : forbidden)
  })

  test('gives each place in a list its error', async () => {
    const { data, errors } = await world().run('{ users { id pay } }', {}, as())
    expect(data).toEqual({
      users: [
        { id: '1', pay: null },
        { id: '2', pay: null },
      ],
    })
    expect(errors?.map(({ path }) => path)).toEqual([
      ['users', 0, 'pay'],
      ['users', 1, 'pay'],
    ])
  })

  test('opens a policy to whom the hook says, and to nobody without one', async () => {
    const asked: unknown[] = []
    const federation = world({
      policies: async (policies, { viewer }) => {
        asked.push(policies)
        return new Set(viewer?.scopes)
      },
    })
    const pay = async (...met: string[]) => (await federation.run('{ me { pay } }', {}, as(...met))).data
    expect(await pay('owner')).toEqual({ me: { pay: 9 } })
    expect(await pay('boss', 'open')).toEqual({ me: { pay: 9 } })
    expect(await pay('boss')).toEqual({ me: { pay: null } })
    expect(asked[0]).toEqual(['owner', 'boss', 'open'])
    expect((await world().run('{ me { pay } }', {}, as('owner', 'boss', 'open'))).data).toEqual({ me: { pay: null } })
    await federation.run('{ me { name } }', {}, as('owner'))
    expect(asked).toHaveLength(3)
  })

  test('keeps plans of viewers with different rights apart', async () => {
    const federation = world()
    const query = '{ me { name mail } }'
    for (const _time of [1, 2]) {
      expect((await federation.run(query, {}, as('admin'))).data).toEqual({ me: { name: 'Ada', mail: '1@x' } })
      expect((await federation.run(query, {}, as())).errors?.[0]?.extensions).toEqual(forbidden)
      expect((await federation.run(query, {}, nobody)).errors?.[0]?.extensions).toEqual(unknown)
    }
  })

  test('leaves a type out of a union, and nothing else of it', async () => {
    const federation = world()
    const query = '{ things { ... on Vault { gold locks } ... on Stone { weight } } strict { __typename } }'
    const { data, errors } = await federation.run(query, {}, nobody)
    expect(data).toBeNull()
    expect(errors?.map(({ path }) => path)).toEqual([
      ['things', 1],
      ['strict', 0],
    ])
    expect(federation.requests.map(({ operation }) => operation).join()).not.toMatch(/gold|locks/)
    // Nor is a stranger told which types there are.
    expect(errors?.map(({ message }) => message).join()).not.toContain('Vault')
    const lenient = await federation.run('{ things { ... on Vault { gold } ... on Stone { weight } } }', {}, nobody)
    expect(lenient.data).toEqual({ things: [{ weight: 3 }, null] })
    const open = await federation.run(query, {}, as())
    expect(open.data).toEqual({
      things: [{ weight: 3 }, { gold: 1, locks: 3 }],
      strict: [{ __typename: 'Vault' }],
    })
  })

  test('holds a field of an interface to what its objects ask for, however it is selected', async () => {
    const federation = world()
    for (const query of ['{ items { id price } }', '{ items { id ... on Toy { price } ... on Gem { price } } }']) {
      const { data } = await federation.run(query, {}, nobody)
      expect((data as { items: { price: unknown }[] }).items[1]).toEqual({ id: 'g', price: null })
      const open = await federation.run(query, {}, as())
      expect(open.data).toEqual({
        items: [
          { id: 't', price: 1 },
          { id: 'g', price: 2 },
        ],
      })
    }
  })

  test('refuses for some objects of an interface alone where the supergraph asks on those alone', async () => {
    // A composition that does not carry an object's requirement to its interface.
    const supergraphSdl = world().supergraphSdl.replace(/(interface Item [^}]*price: Int) @authenticated/, '$1')
    const federation = world({ supergraphSdl })
    const { data, errors } = await federation.run('{ items { cost: price id } }', {}, nobody)
    expect(data).toEqual({
      items: [
        { cost: 1, id: 't' },
        { cost: null, id: 'g' },
      ],
    })
    expect(errors?.map(({ path }) => path)).toEqual([['items', 1, 'cost']])
  })

  test('runs the other fields of a mutation', async () => {
    const federation = world()
    const answer = await federation.run('mutation { reset open }', {}, as('read'))
    expect(answer).toMatchObject({
      data: { reset: null, open: 1 },
      errors: [{ path: ['reset'], extensions: forbidden }],
    })
    expect(federation.requests.map(({ operation }) => operation).join()).not.toContain('reset')
    expect((await federation.run('mutation { reset open }', {}, as('admin'))).data).toEqual({ reset: 2, open: 1 })
  })

  test('opens no subscription, and keeps fields out of its events', async () => {
    const federation = world()
    const events = async (query: string, context: RequestContext) => {
      const found: unknown[] = []
      for await (const { text } of await federation.subscribe(query, {}, context)) found.push(JSON.parse(text))
      return found
    }
    expect(await events('subscription { alarms { id } }', nobody)).toMatchObject([
      { errors: [{ path: ['alarms'], extensions: unknown }] },
    ])
    expect(federation.requests).toEqual([])
    expect(await events('subscription { ticks }', nobody)).toEqual([{ data: { ticks: 1 } }])
    expect(await events('subscription { alarms { id pets diary } }', as())).toMatchObject([
      { data: { alarms: { id: '1', pets: ['cat'], diary: null } }, errors: [{ path: ['alarms', 'diary'] }] },
    ])
  })

  test('goes by the names that the supergraph gives the directives', async () => {
    const supergraphSdl = world()
      .supergraphSdl.replace('authenticated/v0.1"', 'authenticated/v0.1", as: "known"')
      .replaceAll('@authenticated', '@known')
      .replace('requiresScopes/v0.1"', 'requiresScopes/v0.1", import: [{ name: "@requiresScopes", as: "@needs" }]')
      .replaceAll(/@requiresScopes(?=\(scopes)/g, '@needs')
    const federation = world({ supergraphSdl })
    expect((await federation.run('{ secret level }', {}, nobody)).data).toEqual({ secret: null, level: null })
    expect((await federation.run('{ secret level }', {}, as('admin'))).data).toEqual({
      secret: 'sesame',
      level: 'HIGH',
    })
  })

  test('asks of a field that is computed from others what those ask for', async () => {
    const federation = new Federation({
      a: {
        sdl: `${link} type Query { me: User } type User @key(fields: "id") { id: ID! mail: String @authenticated }`,
        resolvers: { Query: { me: () => ({ id: '1', mail: 'm' }) } },
      },
      b: {
        sdl: `${link} type User @key(fields: "id") {
          id: ID! mail: String @external domain: String @requires(fields: "mail") @authenticated }`,
        resolvers: { User: { domain: ({ mail }: { mail: string }) => `of ${mail}` } },
      },
    })
    const supergraphSdl = federation.supergraphSdl.replace(/(requires: "mail"\)) @authenticated/, '$1')
    expect(supergraphSdl).not.toBe(federation.supergraphSdl)
    const loose = new Federation(
      {
        a: {
          sdl: `${link} type Query { me: User } type User @key(fields: "id") { id: ID! mail: String }`,
          resolvers: { Query: { me: () => ({ id: '1', mail: 'm' }) } },
        },
        b: {
          sdl: `${link} type User @key(fields: "id") { id: ID! mail: String @external domain: String @requires(fields: "mail") }`,
          resolvers: { User: { domain: ({ mail }: { mail: string }) => `of ${mail}` } },
        },
      },
      { supergraphSdl },
    )
    expect((await loose.run('{ me { domain } }', {}, nobody)).data).toEqual({ me: { domain: null } })
    expect((await loose.run('{ me { domain } }', {}, as())).data).toEqual({ me: { domain: 'of m' } })
  })

  test('is not told of in the schema that clients read', () => {
    const names = Object.keys(world().engine.schema.getTypeMap()).filter((name) => !name.startsWith('__'))
    expect(names.filter((name) => name.includes('__'))).toEqual([])
    expect(
      world()
        .engine.schema.getDirectives()
        .map(({ name }) => name),
    ).not.toContain('authenticated')
  })

  test('is never left open: a feature for security that is not known refuses the supergraph', () => {
    const { supergraphSdl } = world()
    const other = supergraphSdl.replace('specs.apollo.dev/policy/v0.1', 'specs.example.com/curfew/v1.0')
    expect(() => world({ supergraphSdl: other })).toThrow('relies on https://specs.example.com/curfew/v1.0')
  })
})
