import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { follow, LiveError } from '../../examples/live-client/follow.ts'
import { type ListState, LiveList } from '../../examples/live-client/live-list.ts'
import { applyChange, ask, changes, list } from '../../examples/live-client/memories.ts'
import { type Data, type Person, type Product, person, startProduct } from '../kit/product.ts'

const folder = mkdtempSync(join(tmpdir(), 'client-'))
let product: Product
let ann: Person

beforeAll(async () => {
  product = await startProduct({ data: folder })
  ann = await product.join('ann')
})
afterAll(async () => {
  await product.close()
  rmSync(folder, { recursive: true })
})

const remember = async (content: string): Promise<string> => {
  const query = `mutation ($content: String!) { remember(input: { content: $content }) { ... on RememberSuccess { memory { id } } } }`
  return (await ann.ask(query, { content })).remember.memory.id
}

test('keeps a list live while the server goes and comes back', async () => {
  await remember('before')
  let state: ListState<Data> = { items: [], status: 'connecting' }
  const contents = () => state.items.map(({ content }) => content)
  const memories = new LiveList<Data, Data>({
    url: product.url,
    token: () => ann.token,
    query: changes,
    read: async () => (await ask<Data>(product.url, ann.token, list)).memories.nodes,
    apply: applyChange,
    onChange: (next) => {
      state = next
    },
  })
  const running = memories.run()
  await expect.poll(contents, { timeout: 10_000 }).toEqual(['before'])
  const id = await remember('live')
  await expect.poll(contents, { timeout: 10_000 }).toEqual(['live', 'before'])
  const { port } = new URL(product.url)
  await product.close()
  await expect.poll(() => state.status, { timeout: 10_000 }).not.toBe('live')
  product = await startProduct({ data: folder, env: { MNEMOGRAPH_PORT: port } })
  ann = person(product.url, ann.token, ann.id)
  await remember('missed')
  await ann.ask('mutation ($id: ID!) { forgetMemory(input: { id: $id }) { __typename } }', { id })
  await expect.poll(contents, { timeout: 20_000 }).toEqual(['missed', 'before'])
  memories.close()
  await running
}, 60_000)

test('asks for another token when the one it has is refused, and gives up on the second', async () => {
  const asked: boolean[] = []
  const ending = new AbortController()
  const events = follow<Data>({
    url: product.url,
    token(isRefused) {
      asked.push(isRefused)
      return isRefused ? ann.token : 'stale'
    },
    query: changes,
    signal: ending.signal,
    onBegin: () => void remember('signed in again'),
  })
  const { value } = await events.next()
  expect(value?.data?.memoryChanges.memory.content).toBe('signed in again')
  expect(asked).toEqual([false, true])
  ending.abort()
  const statuses: string[] = []
  const hopeless = follow({
    url: product.url,
    token: () => 'stale',
    query: changes,
    signal: new AbortController().signal,
    onStatus: (status) => statuses.push(status),
  })
  expect((await hopeless.next()).done).toBe(true)
  expect(statuses.at(-1)).toBe('signed-out')
})

test('says what is wrong with a subscription that the server refuses', async () => {
  const { signal } = new AbortController()
  const options = { url: product.url, token: () => ann.token, signal }
  await expect(follow({ ...options, query: 'subscription { nothing }' }).next()).rejects.toThrow(LiveError)
  await expect(follow({ ...options, query: changes, after: 'rubbish' }).next()).rejects.toThrow('event cursor')
})
