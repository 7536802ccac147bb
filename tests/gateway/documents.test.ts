import { createHash } from 'node:crypto'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { controlClient } from '../../cli/graph-client.ts'
import { Documents } from '../../gateway/guard/documents.ts'
import { readTrustedDocuments } from '../../gateway/guard/trusted-documents.ts'
import { type EdgeWorld, member, startEdge } from '../kit/edge.ts'
import { transportNames, transports } from '../kit/transports.ts'

const hash = (text: string) => createHash('sha256').update(text).digest('hex')
const trusted = 'query Greet($name: String) { hello(name: $name) }'
const greet = { documentId: `sha256:${hash(trusted)}`, variables: { name: 'Ada' } }
const greeted = { data: { hello: 'hello Ada' } }
const persisted = (text: string, sha256Hash = hash(text)) => ({ persistedQuery: { version: 1, sha256Hash } })
const notFound = { errors: [{ message: 'PersistedQueryNotFound', extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }] }
const forbidden = { errors: [{ extensions: { code: 'FORBIDDEN' } }] }

let directory: string
let manifest: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'documents-'))
  manifest = write('manifest.json', { [hash(trusted)]: trusted, greeting: '{ hello }' })
})
afterAll(() => rmSync(directory, { recursive: true }))

function write(name: string, content: unknown): string {
  const file = join(directory, name)
  writeFileSync(`${file}.new`, typeof content === 'string' ? content : JSON.stringify(content))
  renameSync(`${file}.new`, file)
  return file
}

const withManifest = (trustedDocumentsOnly = false) =>
  startEdge({ config: { trustedDocuments: manifest, trustedDocumentsOnly } })

describe.each(transportNames)('over %s', (name) => {
  const ask = (world: EdgeWorld, request: Record<string, unknown>, authorization?: string) =>
    transports[name](world, request, authorization)

  test('a trusted document is run by its id, in both lanes', async () => {
    await using world = await withManifest()
    for (const _lane of ['pipeline', 'fast']) {
      expect(await ask(world, greet)).toEqual(greeted)
      expect(await ask(world, { documentId: 'greeting' })).toEqual({ data: { hello: 'hello world' } })
      // The client of Apollo's manifests sends the id as if it were a persisted query's.
      expect(await ask(world, { extensions: persisted(trusted), variables: { name: 'Ada' } })).toEqual(greeted)
    }
    expect(await ask(world, { documentId: 'nothing' })).toMatchObject({
      errors: [{ extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }],
    })
    expect(await ask(world, { query: '{ number }' })).toEqual({ data: { number: 42 } })
  })

  test('where only trusted documents may run, any other is refused and those are not', async () => {
    await using world = await withManifest(true)
    for (const _lane of ['pipeline', 'fast']) {
      expect(await ask(world, greet)).toEqual(greeted)
      expect(await ask(world, { query: trusted, variables: { name: 'Ada' } })).toEqual(greeted)
      expect(await ask(world, { query: '{ number }' })).toMatchObject(forbidden)
      expect(await ask(world, { query: '{ number }', extensions: persisted('{ number }') })).toMatchObject(forbidden)
      expect(await ask(world, { extensions: persisted('{ number }') })).toMatchObject(forbidden)
    }
    expect(world.engine.requests.every(({ query }) => query === trusted)).toBe(true)
  })

  test('a document is remembered by its hash once it has been sent with it', async () => {
    await using world = await startEdge()
    const text = '{ number maybe }'
    const answer = { data: { number: 42, maybe: null } }
    expect(await ask(world, { extensions: persisted(text) })).toMatchObject(notFound)
    expect(await ask(world, { query: text, extensions: persisted(text) })).toEqual(answer)
    expect(await ask(world, { query: text, extensions: persisted(text) })).toEqual(answer)
    for (const _lane of ['pipeline', 'fast']) expect(await ask(world, { extensions: persisted(text) })).toEqual(answer)
  })

  test('a hash of another text is refused, and does not come to mean this one', async () => {
    await using world = await startEdge()
    const wrong = { query: '{ number }', extensions: persisted('{ hello }') }
    expect(await ask(world, wrong)).toMatchObject({
      errors: [{ message: 'provided sha does not match query', extensions: { code: 'BAD_REQUEST' } }],
    })
    expect(await ask(world, { extensions: persisted('{ hello }') })).toMatchObject(notFound)
    expect(world.engine.requests).toEqual([])
  })

  test('can be switched off', async () => {
    await using world = await startEdge({ config: { persistedQueries: false } })
    const refused = { errors: [{ extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' } }] }
    expect(await ask(world, { extensions: persisted('{ number }') })).toMatchObject(refused)
    expect(await ask(world, { query: '{ number }', extensions: persisted('{ number }') })).toMatchObject(refused)
    expect(await ask(world, { query: '{ number }' })).toEqual({ data: { number: 42 } })
  })
})

test("the process's owner runs what commands need, also where only trusted documents may run", async () => {
  await using world = await withManifest(true)
  const path = join(directory, 'control.sock')
  await world.edge.listenTrusted(path, async () => ({ viewer: member, expiresAt: null, isOwner: true }))
  expect(await controlClient(path, null).execute('{ number }')).toEqual({ number: 42 })
})

test('a mutation by its hash is refused over GET and runs over POST', async () => {
  await using world = await startEdge()
  const text = 'mutation { add(by: 1) }'
  expect(await transports.POST(world, { query: text, extensions: persisted(text) })).toEqual({ data: { add: 1 } })
  expect(await transports.GET(world, { extensions: persisted(text) })).toMatchObject({
    errors: [{ extensions: { code: 'BAD_REQUEST' } }],
  })
  expect(await transports.POST(world, { extensions: persisted(text) })).toEqual({ data: { add: 2 } })
})

test.each([
  ['a document named twice', { documentId: 'greeting', query: '{ number }' }],
  [
    'another version of the protocol',
    { extensions: { persistedQuery: { version: 2, sha256Hash: hash('{ number }') } } },
  ],
  ['a hash that is no text', { extensions: { persistedQuery: { version: 1, sha256Hash: 7 } } }],
])('is refused: %s', async (_name, request) => {
  await using world = await withManifest()
  const response = await world.post(request)
  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] })
})

test('a hash alone is answered as Apollo Server answers it, so that its clients send the text', async () => {
  await using world = await startEdge()
  const response = await world.post({ extensions: persisted('{ number }') })
  expect([response.status, await response.json()]).toEqual([200, notFound])
})

describe('what is remembered', () => {
  const documents = new Documents({ trusted: () => undefined, trustedOnly: false, persistedQueries: true })
  const reference = (text: string, isSent: boolean) => ({
    text: isSent ? text : undefined,
    id: undefined,
    persisted: persisted(text).persistedQuery,
  })
  const asker = (tenantId: string) => ({ viewer: { ...member, tenantId }, isOwner: false })
  const stranger = { viewer: null, isOwner: false }

  test('is remembered for the tenant that sent it', () => {
    documents.remember(reference('{ a }', true), asker('t1'))
    expect(documents.find(reference('{ a }', false), asker('t1'))).toBe('{ a }')
    for (const other of [asker('t2'), stranger]) {
      expect(() => documents.find(reference('{ a }', false), other)).toThrow('PersistedQueryNotFound')
    }
  })

  test('is bounded, and strangers push out what strangers sent alone', () => {
    documents.remember(reference('{ kept }', true), asker('t1'))
    for (let i = 0; i < 100; i++) documents.remember(reference(`{ s${i} } #${'x'.repeat(100_000)}`, true), stranger)
    expect(() => documents.find(reference(`{ s0 } #${'x'.repeat(100_000)}`, false), stranger)).toThrow('NotFound')
    expect(documents.find(reference(`{ s99 } #${'x'.repeat(100_000)}`, false), stranger)).toContain('s99')
    expect(documents.find(reference('{ kept }', false), asker('t1'))).toBe('{ kept }')
  })
})

describe('the manifest', () => {
  test('is read as Apollo writes it', () => {
    const file = write('apollo.json', {
      format: 'apollo-persisted-query-manifest',
      version: 1,
      operations: [{ id: hash(trusted), name: 'Greet', type: 'query', body: trusted }],
    })
    const documents = readTrustedDocuments(file)
    expect([documents.byId(hash(trusted)), documents.byId(`sha256:${hash(trusted)}`)]).toEqual([trusted, trusted])
    expect([documents.has(trusted), documents.has('{ number }')]).toEqual([true, false])
  })

  test.each([
    ['no JSON', '{', 'cannot be read'],
    ['another form', '[]', 'is no manifest'],
    ['a text under the hash of another', { [`sha256:${hash('{ a }')}`]: '{ b }' }, 'has another hash'],
  ])('stops the start: %s', async (_name, content, message) => {
    const trustedDocuments = write('bad.json', content)
    await expect(startEdge({ config: { trustedDocuments } })).rejects.toThrow(message)
  })

  test('is followed while the server runs, and a bad one never replaces a good one', async () => {
    const file = write('live.json', { first: '{ number }' })
    await using world = await startEdge({ config: { trustedDocuments: file, trustedDocumentsOnly: true } })
    const ask = (documentId: string) => transports.POST(world, { documentId })
    const isRun = async (documentId: string) =>
      vi.waitFor(async () => expect(await ask(documentId)).toHaveProperty('data'), 5000)
    await isRun('first')
    write('live.json', '{ not')
    write('live.json', { second: '{ hello }' })
    await isRun('second')
    expect(await ask('first')).not.toHaveProperty('data')
    write('live.json', '{ not')
    await isRun('second')
  })
})
