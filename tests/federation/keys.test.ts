import { expect, test } from 'vitest'
import { Federation } from '../kit/federation.ts'

test('an entity is found by a key of one field, of several, and of nested ones', async () => {
  const federation = new Federation({
    shop: {
      sdl: `
        type Query { orders: [Order!]! }
        type Order @key(fields: "number") { number: Int! line: Line! place: Place! }
        type Line @key(fields: "order position") { order: Int! position: Int! }
        type Place @key(fields: "city { code country { code } }") { city: City! }
        type City @shareable { code: String! country: Country! }
        type Country @shareable { code: String! }`,
      resolvers: {
        Query: {
          orders: () =>
            [1, 2].map((number) => ({
              number,
              line: { order: number, position: 7 },
              place: { city: { code: 'B', country: { code: 'DE' } } },
            })),
        },
      },
    },
    depot: {
      sdl: `
        type Order @key(fields: "number") { number: Int! weight: Float! }
        type Line @key(fields: "order position") { order: Int! position: Int! label: String! }
        type Place @key(fields: "city { code country { code } }") { city: City! name: String! }
        type City @shareable { code: String! country: Country! }
        type Country @shareable { code: String! }`,
      resolvers: {
        Order: { weight: ({ number }: { number: number }) => number / 2 },
        Line: { label: ({ order, position }: { order: number; position: number }) => `${order}/${position}` },
        Place: {
          name: ({ city }: { city: { code: string; country: { code: string } } }) =>
            `${city.code}-${city.country.code}`,
        },
      },
    },
  })
  expect(await federation.run('{ orders { weight line { label } place { name } } }')).toEqual({
    data: {
      orders: [
        { weight: 0.5, line: { label: '1/7' }, place: { name: 'B-DE' } },
        { weight: 1, line: { label: '2/7' }, place: { name: 'B-DE' } },
      ],
    },
  })
})

test('a subgraph with both keys leads from one that knows the first to one that knows the second', async () => {
  const federation = new Federation({
    a: {
      sdl: 'type Query { user: User } type User @key(fields: "id") { id: ID! }',
      resolvers: { Query: { user: () => ({ id: '1' }) } },
    },
    b: {
      sdl: 'type User @key(fields: "id") @key(fields: "email") { id: ID! email: String! }',
      resolvers: { User: { __resolveReference: ({ id }: { id: string }) => ({ id, email: `${id}@test` }) } },
    },
    c: {
      sdl: 'type User @key(fields: "email") { email: String! name: String! }',
      resolvers: { User: { name: ({ email }: { email: string }) => `named ${email}` } },
    },
  })
  expect(await federation.run('{ user { name } }')).toEqual({ data: { user: { name: 'named 1@test' } } })
})

test('a field that requires others is found also where its subgraph has keys that theirs has not', async () => {
  const federation = new Federation({
    a: {
      sdl: 'type Query { user: User } type User @key(fields: "id") { id: ID! age: Int }',
      resolvers: { Query: { user: () => ({ id: '1', age: 40 }) } },
    },
    b: {
      sdl: `type User @key(fields: "id") @key(fields: "email") {
        id: ID! email: String! age: Int @external group: String @requires(fields: "age") }`,
      resolvers: { User: { group: ({ age }: { age: number }) => `over ${age - 1}` } },
    },
  })
  expect(await federation.run('{ user { group } }')).toEqual({ data: { user: { group: 'over 39' } } })
})

test('each entity is asked for once, however often it stands in the answer', async () => {
  const federation = new Federation({
    a: {
      sdl: 'type Query { posts: [Post!]! } type Post { author: User! } type User @key(fields: "id") { id: ID! }',
      resolvers: { Query: { posts: () => ['1', '2', '1', '1'].map((id) => ({ author: { id } })) } },
    },
    b: {
      sdl: 'type User @key(fields: "id") { id: ID! name: String! friend: User }',
      resolvers: {
        User: { name: ({ id }: { id: string }) => `n${id}`, friend: ({ id }: { id: string }) => ({ id: `${id}f` }) },
      },
    },
  })
  const { data } = await federation.run('{ posts { author { name friend { name } } } }')
  const author = (id: string) => ({ author: { name: `n${id}`, friend: { name: `n${id}f` } } })
  expect(data).toEqual({ posts: ['1', '2', '1', '1'].map(author) })
  expect(federation.requests[1]?.variables).toEqual({
    representations: [
      { __typename: 'User', id: '1' },
      { __typename: 'User', id: '2' },
    ],
  })
})

test('an entity with a null in its key is not asked for, and its fields are null', async () => {
  const federation = new Federation({
    a: {
      sdl: `
        type Query { books: [Book] }
        type Book @key(fields: "isbn") @key(fields: "shelf { row }") { isbn: String shelf: Shelf title: String }
        type Shelf @shareable { row: Int }`,
      resolvers: {
        Query: {
          books: () => [
            { isbn: null, title: 'a' },
            { isbn: '2', title: 'b' },
            null,
            { isbn: '3', shelf: { row: null } },
          ],
        },
      },
    },
    b: {
      sdl: 'type Book @key(fields: "isbn") { isbn: String pages: Int }',
      resolvers: { Book: { pages: ({ isbn }: { isbn: string }) => Number(isbn) * 100 } },
    },
    c: {
      sdl: 'type Book @key(fields: "shelf { row }") { shelf: Shelf colour: String } type Shelf @shareable { row: Int }',
      resolvers: { Book: { colour: () => 'red' } },
    },
  })
  expect(await federation.run('{ books { title pages colour } }')).toEqual({
    data: {
      books: [
        { title: 'a', pages: null, colour: null },
        { title: 'b', pages: 200, colour: null },
        null,
        { title: null, pages: 300, colour: null },
      ],
    },
  })
  const sent = federation.requests.filter(({ subgraph }) => subgraph !== 'a').map(({ variables }) => variables)
  expect(sent).toEqual([
    {
      representations: [
        { __typename: 'Book', isbn: '2' },
        { __typename: 'Book', isbn: '3' },
      ],
    },
  ])
})

test('what a subgraph does not have of an entity is null, and takes with it what may not be without', async () => {
  const federation = new Federation({
    a: {
      sdl: 'type Query { users: [User] } type User @key(fields: "id") { id: ID! }',
      resolvers: { Query: { users: () => [{ id: '1' }, { id: '2' }] } },
    },
    b: {
      sdl: 'type User @key(fields: "id") { id: ID! nick: String name: String! }',
      resolvers: {
        User: {
          __resolveReference: ({ id }: { id: string }) => (id === '1' ? { id, name: 'Ann', nick: 'A' } : null),
        },
      },
    },
  })
  expect(await federation.run('{ users { id nick } }')).toEqual({
    data: {
      users: [
        { id: '1', nick: 'A' },
        { id: '2', nick: null },
      ],
    },
  })
  expect(await federation.run('{ users { id n: name } }')).toEqual({
    data: { users: [{ id: '1', n: 'Ann' }, null] },
  })
})

test('keys of lists of lists are collected', async () => {
  const federation = new Federation({
    a: {
      sdl: 'type Query { grid: [[Cell]!] } type Cell @key(fields: "id") { id: ID! }',
      resolvers: { Query: { grid: () => [[{ id: '1' }, null], [], [{ id: '2' }, { id: '1' }]] } },
    },
    b: {
      sdl: 'type Cell @key(fields: "id") { id: ID! value: Int! }',
      resolvers: { Cell: { value: ({ id }: { id: string }) => Number(id) } },
    },
  })
  expect(await federation.run('{ grid { value } }')).toEqual({
    data: { grid: [[{ value: 1 }, null], [], [{ value: 2 }, { value: 1 }]] },
  })
})

test('an entity at two places is filled at each as is asked there', async () => {
  const federation = new Federation({
    a: {
      sdl: 'type Query { posts: [Post!]! } type Post { author: User } type User @key(fields: "id") { id: ID! }',
      resolvers: { Query: { posts: () => [{ author: { id: '1' } }, { author: { id: '1' } }] } },
    },
    b: {
      sdl: 'type User @key(fields: "id") { id: ID! team: Team } type Team @key(fields: "id") { id: ID! }',
      resolvers: { User: { team: () => ({ id: 't' }) } },
    },
    c: {
      sdl: 'type Team @key(fields: "id") { id: ID! size(by: Int): Int }',
      resolvers: { Team: { size: (_: unknown, { by }: { by: number }) => by * 10 } },
    },
  })
  expect(
    await federation.run(
      '{ a: posts { author { team { s: size(by: 1) } } } b: posts { author { team { s: size(by: 2) } } } }',
    ),
  ).toEqual({
    data: {
      a: [{ author: { team: { s: 10 } } }, { author: { team: { s: 10 } } }],
      b: [{ author: { team: { s: 20 } } }, { author: { team: { s: 20 } } }],
    },
  })
})
