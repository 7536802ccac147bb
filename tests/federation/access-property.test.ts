import fc from 'fast-check'
import { execute, type GraphQLFieldResolver, getNamedType, isAbstractType, parse, validate } from 'graphql'
import { expect, test } from 'vitest'
import type { RequestContext } from '../../lib/context.ts'
import { member } from '../kit/edge.ts'
import { Federation, testContext } from '../kit/federation.ts'
import { operationModel, writeOperation } from '../kit/federation-operation.ts'

const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9",
  import: ["@key", "@authenticated", "@requiresScopes", "@policy"])
`

const people = `${link}
  type Query {
    me: User
    users: [User!]
    strict: [User!]!
    things: [Thing]
    certain: [Thing!]
    named: Named
    hidden: Int @authenticated
    vault: Vault
    code: Code
    level: Level
  }
  type User implements Named @key(fields: "id") {
    id: ID!
    name: String
    mail: String! @requiresScopes(scopes: [["a"], ["b", "c"]])
    pay: Int @policy(policies: [["p"], ["a", "c"]])
    boss: User @authenticated
    friends: [Thing!]
  }
  type Vault @authenticated @key(fields: "id") { id: ID! gold: Int! owner: User @requiresScopes(scopes: [["a"]]) }
  type Robot implements Named { name: String owner: User! @authenticated @requiresScopes(scopes: [["b"]]) }
  interface Named { name: String }
  union Thing = User | Vault | Robot
  scalar Code @authenticated
  enum Level @requiresScopes(scopes: [["c"]]) { HIGH }
`
const pets = `${link}
  type User @key(fields: "id") {
    id: ID!
    pets: [Pet!] @requiresScopes(scopes: [["b"]])
    diary: String! @authenticated
    mood: String
  }
  type Vault @key(fields: "id") { id: ID! locks: Int! }
  type Pet { name: String! chip: Int @authenticated }
`

type Met = (names: ReadonlySet<string>, isSignedIn: boolean) => boolean
const signedIn: Met = (_, isSignedIn) => isSignedIn

/** The rules of the schema above once more, by hand. */
const rules: Readonly<Record<string, Met>> = {
  'Query.hidden': signedIn,
  'User.mail': (names) => names.has('a') || (names.has('b') && names.has('c')),
  'User.pay': (names) => names.has('p') || (names.has('a') && names.has('c')),
  'User.boss': signedIn,
  'User.pets': (names) => names.has('b'),
  'User.diary': signedIn,
  Vault: signedIn,
  'Vault.owner': (names) => names.has('a'),
  'Robot.owner': (names, isSignedIn) => isSignedIn && names.has('b'),
  'Pet.chip': signedIn,
  Code: signedIn,
  Level: (names) => names.has('c'),
}

const user = (id: string) => ({ __typename: 'User', id })
const vault = { __typename: 'Vault', id: 'v' }
const robot = { __typename: 'Robot' }
const all = () => [user('1'), vault, robot]
const ofPeople = {
  Query: {
    me: () => user('1'),
    users: () => [user('1'), user('2')],
    strict: () => [user('3')],
    things: all,
    certain: all,
    named: () => robot,
    hidden: () => 1,
    vault: () => vault,
    code: () => 'c',
    level: () => 'HIGH',
  },
  User: {
    name: ({ id }: { id: string }) => `n${id}`,
    mail: ({ id }: { id: string }) => `m${id}`,
    pay: () => 9,
    boss: () => user('9'),
    friends: all,
  },
  Vault: { gold: () => 5, owner: () => user('1') },
  Robot: { name: () => 'R2', owner: () => user('2') },
}
const ofPets = {
  User: { pets: () => [{ name: 'cat' }], diary: () => 'dear', mood: () => 'good' },
  Vault: { locks: () => 3 },
  Pet: { chip: () => 7 },
}
type Tables = Record<string, Record<string, (parent: never) => unknown>>
const monolith: Tables = {
  ...ofPeople,
  User: { ...ofPeople.User, ...ofPets.User },
  Vault: { ...ofPeople.Vault, ...ofPets.Vault },
  Pet: ofPets.Pet,
}

/** Notes which of the fields that have rules were resolved. */
function noting(tables: Tables, resolved: Set<string>): Tables {
  const noted = (type: string, field: string, resolve: (parent: never) => unknown) => (parent: never) => {
    resolved.add(`${type}.${field}`)
    return resolve(parent)
  }
  return Object.fromEntries(
    Object.entries(tables).map(([type, fields]) => [
      type,
      Object.fromEntries(Object.entries(fields).map(([field, resolve]) => [field, noted(type, field, resolve)])),
    ]),
  )
}

interface Rights {
  readonly isSignedIn: boolean
  readonly names: ReadonlySet<string>
}

const rights: fc.Arbitrary<Rights> = fc.record({
  isSignedIn: fc.boolean(),
  names: fc.subarray(['a', 'b', 'c', 'p']).map((names) => new Set(names)),
})

const namesOf = ({ isSignedIn, names }: Rights) => (isSignedIn ? names : new Set<string>())

/** One schema whose resolvers refuse: how the answer would be if nothing were federated. */
function monolithic(viewer: Rights, refused: Set<string>): GraphQLFieldResolver<unknown, unknown> {
  const isMet = (coordinate: string) => rules[coordinate]?.(namesOf(viewer), viewer.isSignedIn) ?? true
  return (parent, _args, _context, { parentType, fieldName, returnType }) => {
    const coordinate = `${parentType.name}.${fieldName}`
    const type = getNamedType(returnType)
    if (![parentType.name, coordinate, type.name].every(isMet)) {
      refused.add(coordinate)
      throw new Error('refused')
    }
    const value =
      monolith[parentType.name]?.[fieldName]?.(parent as never) ??
      (parent as Record<string, unknown> | undefined)?.[fieldName]
    if (!isAbstractType(type)) return value
    const shown = (item: { __typename: string }) => (isMet(item.__typename) ? item : new Error('refused'))
    return Array.isArray(value) ? value.map(shown) : shown(value as { __typename: string })
  }
}

const runs = Number(process.env.ACCESS_RUNS ?? 400)

test('generated operations by generated viewers: what may be seen is what one refusing schema shows, and no more is fetched', async () => {
  const resolved = new Set<string>()
  const federation = new Federation(
    {
      people: { sdl: people, resolvers: noting(ofPeople, resolved) },
      pets: { sdl: pets, resolvers: noting(ofPets, resolved) },
    },
    { policies: (_names, { viewer }) => new Set(viewer?.scopes) },
  )
  const { schema } = federation.engine
  const seen = { answers: 0, refused: 0, bubbled: 0, open: 0 }
  const check = async (query: string, variables: Record<string, unknown>, viewer: Rights) => {
    const refused = new Set<string>()
    const fieldResolver = monolithic(viewer, refused)
    const expected = await execute({ schema, document: parse(query), variableValues: variables, fieldResolver })
    const context: RequestContext = viewer.isSignedIn
      ? { ...testContext(), viewer: { ...member, scopes: [...viewer.names] } }
      : testContext()
    resolved.clear()
    const { data, errors = [] } = await federation.run(query, variables, context)
    expect(data).toEqual(JSON.parse(JSON.stringify(expected.data)))
    const paths = new Set(errors.map(({ path }) => JSON.stringify(path)))
    for (const error of expected.errors ?? []) expect(paths).toContain(JSON.stringify(error.path))
    expect(errors.length > 0).toBe((expected.errors ?? []).length > 0)
    const wanted = viewer.isSignedIn ? 'FORBIDDEN' : 'UNAUTHENTICATED'
    for (const { extensions } of errors) expect(extensions?.code).toBe(wanted)
    for (const coordinate of refused) expect(resolved).not.toContain(coordinate)
    seen.answers += 1
    if (refused.size > 0) seen.refused += 1
    if (expected.data === null) seen.bubbled += 1
    if (!expected.errors) seen.open += 1
  }
  // Several viewers ask for the same, so that none gets what was planned for another.
  const viewers = fc.array(rights, { minLength: 1, maxLength: 3 })
  const property = fc.asyncProperty(operationModel, viewers, async (model, all) => {
    const { query, variables } = writeOperation(schema, model)
    if (validate(schema, parse(query)).length > 0) return
    for (const viewer of all) await check(query, variables, viewer)
  })
  await fc.assert(property, { numRuns: runs })
  expect(seen.answers).toBeGreaterThan(runs / 2)
  for (const count of [seen.refused, seen.open]) expect(count).toBeGreaterThan(runs / 10)
  expect(seen.bubbled).toBeGreaterThan(0)
}, 120_000)
