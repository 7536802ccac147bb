import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createHttpChannel } from '../../gateway/engine/channel/http.ts'
import { codedError } from '../../lib/errors.ts'
import { Federation, testContext } from '../kit/federation.ts'

let answer: RequestListener = () => {}
const server = createServer((request, response) => answer(request, response))
const megabyte = Buffer.alloc(1024 * 1024, 'x')
let federation: Federation

beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`
  federation = new Federation(
    {
      a: {
        sdl: 'type Query { post: Post other: Int } type Post @key(fields: "id") { id: ID! title: String }',
        resolvers: { Query: { post: () => ({ id: '1', title: 't' }), other: () => 5 } },
      },
      b: { sdl: 'type Query { count: Int } type Post @key(fields: "id") { id: ID! likes: Int }' },
    },
    { wrap: (name, channel) => (name === 'b' ? createHttpChannel({ name, url }) : channel) },
  )
})

afterAll(async () => {
  await federation.engine.close()
  server.closeAllConnections()
  server.close()
})

const json = { 'content-type': 'application/json' }
const query = '{ other count post { title likes } }'
const rest = { other: 5, count: null, post: { title: 't', likes: null } }

test.each<[string, RequestListener]>([
  ['HTML', (_, response) => response.end('<h1>Welcome</h1>')],
  [
    'status 500 and HTML',
    (_, response) => response.writeHead(500, { 'content-type': 'text/html' }).end('<h1>Oops</h1>'),
  ],
  ['status 503 and nothing', (_, response) => response.writeHead(503).end()],
  ['JSON that is no GraphQL response', (_, response) => response.writeHead(200, json).end('[1, 2]')],
  ['broken JSON', (_, response) => response.writeHead(200, json).end('{"data": {"count"')],
  [
    'half of what it promised',
    (_, response) => {
      response.writeHead(200, { ...json, 'content-length': '1000' }).write('{"data":')
      setImmediate(() => response.destroy())
    },
  ],
  [
    '100 MB',
    async (_, response) => {
      response.setMaxListeners(0).on('error', () => {})
      response.writeHead(200, json).write('{"data":"')
      for (let sent = 0; sent < 100 && !response.destroyed; sent++) {
        if (!response.write(megabyte)) await Promise.race([once(response, 'drain'), once(response, 'close')])
      }
      response.end('"}')
    },
  ],
])('a subgraph that answers %s gives its own fields an error, and the rest stands', async (_what, listener) => {
  answer = listener
  const { data, errors } = await federation.run(query)
  expect(data).toEqual(rest)
  expect(errors?.map(({ path, extensions }) => [path, extensions])).toEqual([
    [['count'], { code: 'SUBGRAPH_UNAVAILABLE', serviceName: 'b' }],
    [['post'], { code: 'SUBGRAPH_UNAVAILABLE', serviceName: 'b' }],
  ])
})

test('a subgraph that answers too late gives its own fields an error, and the rest stands', async () => {
  const stop = new AbortController()
  answer = () => stop.abort(codedError('DEADLINE_EXCEEDED', 'out of time'))
  const { data, errors } = await federation.run('{ other count }', {}, testContext(stop.signal))
  expect(data).toEqual({ other: 5, count: null })
  expect(errors).toEqual([
    { message: 'out of time', path: ['count'], extensions: { code: 'DEADLINE_EXCEEDED', serviceName: 'b' } },
  ])
})

test('the same subgraph in order answers everything', async () => {
  answer = async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const data = body.includes('_entities') ? { _entities: [{ __typename: 'Post', likes: 3 }] } : { count: 7 }
    response.writeHead(200, json).end(JSON.stringify({ data }))
  }
  expect(await federation.run(query)).toEqual({ data: { other: 5, count: 7, post: { title: 't', likes: 3 } } })
})
