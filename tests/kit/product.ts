import { randomUUID } from 'node:crypto'
import { createClient as createSseClient } from 'graphql-sse'
import { createClient as createSocketClient } from 'graphql-ws'
import WebSocket from 'ws'
import { loadConfig } from '../../gateway/config.ts'
import { openServer, type Server } from '../../gateway/server.ts'
import { type Log, silentLog } from '../../lib/log.ts'
import type { StatementEvent } from '../../stores/postgres/pool.ts'

// biome-ignore lint/suspicious/noExplicitAny: a test knows what it selected
export type Data = any

export const transports = ['websocket', 'sse', 'multipart'] as const
export type Transport = (typeof transports)[number]

/** Somebody who uses the product. */
export interface Person {
  readonly token: string
  readonly id: string
  /** The data of an operation that must succeed. */
  ask(query: string, variables?: Record<string, unknown>): Promise<Data>
  /** The whole answer. */
  send(query: string, variables?: Record<string, unknown>): Promise<{ data?: Data; errors?: Data[]; extensions?: Data }>
  /** The events of a subscription over a transport, as they come. */
  follow(transport: Transport, query: string, variables?: Record<string, unknown>): AsyncGenerator<Data>
}

/** The whole product on a port of its own, embedded, as `npm start` runs it. */
export interface Product extends AsyncDisposable {
  readonly server: Server
  readonly url: string
  /** Signs somebody new up. */
  join(username?: string): Promise<Person>
  /** Waits until vectors and concepts have taken in all that is written. */
  settled(): Promise<void>
  close(): Promise<void>
}

export interface ProductOptions {
  /** Default: `:memory:`. */
  readonly data?: string
  readonly onStatement?: (event: StatementEvent) => void
  /** Default: one that keeps nothing. */
  readonly log?: Log
  /** Further settings. */
  readonly env?: Readonly<Record<string, string>>
}

export async function startProduct({
  data = ':memory:',
  onStatement,
  log = silentLog(),
  env = {},
}: ProductOptions = {}): Promise<Product> {
  const settings = { MNEMOGRAPH_DATA: data, MNEMOGRAPH_PORT: '0', ...env }
  const { config } = loadConfig({ env: settings, cwd: '/nowhere' })
  const server = await openServer({
    config,
    log,
    listen: true,
    ...(onStatement ? { onStatement } : {}),
  })
  const url = `${server.url}/graphql`
  return {
    server,
    url,
    join: (username = `user-${randomUUID().slice(0, 8)}`) => joinProduct(url, username),
    settled: () => server.projectors.caughtUp(AbortSignal.timeout(60_000)),
    close: () => server.close(),
    [Symbol.asyncDispose]: () => server.close(),
  }
}

const signUp = `mutation Join($input: SignUpInput!) {
  signUp(input: $input) { ... on SignUpSuccess { session { accessToken user { id } } } ... on Problem { message } } }`

/** Signs somebody new up. */
export async function joinProduct(url: string, username: string): Promise<Person> {
  const input = { username, email: `${username}@example.test`, password: `${username}-secret` }
  const { data } = await post(url, null, signUp, { input })
  const { accessToken, user } = data.signUp.session
  return person(url, accessToken, user.id)
}

export function person(url: string, token: string, id: string): Person {
  const authorization = token === '' ? '' : `Bearer ${token}`
  return {
    token,
    id,
    send: (query, variables) => post(url, authorization, query, variables),
    async ask(query, variables) {
      const { data, errors } = await post(url, authorization, query, variables)
      if (errors) throw new Error(`the operation failed: ${JSON.stringify(errors)}`)
      return data
    },
    follow: (transport, query, variables = {}) => followers[transport](url, authorization, query, variables),
  }
}

async function post(
  url: string,
  authorization: string | null,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<Data> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(authorization ? { authorization } : {}) },
    body: JSON.stringify({ query, variables }),
  })
  return response.json()
}

async function* overSocket(
  url: string,
  authorization: string,
  query: string,
  variables: Record<string, unknown>,
): AsyncGenerator<Data> {
  const client = createSocketClient({
    url: url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: { authorization },
    retryAttempts: 0,
  })
  try {
    yield* client.iterate({ query, variables })
  } finally {
    await client.dispose()
  }
}

async function* overSse(
  url: string,
  authorization: string,
  query: string,
  variables: Record<string, unknown>,
): AsyncGenerator<Data> {
  const client = createSseClient({ url, headers: { authorization }, retryAttempts: 0 })
  try {
    yield* client.iterate({ query, variables })
  } finally {
    client.dispose()
  }
}

async function* overMultipart(
  url: string,
  authorization: string,
  query: string,
  variables: Record<string, unknown>,
): AsyncGenerator<Data> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json',
      authorization,
    },
    body: JSON.stringify({ query, variables }),
  })
  if (!response.headers.get('content-type')?.startsWith('multipart/mixed')) throw await response.json()
  for await (const part of readParts(response)) {
    if ('payload' in part) yield part.payload ?? { errors: part.errors }
  }
}

/** The JSON of each part of a multipart answer, as it comes. */
export async function* readParts(response: Response): AsyncGenerator<Data> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true })
    const parts = text.split('\r\n--graphql')
    text = parts.pop() ?? ''
    for (const part of parts) {
      const body = part.split('\r\n\r\n')[1]
      if (body) yield JSON.parse(body)
    }
  }
}

const followers = { websocket: overSocket, sse: overSse, multipart: overMultipart } satisfies Record<Transport, unknown>
