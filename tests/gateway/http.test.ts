import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { codedError } from '../../lib/errors.ts'
import { createAccessTokens, loadSigningKey } from '../../lib/tokens.ts'
import { type EdgeWorld, type EdgeWorldOptions, member, startEdge } from '../kit/edge.ts'

let world: EdgeWorld | undefined

async function start(options?: EdgeWorldOptions): Promise<EdgeWorld> {
  world = await startEdge(options)
  return world
}

afterEach(async () => {
  await world?.[Symbol.asyncDispose]()
  world = undefined
})

interface Seen {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: string
}

/** All of a response that a client can see, but for the time and trace ids, which differ by nature. */
async function see(response: Response): Promise<Seen> {
  const headers = Object.fromEntries(response.headers)
  delete headers.date
  const body = (await response.text()).replaceAll(/"traceId":"[0-9a-f]{32}"/g, '"traceId":"…"')
  return { status: response.status, headers, body }
}

function lanes({ metrics }: EdgeWorld): { pipeline: number; fast: number } {
  const read = (lane: string) =>
    Number(new RegExp(`operations_total{lane="${lane}"} (\\d+)`).exec(metrics.text())?.[1] ?? 0)
  return { pipeline: read('pipeline'), fast: read('fast') }
}

const json = { accept: 'application/json' }
const graphqlJson = { accept: 'application/graphql-response+json' }

describe('the two lanes', () => {
  const cases: Record<string, { body: Record<string, unknown>; root?: EdgeWorldOptions['root'] }> = {
    'a query': { body: { query: '{ hello number }' } },
    variables: { body: { query: 'query ($name: String) { hello(name: $name) }', variables: { name: '"é\n\u2028' } } },
    'a named operation of several': { body: { query: 'query A { number } query B { hello }', operationName: 'B' } },
    'a mutation': { body: { query: 'mutation { add(by: 0) }' } },
    null: { body: { query: '{ maybe nested { value } }' } },
    'an unexpected error': { body: { query: '{ broken number }' } },
    'an error with a code': {
      body: { query: '{ coded }' },
      root: {
        coded: () => {
          throw codedError('STORE_UNAVAILABLE', 'The store is away.')
        },
      },
    },
    'a null that reaches the root': { body: { query: '{ number }' }, root: { number: () => null } },
    'extensions that nobody knows': { body: { query: '{ number }', extensions: { some: 'thing' } } },
    typename: { body: { query: '{ __typename }' } },
  }

  for (const accept of [{}, json, graphqlJson, { accept: '*/*' }] as Record<string, string>[]) {
    for (const [name, { body, root }] of Object.entries(cases)) {
      test(`answer ${name} byte for byte alike (accept: ${accept.accept ?? 'none'})`, async () => {
        const w = await start(root === undefined ? {} : { root })
        const first = await see(await w.post(body, accept))
        const second = await see(await w.post(body, accept))
        expect(second).toEqual(first)
        expect(lanes(w)).toEqual({ pipeline: 1, fast: 1 })
      })
    }
  }

  test('answer a bad variable alike', async () => {
    const w = await start()
    const query = 'query ($by: String) { hello(name: $by) }'
    await w.post({ query, variables: { by: 'x' } })
    for (const accept of [json, graphqlJson]) {
      const fast = await see(await w.post({ query, variables: { by: 1 } }, accept))
      const first = await see(await w.post({ query: `${query} # new`, variables: { by: 1 } }, accept))
      expect({ ...first, body: '', headers: '' }).toEqual({ ...fast, body: '', headers: '' })
      expect(JSON.parse(first.body)).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] })
      expect(first.status).toBe(accept === json ? 200 : 400)
    }
  })

  test('answer a GET as a POST', async () => {
    const w = await start()
    const query = 'query ($name: String) { hello(name: $name) }'
    const url = new URL(w.url)
    url.searchParams.set('query', query)
    url.searchParams.set('variables', '{"name":"x"}')
    const posted = await see(await w.post({ query, variables: { name: 'x' } }))
    expect(await see(await fetch(url))).toEqual(posted)
    expect(lanes(w)).toEqual({ pipeline: 1, fast: 1 })
  })

  test('refuse a token that was revoked between two calls', async () => {
    const w = await start()
    const headers = { authorization: w.bearer }
    const ask = (query: string) => w.post({ query }, headers)
    expect((await ask('{ whoAmI }')).status).toBe(200)
    expect(await (await ask('{ whoAmI }')).json()).toEqual({ data: { whoAmI: 'u1' } })
    w.gate.revoke(member.sessionId)
    const [fast, first] = [await ask('{ whoAmI }'), await ask('{ whoAmI number }')]
    for (const response of [fast, first]) {
      expect(response.status).toBe(401)
      expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] })
    }
  })

  test('stop at the deadline, and tell what runs to stop', async () => {
    const w = await start({ config: { operationTimeoutMs: 40 } })
    for (const lane of ['pipeline', 'fast']) {
      const response = await w.post({ query: '{ hang }' }, json)
      expect(response.status, lane).toBe(504)
      expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'DEADLINE_EXCEEDED' } }] })
    }
    expect(lanes(w)).toEqual({ pipeline: 1, fast: 1 })
    expect(w.engine.requests.map(({ context }) => context.signal.aborted)).toEqual([true, true])
  })

  test('abort the context when the client goes away', async () => {
    const w = await start()
    for (const requests of [1, 2]) {
      const req = request(w.url, { method: 'POST', headers: { 'content-type': 'application/json' } })
      req.on('error', () => {})
      req.end('{"query":"{ hang }"}')
      await expect.poll(() => w.engine.requests.length).toBe(requests)
      const { signal } = w.engine.requests[requests - 1]?.context ?? expect.unreachable()
      const aborted = once(signal, 'abort')
      req.destroy()
      await aborted
    }
    expect(lanes(w)).toEqual({ pipeline: 1, fast: 1 })
  })

  test('see a new schema at once', async () => {
    const w = await start()
    const { FakeEngine } = await import('../kit/fake-engine.ts')
    await w.post({ query: '{ hello }' })
    w.live.replace(new FakeEngine('type Query { number: Int }', {}))
    const response = await w.post({ query: '{ hello }' }, graphqlJson)
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }] })
    expect(await (await w.post({ query: '{ number }' })).json()).toEqual({ data: { number: null } })
    expect(w.engine.closed).toBe(true)
  })
})

describe('identity', () => {
  test('is nobody without a token', async () => {
    const w = await start()
    expect(await (await w.post({ query: '{ whoAmI }' })).json()).toEqual({ data: { whoAmI: null } })
  })

  test.each(['Bearer nonsense', 'Basic abc', 'Bearer', 'Bearer a.b.c'])('refuses %s', async (authorization) => {
    const w = await start()
    const response = await w.post({ query: '{ whoAmI }' }, { authorization })
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe('Bearer')
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] })
    expect(w.engine.requests).toEqual([])
  })

  test('refuses an expired token, also one that it has seen alive', async () => {
    let now = new Date()
    const w = await start()
    const early = createAccessTokens(loadSigningKey(':memory:'), { now: () => now })
    const { token, expiresAt } = await early.issue(member)
    expect((await early.verify(token)).viewer).toEqual(member)
    now = expiresAt
    await expect(early.verify(token)).rejects.toThrow()
    // The same, with another's signature.
    expect((await w.post({ query: '{ whoAmI }' }, { authorization: `Bearer ${token}` })).status).toBe(401)
  })
})

describe('errors', () => {
  test('of bugs tell nothing but a trace id', async () => {
    const w = await start()
    const trace = '0af7651916cd43dd8448eb211c80319c'
    const response = await w.post({ query: '{ broken }' }, { traceparent: `00-${trace}-b7ad6b7169203331-01` })
    // It was begun and has data, so it is no failure of HTTP.
    expect(response.status).toBe(200)
    const text = await response.text()
    expect(text).not.toContain('secret')
    expect(JSON.parse(text)).toEqual({
      data: { broken: null },
      errors: [
        {
          message: 'Internal server error',
          locations: [{ line: 1, column: 3 }],
          path: ['broken'],
          extensions: { code: 'INTERNAL_SERVER_ERROR', traceId: trace },
        },
      ],
    })
  })

  test('of an engine that throws are masked too', async () => {
    const w = await start()
    w.engine.execute = async () => {
      throw new TypeError('secret: engine bug')
    }
    for (const lane of ['pipeline', 'fast']) {
      const response = await w.post({ query: '{ hello }' })
      expect(response.status, lane).toBe(500)
      expect(await response.text()).not.toContain('secret')
    }
  })

  test('suggest names of the schema only to those who may read it', async () => {
    const w = await start()
    const ask = async (headers: Record<string, string>) => (await w.post({ query: '{ helo }' }, headers)).text()
    expect(await ask({})).not.toContain('hello')
    expect(await ask({ authorization: w.bearer })).toContain('Did you mean \\"hello\\"?')
  })
})

describe('introspection', () => {
  const query = '{ __schema { queryType { name } } }'

  test('is for those who signed in', async () => {
    const w = await start()
    for (const _lane of ['pipeline', 'fast']) {
      expect((await w.post({ query })).status).toBe(401)
      expect(await (await w.post({ query }, { authorization: w.bearer })).json()).toMatchObject({ data: {} })
    }
  })

  test('can be opened and switched off', async () => {
    const open = await start({ config: { introspection: 'open' } })
    expect((await open.post({ query })).status).toBe(200)
    await open[Symbol.asyncDispose]()
    const off = await start({ config: { introspection: 'off' } })
    expect((await off.post({ query }, { authorization: off.bearer })).status).toBe(403)
  })
})

describe('a request that is not GraphQL over HTTP', () => {
  test.each([
    ['a body that is not JSON', '{ "not', {}, 400],
    ['another content-type', 'query=x', { 'content-type': 'application/graphql' }, 415],
    ['another charset', '{}', { 'content-type': 'application/json; charset=latin1' }, 415],
    ['a compressed body', '{}', { 'content-encoding': 'gzip' }, 415],
    ['an accept that takes none of ours', '{"query":"{number}"}', { accept: 'text/html' }, 406],
    ['a batch', '[{"query":"{number}"}]', {}, 400],
    ['a subscription over plain HTTP', '{"query":"subscription { forever }"}', {}, 406],
  ])('is refused: %s', async (_name, body, headers, status) => {
    const w = await start()
    const response = await w.post(body, headers as Record<string, string>)
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ errors: [{ message: expect.any(String) }] })
    expect(w.engine.requests).toEqual([])
  })

  test('is refused when its method is another', async () => {
    const w = await start()
    const put = await fetch(w.url, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: '{}' })
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'GET, POST'])
    const mutation = `${w.url}?query=mutation{add(by:1)}`
    for (const _lane of ['pipeline', 'fast']) {
      await w.post({ query: 'mutation{add(by:1)}' })
      const get = await fetch(mutation, { headers: { 'apollo-require-preflight': '1' } })
      expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST'])
    }
  })

  test('is refused when its body is too large, by its length or by its bytes', async () => {
    const w = await start({ config: { maxBodyBytes: 2000 } })
    const body = JSON.stringify({ query: `{ number } #${'x'.repeat(3000)}` })
    expect((await w.post(body)).status).toBe(413)
    const chunked = await fetch(w.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: new Blob([body]).stream(),
      duplex: 'half',
    } as RequestInit)
    expect(chunked.status).toBe(413)
    expect((await w.post({ query: '{ number }' })).status).toBe(200)
  })

  test('is refused when its body comes too slowly', async () => {
    const w = await start({ config: { bodyTimeoutMs: 30 } })
    const socket = connect(Number(new URL(w.url).port), '127.0.0.1')
    socket.write(
      'POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"que',
    )
    const [answer] = await once(socket.setEncoding('utf8'), 'data')
    expect(answer).toContain('408 Request Timeout')
    await once(socket, 'close')
  })
})

describe('cross-site request forgery', () => {
  const get = (w: EdgeWorld, headers: Record<string, string>) => fetch(`${w.url}?query={number}`, { headers })
  const mozilla = { 'user-agent': 'Mozilla/5.0' }

  test.each([
    ['a form post', { 'content-type': 'text/plain' }],
    ['a form post with a charset', { 'content-type': 'Text/Plain; charset=utf-8' }],
    ['a multipart post', { 'content-type': 'multipart/form-data; boundary=x' }],
  ])('%s is blocked', async (_name, headers) => {
    const w = await start()
    const response = await w.post('{"query":"mutation { add(by: 1) }"}', headers)
    expect(response.status).toBe(400)
    expect(await response.text()).toContain('CSRF')
    expect(w.engine.requests).toEqual([])
  })

  test.each([
    ['from a foreign page', { 'sec-fetch-site': 'cross-site' }, 400],
    ['from a page of a sibling host', { 'sec-fetch-site': 'same-site' }, 400],
    ['from an old browser', mozilla, 400],
    ['with a foreign referer', { referer: 'http://evil.example/' }, 400],
    ['with a foreign origin', { origin: 'http://evil.example' }, 400],
    ['from an own page', { ...mozilla, 'sec-fetch-site': 'same-origin' }, 200],
    ['typed into the address bar', { ...mozilla, 'sec-fetch-site': 'none' }, 200],
    ['that was preflighted', { ...mozilla, 'sec-fetch-site': 'cross-site', 'apollo-require-preflight': 'true' }, 200],
    ['of a program', {}, 200],
  ])('a GET %s', async (_name, headers, status) => {
    const w = await start()
    for (const _lane of ['pipeline', 'fast'])
      expect((await get(w, headers as Record<string, string>)).status).toBe(status)
  })

  test('only origins that are allowed are granted CORS', async () => {
    const w = await start({ config: { corsOrigins: ['https://app.example'] } })
    const preflight = (origin: string) =>
      fetch(w.url, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } })
    expect((await preflight('https://app.example')).headers.get('access-control-allow-origin')).toBe(
      'https://app.example',
    )
    expect((await preflight('https://evil.example')).headers.get('access-control-allow-origin')).toBe(null)
  })
})

describe('the other routes', () => {
  const at = (w: EdgeWorld, path: string) => fetch(new URL(path, w.url))

  test('tell of health by the checks that were given', async () => {
    let working = true
    const check = async () => {
      if (!working) throw new Error('secret: no route to host')
    }
    const w = await start({ edge: { readiness: [{ name: 'database', check }] } })
    expect((await at(w, '/health/live')).status).toBe(200)
    expect(await (await at(w, '/health/ready')).json()).toEqual({ status: 'ready', checks: { database: 'ok' } })
    working = false
    const failing = await at(w, '/health/ready')
    expect(failing.status).toBe(503)
    expect(await failing.json()).toEqual({ status: 'not ready', checks: { database: 'failing' } })
  })

  test('give metrics to Prometheus', async () => {
    const w = await start()
    await w.post({ query: '{ broken }' })
    const response = await at(w, '/metrics')
    expect(response.headers.get('content-type')).toContain('version=0.0.4')
    const text = await response.text()
    expect(text).toContain('mnemograph_operation_seconds_count{kind="query",lane="pipeline",outcome="error"} 1')
    expect(text).toContain('mnemograph_errors_total{code="INTERNAL_SERVER_ERROR"} 1')
  })

  test('answer 404 elsewhere', async () => {
    const w = await start()
    expect((await at(w, '/graphql2')).status).toBe(404)
    expect((await at(w, '/')).status).toBe(404)
  })
})

describe('stopping', () => {
  test('finishes what runs, takes nothing new, and cuts off what outlasts the grace', async () => {
    const release = Promise.withResolvers<string>()
    const w = await start({ root: { maybe: () => release.promise } })
    const running = w.post({ query: '{ maybe }' })
    const hanging = w.post({ query: '{ hang }' }).catch(() => 'cut off')
    await expect.poll(() => w.engine.requests.length).toBe(2)
    const closed = w.edge.close(2000)
    await expect(fetch(w.url)).rejects.toThrow()
    release.resolve('done')
    expect(await (await running).json()).toEqual({ data: { maybe: 'done' } })
    expect(await hanging).toBe('cut off')
    await closed
    const aborted = () => w.engine.requests.filter(({ context }) => context.signal.aborted).length
    await expect.poll(aborted).toBe(1)
    world = undefined
  })
})
