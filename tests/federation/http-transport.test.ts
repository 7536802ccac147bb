import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { AnswerReader, type HttpAnswer } from '../../gateway/engine/channel/transport/answer-reader.ts'
import { PostPool } from '../../gateway/engine/channel/transport/pool.ts'

/** Reads an answer that comes in pieces, each through one buffer that is overwritten afterwards. */
function read(bytes: Buffer, cuts: readonly number[], isEnded: boolean, limit = 10_000) {
  const reader = new AnswerReader(limit)
  const shared = Buffer.alloc(bytes.length)
  const bounds = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  let answer: HttpAnswer | undefined
  let from = 0
  for (const to of [...bounds, bytes.length]) {
    if (to === from) continue
    if (answer) throw new Error('The answer ended before its bytes did.')
    bytes.copy(shared, 0, from, to)
    answer = reader.take(shared.subarray(0, to - from))
    shared.fill('x')
    from = to
  }
  return { answer: answer ?? (isEnded ? reader.end() : undefined), reader }
}

const bodies = fc.array(fc.string({ unit: 'grapheme', maxLength: 12 }), { maxLength: 6 })
const cuts = fc.array(fc.nat(2000), { maxLength: 8 })

function chunked(parts: readonly string[], trailer: string): string {
  const chunks = parts.filter(Boolean).map((part) => `${Buffer.byteLength(part).toString(16)};x=1\r\n${part}\r\n`)
  return `${chunks.join('')}0\r\n${trailer}\r\n`
}

describe('an answer is read the same however it is cut', () => {
  test.each<[string, (parts: readonly string[]) => string, boolean]>([
    ['a length', (parts) => `Content-Length: ${Buffer.byteLength(parts.join(''))}\r\n\r\n${parts.join('')}`, true],
    ['chunks', (parts) => `transfer-encoding: Chunked\r\n\r\n${chunked(parts, '')}`, true],
    ['chunks and a trailer', (parts) => `Transfer-Encoding: chunked\r\n\r\n${chunked(parts, 'a: b\r\n')}`, true],
    ['the end of the connection', (parts) => `\r\n${parts.join('')}`, false],
  ])('with %s', (_what, write, isReusable) => {
    const property = fc.property(bodies, cuts, fc.boolean(), (parts, at, isInterim) => {
      const interim = isInterim ? 'HTTP/1.1 103 Early Hints\r\nlink: </>\r\n\r\n' : ''
      const text = `${interim}HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\nCache-Control: max-age=60\r\n${write(parts)}`
      const { answer, reader } = read(Buffer.from(text), at, !isReusable)
      expect(answer).toEqual({
        status: 200,
        contentType: 'application/json; charset=utf-8',
        cacheControl: expect.stringMatching(/^max-age=60,?$/),
        text: Buffer.from(parts.join('')).toString(),
      })
      expect(reader.isReusable).toBe(isReusable)
    })
    fc.assert(property, { numRuns: 300 })
  })
})

test.each([
  ['HTTP/1.1 204 No Content\r\n\r\n', true],
  ['HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}', false],
  ['HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}', false],
  // What comes behind the answer was not asked for.
  ['HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP', false],
  ['HTTP/1.1 200 OK\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n', false],
])('after %j the connection is used again: %s', (text, isReusable) => {
  const { answer, reader } = read(Buffer.from(text), [], false)
  expect(answer?.status).toBeGreaterThanOrEqual(200)
  expect(reader.isReusable).toBe(isReusable)
})

test('an idle connection is used no longer than the server keeps it', () => {
  const idleOf = (headers: string) =>
    read(Buffer.from(`HTTP/1.1 200 OK\r\n${headers}content-length: 0\r\n\r\n`), [], false).reader.idleMs
  expect(idleOf('Keep-Alive: timeout=20, max=5\r\n')).toBe(19_000)
  expect(idleOf('')).toBeLessThan(5000)
})

test.each([
  'HTTP/2 200\r\n\r\n',
  'HTTP/1.1 abc\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\n\r\n',
  'HTTP/1.1 200 OK\r\nno colon\r\n\r\n',
  'HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n',
  'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n',
  'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n',
  'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n',
  `HTTP/1.1 200 OK\r\na: ${'b'.repeat(70_000)}\r\n\r\n`,
])('%.60j is refused', (text) => {
  expect(() => read(Buffer.from(text), [], false)).toThrow('not read')
})

test.each([
  ['a length', `content-length: 20\r\n\r\n${'x'.repeat(20)}`],
  ['chunks', `transfer-encoding: chunked\r\n\r\n${chunked(['x'.repeat(8), 'x'.repeat(8)], '')}`],
  ['the end of the connection', `\r\n${'x'.repeat(20)}`],
])('a body with %s is refused when it is too large', (_what, rest) => {
  expect(() => read(Buffer.from(`HTTP/1.1 200 OK\r\n${rest}`), [], true, 10)).toThrow()
})

describe('over sockets', () => {
  let server: Server | undefined
  let pool: PostPool | undefined
  const sockets: Socket[] = []

  afterEach(() => {
    pool?.destroy()
    for (const socket of sockets.splice(0)) socket.destroy()
    server?.close()
  })

  /** A server of raw bytes: `answer` writes what it likes for each request. */
  async function serving(answer: (socket: Socket, request: string, nth: number) => void, connections = 2) {
    let requests = 0
    server = createServer((socket) => {
      sockets.push(socket)
      socket.on('error', () => {})
      socket.on('data', (bytes) => answer(socket, bytes.toString(), ++requests))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`)
    pool = new PostPool(url, { connections, headers: { accept: 'x/y' }, maxResponseBytes: 1000 })
    const signal = new AbortController().signal
    return (body: string, headers?: Record<string, string>) => (pool as PostPool).post(headers, body, signal)
  }

  const ok = (text: string, more = '') =>
    `HTTP/1.1 200 OK\r\n${more}content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`

  test('requests wait for a connection, and use it again', async () => {
    const post = await serving((socket, request, nth) => {
      const body = request.slice(request.indexOf('\r\n\r\n') + 4)
      expect(request).toContain(`content-length: ${Buffer.byteLength(body)}\r\n`)
      socket.write(ok(`${nth} ${body}`))
    }, 1)
    const answers = await Promise.all(['a', 'é', 'c'].map((body) => post(body)))
    expect(answers.map(({ text }) => text)).toEqual(['1 a', '2 é', '3 c'])
    expect(sockets).toHaveLength(1)
  })

  test('a connection that the server closes makes room for another', async () => {
    const post = await serving((socket, _request, nth) => socket.end(ok(`${nth}`, 'connection: close\r\n')), 1)
    const answers = await Promise.all([post('a'), post('b')])
    expect(answers.map(({ text }) => text)).toEqual(['1', '2'])
    expect(sockets).toHaveLength(2)
  })

  test('an answer may end with its connection, and a broken one is told from it', async () => {
    const post = await serving((socket, _request, nth) => {
      if (nth === 1) socket.end('HTTP/1.1 200 OK\r\n\r\nall of it')
      else socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf')
    })
    expect(await post('a')).toMatchObject({ text: 'all of it' })
    await expect(post('b')).rejects.toThrow('broke')
  })

  test('headers go as they are, and none can begin another', async () => {
    const post = await serving((socket, request) => socket.write(ok(request.slice(0, request.indexOf('\r\n\r\n')))))
    const { text } = await post('é', { 'x-name': 'Zo\u00eb' })
    expect(text).toContain('x-name: Zo')
    await expect(post('{}', { 'x-name': 'a\r\nx-other: b' })).rejects.toThrow('x-name')
    await expect(post('{}', { 'x-name': 'a\nb' })).rejects.toThrow('x-name')
  })

  test('what comes unasked ends a connection, and never answers the next request', async () => {
    const closed = Promise.withResolvers<void>()
    const post = await serving((socket, _request, nth) => {
      socket.write(ok(`${nth}`))
      if (nth > 1) return
      socket.on('close', () => closed.resolve())
      setImmediate(() => socket.write(ok('forged')))
    })
    expect(await post('a')).toMatchObject({ text: '1' })
    await closed.promise
    expect(await post('b')).toMatchObject({ text: '2' })
  })

  test('giving up one request ends its connection and leaves the others alone', async () => {
    const post = await serving((socket, request, nth) => {
      if (request.endsWith('slow')) return
      socket.write(ok(`${nth}`))
    })
    const stop = new AbortController()
    const slow = (pool as PostPool).post(undefined, 'slow', stop.signal)
    expect(await post('quick')).toMatchObject({ status: 200 })
    stop.abort()
    await expect(slow).rejects.toThrow()
    expect(await post('quick')).toMatchObject({ status: 200 })
  })
})
