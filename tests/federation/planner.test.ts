import { expect, test } from 'vitest'
import { createEngine } from '../../gateway/engine/engine.ts'
import { SupergraphError } from '../../gateway/engine/supergraph.ts'
import { Federation } from '../kit/federation.ts'

// The first test of the file: no other engine keeps the planner's process.
test('an engine may be opened while the one before it closes', async () => {
  const graph = { a: { sdl: 'type Query { n: Int }', resolvers: { Query: { n: () => 1 } } } }
  for (let round = 0; round < 3; round++) {
    const federation = new Federation(graph)
    expect(await federation.run('{ n }')).toEqual({ data: { n: 1 } })
    // Its planner ends with the last engine; the next one begins before that shows.
    await federation.engine.close()
  }
})

test('an operation that ends the planner is refused, and the next one is planned', async () => {
  // What is required is found over a second key only: the planner of this version panics over it.
  const federation = new Federation({
    a: {
      sdl: 'type Query { item: Item } type Item @key(fields: "id") { id: ID! name: String }',
      resolvers: { Query: { item: () => ({ id: '1', name: 'n' }) } },
    },
    b: { sdl: 'type Item @key(fields: "code") { code: ID! weight: Int }' },
    c: {
      sdl: `
        type Item @key(fields: "id") @key(fields: "code") {
          id: ID! code: ID! weight: Int @external postage: Int @requires(fields: "weight") }`,
    },
    d: { sdl: 'type Item @key(fields: "id") @key(fields: "code") { id: ID! code: ID! size: Int }' },
  })
  const refused = {
    errors: [{ message: 'The planner failed on this operation.', extensions: { code: 'INTERNAL_SERVER_ERROR' } }],
  }
  expect(await federation.run('{ item { postage } }')).toEqual(refused)
  expect(await federation.run('{ item { name } }')).toEqual({ data: { item: { name: 'n' } } })
  expect(await federation.run('{ item { postage } }')).toEqual(refused)
})

test('operations that come at once are each planned', async () => {
  const federation = new Federation({
    a: { sdl: 'type Query { n: Int }', resolvers: { Query: { n: () => 1 } } },
  })
  const aliases = Array.from({ length: 50 }, (_, index) => `x${index}`)
  const answers = await Promise.all(aliases.map((alias) => federation.run(`{ ${alias}: n }`)))
  expect(answers).toEqual(aliases.map((alias) => ({ data: { [alias]: 1 } })))
})

test('an engine that opens just as the last one closes is planned for', async () => {
  const open = () =>
    new Federation({ a: { sdl: 'type Query { n: Int }', resolvers: { Query: { n: () => 1 } } } }).engine
  for (let round = 0; round < 3; round++) {
    const before = open()
    await before.loaded
    await before.close()
    const after = open()
    await expect(after.loaded).resolves.toBeUndefined()
    await after.close()
  }
})

test('a supergraph that the planner cannot read is told before anything is planned', async () => {
  const supergraphSdl = `
    enum join__Graph { A @join__graph(name: "a", url: "") }
    directive @join__graph(name: String!, url: String!) on ENUM_VALUE
    type Query @join__type(graph: NONE) { a: Int }
    directive @join__type(graph: join__Graph!) repeatable on OBJECT`
  const engine = createEngine({
    supergraphSdl,
    channelFor: () => ({
      execute: () => Promise.reject(new Error('not reached')),
      subscribe: () => Promise.reject(new Error('not reached')),
      close: async () => {},
    }),
  })
  await expect(engine.loaded).rejects.toThrow(SupergraphError)
  await engine.close()
})

test('@fromContext is refused', () => {
  const supergraphSdl = `
    enum join__Graph { A @join__graph(name: "a", url: "") }
    type Query { a(x: Int): Int @join__field(graph: A, contextArguments: [{ context: "c", name: "x", type: "Int", selection: "{ y }" }]) }`
  const open = () =>
    createEngine({
      supergraphSdl,
      channelFor: () => {
        throw new Error('not reached')
      },
    })
  expect(open).toThrow(/@fromContext/)
})
