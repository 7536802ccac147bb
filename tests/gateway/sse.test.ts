import { createClient } from 'graphql-sse'
import { afterEach, describe, expect, test } from 'vitest'
import { type EdgeWorld, type EdgeWorldOptions, member, startEdge } from '../kit/edge.ts'
import { FakeEngine } from '../kit/fake-engine.ts'

let world: EdgeWorld | undefined

afterEach(async () => {
  await world?.[Symbol.asyncDispose]()
  world = undefined
})

async function start(options?: EdgeWorldOptions): Promise<EdgeWorld> {
  world = await startEdge(options)
  return world
}

async function all(w: EdgeWorld, query: string, variables: Record<string, unknown> = {}): Promise<unknown[]> {
  const client = createClient({ url: w.url, retryAttempts: 0, headers: { authorization: w.bearer } })
  const results: unknown[] = []
  for await (const result of client.iterate({ query, variables })) results.push(result)
  return results
}

function stream(w: EdgeWorld, query: string, headers: Record<string, string> = {}): Promise<Response> {
  return w.post({ query }, { accept: 'text/event-stream', ...headers })
}

/** Reads a stream until its text holds `wanted`. */
async function readUntil(reader: ReadableStreamDefaultReader<Uint8Array>, wanted: string): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  while (!text.includes(wanted)) {
    const { done, value } = await reader.read()
    if (done) break
    text += decoder.decode(value, { stream: true })
  }
  return text
}

describe('operations over server-sent events', () => {
  test("graphql-sse's client gets queries, mutations and subscriptions", async () => {
    const w = await start()
    expect(await all(w, '{ hello whoAmI }')).toEqual([{ data: { hello: 'hello world', whoAmI: 'u1' } }])
    expect(await all(w, 'mutation { add(by: 2) }')).toEqual([{ data: { add: 2 } }])
    const counts = await all(w, 'subscription ($to: Int!) { count(to: $to) }', { to: 3 })
    expect(counts).toEqual([1, 2, 3].map((count) => ({ data: { count } })))
  })

  test('the bytes are those of the protocol, with the cursor as the id', async () => {
    const w = await start()
    w.engine.eventExtensions = (index) => ({ live: { cursor: `c${index}`, resync: false, lagging: false } })
    const response = await stream(w, 'subscription { count(to: 2) }')
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    const event = (n: number) =>
      `event: next\nid: c${n - 1}\ndata: {"data":{"count":${n}},"extensions":{"live":{"cursor":"c${n - 1}","resync":false,"lagging":false}}}\n\n`
    expect(await response.text()).toBe(`:\n\n${event(1)}${event(2)}event: complete\ndata:\n\n`)
  })

  test('a GET opens a stream too, as EventSource does it', async () => {
    const w = await start()
    const response = await fetch(`${w.url}?query=subscription{count(to:1)}`, {
      headers: { accept: 'text/event-stream' },
    })
    expect(await response.text()).toContain('data: {"data":{"count":1}}')
  })

  test('Last-Event-ID reaches the context', async () => {
    const w = await start()
    await (await stream(w, 'subscription { count(to: 1) }', { 'last-event-id': 'c41' })).text()
    await (await stream(w, 'subscription { count(to: 1) }')).text()
    expect(w.engine.requests.map(({ context }) => context.resumeAfter)).toEqual(['c41', undefined])
  })

  test('a broken feed yields masked errors and completes', async () => {
    const text = await (await stream(await start(), 'subscription { failing }')).text()
    expect(text).toContain('"code":"INTERNAL_SERVER_ERROR"')
    expect(text).not.toContain('secret')
    expect(text.endsWith('event: complete\ndata:\n\n')).toBe(true)
  })

  test('what does not fit the schema is told in the stream', async () => {
    const text = await (await stream(await start(), 'subscription { nothing }')).text()
    expect(text).toContain('GRAPHQL_VALIDATION_FAILED')
  })

  test.each([
    ['a bad token', '{ number }', { authorization: 'Bearer bad' }, 401],
    ['introspection by nobody', '{ __schema { queryType { name } } }', {}, 401],
    ['a document beyond the limits', `{ ${'nested {'.repeat(30)} value ${'}'.repeat(30)} }`, {}, 400],
  ])('is refused before it begins: %s', async (_name, query, headers, status) => {
    const response = await stream(await start(), query, headers as Record<string, string>)
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toContain('json')
  })
})

describe('a stream ends', () => {
  async function opened(w: EdgeWorld) {
    const response = await stream(w, 'subscription { forever }', { authorization: w.bearer })
    const reader = response.body?.getReader() ?? expect.unreachable()
    await readUntil(reader, '"forever":1')
    return { rest: () => readUntil(reader, 'never'), cancel: () => reader.cancel() }
  }
  const aborted = (w: EdgeWorld) => () => w.engine.requests[0]?.context.signal.aborted

  test('for the engine when its reader goes away', async () => {
    const w = await start()
    const { cancel } = await opened(w)
    await cancel()
    await expect.poll(aborted(w)).toBe(true)
  })

  test.each<[string, (w: EdgeWorld) => void]>([
    ['the session is revoked', (w) => w.gate.revoke(member.sessionId)],
    ['the schema is reloaded', (w) => w.live.replace(new FakeEngine('type Query { number: Int }', {}))],
    ['the server stops', (w) => void w.edge.close(300_000)],
  ])('without `complete`, so that its client comes back, when %s', async (_name, act) => {
    const w = await start()
    const { rest } = await opened(w)
    act(w)
    expect(await rest()).not.toContain('complete')
    await expect.poll(aborted(w)).toBe(true)
  })

  test.each(['text/event-stream', 'multipart/mixed;subscriptionSpec=1.0'])(
    'with its cursor and a code when it was not read for too long (%s)',
    async (accept) => {
      const w = await start({
        config: { streamStallMs: 50 },
        root: {
          forever: async function* () {
            for (;;) yield { forever: 1 }
          },
        },
      })
      const big = 'x'.repeat(1 << 20)
      w.engine.eventExtensions = (index) => ({ live: { cursor: `c${index}`, resync: false, lagging: false }, big })
      const response = await w.post({ query: 'subscription { forever }' }, { accept })
      await expect.poll(aborted(w), { interval: 5 }).toBe(true)
      const text = await response.text()
      const cursors = [...text.matchAll(/"cursor":"(c\d+)","resync":false,"lagging":(true|false)/g)]
      const [seen, told] = cursors.slice(-2)
      expect([told?.[1], told?.[2]]).toEqual([seen?.[1], 'true'])
      expect(text.slice(-300)).toContain('"code":"STREAM_CLOSED","closeCode":1013')
    },
  )

  test('when it is not read, and what fed it waits meanwhile', async () => {
    let given = 0
    const w = await start({
      config: { streamStallMs: 200 },
      root: {
        forever: async function* () {
          for (;;) yield { forever: () => ++given }
        },
      },
    })
    const big = 'x'.repeat(1 << 20)
    w.engine.eventExtensions = () => ({ big })
    const response = await stream(w, 'subscription { forever }')
    await expect.poll(aborted(w), { timeout: 5000 }).toBe(true)
    // The sockets' own buffers take some; without backpressure it would be thousands.
    expect(given).toBeLessThan(40)
    await response.body?.cancel().catch(() => {})
  })
})
