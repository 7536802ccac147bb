import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildSubgraphSchema } from '@apollo/subgraph'
import { type ExecutionResult, execute, type GraphQLSchema, parse, subscribe } from 'graphql'
import { createClient as createSseClient } from 'graphql-sse'
import { createClient } from 'graphql-ws'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { compose } from '../../gateway/engine/compose.ts'

const authors = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key"])
  type Query { author(id: ID!): Author }
  type Author @key(fields: "id") { id: ID! name: String }`
const books = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key"])
  type Query { books: [Book!]! broken: String }
  type Book @key(fields: "title") { title: ID! author: Author }
  type Author @key(fields: "id") { id: ID! }
  type Subscription { bookAdded: Book }`

const bin = join(import.meta.dirname, '../../cli/bin.js')
const folder = mkdtempSync(join(tmpdir(), 'gateway-'))
const file = join(folder, 'supergraph.graphql')
const seen: IncomingHttpHeaders[] = []
const servers: Server[] = []
let gateway: ChildProcess
let url: string
let output = ''

/** A subgraph that answers GraphQL over HTTP and subscriptions as server-sent events. */
async function serveSubgraph(schema: GraphQLSchema, rootValue: Record<string, unknown>): Promise<string> {
  const server = createServer(async (req, res) => {
    seen.push(req.headers)
    let body = ''
    for await (const chunk of req) body += chunk
    const { query, variables } = JSON.parse(body) as { query: string; variables: Record<string, unknown> }
    const args = { schema, document: parse(query), variableValues: variables, rootValue }
    if (req.headers.accept !== 'text/event-stream') {
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(await execute(args)))
      return
    }
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    for await (const event of (await subscribe(args)) as AsyncIterable<ExecutionResult>) {
      res.write(`event: next\ndata: ${JSON.stringify(event)}\n\n`)
    }
    res.end('event: complete\ndata:\n\n')
  })
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`
}

function schemaOf(sdl: string, references: Record<string, (reference: { id: string }) => unknown>): GraphQLSchema {
  const resolvers = Object.fromEntries(
    Object.entries(references).map(([type, resolve]) => [type, { __resolveReference: resolve }]),
  )
  return buildSubgraphSchema([{ typeDefs: parse(sdl), resolvers }])
}

function authorById({ id }: { id: string }) {
  return { __typename: 'Author', id, name: `name ${id}` }
}

async function ask(query: string): Promise<{ data?: unknown; errors?: { message: string }[] }> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  })
  return (await response.json()) as { data?: unknown; errors?: { message: string }[] }
}

/** Puts a supergraph in place as an editor does: another file under the same name. */
function replaceFile(text: string): void {
  writeFileSync(`${file}.new`, text)
  renameSync(`${file}.new`, file)
}

async function waitForOutput(wanted: string): Promise<void> {
  await vi.waitFor(() => expect(output).toContain(wanted), { timeout: 20_000, interval: 20 })
}

let urls: { authors: string; books: string }
const supergraph = (more = '') =>
  compose([
    { name: 'authors', typeDefs: authors + more, url: urls.authors },
    { name: 'books', typeDefs: books, url: urls.books },
  ])

beforeAll(async () => {
  const list = [
    { title: 'A', author: { id: '1' } },
    { title: 'B', author: { id: '2' } },
  ]
  urls = {
    authors: await serveSubgraph(schemaOf(authors, { Author: authorById }), { author: authorById }),
    books: await serveSubgraph(schemaOf(books, {}), {
      books: list,
      broken: () => {
        throw new Error('The shelf is empty')
      },
      bookAdded: async function* () {
        for (const bookAdded of list) yield { bookAdded }
      },
    }),
  }
  writeFileSync(file, supergraph())
  gateway = spawn(process.execPath, [bin, 'gateway', '--supergraph', file, '--port', '0', '--open'], {
    env: { ...process.env, MNEMOGRAPH_LOG_LEVEL: 'info' },
  })
  gateway.stdout?.setEncoding('utf8').on('data', (text) => (output += text))
  gateway.stderr?.setEncoding('utf8').on('data', (text) => (output += text))
  await waitForOutput('/graphql')
  url = /http:\S+\/graphql/.exec(output)?.[0] ?? expect.unreachable()
})

afterAll(async () => {
  if (gateway.exitCode === null && gateway.signalCode === null) {
    // SIGKILL would leave the server behind that the command handed over to.
    const exited = once(gateway, 'exit')
    gateway.kill('SIGTERM')
    await exited
  }
  for (const server of servers) server.close()
  rmSync(folder, { recursive: true })
})

const joined = [
  { title: 'A', author: { name: 'name 1' } },
  { title: 'B', author: { name: 'name 2' } },
]

describe('mnemograph gateway', () => {
  test('joins subgraphs over HTTP, for the first time and again', async () => {
    for (const _lane of ['pipeline', 'fast']) {
      expect(await ask('{ books { title author { name } } }')).toEqual({ data: { books: joined } })
    }
  })

  test('follows a federated subscription over WebSocket and server-sent events', async () => {
    const query = 'subscription { bookAdded { title author { name } } }'
    const expected = joined.map((bookAdded) => ({ data: { bookAdded } }))
    const overWebSocket = createClient({ url: url.replace('http', 'ws'), webSocketImpl: WebSocket })
    const overSse = createSseClient({ url })
    for (const client of [overWebSocket, overSse]) {
      const events: unknown[] = []
      for await (const event of client.iterate({ query })) events.push(event)
      expect(events).toEqual(expected)
      client.dispose()
    }
  })

  test('is open: everyone may read the schema, and the words of subgraphs get through', async () => {
    expect(await ask('{ __schema { queryType { name } } }')).toEqual({
      data: { __schema: { queryType: { name: 'Query' } } },
    })
    const { errors } = await ask('{ broken }')
    expect(errors?.[0]?.message).toBe('The shelf is empty')
  })

  test('sends the trace and nothing of the client on', async () => {
    seen.length = 0
    const trace = '0af7651916cd43dd8448eb211c80319c'
    await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: 'Bearer secret',
        cookie: 'secret',
        traceparent: `00-${trace}-b7ad6b7169203331-01`,
      },
      body: '{"query":"{ books { title } }"}',
    })
    expect(seen).toHaveLength(1)
    expect(seen[0]?.traceparent).toContain(trace)
    expect(JSON.stringify(seen)).not.toContain('secret')
  })

  test('serves health and metrics', async () => {
    const ready = await fetch(new URL('/health/ready', url))
    expect([ready.status, await ready.json()]).toEqual([
      200,
      { status: 'ready', checks: {}, breakers: { authors: 'closed', books: 'closed' } },
    ])
    await ask('{ __typename }')
    const metrics = await (await fetch(new URL('/metrics', url))).text()
    expect(metrics).toContain('mnemograph_operation_seconds_bucket')
    expect(metrics).toContain('mnemograph_subgraph_breaker_state{subgraph="books"} 0')
  })

  test('reads the file again when it changes, without a failed request, and refuses an invalid one', async () => {
    let running = true
    const answers: unknown[] = []
    const load = (async () => {
      while (running) answers.push(await ask('{ books { title author { name } } }'))
    })()
    replaceFile('type Query { broken')
    await waitForOutput('Supergraph refused')
    expect(await ask('{ __typename }')).toEqual({ data: { __typename: 'Query' } })
    replaceFile(supergraph(' extend type Author { age: Int }'))
    await waitForOutput('Supergraph reloaded')
    const { data } = await ask('{ author(id: 1) { name age } }')
    expect(data).toEqual({ author: { name: 'name 1', age: null } })
    replaceFile(supergraph())
    await waitForOutput('The supergraph breaks clients of the one before it')
    expect(output).toContain('Author.age was removed')
    running = false
    await load
    expect(answers.length).toBeGreaterThan(0)
    for (const answer of answers) expect(answer).toEqual({ data: { books: joined } })
  })

  test('stops on SIGTERM with exit code 0', async () => {
    const exited = once(gateway, 'exit')
    gateway.kill('SIGTERM')
    expect(await exited).toEqual([0, null])
  })
})

describe('the command line', () => {
  async function run(...args: string[]): Promise<{ code: number; text: string }> {
    const child = spawn(process.execPath, [bin, ...args], { env: { ...process.env, MNEMOGRAPH_PORT: 'http' } })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (chunk) => (text += chunk))
    child.stderr.setEncoding('utf8').on('data', (chunk) => (text += chunk))
    const [code] = await once(child, 'exit')
    return { code, text }
  }

  test('exits with 2 when it is asked wrongly', async () => {
    expect(await run('gateway')).toMatchObject({ code: 2, text: expect.stringContaining('--supergraph') })
    expect(await run('nonsense')).toMatchObject({ code: 2, text: expect.stringContaining('nonsense') })
    const settings = await run('gateway', '--supergraph', file, '--open')
    expect(settings).toMatchObject({ code: 2, text: expect.stringContaining('MNEMOGRAPH_PORT must be a whole number') })
  })

  test('exits with 1 when what it is asked for cannot be done', async () => {
    const missing = await run('gateway', '--supergraph', join(folder, 'none.graphql'), '--port', '0')
    expect(missing).toMatchObject({ code: 1, text: expect.stringContaining('none.graphql') })
    writeFileSync(join(folder, 'bad.graphql'), 'type Query { a: Int }')
    const bad = await run('gateway', '--supergraph', join(folder, 'bad.graphql'), '--port', '0', '--open')
    expect(bad).toMatchObject({ code: 1, text: expect.stringContaining('Not a supergraph') })
  })

  test('tells what a schema breaks for clients of another', async () => {
    const file = (name: string, sdl: string) => {
      writeFileSync(join(folder, name), sdl)
      return join(folder, name)
    }
    const before = file('before.graphql', 'type Query { a: Int b: E c: Int } enum E { X }')
    const after = file('after.graphql', 'type Query { b: E c: Int } enum E { X Y }')
    expect(await run('schema', 'diff', before, before)).toMatchObject({
      code: 0,
      text: '0 breaking, 0 dangerous changes\n',
    })
    expect(await run('schema', 'diff', before, after)).toMatchObject({
      code: 1,
      text: 'breaking   Query.a was removed.\ndangerous  Y was added to enum type E.\n1 breaking, 1 dangerous changes\n',
    })
    const composed = file('composed.graphql', supergraph())
    const { code, text } = await run('schema', 'diff', composed, after, '--json')
    expect([code, JSON.parse(text).breaking]).toEqual([
      1,
      expect.arrayContaining([{ type: 'FIELD_REMOVED', description: 'Query.books was removed.' }]),
    ])
    const bad = await run('schema', 'diff', before, join(folder, 'none.graphql'))
    expect(bad).toMatchObject({ code: 2, text: expect.stringContaining('none.graphql') })
  })

  test('helps with examples', async () => {
    const help = await run('help')
    expect(help).toMatchObject({ code: 0, text: expect.stringContaining('npx mnemograph start') })
    expect((await run('gateway', '--help')).text).toContain('npx mnemograph gateway --supergraph')
  })
})
