import { pino } from 'pino'
import { afterEach, describe, expect, test } from 'vitest'
import { type EdgeWorld, type EdgeWorldOptions, member, sdl, startEdge } from '../kit/edge.ts'
import { FakeEngine } from '../kit/fake-engine.ts'
import { readParts } from '../kit/product.ts'

let world: EdgeWorld | undefined

afterEach(async () => {
  await world?.[Symbol.asyncDispose]()
  world = undefined
})

async function start(options?: EdgeWorldOptions): Promise<EdgeWorld> {
  world = await startEdge(options)
  return world
}

/** What Apollo Client and Apollo's mobile clients send with a subscription. */
const accept = 'multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json'
const multipart = 'multipart/mixed;boundary="graphql";subscriptionSpec="1.0"'

function ask(w: EdgeWorld, query: string, headers: Record<string, string> = {}): Promise<Response> {
  return w.post({ query }, { accept, ...headers })
}

describe('subscriptions over multipart HTTP', () => {
  test('the bytes are those of the protocol', async () => {
    const response = await ask(await start(), 'subscription { count(to: 2) }')
    expect([response.status, response.headers.get('content-type')]).toEqual([200, multipart])
    const part = (count: number) =>
      `\r\ncontent-type: application/json\r\n\r\n{"payload":{"data":{"count":${count}}}}\r\n--graphql`
    expect(await response.text()).toBe(`\r\n--graphql${part(1)}${part(2)}--\r\n`)
  })

  test('an operation of one answer gets it in JSON under the same header', async () => {
    const w = await start()
    const response = await ask(w, '{ number }')
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(await response.json()).toEqual({ data: { number: 42 } })
  })

  test('an event whose resolver fails has errors, masked, and the stream goes on', async () => {
    const w = await start({
      root: {
        count: async function* () {
          yield {
            count: () => {
              throw new Error('secret: it failed')
            },
          }
          yield { count: 2 }
        },
      },
    })
    const text = await (await ask(w, 'subscription { count(to: 2) }')).text()
    expect(text).toContain('"code":"INTERNAL_SERVER_ERROR"')
    expect(text).toContain('{"payload":{"data":{"count":2}}}')
    expect(text).not.toContain('secret')
  })

  test('an error that all readers of a stream are told is logged once', async () => {
    const lines: string[] = []
    const log = pino({ level: 'error' }, { write: (line: string) => void lines.push(line) })
    const response = {
      text: '{"data":null,"errors":[{"message":"secret"}]}',
      errors: [{ message: 'secret' }],
    }
    const engine = new FakeEngine(sdl, {})
    engine.subscribe = async () =>
      (async function* () {
        yield response
      })()
    const w = await start({ edge: { log }, served: engine })
    const texts = await Promise.all(
      Array.from({ length: 5 }, async () => (await ask(w, 'subscription { count(to: 1) }')).text()),
    )
    for (const text of texts) expect(text).toMatch(/"code":"INTERNAL_SERVER_ERROR".*--\r\n$/s)
    expect(lines.filter((line) => line.includes('Unexpected errors'))).toHaveLength(1)
  })

  test.each([
    ['a plain multipart', 'multipart/mixed', 406],
    ['that of @defer', 'multipart/mixed;deferSpec=20220824', 406],
    ['another version', 'multipart/mixed;subscriptionSpec=2.0', 406],
    ['JSON', 'application/json', 406],
    ['anything', '*/*', 406],
    ['a quoted version', 'multipart/mixed;subscriptionSpec="1.0"', 200],
    ['JSON first', 'application/json, multipart/mixed;subscriptionSpec=1.0', 200],
    ['a preferred event stream', 'multipart/mixed;subscriptionSpec=1.0;q=0.5, text/event-stream', 200],
  ])('is answered to %s with its status', async (_, header, status) => {
    const response = await ask(await start(), 'subscription { count(to: 1) }', { accept: header })
    expect(response.status).toBe(status)
    if (status === 200) {
      const type = header.includes('event-stream') ? 'text/event-stream; charset=utf-8' : multipart
      expect(response.headers.get('content-type')).toBe(type)
    }
    await response.body?.cancel()
  })

  test.each([
    ['a bad token', 'subscription { count(to: 1) }', { authorization: 'Bearer bad' }, 401, 'UNAUTHENTICATED'],
    [
      'a document beyond the limits',
      `subscription { ${'a: count(to: 1) '.repeat(200)} }`,
      {},
      400,
      'QUERY_TOO_COMPLEX',
    ],
  ])('the guard’s refusal of %s has its status and its code', async (_, query, headers, status, code) => {
    const response = await ask(await start(), query, headers as Record<string, string>)
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code } }] })
  })

  test.each<[string, (w: EdgeWorld) => void, number]>([
    ['the session is revoked', (w) => w.gate.revoke(member.sessionId), 4403],
    ['the schema is reloaded', (w) => w.live.replace(new FakeEngine('type Query { number: Int }', {})), 1012],
    ['the server stops', (w) => void w.edge.close(300_000), 1001],
  ])('a stream ends with a named code when %s', async (_, act, closeCode) => {
    const w = await start()
    const response = await ask(w, 'subscription { forever }', { authorization: w.bearer })
    const parts = readParts(response)
    expect((await parts.next()).value).toEqual({ payload: { data: { forever: 1 } } })
    act(w)
    expect((await parts.next()).value).toMatchObject({
      payload: null,
      errors: [{ extensions: { code: 'STREAM_CLOSED', closeCode } }],
    })
    expect((await parts.next()).done).toBe(true)
    await expect.poll(() => w.engine.requests[0]?.context.signal.aborted).toBe(true)
  })

  test('Last-Event-ID reaches the context here too', async () => {
    const w = await start()
    await (await ask(w, 'subscription { count(to: 1) }', { 'last-event-id': 'c41' })).text()
    expect(w.engine.requests[0]?.context.resumeAfter).toBe('c41')
  })
})
