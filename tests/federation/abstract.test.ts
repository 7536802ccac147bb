import { describe, expect, test } from 'vitest'
import { Federation } from '../kit/federation.ts'

describe('@interfaceObject', () => {
  const media = {
    sdl: `
      type Query { media: [Media!]! book: Book }
      interface Media @key(fields: "id") { id: ID! title: String! }
      type Book implements Media @key(fields: "id") { id: ID! title: String! pages: Int! }
      type Film implements Media @key(fields: "id") { id: ID! title: String! minutes: Int! }`,
    resolvers: {
      Query: { media: () => [find('1'), find('2')], book: () => find('1') },
      Media: { __resolveReference: ({ id }: { id: string }) => find(id) },
      Book: { __resolveReference: ({ id }: { id: string }) => find(id) },
      Film: { __resolveReference: ({ id }: { id: string }) => find(id) },
    },
  }
  const find = (id: string) =>
    id === '1'
      ? { __typename: 'Book', id, title: 'Book 1', pages: 100 }
      : { __typename: 'Film', id, title: 'Film 2', minutes: 90 }
  const reviews = {
    sdl: `
      type Query { reviewed: [Media!]! }
      type Media @key(fields: "id") @interfaceObject { id: ID! stars(of: Int! = 5): String! best: Review }
      type Review { text: String! media: Media! }`,
    resolvers: {
      Query: { reviewed: () => [{ id: '2' }, { id: '1' }] },
      Media: {
        stars: ({ id }: { id: string }, { of }: { of: number }) => `${id} of ${of}`,
        best: ({ id }: { id: string }) => ({ text: `best of ${id}`, media: { id } }),
      },
    },
  }

  test('adds fields to every type of an interface', async () => {
    const federation = new Federation({ media, reviews })
    expect(await federation.run('{ media { __typename title stars } book { stars(of: 10) } }')).toEqual({
      data: {
        media: [
          { __typename: 'Book', title: 'Book 1', stars: '1 of 5' },
          { __typename: 'Film', title: 'Film 2', stars: '2 of 5' },
        ],
        book: { stars: '1 of 10' },
      },
    })
  })

  test('is turned into the object type that it stands for', async () => {
    const federation = new Federation({ media, reviews })
    expect(
      await federation.run(
        `{ reviewed { __typename id ... on Book { pages stars(of: 1) } ... on Film { minutes stars(of: 2) }
           best { media { title } } } }`,
      ),
    ).toEqual({
      data: {
        reviewed: [
          { __typename: 'Film', id: '2', minutes: 90, stars: '2 of 2', best: { media: { title: 'Film 2' } } },
          { __typename: 'Book', id: '1', pages: 100, stars: '1 of 1', best: { media: { title: 'Book 1' } } },
        ],
      },
    })
  })

  test('needs no other subgraph for its own fields', async () => {
    const federation = new Federation({ media, reviews })
    expect(await federation.run('{ reviewed { id stars } }')).toEqual({
      data: {
        reviewed: [
          { id: '2', stars: '2 of 5' },
          { id: '1', stars: '1 of 5' },
        ],
      },
    })
    expect(federation.requests.map(({ subgraph }) => subgraph)).toEqual(['reviews'])
  })

  test('a fragment on one type of it selects only that type', async () => {
    const federation = new Federation({ media, reviews })
    expect(await federation.run('{ reviewed { ... on Book { stars } } }')).toEqual({
      data: { reviewed: [{}, { stars: '1 of 5' }] },
    })
  })

  test('may be one that cannot be looked up', async () => {
    const federation = new Federation({
      media,
      links: {
        sdl: `
          type Query { linked: Media }
          type Media @key(fields: "id", resolvable: false) @interfaceObject { id: ID! }`,
        resolvers: { Query: { linked: () => ({ id: '2' }) } },
      },
    })
    expect(await federation.run('{ linked { title ... on Film { minutes } } }')).toEqual({
      data: { linked: { title: 'Film 2', minutes: 90 } },
    })
  })
})

describe('interfaces and unions', () => {
  const federation = () =>
    new Federation({
      a: {
        sdl: `
          type Query { pets: [Pet] found: [Found] owner: Owner }
          interface Pet { id: ID! name: String }
          type Cat implements Pet @key(fields: "id") { id: ID! name: String lives: Int! }
          type Dog implements Pet @key(fields: "id") { id: ID! name: String tricks: [String!]! }
          union Found = Cat | Owner
          type Owner @key(fields: "id") { id: ID! }`,
        resolvers: {
          Query: {
            pets: () => [
              { __typename: 'Cat', id: '1', name: 'Tom', lives: 9 },
              { __typename: 'Dog', id: '2', name: 'Rex', tricks: ['sit'] },
            ],
            found: () => [
              { __typename: 'Owner', id: '7' },
              { __typename: 'Cat', id: '1', name: 'Tom', lives: 9 },
            ],
            owner: () => ({ id: '7' }),
          },
        },
      },
      b: {
        sdl: `
          interface Pet { id: ID! }
          type Cat implements Pet @key(fields: "id") { id: ID! owner: Owner }
          type Dog implements Pet @key(fields: "id") { id: ID! owner: Owner }
          type Bird implements Pet @key(fields: "id") { id: ID! name: String @shareable wings: Int }
          union Found = Cat | Bird
          type Owner @key(fields: "id") { id: ID! name: String! favourite: Pet lost: [Found] }`,
        resolvers: {
          Cat: { owner: () => ({ id: '7' }) },
          Dog: { owner: () => null },
          Owner: {
            name: () => 'Ann',
            favourite: () => ({ __typename: 'Dog', id: '2' }),
            lost: () => [
              { __typename: 'Bird', id: '3', name: 'Tweety', wings: 2 },
              { __typename: 'Cat', id: '1' },
            ],
          },
        },
      },
    })

  test('fields of the interface and of its types come from both subgraphs', async () => {
    expect(
      await federation().run(
        '{ pets { kind: __typename name ... on Cat { lives owner { name } } ...Dog } } fragment Dog on Dog { tricks owner { name } }',
      ),
    ).toEqual({
      data: {
        pets: [
          { kind: 'Cat', name: 'Tom', lives: 9, owner: { name: 'Ann' } },
          { kind: 'Dog', name: 'Rex', tricks: ['sit'], owner: null },
        ],
      },
    })
  })

  test('a union has the members of every subgraph', async () => {
    expect(
      await federation().run(
        `{ found { __typename ... on Owner { name lost { ... on Pet { id } ... on Bird { wings name } } } ... on Cat { lives } }
           owner { favourite { __typename id } } }`,
      ),
    ).toEqual({
      data: {
        found: [
          { __typename: 'Owner', name: 'Ann', lost: [{ id: '3', wings: 2, name: 'Tweety' }, { id: '1' }] },
          { __typename: 'Cat', lives: 9 },
        ],
        owner: { favourite: { __typename: 'Dog', id: '2' } },
      },
    })
  })

  test('one alias may mean another field in each type', async () => {
    expect(
      await federation().run('{ pets { ... on Cat { x: name id: name } ... on Dog { id: name x: name name: name } } }'),
    ).toEqual({
      data: {
        pets: [
          { x: 'Tom', id: 'Tom' },
          { id: 'Rex', x: 'Rex', name: 'Rex' },
        ],
      },
    })
  })

  test('only objects of the types that select more are fetched', async () => {
    const federation = new Federation({
      a: {
        sdl: `
          type Query { nodes: [Node!]! }
          interface Node { id: ID! }
          type File implements Node { id: ID! owner: Owner }
          type Folder implements Node { id: ID! owner: Owner }
          type Owner @key(fields: "id") { id: ID! }`,
        resolvers: {
          Query: {
            nodes: () => [
              { __typename: 'File', id: '1', owner: { id: 'a' } },
              { __typename: 'Folder', id: '2', owner: { id: 'b' } },
            ],
          },
        },
      },
      b: {
        sdl: 'type Owner @key(fields: "id") { id: ID! name: String }',
        resolvers: { Owner: { name: ({ id }: { id: string }) => `name of ${id}` } },
      },
      c: {
        sdl: 'type Owner @key(fields: "id") { id: ID! age: Int }',
        resolvers: { Owner: { age: () => 7 } },
      },
    })
    expect(
      await federation.run('{ nodes { ... on File { owner { name } } ... on Folder { owner { age } } } }'),
    ).toEqual({ data: { nodes: [{ owner: { name: 'name of a' } }, { owner: { age: 7 } }] } })
    const asked = federation.requests.slice(1).map(({ subgraph, variables }) => [subgraph, variables.representations])
    expect(asked.sort()).toEqual([
      ['b', [{ __typename: 'Owner', id: 'a' }]],
      ['c', [{ __typename: 'Owner', id: 'b' }]],
    ])
  })

  test('fields of one name and two types stay apart', async () => {
    const federation = new Federation({
      a: {
        sdl: `
          type Query { all: [Any!]! }
          union Any = A | B
          type A @key(fields: "id") { id: ID! value: Int! inner: InnerA! }
          type B @key(fields: "id") { id: ID! value: String inner: InnerB }
          type InnerA { deep: Int! } type InnerB { deep: String }`,
        resolvers: {
          Query: {
            all: () => [
              { __typename: 'A', id: '1', value: 1, inner: { deep: 2 } },
              { __typename: 'B', id: '1', value: 'b', inner: null },
            ],
          },
        },
      },
      b: {
        sdl: 'type A @key(fields: "id") { id: ID! more: Int! } type B @key(fields: "id") { id: ID! more: [String] }',
        resolvers: { A: { more: () => 3 }, B: { more: () => ['x'] } },
      },
    })
    expect(
      await federation.run(
        '{ all { ... on A { a: value ai: inner { deep } am: more } ... on B { b: value bi: inner { deep } bm: more } } }',
      ),
    ).toEqual({
      data: {
        all: [
          { a: 1, ai: { deep: 2 }, am: 3 },
          { b: 'b', bi: null, bm: ['x'] },
        ],
      },
    })
  })

  test('types that differ only in a subgraph are asked for under different names there', async () => {
    const federation = new Federation({
      a: {
        sdl: `
          type Query { all: [Any!]! holder: Holder }
          type Holder @key(fields: "id") { id: ID! }
          union Any = A | B
          type A @shareable { value: Int! } type B @shareable { value: Int }`,
        resolvers: {
          Query: {
            all: () => [
              { __typename: 'A', value: 1 },
              { __typename: 'B', value: null },
            ],
            holder: () => ({ id: '1' }),
          },
        },
      },
      b: {
        sdl: `
          type Holder @key(fields: "id") { id: ID! held: [Any!]! }
          union Any = A | B
          type A @shareable { value: Int } type B @shareable { value: Int! }`,
        resolvers: {
          Holder: {
            held: () => [
              { __typename: 'B', value: 4 },
              { __typename: 'A', value: null },
            ],
          },
        },
      },
    })
    const fields = '{ ... on A { value } ... on B { value } }'
    expect(await federation.run(`{ all ${fields} holder { held ${fields} } }`)).toEqual({
      data: { all: [{ value: 1 }, { value: null }], holder: { held: [{ value: 4 }, { value: null }] } },
    })
  })
})

test('one alias may mean an interface’s field and the narrower one of its type', async () => {
  const part = (id: string) => ({ __typename: 'Bolt', id, size: Number(id) })
  const federation = new Federation({
    a: {
      sdl: `
        type Query { part: Part other: Part }
        interface Part { fits: Part }
        type Bolt implements Part @key(fields: "id") { id: ID! fits: Bolt }`,
      resolvers: {
        Query: { part: () => part('1'), other: () => part('2') },
        Bolt: { fits: ({ id }: { id: string }) => part(String(Number(id) + 1)) },
      },
    },
    b: {
      sdl: 'type Bolt @key(fields: "id") { id: ID! size: Int }',
      resolvers: { Bolt: { size: ({ id }: { id: string }) => Number(id) } },
    },
  })
  const query = `{
    part { fits { __typename fits { __typename ... on Bolt { id } } } ... on Bolt { id fits { id size } } }
    other { ... on Bolt { fits { size } } fits { ... on Bolt { id } } }
  }`
  expect(await federation.run(query)).toEqual({
    data: {
      part: { fits: { __typename: 'Bolt', fits: { __typename: 'Bolt', id: '3' }, id: '2', size: 2 }, id: '1' },
      other: { fits: { size: 3, id: '3' } },
    },
  })
})

test('enums and inputs have what the subgraphs agree on', async () => {
  const federation = new Federation({
    a: {
      sdl: `
        type Query { a(filter: Filter, sort: Sort): String state: State }
        input Filter { name: String page: Int } enum Sort { UP DOWN } enum State { ON OFF }`,
      resolvers: { Query: { a: (_: unknown, args: object) => JSON.stringify(args), state: () => 'ON' } },
    },
    b: {
      sdl: `
        type Query { b(filter: Filter, sort: Sort): String other: State }
        input Filter { name: String size: Int } enum Sort { UP SIDEWAYS } enum State { BROKEN OFF }`,
      resolvers: { Query: { b: (_: unknown, args: object) => JSON.stringify(args), other: () => 'BROKEN' } },
    },
  })
  expect(
    await federation.run(
      'query($f: Filter, $s: Sort) { a(filter: $f, sort: $s) b(filter: { name: "x" }) state other }',
      {
        f: { name: 'n' },
        s: 'UP',
      },
    ),
  ).toEqual({
    data: { a: '{"filter":{"name":"n"},"sort":"UP"}', b: '{"filter":{"name":"x"}}', state: 'ON', other: 'BROKEN' },
  })
  expect(await federation.run('query($s: Sort) { a(sort: $s) }', { s: 'DOWN' })).toMatchObject({
    errors: [{ extensions: { code: 'BAD_USER_INPUT' } }],
  })
})
