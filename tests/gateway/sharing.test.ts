import { expect, test } from 'vitest'
import type { Viewer } from '../../lib/context.ts'
import { type EdgeWorld, type EdgeWorldOptions, member, startEdge } from '../kit/edge.ts'

type Root = NonNullable<EdgeWorldOptions['root']>

/** A graph whose `hello` waits until it is let go, and answers what has been added so far. */
function gated(options: EdgeWorldOptions = {}) {
  let sum = 0
  let gate = Promise.withResolvers<void>()
  const root: Root = {
    hello: async ({ name }, { viewer, signal }) => {
      const seen = sum
      await Promise.race([gate.promise, cancelled(signal)])
      return `${viewer?.userId ?? 'nobody'} ${name ?? ''} ${seen}`
    },
    add: ({ by }) => {
      sum += by as number
      return sum
    },
  }
  return {
    start: () => startEdge({ ...options, root: { ...root, ...options.root } }),
    open: () => gate.resolve(),
    shut: () => {
      gate = Promise.withResolvers()
    },
  }
}

const query = '{ hello }'
const headers = (world: EdgeWorld) => ({ authorization: world.bearer })

async function bearer(world: EdgeWorld, change: Partial<Viewer>): Promise<string> {
  return `Bearer ${(await world.tokens.issue({ ...member, ...change })).token}`
}

function cancelled(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
}

async function dataOf(response: Promise<Response>): Promise<Record<string, unknown>> {
  return ((await (await response).json()) as { data: Record<string, unknown> }).data
}

async function until(world: EdgeWorld, requests: number): Promise<void> {
  await expect.poll(() => world.engine.requests.length).toBeGreaterThanOrEqual(requests)
}

/** Resolves when a request of this body has been read and everything about it has had its turn. */
async function settled(world: EdgeWorld): Promise<void> {
  await world.post({ query: '{ number }' })
}

test('identical queries at the same time share one execution, in the pipeline and in the fast lane', async () => {
  const graph = gated()
  await using world = await graph.start()
  for (const [round, lane] of ['pipeline', 'fast'].entries()) {
    graph.shut()
    const asked = [1, 2, 3].map(() => world.post({ query }, headers(world)))
    await until(world, round * 2 + 1)
    await settled(world)
    graph.open()
    const texts = await Promise.all(asked.map(async (response) => (await response).text()))
    expect(texts).toEqual(Array(3).fill('{"data":{"hello":"u1  0"}}'))
    // One for the three, and the one that was waited for.
    expect(world.engine.requests, lane).toHaveLength(round * 2 + 2)
  }
})

test.each<[string, (world: EdgeWorld) => Promise<Record<string, string>>]>([
  ['another user', async (world) => ({ authorization: await bearer(world, { userId: 'u2' }) })],
  ['another session', async (world) => ({ authorization: await bearer(world, { sessionId: 's2' }) })],
  ['other scopes', async (world) => ({ authorization: await bearer(world, { scopes: [] }) })],
  ['another role', async (world) => ({ authorization: await bearer(world, { role: 'ADMIN' }) })],
  ['another tenant', async (world) => ({ authorization: await bearer(world, { tenantId: 't2' }) })],
  ['nobody', async () => ({})],
])('%s never shares', async (_who, headersOf) => {
  const graph = gated()
  await using world = await graph.start()
  const first = world.post({ query }, headers(world))
  await until(world, 1)
  const second = world.post({ query }, await headersOf(world))
  await until(world, 2)
  graph.open()
  expect(await Promise.all([first, second].map(async (response) => (await response).status))).toEqual([200, 200])
})

test('other variables, another operation and a mutation never share', async () => {
  const graph = gated()
  await using world = await graph.start()
  const named = 'query A($n: String) { hello(name: $n) }  query B($n: String) { hello(name: $n) }'
  const bodies = [
    { query: named, operationName: 'A', variables: { n: '1' } },
    { query: named, operationName: 'A', variables: { n: '2' } },
    { query: named, operationName: 'B', variables: { n: '1' } },
  ]
  const asked = bodies.map((body) => world.post(body, headers(world)))
  await until(world, 3)
  graph.open()
  const answers = await Promise.all(asked.map(dataOf))
  expect(answers.map(({ hello }) => hello)).toEqual(['u1 1 0', 'u1 2 0', 'u1 1 0'])
  const add = { query: 'mutation { add(by: 1) }' }
  const sums = await Promise.all([add, add].map((body) => dataOf(world.post(body, headers(world)))))
  expect(sums.map((data) => data.add).sort()).toEqual([1, 2])
})

test('a read after a write never joins one that began before it', async () => {
  const graph = gated()
  await using world = await graph.start()
  const before = world.post({ query }, headers(world))
  await until(world, 1)
  await world.post({ query: 'mutation { add(by: 5) }' }, headers(world))
  const after = world.post({ query }, headers(world))
  await until(world, 3)
  graph.open()
  expect(await dataOf(before)).toEqual({ hello: 'u1  0' })
  expect(await dataOf(after)).toEqual({ hello: 'u1  5' })
})

test('one who leaves takes nothing from the others, and the last one ends the work', async () => {
  const graph = gated()
  await using world = await graph.start()
  const ask = (signal: AbortSignal) =>
    fetch(world.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers(world) },
      body: JSON.stringify({ query }),
      signal,
    })
  const leaving = [new AbortController(), new AbortController()]
  const first = ask((leaving[0] as AbortController).signal)
  await until(world, 1)
  const second = ask(new AbortController().signal)
  await settled(world)
  leaving[0]?.abort()
  await expect(first).rejects.toThrow()
  await expect.poll(() => world.metrics.text()).toContain('outcome="cancelled"')
  expect(world.engine.requests[0]?.context.signal.aborted).toBe(false)
  graph.open()
  expect(await (await second).text()).toContain('u1')

  graph.shut()
  const known = world.engine.requests.length
  const last = ask((leaving[1] as AbortController).signal)
  await until(world, known + 1)
  leaving[1]?.abort()
  await expect(last).rejects.toThrow()
  await expect.poll(() => world.engine.requests[known]?.context.signal.aborted).toBe(true)
  graph.open()
})

test('a revoked session is refused also while the answer that it asks for is under way', async () => {
  const graph = gated()
  await using world = await graph.start()
  const first = world.post({ query }, headers(world))
  await until(world, 1)
  world.gate.revoke(member.sessionId)
  expect((await world.post({ query }, headers(world))).status).toBe(401)
  graph.open()
  expect((await first).status).toBe(200)
})

test('each answer of a failed execution names its own trace', async () => {
  const graph = gated({
    root: {
      maybe: async () => {
        await gate.promise
        throw new Error('secret')
      },
    },
  })
  const gate = Promise.withResolvers<void>()
  await using world = await graph.start()
  const traces = ['1', '2'].map((digit) => digit.repeat(32))
  const asked = traces.map((trace) =>
    world.post({ query: '{ maybe }' }, { traceparent: `00-${trace}-${'3'.repeat(16)}-01` }),
  )
  await until(world, 1)
  await settled(world)
  gate.resolve()
  const texts = await Promise.all(asked.map(async (response) => (await response).text()))
  expect(world.engine.requests).toHaveLength(2)
  for (const [index, trace] of traces.entries()) expect(texts[index]).toContain(trace)
})

test('turned off, each query runs on its own', async () => {
  const graph = gated({ config: { dedup: false } })
  await using world = await graph.start()
  const asked = [1, 2].map(() => world.post({ query }, headers(world)))
  await until(world, 2)
  graph.open()
  expect(await Promise.all(asked.map(async (response) => (await response).status))).toEqual([200, 200])
})
