import type { HttpAnswer } from './answer-reader.ts'
import { type Answering, Connection } from './connection.ts'

export interface PoolOptions {
  /** Connections at the same time; a request beyond them waits. */
  readonly connections: number
  /** Headers that every request has, by name. */
  readonly headers: Readonly<Record<string, string>>
  /** The most bytes of an answer. */
  readonly maxResponseBytes: number
}

/** The request was given up by its own signal. */
export class AbortedRequest extends Error {}

interface Waiting extends Answering {
  readonly head: string
  readonly body: string
  readonly isAscii: boolean
  /** The connection that carries it; undefined while it waits for one. */
  connection: Connection | undefined
}

/**
 * Posts to one URL over kept-alive connections of HTTP/1.1, and reads answers whole. This is the hot path of a gateway
 * (several requests for each of its own), so it does what a GraphQL endpoint needs and nothing else: no streams, no
 * redirects, no encodings, no objects for headers. Subscriptions go by `undici`.
 */
export class PostPool {
  readonly #url: URL
  readonly #options: PoolOptions
  readonly #head: string
  readonly #open = new Set<Connection>()
  /** The one used last is used next, so that what is not needed grows old. */
  readonly #idle: Connection[] = []
  readonly #waiting = new Set<Waiting>()

  constructor(url: URL, options: PoolOptions) {
    this.#url = url
    this.#options = options
    const own = { host: url.host, connection: 'keep-alive', 'content-type': 'application/json', ...options.headers }
    this.#head = `POST ${url.pathname}${url.search} HTTP/1.1\r\n${headerLines(own)}`
  }

  /**
   * @param headers Beside those of all requests.
   * Rejects with a `BrokenConnection`, a `MalformedAnswer`, an `OversizedAnswer` or, aborted, an `AbortedRequest`.
   */
  post(headers: Readonly<Record<string, string>> | undefined, body: string, signal: AbortSignal): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) throw new AbortedRequest()
      const length = Buffer.byteLength(body)
      const lines = headers === undefined ? '' : headerLines(headers)
      const abort = () => this.#abort(request)
      signal.addEventListener('abort', abort)
      const request: Waiting = {
        head: `${this.#head}${lines}content-length: ${length}\r\n\r\n`,
        body,
        isAscii: length === body.length && isAscii(lines),
        connection: undefined,
        resolve(answer) {
          signal.removeEventListener('abort', abort)
          resolve(answer)
        },
        reject(error) {
          signal.removeEventListener('abort', abort)
          reject(error)
        },
      }
      this.#begin(request)
    })
  }

  destroy(): void {
    for (const request of this.#waiting) request.reject(new AbortedRequest())
    this.#waiting.clear()
    for (const connection of this.#open) connection.destroy('closed')
  }

  onIdle(connection: Connection): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#idle.push(connection)
      return
    }
    this.#waiting.delete(next)
    this.#carry(connection, next)
  }

  onClosed(connection: Connection): void {
    this.#open.delete(connection)
    const index = this.#idle.indexOf(connection)
    if (index >= 0) this.#idle.splice(index, 1)
    const [next] = this.#waiting
    if (next === undefined) return
    this.#waiting.delete(next)
    this.#begin(next)
  }

  #begin(request: Waiting): void {
    const connection = this.#free()
    if (connection === undefined) this.#waiting.add(request)
    else this.#carry(connection, request)
  }

  #carry(connection: Connection, request: Waiting): void {
    request.connection = connection
    connection.send(request.head, request.body, request.isAscii, request)
  }

  #free(): Connection | undefined {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (idle.isGood) return idle
      idle.destroy('idle for too long')
    }
    if (this.#open.size >= this.#options.connections) return undefined
    const connection = new Connection(this.#url, this.#options.maxResponseBytes, this)
    this.#open.add(connection)
    return connection
  }

  #abort(request: Waiting): void {
    this.#waiting.delete(request)
    request.reject(new AbortedRequest())
    request.connection?.destroy('given up')
  }
}

function headerLines(headers: Readonly<Record<string, string>>): string {
  let lines = ''
  for (const name in headers) {
    const value = headers[name] as string
    // It may be what a client sent, and must not begin another header.
    if (!headerValue.test(value)) throw new TypeError(`The header ${name} holds what it may not.`)
    lines += `${name}: ${value}\r\n`
  }
  return lines
}

const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/

function isAscii(lines: string): boolean {
  return !/[\x80-\xff]/.test(lines)
}
