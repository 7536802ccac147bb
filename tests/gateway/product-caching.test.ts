import { afterAll, beforeAll, expect, test } from 'vitest'
import { createExecutor } from '../../lib/execution/executor.ts'
import type { Bus } from '../../stores/bus/port.ts'
import { roomExecution } from '../../subgraphs/execute.ts'
import { loadRooms } from '../../subgraphs/rooms.ts'
import { testContext } from '../kit/federation.ts'
import { type Person, type Product, startProduct } from '../kit/product.ts'

let product: Product
let ann: Person
let bob: Person
/** Statements of rooms: an answer from the cache has none. */
let statements = 0

beforeAll(async () => {
  product = await startProduct({
    env: { MNEMOGRAPH_CACHE_BYTES: '10000000' },
    onStatement: ({ role }) => {
      if (role === 'memory' || role === 'knowledge') statements++
    },
  })
  ann = await product.join()
  bob = await product.join()
})
afterAll(() => product.close())

async function remember(content: string, visibility = 'PRIVATE'): Promise<string> {
  const { remember: made } = await ann.ask(
    `mutation ($input: RememberInput!) { remember(input: $input) { ... on RememberSuccess { memory { id } } } }`,
    { input: { content, visibility } },
  )
  return made.memory.id
}

async function revise(id: string, change: Record<string, unknown>): Promise<void> {
  const { reviseMemory } = await ann.ask(
    `mutation ($input: ReviseMemoryInput!) { reviseMemory(input: $input) { __typename ... on Problem { message } } }`,
    { input: { id, ...change } },
  )
  expect(reviseMemory).toEqual({ __typename: 'ReviseMemorySuccess' })
}

const query = 'query ($id: ID!) { memory(id: $id) { content owner { username } concepts { totalCount } } }'
const read = async (person: Person, id: string) => (await person.ask(query, { id })).memory

/** Whether what is asked needs no statement once nothing is written: other writers are the projectors, at their pace. */
async function isKept(ask: () => Promise<unknown>): Promise<void> {
  await product.settled()
  await expect
    .poll(
      async () => {
        await ask()
        statements = 0
        await ask()
        return statements
      },
      { timeout: 20_000 },
    )
    .toBe(0)
}

test('an answer is kept for its viewer, and for nobody else', async () => {
  const id = await remember('kept for Ann')
  await isKept(() => read(ann, id))
  expect((await read(ann, id)).content).toBe('kept for Ann')
  expect(await read(bob, id)).toBeNull()
})

test('whoever writes reads it at once, in whatever way it is asked', async () => {
  const id = await remember('before')
  await isKept(() => read(ann, id))
  const lists = async () => (await ann.ask('{ memories(first: 5) { nodes { id content } totalCount } }')).memories
  await isKept(lists)
  const { totalCount } = await lists()
  await revise(id, { content: 'after' })
  expect((await read(ann, id)).content).toBe('after')
  expect((await lists()).nodes).toContainEqual({ id, content: 'after' })
  await ann.ask('mutation ($id: ID!) { forgetMemory(input: { id: $id }) { __typename } }', { id })
  expect(await read(ann, id)).toBeNull()
  expect((await lists()).totalCount).toBe(totalCount - 1)
})

test('what is taken back is gone for those who saw it', async () => {
  const id = await remember('for all', 'PUBLIC')
  await isKept(() => read(bob, id))
  expect((await read(bob, id)).content).toBe('for all')
  await revise(id, { visibility: 'PRIVATE' })
  expect(await read(bob, id)).toBeNull()
  expect((await read(ann, id)).content).toBe('for all')
})

test('what was shared and is taken back is gone for those who saw it, and whoever gains it sees it', async () => {
  const id = await remember('for Bob')
  const mutate = (verb: string) =>
    ann.ask(
      `mutation ($id: ID!, $subjectId: ID!) { answer: ${verb}(input: { id: $id, subjectId: $subjectId }) { __typename } }`,
      { id, subjectId: bob.id },
    )
  const seen = async () => {
    const { memories, recall } = await bob.ask(
      '{ memories(first: 5) { nodes { id } } recall(query: "for Bob") { hits { memory { id } } } }',
    )
    const ids = [...memories.nodes, ...recall.hits.map((hit: { memory: { id: string } }) => hit.memory)]
    return [(await read(bob, id))?.content ?? null, ids.filter((node: { id: string }) => node.id === id).length]
  }
  expect(await seen()).toEqual([null, 0])
  await mutate('shareMemory')
  expect(await seen()).toEqual(['for Bob', 2])
  await isKept(() => read(bob, id))
  expect(await seen()).toEqual(['for Bob', 2])
  await mutate('unshareMemory')
  expect(await seen()).toEqual([null, 0])
  expect((await read(ann, id)).content).toBe('for Bob')
})

test('no reader sees less than what was acknowledged before he asked', async () => {
  const id = await remember('0', 'PUBLIC')
  let acknowledged = 0
  let isOver = false
  const readers = [ann, bob, ann, bob].map(async (person) => {
    while (!isOver) {
      const least = acknowledged
      expect(Number((await read(person, id)).content)).toBeGreaterThanOrEqual(least)
    }
  })
  for (let n = 1; n <= 30; n++) {
    await revise(id, { content: String(n) })
    acknowledged = n
  }
  isOver = true
  await Promise.all(readers)
})

test.each([
  ['told by the bus', true],
  ['seen by PostgreSQL alone', false],
])('what another process writes is found when it is %s', async (_, isTold) => {
  const id = await remember('as it was')
  await isKept(() => read(ann, id))
  const { stores } = product.server
  const deaf: Bus = { publish() {}, subscribe: () => () => {}, close: async () => {} }
  const rooms = await loadRooms()
  const room = rooms.find(({ name }) => name === 'memory') ?? expect.unreachable()
  const elsewhere = createExecutor(roomExecution(room, rooms, () => (isTold ? stores : { ...stores, bus: deaf })))
  const { viewer } = await stores.tokens.verify(ann.token)
  const { errors } = await elsewhere.execute({
    operation: 'mutation ($input: ReviseMemoryInput!) { reviseMemory(input: $input) { __typename } }',
    variables: { input: { id, content: 'as it is' } },
    context: { ...testContext(), viewer },
  })
  expect(errors).toBeUndefined()
  await expect.poll(async () => (await read(ann, id)).content, { timeout: 5000 }).toBe('as it is')
})

test('answers are not for caches outside, which hear of no change', async () => {
  const id = await remember('mine')
  for (const _lane of ['pipeline', 'fast', 'kept']) {
    const response = await fetch(product.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${ann.token}` },
      body: JSON.stringify({ query, variables: { id } }),
    })
    expect(response.headers.get('cache-control')).toBe('no-store')
  }
})

test('a session that has ended gets nothing that was kept', async () => {
  const cleo = await product.join()
  await isKept(() => cleo.ask('{ memories(first: 5) { totalCount } }'))
  await cleo.ask('mutation { signOut { ... on SignOutSuccess { endedAt } } }')
  const { errors } = await cleo.send('{ memories(first: 5) { totalCount } }')
  expect(errors?.[0]?.extensions.code).toBe('UNAUTHENTICATED')
})
