import { expect, test } from 'vitest'
import { Federation } from '../kit/federation.ts'

type Ref = { id: string; [key: string]: unknown }

test('a field that requires one that requires another', async () => {
  const federation = new Federation({
    a: {
      sdl: 'type Query { item: Item } type Item @key(fields: "id") { id: ID! base: Int! }',
      resolvers: { Query: { item: () => ({ id: '1', base: 2 }) } },
    },
    b: {
      sdl: 'type Item @key(fields: "id") { id: ID! base: Int! @external double: Int! @requires(fields: "base") }',
      resolvers: { Item: { double: ({ base }: { base: number }) => base * 2 } },
    },
    c: {
      sdl: `type Item @key(fields: "id") { id: ID! double: Int! @external base: Int! @external
        triple: Int! @requires(fields: "base double") triple2: Int @requires(fields: "double") }`,
      resolvers: {
        Item: {
          triple: ({ base, double }: { base: number; double: number }) => base + double,
          triple2: ({ double }: { double: number }) => double * 1.5,
        },
      },
    },
  })
  expect(await federation.run('{ item { triple triple2 } }')).toEqual({ data: { item: { triple: 6, triple2: 6 } } })
  expect(await federation.run('{ item { base double triple } }')).toEqual({
    data: { item: { base: 2, double: 4, triple: 6 } },
  })
})

test('an overridden field that requires others, and one that others require', async () => {
  const federation = new Federation({
    a: {
      sdl: `
        type Query { user: User }
        type User @key(fields: "id") { id: ID! first: String! full: String! }`,
      resolvers: { Query: { user: () => ({ id: '1', first: 'Ann', full: 'old' }) } },
    },
    b: {
      sdl: `type User @key(fields: "id") {
        id: ID! first: String! @external full: String! @override(from: "a") @requires(fields: "first") }`,
      resolvers: { User: { full: ({ first }: { first: string }) => `${first} Lee` } },
    },
    c: {
      sdl: 'type User @key(fields: "id") { id: ID! full: String! @external greeting: String! @requires(fields: "full") }',
      resolvers: { User: { greeting: ({ full }: { full: string }) => `Hi ${full}` } },
    },
  })
  expect(await federation.run('{ user { full greeting } }')).toEqual({
    data: { user: { full: 'Ann Lee', greeting: 'Hi Ann Lee' } },
  })
})

test('an interface object that requires what the types have', async () => {
  const find = (id: string) => ({ __typename: id === '1' ? 'Human' : 'Robot', id, name: `n${id}` })
  const subgraphs = {
    a: {
      sdl: `
        type Query { beings: [Being!]! }
        interface Being @key(fields: "id") { id: ID! name: String! }
        type Human implements Being @key(fields: "id") { id: ID! name: String! }
        type Robot implements Being @key(fields: "id") { id: ID! name: String! }`,
      resolvers: {
        Query: { beings: () => [find('1'), find('2')] },
        Being: { __resolveReference: ({ id }: Ref) => find(id) },
        Human: { __resolveReference: ({ id }: Ref) => find(id) },
        Robot: { __resolveReference: ({ id }: Ref) => find(id) },
      },
    },
    b: {
      sdl: `
        type Query { others: [Being!]! }
        type Being @key(fields: "id") @interfaceObject { id: ID! name: String! @external tag: String! @requires(fields: "name") }`,
      resolvers: {
        Query: { others: () => [{ id: '2' }] },
        Being: { tag: ({ name }: { name: string }) => `#${name}` },
      },
    },
  }
  // The composer leaves out that the interface's field is external where the interface is an object.
  const supergraphSdl = new Federation(subgraphs).supergraphSdl.replace(
    /(interface Being[\s\S]*?name: String!)/,
    '$1 @join__field(graph: A) @join__field(graph: B, external: true)',
  )
  const federation = new Federation(subgraphs, { supergraphSdl })
  expect(await federation.run('{ beings { tag } others { name tag ... on Robot { id } } }')).toEqual({
    data: { beings: [{ tag: '#n1' }, { tag: '#n2' }], others: [{ name: 'n2', tag: '#n2', id: '2' }] },
  })
  expect(await federation.run('{ others { tag } }')).toEqual({ data: { others: [{ tag: '#n2' }] } })
})

test('fields of an interface object are shown for the types that they are selected for', async () => {
  const find = (id: string) => ({ __typename: id === '1' ? 'Human' : 'Robot', id })
  const federation = new Federation({
    a: {
      sdl: `
        type Query { beings: [Being!]! }
        interface Being @key(fields: "id") { id: ID! }
        type Human implements Being @key(fields: "id") { id: ID! }
        type Robot implements Being @key(fields: "id") { id: ID! }`,
      resolvers: { Being: { __resolveReference: ({ id }: Ref) => find(id) } },
    },
    b: {
      sdl: `
        type Query { others: [Being!]! }
        type Being @key(fields: "id") @interfaceObject { id: ID! likes: Int charge: Int }`,
      resolvers: {
        Query: { others: () => [{ id: '1' }, { id: '2' }] },
        Being: { likes: ({ id }: Ref) => Number(id), charge: () => 7 },
      },
    },
  })
  expect(await federation.run('{ others { ... on Human { likes } ... on Robot { charge } } }')).toEqual({
    data: { others: [{ likes: 1 }, { charge: 7 }] },
  })
})

test('a field required through an interface, and provided through one', async () => {
  const federation = new Federation({
    a: {
      sdl: `
        type Query { lists: [List!]! }
        type List @key(fields: "id") { id: ID! entry: Entry }
        interface Entry { id: ID! }
        type Song implements Entry @key(fields: "id") { id: ID! seconds: Int! }
        type Book implements Entry @key(fields: "id") { id: ID! pages: Int! }`,
      resolvers: {
        Query: {
          lists: () => [
            { id: '1', entry: { __typename: 'Song', id: 's', seconds: 60 } },
            { id: '2', entry: { __typename: 'Book', id: 'b', pages: 100 } },
            { id: '3', entry: null },
          ],
        },
      },
    },
    b: {
      sdl: `
        type Query { best: Entry @provides(fields: "... on Song { seconds }") }
        type List @key(fields: "id") { id: ID! entry: Entry @external
          size: Int @requires(fields: "entry { ... on Song { seconds } ... on Book { pages } }") }
        interface Entry { id: ID! }
        type Song implements Entry @key(fields: "id") { id: ID! seconds: Int! @external }
        type Book implements Entry @key(fields: "id") { id: ID! pages: Int! @external }`,
      resolvers: {
        Query: { best: () => ({ __typename: 'Song', id: 's', seconds: 61 }) },
        List: {
          size: ({ entry }: { entry: { seconds?: number; pages?: number } | null }) => entry?.seconds ?? entry?.pages,
        },
      },
    },
  })
  expect(await federation.run('{ lists { size } best { id ... on Song { seconds } ... on Book { pages } } }')).toEqual({
    data: { lists: [{ size: 60 }, { size: 100 }, { size: null }], best: { id: 's', seconds: 61 } },
  })
})

test('objects that hold one another, through an interface', async () => {
  const book = (id: string) => ({ __typename: 'Book', id })
  const federation = new Federation({
    a: {
      sdl: `
        type Query { product: Product }
        interface Product { samePrice: [Product!]! }
        type Book implements Product @key(fields: "id") { id: ID! samePrice: [Product!]! }`,
      resolvers: {
        Query: { product: () => book('1') },
        Book: { samePrice: ({ id }: Ref) => ['1', '2', '3'].filter((other) => other !== id).map(book) },
      },
    },
    b: {
      sdl: 'type Book @key(fields: "id") { id: ID! price: Float }',
      resolvers: { Book: { price: ({ id }: Ref) => Number(id) + 0.5 } },
    },
  })
  expect(
    await federation.run('{ product { samePrice { ... on Book { id price samePrice { ... on Book { price } } } } } }'),
  ).toEqual({
    data: {
      product: {
        samePrice: [
          { id: '2', price: 2.5, samePrice: [{ price: 1.5 }, { price: 3.5 }] },
          { id: '3', price: 3.5, samePrice: [{ price: 1.5 }, { price: 2.5 }] },
        ],
      },
    },
  })
})

test('children whose types differ between the members of a union', async () => {
  const federation = new Federation({
    a: {
      sdl: `
        type Query { accounts: [Account!]! }
        union Account = User | Admin
        type User @key(fields: "id") { id: ID! name: String similar: [User!] }
        type Admin @key(fields: "id") { id: ID! name: String! similar: [Admin!]! }`,
      resolvers: {
        Query: {
          accounts: () => [
            { __typename: 'User', id: '1', name: null, similar: null },
            { __typename: 'Admin', id: '2', name: 'root', similar: [{ id: '3', name: 'x' }] },
          ],
        },
      },
    },
    b: {
      sdl: `
        type User @key(fields: "id") { id: ID! photo: String! }
        type Admin @key(fields: "id") { id: ID! photo: String }`,
      resolvers: { User: { photo: ({ id }: Ref) => `u${id}` }, Admin: { photo: ({ id }: Ref) => `a${id}` } },
    },
  })
  expect(
    await federation.run(
      `{ accounts { ... on User { id userName: name userSimilar: similar { id photo } userPhoto: photo }
         ... on Admin { id adminName: name adminSimilar: similar { id photo } adminPhoto: photo } } }`,
    ),
  ).toEqual({
    data: {
      accounts: [
        { id: '1', userName: null, userSimilar: null, userPhoto: 'u1' },
        { id: '2', adminName: 'root', adminSimilar: [{ id: '3', photo: 'a3' }], adminPhoto: 'a2' },
      ],
    },
  })
})

test('an entity reached through its parent, whose key it shares', async () => {
  const federation = new Federation({
    a: {
      sdl: `
        type Query { products: [Product!]! }
        type Product @key(fields: "id pid") { id: ID! pid: ID! }`,
      resolvers: { Query: { products: () => [{ id: '1', pid: 'p1' }] } },
    },
    b: {
      sdl: `
        type Product @key(fields: "id") { id: ID! category: Category @shareable }
        type Category { details: Details @shareable tags: [String!] @shareable }
        type Details { products: Int }`,
      resolvers: { Product: { category: () => ({ details: { products: 2 }, tags: ['b'] }) } },
    },
    c: {
      sdl: `
        type Product @key(fields: "id pid") { id: ID! pid: ID! category: Category @shareable }
        type Category @key(fields: "id") { id: ID! details: Details @shareable tags: [String!] @shareable }
        type Details { label: String }`,
      resolvers: {
        Product: { category: () => ({ id: 'c1' }) },
        Category: { details: () => ({ label: 'c' }), tags: () => ['b'] },
      },
    },
  })
  expect(await federation.run('{ products { id category { id details { products label } tags } } }')).toEqual({
    data: { products: [{ id: '1', category: { id: 'c1', details: { products: 2, label: 'c' }, tags: ['b'] } }] },
  })
})

test('roots that several subgraphs share are asked of as few as will do', async () => {
  const federation = new Federation({
    a: {
      sdl: `type Query { product: Product @shareable }
        type Product @shareable { id: ID! name: Name! } type Name @shareable { id: ID! brand: String! }`,
      resolvers: { Query: { product: () => ({ id: '1', name: { id: 'n', brand: 'b' } }) } },
    },
    b: {
      sdl: `type Query { product: Product @shareable }
        type Product @shareable { id: ID! category: Category! } type Category @shareable { id: ID! name: String! }`,
      resolvers: { Query: { product: () => ({ id: '1', category: { id: 'c', name: 'cat' } }) } },
    },
    c: {
      sdl: `type Query { product: Product @shareable }
        type Product @shareable { id: ID! price: Price! } type Price @shareable { id: ID! amount: Int! }`,
      resolvers: { Query: { product: () => ({ id: '1', price: { id: 'p', amount: 5 } }) } },
    },
  })
  expect(await federation.run('{ product { id name { id brand } category { id name } price { id amount } } }')).toEqual(
    {
      data: {
        product: {
          id: '1',
          name: { id: 'n', brand: 'b' },
          category: { id: 'c', name: 'cat' },
          price: { id: 'p', amount: 5 },
        },
      },
    },
  )
  expect(await federation.run('{ product { id } }')).toEqual({ data: { product: { id: '1' } } })
})

test('subgraphs written for Federation 1, with extended types', async () => {
  const federation = new Federation({
    a: {
      sdl: `
        extend type Query { randomUser: User }
        extend type User @key(fields: "id") { id: ID! @external rid: ID }`,
      resolvers: {
        Query: { randomUser: () => ({ id: '1' }) },
        User: { rid: ({ id }: Ref) => `r${id}` },
      },
    },
    b: {
      sdl: `
        type Query { userById(id: ID): User }
        type User @key(fields: "id") { id: ID! name: String! nickname: String! }`,
      resolvers: {
        Query: { userById: (_: unknown, { id }: Ref) => ({ id, name: `n${id}`, nickname: 'x' }) },
        User: { __resolveReference: ({ id }: Ref) => ({ id, name: `n${id}`, nickname: 'x' }) },
      },
    },
  })
  expect(await federation.run('{ randomUser { id rid name } userById(id: "7") { id nickname rid } }')).toEqual({
    data: { randomUser: { id: '1', rid: 'r1', name: 'n1' }, userById: { id: '7', nickname: 'x', rid: 'r7' } },
  })
})

test('node(id:) of a type whose other fields are elsewhere', async () => {
  const federation = new Federation({
    a: {
      sdl: `
        type Query { node(id: ID!): Node }
        interface Node { id: ID! }
        type Person implements Node @key(fields: "id") { id: ID! }
        type Place implements Node @key(fields: "id") { id: ID! name: String }`,
      resolvers: {
        Query: {
          node: (_: unknown, { id }: Ref) =>
            id === '0' ? null : { __typename: id.startsWith('p') ? 'Person' : 'Place', id, name: 'here' },
        },
      },
    },
    b: {
      sdl: 'type Person @key(fields: "id") { id: ID! name: String! }',
      resolvers: { Person: { name: ({ id }: Ref) => `person ${id}` } },
    },
  })
  expect(
    await federation.run(
      `query($id: ID!) { a: node(id: $id) { id ...Named } b: node(id: "x") { ...Named __typename } c: node(id: "0") { id } }
       fragment Named on Node { ... on Person { p: name } ... on Place { q: name } }`,
      { id: 'p1' },
    ),
  ).toEqual({
    data: { a: { id: 'p1', p: 'person p1' }, b: { q: 'here', __typename: 'Place' }, c: null },
  })
})

test('node(id:) of a type that its subgraph only names is for the owner to say, whatever is selected', async () => {
  const federation = new Federation({
    a: {
      sdl: `
        type Query { node(id: ID!): Node nodes(ids: [ID!]!): [Node]! }
        interface Node { id: ID! }
        type Note implements Node @key(fields: "ref") { ref: ID! @inaccessible id: ID! @external }`,
      resolvers: {
        Query: {
          node: (_: unknown, { id }: Ref) => ({ __typename: 'Note', ref: id }),
          nodes: (_: unknown, { ids }: { ids: string[] }) => ids.map((id) => ({ __typename: 'Note', ref: id })),
        },
      },
    },
    b: {
      sdl: `
        interface Node { id: ID! }
        type Note implements Node @key(fields: "ref") @key(fields: "id") { ref: ID! @inaccessible id: ID! title: String }`,
      resolvers: {
        Note: {
          __resolveReference: ({ ref }: { ref: string }) => (ref === 'gone' ? null : { ref, id: ref, title: null }),
        },
      },
    },
  })
  expect(
    await federation.run(
      `query ($no: Boolean!) {
        a: node(id: "1") { __typename } b: node(id: "gone") { __typename }
        c: node(id: "1") { ... on Note { title } } d: node(id: "gone") { ... on Note { title } }
        e: node(id: "1") { id @include(if: $no) } f: node(id: "gone") { id @include(if: $no) } g: node(id: "1") { id @include(if: $no) }
        g: node(id: "1") { ...Named } nodes(ids: ["gone", "2"]) { type: __typename } }
       fragment Named on Node { __typename id }`,
      { no: false },
    ),
  ).toEqual({
    data: {
      a: { __typename: 'Note' },
      b: null,
      c: { title: null },
      d: null,
      e: {},
      f: null,
      g: { __typename: 'Note', id: '1' },
      nodes: [null, { type: 'Note' }],
    },
  })
})

test('what an interface’s field provides through lists of interfaces', async () => {
  const federation = new Federation({
    a: {
      sdl: `
        type Query { shelf: Shelf @shareable @provides(fields: "items { id label }") plain: Shelf @shareable }
        interface Shelf { id: ID! items: [Item] }
        interface Item { id: ID! label: String }
        type Rack implements Shelf @key(fields: "id") { id: ID! items: [Item] @external }
        type Box implements Item @key(fields: "id") { id: ID! @external label: String @external }
        type Tin implements Item @key(fields: "id") { id: ID! @external label: String @external }`,
      resolvers: {
        Query: {
          shelf: () => ({
            __typename: 'Rack',
            id: '1',
            items: [
              { __typename: 'Box', id: 'b', label: 'provided' },
              { __typename: 'Tin', id: 't', label: 'provided' },
            ],
          }),
          plain: () => ({ __typename: 'Rack', id: '1' }),
        },
      },
    },
    b: {
      sdl: `
        interface Shelf { id: ID! items: [Item] }
        interface Item { id: ID! label: String }
        type Rack implements Shelf @key(fields: "id") { id: ID! items: [Item] @shareable }
        type Box implements Item @key(fields: "id") { id: ID! label: String @shareable }
        type Tin implements Item @key(fields: "id") { id: ID! label: String @shareable }`,
      resolvers: {
        Rack: { items: () => [{ __typename: 'Tin', id: 't', label: 'from b' }] },
        Box: { label: () => 'from b' },
        Tin: { label: () => 'from b' },
      },
    },
  })
  expect(await federation.run('{ shelf { id items { id label } } }')).toEqual({
    data: {
      shelf: {
        id: '1',
        items: [
          { id: 'b', label: 'provided' },
          { id: 't', label: 'provided' },
        ],
      },
    },
  })
  expect(await federation.run('{ plain { items { label } } }')).toEqual({
    data: { plain: { items: [{ label: 'from b' }] } },
  })
})
