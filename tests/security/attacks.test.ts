import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import fc from 'fast-check'
import { buildSchema, isObjectType } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { publicFields } from '../../gateway/public-fields.ts'
import { type Data, type Person, type Product, startProduct } from '../kit/product.ts'

// What attackers try on a GraphQL server, on the whole product and through its front door. After each attempt, and
// beside it, whoever means well is answered.

let product: Product
let ann: Person
beforeAll(async () => {
  product = await startProduct()
  ann = await product.join('ann')
}, 60_000)
afterAll(() => product.close())

const schema = buildSchema(readFileSync(new URL('../../schema/api.graphql', import.meta.url), 'utf8'))

async function send(body: unknown, headers: Record<string, string> = {}): Promise<{ status: number; answer: Data }> {
  const response = await fetch(product.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  return { status: response.status, answer: await response.json() }
}

const asAnn = (body: unknown) => send(body, { authorization: `Bearer ${ann.token}` })
const codesOf = ({ answer }: { answer: Data }) => (answer.errors ?? []).map((error: Data) => error.extensions.code)
const isWell = async () => expect((await ann.ask('{ viewer { username } }')).viewer.username).toBe('ann')
const repeat = (times: number, write: (n: number) => string) =>
  Array.from({ length: times }, (_, n) => write(n)).join(' ')

describe('a flood in one document', () => {
  test.each<[string, string]>([
    ['20,000 aliases', `{ ${repeat(20_000, (n) => `a${n}: viewer { id }`)} }`],
    ['200 aliases', `{ ${repeat(200, (n) => `a${n}: __typename`)} }`],
    ['the same field 10,000 times', `{ viewer { ${repeat(10_000, () => 'id')} } }`],
    ['400 fields that overlap pairwise', `{ ${repeat(400, () => 'viewer { id username }')} }`],
    ['depth', `{ viewer { ${'chatSessions { nodes { parent { '.repeat(20)} id ${'} } } '.repeat(20)} } }`],
    ['depth beyond any stack', `${'{ a '.repeat(50_000)}${'}'.repeat(50_000)}`],
    ['directives', `{ viewer { id ${'@skip(if: false) '.repeat(500)} } }`],
    [
      'fragments that multiply',
      `{ ...F0 } ${repeat(30, (n) => `fragment F${n} on Query { ...F${n + 1} ...F${n + 1} }`)} fragment F30 on Query { __typename a: viewer { id } }`,
    ],
    ['1,000 fragments', `{ viewer { id } } ${repeat(1000, (n) => `fragment F${n} on User { id }`)}`],
    ['operations', repeat(3000, (n) => `query Q${n} { viewer { id } }`)],
    [
      'lists of 100 in lists of 100 in lists of 100',
      '{ chatSessions(first: 100) { nodes { messages(first: 100) { nodes { memories(first: 100) { nodes { concepts(first: 100) { nodes { id } } } } } } } } }',
    ],
  ])('of %s is refused before anything runs', async (_what, query) => {
    const refused = await asAnn({ query, operationName: query.startsWith('query Q0') ? 'Q0' : undefined })
    expect(codesOf(refused)).toEqual(['QUERY_TOO_COMPLEX'])
    await isWell()
  })

  test('of fragments in a circle is refused', async () => {
    const query = '{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }'
    expect(codesOf(await asAnn({ query }))).toEqual(['GRAPHQL_VALIDATION_FAILED'])
    await isWell()
  })

  test('of variables is refused: too many, too deep, too large', async () => {
    const query = 'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }'
    const many = { ids: Array.from({ length: 300_000 }, () => '') }
    expect(codesOf(await asAnn({ query, variables: many }))).toEqual(['QUERY_TOO_COMPLEX'])
    const deep = `{"query": "{ viewer { id } }", "variables": {"x": ${'['.repeat(10_000)}${']'.repeat(10_000)}}}`
    expect(codesOf(await asAnn(deep))).toEqual(['QUERY_TOO_COMPLEX'])
    const large = await asAnn({ query: '{ viewer { id } }', variables: { x: 'x'.repeat(9 * 1024 * 1024) } })
    expect(large.status).toBe(413)
    await isWell()
  })

  test('of operations in one request is no request', async () => {
    const batch = Array.from({ length: 50 }, () => ({ query: '{ viewer { id } }' }))
    expect((await asAnn(batch)).status).toBe(400)
    await isWell()
  })
})

describe('a stranger learns nothing of the schema', () => {
  const introspection = [
    '{ __schema { types { name } } }',
    '{ __type(name: "Memory") { name } }',
    '{ a: __schema { queryType { name } } }',
  ]

  test.each(introspection)('by %s, which shows it to who has signed in', async (query) => {
    expect(codesOf(await send({ query }))).toEqual(['UNAUTHENTICATED'])
    expect(codesOf(await asAnn({ query }))).toEqual([])
  })

  test('by guessing the names of fields: one that is there is refused as one that is not', async () => {
    const nonsense = ['memori', 'memorys', 'rememberr', 'adminPanel', 'x']
    for (const [kind, type] of [
      ['query', schema.getQueryType()],
      ['mutation', schema.getMutationType()],
    ] as const) {
      const known = Object.keys(type?.getFields() ?? {}).filter((name) => !publicFields.has(name))
      expect(known.length).toBeGreaterThan(5)
      const answers = new Set<string>()
      for (const name of [...known, ...nonsense]) {
        for (const query of [
          `${kind} { ${name} }`,
          `${kind} { ${name} { __typename } }`,
          `${kind} { ${name}(x: 1) }`,
        ]) {
          const { status, answer } = await send({ query })
          answers.add(JSON.stringify([status, answer]))
        }
      }
      expect([...answers]).toEqual([
        JSON.stringify([401, { errors: [{ message: 'Sign in first.', extensions: { code: 'UNAUTHENTICATED' } }] }]),
      ])
    }
  })

  test('by what errors say: no name that he did not send', async () => {
    const names = new Set(
      Object.values(schema.getTypeMap()).flatMap((type) => [
        type.name,
        ...(isObjectType(type) ? Object.keys(type.getFields()) : []),
      ]),
    )
    const probes = [
      { query: '{ viewer { id }' },
      { query: 'mutation { signUp }' },
      { query: 'mutation { signUp(input: {}) { __typename } }' },
      {
        query: 'mutation ($input: SignUpInput!) { signUp(input: $input) { __typename } }',
        variables: { input: { usr: 'x' } },
      },
      { query: 'mutation ($input: Wrong!) { signUp(input: $input) { __typename } }', variables: {} },
      { query: 'subscription { memoryChange { cursor } }' },
    ]
    const told = new Set<string>()
    for (const probe of probes) {
      const { answer } = await send(probe)
      expect(answer.errors, JSON.stringify(probe)).toHaveLength(1)
      const sent = JSON.stringify(probe)
      for (const word of String(answer.errors[0].message).match(/\w+/g) ?? []) {
        if (names.has(word) && !sent.includes(word)) told.add(word)
      }
    }
    expect([...told]).toEqual([])
    const helped = await asAnn({ query: '{ viewer { usernam } }' })
    expect(helped.answer.errors[0].message).toContain('username')
  })

  test('by a list of words: whatever he asks below what is his, the answer is the same whether or not it is there', {
    timeout: 180_000,
  }, async () => {
    const fields = new Map<string, Set<string>>()
    for (const type of Object.values(schema.getTypeMap())) {
      if (!isObjectType(type) || type.name.startsWith('__')) continue
      for (const name of Object.keys(type.getFields())) fields.set(name, (fields.get(name) ?? new Set()).add(type.name))
    }
    const words = [...fields.keys(), ...Object.keys(schema.getTypeMap()), 'usernam', 'memorys', 'x', 'Nothing']
    const below = new Set<string>()
    const found = new Set<string>()
    const refresh = (selection: string) => ({
      query: `mutation { refreshSession(input: { refreshToken: "x" }) {
        ... on RefreshSessionSuccess { session { user { ${selection} } } } } }`,
    })
    const opaque = JSON.stringify((await send(refresh('nonsense'))).answer)
    const guess = async (word: string) => {
      const queries = [
        `{ viewer { ${word} } }`,
        `{ viewer { ${word}(first: 1) { __typename } } }`,
        `query Q($a: ${word}) { viewer { ... on ${word} { id } } }`,
        `{ ...F } fragment F on Query { viewer { ${word} } }`,
      ]
      for (const { answer } of await Promise.all(queries.map((query) => send({ query })))) {
        below.add(JSON.stringify(answer))
      }
      const selections = [word, `${word} { __typename }`, `... on ${word} { __typename }`]
      for (const { answer } of await Promise.all(selections.map((selection) => send(refresh(selection))))) {
        if (JSON.stringify(answer) !== opaque) found.add(word)
      }
    }
    for (let from = 0; from < words.length; from += 10) await Promise.all(words.slice(from, from + 10).map(guess))
    expect([...below]).toEqual([JSON.stringify({ data: { viewer: null } })])
    // What signing in answers with, and nothing that hangs on whoever has signed in.
    for (const name of ['memories', 'chatSessions', 'secrets', 'concepts', 'agents', 'Memory', 'Concept', 'content']) {
      expect(words).toContain(name)
      expect(found).not.toContain(name)
    }
    const surface = [
      'session',
      'accessToken',
      'refreshToken',
      'expiresAt',
      'username',
      'email',
      'RefreshSessionSuccess',
    ]
    for (const name of surface) expect(found).toContain(name)
    expect(found.size).toBeLessThan(words.length / 5)
    const helped = await asAnn({ query: '{ viewer { chatSessions(first: 1) { nodes { id } } } }' })
    expect(helped.answer.errors).toBeUndefined()
  })

  test('and yet may sign up and in', async () => {
    expect(await send({ query: '{ viewer { id } }' })).toEqual({ status: 200, answer: { data: { viewer: null } } })
    const bea = await product.join('bea')
    expect((await bea.ask('{ viewer { username } }')).viewer.username).toBe('bea')
  })
})

describe('a request that another site makes a browser send', () => {
  test.each([
    [
      'a form',
      {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: 'query=mutation{signOut{__typename}}',
      },
    ],
    [
      'plain text',
      { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{"query":"mutation{signOut{__typename}}"}' },
    ],
    ['a GET', { method: 'GET', headers: { 'user-agent': 'Mozilla/5.0', 'sec-fetch-site': 'cross-site' } }],
  ] as [string, RequestInit][])('by %s is blocked', async (_what, request) => {
    const url = request.method === 'GET' ? `${product.url}?query={viewer{id}}` : product.url
    expect((await fetch(url, request)).status).toBe(400)
  })

  test('a mutation by GET is refused, also with the header that tells of no browser', async () => {
    const url = `${product.url}?query=${encodeURIComponent('mutation { signOut { __typename } }')}`
    const response = await fetch(url, {
      headers: { 'apollo-require-preflight': '1', authorization: `Bearer ${ann.token}` },
    })
    expect(response.status).toBe(405)
    await isWell()
  })

  test('a socket of another origin is not opened, one of its own is', async () => {
    const open = async (origin: string) => {
      const socket = new WebSocket(product.url.replace('http', 'ws'), 'graphql-transport-ws', { origin })
      const [what] = await Promise.race([once(socket, 'open').then(() => ['open']), once(socket, 'error')])
      socket.terminate()
      return what
    }
    expect(await open('https://evil.example')).toBeInstanceOf(Error)
    expect(await open(new URL(product.url).origin)).toBe('open')
  })
})

describe('injection', () => {
  const spice = [
    "'",
    '"',
    ';',
    '--',
    '/*',
    '\\',
    '$1',
    '%',
    '_',
    '\u0001',
    '\u2028',
    '{',
    '}',
    '$where',
    '::',
    "' OR '1'='1",
    "'; DROP TABLE memory.memories; --",
    '$' + '{7*7}',
    '{{7*7}}',
    'NULL',
    '\ud83d\ude00',
    ')',
    '@>',
    '(a+)+$',
    '.*',
    '[',
    '*',
  ]
  const text = fc
    .array(fc.oneof(fc.constantFrom(...spice), fc.string({ maxLength: 5 })), { minLength: 1, maxLength: 6 })
    .map((parts) => parts.join(''))

  test('of whatever into names, filters and searches finds what is so named and nothing else', {
    timeout: 180_000,
  }, async () => {
    const cid = await product.join('cid')
    await cid.ask('mutation { remember(input: { content: "A secret of Cid" }) { __typename } }')
    await fc.assert(
      fc.asyncProperty(text, async (given) => {
        const { data, errors } = await ann.send(
          `query ($text: String!, $filter: MemoryFilter, $id: ID!) {
            recall(query: $text, first: 5) { hits { memory { content } } }
            memories(first: 5, filter: $filter) { totalCount nodes { content } }
            concepts(first: 5, search: $text) { nodes { name } } concept(name: $text) { name }
            node(id: $id) { id } memory(id: $id) { content } agents(first: 5, capability: $text) { nodes { name } } }`,
          { text: given, filter: { metadata: { [given]: given } }, id: given },
        )
        for (const { extensions } of errors ?? []) expect(extensions.code).toBe('BAD_USER_INPUT')
        expect(JSON.stringify(data ?? {})).not.toContain('Cid')
        if (data?.memories) expect(data.memories.totalCount).toBe(0)
      }),
      { numRuns: 60 },
    )
    expect((await cid.ask('{ memories(first: 5) { totalCount } }')).memories.totalCount).toBe(1)
  })

  test('what is remembered comes back letter for letter', async () => {
    await fc.assert(
      fc.asyncProperty(text, async (given) => {
        const { remember } = await ann.ask(
          `mutation ($input: RememberInput!) { remember(input: $input) { ... on RememberSuccess { memory { id content metadata } } ... on Problem { code } } }`,
          { input: { content: given, metadata: { said: given } } },
        )
        if (remember.code !== undefined) return
        expect(remember.memory).toMatchObject({ content: given, metadata: { said: given } })
        await ann.ask('mutation ($id: ID!) { forgetMemory(input: { id: $id }) { __typename } }', {
          id: remember.memory.id,
        })
      }),
      { numRuns: 30 },
    )
  })

  test('of prototypes by JSON changes nothing but the data', async () => {
    const poisoned = '{"__proto__": {"polluted": "yes"}, "constructor": {"prototype": {"polluted": "yes"}}, "fine": 1}'
    const body = `{"query": "mutation ($metadata: JSON) { remember(input: { content: \\"x\\", metadata: $metadata }) { ... on RememberSuccess { memory { metadata } } } }", "variables": {"metadata": ${poisoned}}, "__proto__": {"polluted": "yes"}}`
    const { answer } = await asAnn(body)
    expect(answer.data.remember.memory.metadata.fine).toBe(1)
    expect(({} as Data).polluted).toBeUndefined()
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
    await isWell()
  })

  test('a pattern that takes a regular expression for ever is a text like any other', async () => {
    const evil = `${'a'.repeat(1000)}!`
    const { recall } = await ann.ask('query ($q: String!) { recall(query: $q, first: 1) { hits { rank } } }', {
      q: `(a+)+$ ${evil}`,
    })
    expect(recall.hits).toBeDefined()
  })
})

describe('a slow or greedy connection', () => {
  test('that never ends its headers or its body holds up nobody', async () => {
    const { hostname, port } = new URL(product.url)
    const sockets = Array.from({ length: 50 }, () => connect(Number(port), hostname))
    await Promise.all(sockets.map((socket) => once(socket, 'connect')))
    for (const socket of sockets.slice(0, 25)) socket.write('POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-ty')
    for (const socket of sockets.slice(25)) {
      socket.write(
        'POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"que',
      )
    }
    await isWell()
    for (const socket of sockets) socket.destroy()
    await isWell()
  })

  test('that opens a stream for each id gets so many and no more', async () => {
    const socket = new WebSocket(product.url.replace('http', 'ws'), 'graphql-transport-ws')
    await once(socket, 'open')
    const refused: Data[] = []
    const done = new Promise<void>((resolve) => {
      socket.on('message', (data) => {
        const message = JSON.parse(String(data))
        if (message.type === 'error') refused.push(message)
        if (refused.length === 50) resolve()
      })
    })
    const acknowledged = once(socket, 'message')
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${ann.token}` } }))
    await acknowledged
    for (let n = 0; n < 150; n++) {
      const payload = { query: 'subscription { memoryChanges { cursor } }' }
      socket.send(JSON.stringify({ type: 'subscribe', id: String(n), payload }))
    }
    await done
    expect(refused.map(({ id }) => Number(id))).toEqual(Array.from({ length: 50 }, (_, n) => 100 + n))
    expect(new Set(refused.map(({ payload }) => payload[0].extensions.code))).toEqual(new Set(['RATE_LIMITED']))
    socket.terminate()
    await isWell()
  })
})
