import { readEvents } from './events.ts'

/** What every event says of itself. */
export interface Live {
  /** Where it stands: follow again with it as `after`, and nothing is missed or repeated. */
  readonly cursor: string
  /** What was missed is too old to be replayed: read anew what you show. */
  readonly resync: boolean
  /** You were too slow; the stream goes on from the cursor. */
  readonly lagging: boolean
}

export interface LiveEvent<Data> {
  /** Null when the event is only news of the stream, as when it has to be read anew. */
  readonly data: Data | null
  readonly errors?: readonly { readonly message: string }[]
  readonly live: Live | undefined
}

export type Status = 'connecting' | 'live' | 'offline' | 'signed-out'

export interface FollowOptions {
  /** The GraphQL endpoint. */
  readonly url: string
  /** The access token; asked again with `isRefused` when the server takes the one before no longer. */
  token(isRefused: boolean): string | Promise<string>
  /** A subscription that takes `$after: Cursor`. */
  readonly query: string
  readonly variables?: Readonly<Record<string, unknown>> | undefined
  /** The cursor to begin after; from now on when left out. */
  readonly after?: string | undefined
  readonly signal: AbortSignal
  onStatus?(status: Status): void
  /** Hears where the stream begins, before its first event: nothing after that place is missed. */
  onBegin?(cursor: string): void
}

/** Milliseconds before the first try to connect again, doubled with each one after it. */
const firstRetry = 200
const lastRetry = 10_000
/** The server shows a sign of life more often than this; a quiet connection is a dead one. Milliseconds. */
const longestSilence = 30_000

/** A subscription refused for what it asks: to ask the same again would not help. */
export class LiveError extends Error {}

/**
 * Follows a subscription for as long as the signal lets it, across lost connections, restarts of the server and expired
 * tokens: it comes back with the last cursor, so every event comes once.
 * @throws LiveError when the server refuses the subscription itself
 */
export async function* follow<Data>(options: FollowOptions): AsyncGenerator<LiveEvent<Data>, void> {
  const { signal, onStatus } = options
  let after = options.after
  let isRefused = false
  for (let failures = 0; !signal.aborted; failures++) {
    onStatus?.(isOnline() ? 'connecting' : 'offline')
    const connection = new AbortController()
    const stop = listen(signal, 'abort', () => connection.abort())
    const offline = listen(globalThis, 'offline', () => connection.abort())
    try {
      const token = await options.token(isRefused)
      for await (const event of stream<Data>(options, token, after, connection)) {
        if (event === 'complete') return
        if (typeof event === 'string') {
          failures = 0
          isRefused = false
          onStatus?.('live')
          if (after === undefined) options.onBegin?.(event)
          after = event
          continue
        }
        after = event.live?.cursor ?? after
        if (!event.live?.lagging) yield event
      }
    } catch (error) {
      if (error instanceof LiveError) throw error
      if (error instanceof Refused) {
        if (isRefused) return void onStatus?.('signed-out')
        isRefused = true
      }
    } finally {
      connection.abort()
      stop()
      offline()
    }
    if (signal.aborted) return
    if (!isOnline()) onStatus?.('offline')
    await untilRetry(Math.min(firstRetry * 2 ** failures, lastRetry), signal)
  }
}

/** The token is not taken any more. */
class Refused extends Error {}

/** One connection: first the place where it begins, then its events. */
async function* stream<Data>(
  { url, query, variables }: FollowOptions,
  token: string,
  after: string | undefined,
  connection: AbortController,
): AsyncGenerator<LiveEvent<Data> | string> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream, application/json',
      authorization: `Bearer ${token}`,
    },
    body: JSON.stringify({ query, variables: { ...variables, after } }),
    signal: connection.signal,
  })
  if (response.status === 401) throw new Refused()
  if (response.status >= 400 && response.status < 500 && response.status !== 429)
    throw new LiveError(await response.text())
  if (!response.ok || !response.body) throw new Error(`the server answered ${response.status}`)
  let silence = setTimeout(() => connection.abort(), longestSilence)
  try {
    for await (const { event, id, data } of readEvents(response.body)) {
      clearTimeout(silence)
      silence = setTimeout(() => connection.abort(), longestSilence)
      if (event === 'complete') yield 'complete'
      else if (data !== '') yield readAnswer<Data>(data)
      else if (id !== undefined) yield id
    }
  } finally {
    clearTimeout(silence)
  }
}

/** Codes of errors that the server means to be gone on the next try. */
const passing = new Set(['STREAM_CLOSED', 'SUBGRAPH_UNAVAILABLE', 'STORE_UNAVAILABLE', 'INTERNAL_SERVER_ERROR'])

function readAnswer<Data>(text: string): LiveEvent<Data> {
  const { data, errors, extensions } = JSON.parse(text)
  const live: Live | undefined = extensions?.live
  if (data || live) return { data: data ?? null, errors, live }
  const { code, closeCode } = errors?.[0]?.extensions ?? {}
  if (code === 'UNAUTHENTICATED' || closeCode === 4403) throw new Refused()
  if (passing.has(code)) throw new Error(code)
  throw new LiveError(errors?.[0]?.message ?? text)
}

function isOnline(): boolean {
  const { navigator } = globalThis as { readonly navigator?: { readonly onLine?: boolean } }
  return navigator?.onLine !== false
}

/** Waits, but not when the network comes back. Half of the time is left to chance, so that not all come at once. */
function untilRetry(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      stop()
      online()
      resolve()
    }
    const timer = setTimeout(done, milliseconds * (0.5 + Math.random() / 2))
    const stop = listen(signal, 'abort', done)
    const online = listen(globalThis, 'online', done)
  })
}

/** Node has no events of its network, so there is nothing to listen to. */
function listen(target: unknown, name: string, listener: () => void): () => void {
  const { addEventListener } = target as Partial<EventTarget>
  if (typeof addEventListener !== 'function') return () => {}
  const events = target as EventTarget
  events.addEventListener(name, listener)
  return () => events.removeEventListener(name, listener)
}
