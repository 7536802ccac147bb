import { connect, isIP, type OnReadOpts, type Socket } from 'node:net'
import { connect as connectSecurely } from 'node:tls'
import { AnswerReader, type HttpAnswer } from './answer-reader.ts'

/** The connection ended before the answer did. */
export class BrokenConnection extends Error {
  readonly code: string

  constructor(code: string) {
    super(`The connection broke: ${code}`)
    this.code = code
  }
}

export interface Answering {
  resolve(answer: HttpAnswer): void
  reject(error: Error): void
}

/** Told by a connection to the pool that it belongs to. */
export interface ConnectionOwner {
  /** It is idle and may carry the next request. */
  onIdle(connection: Connection): void
  onClosed(connection: Connection): void
}

const connectTimeoutMs = 10_000
const readBytes = 64 * 1024

/**
 * What all connections of this thread read into. Node reads and calls back in one go, and the reader copies what it
 * keeps, so one buffer serves all; a buffer for each read is what makes Node's own way of reading dear.
 */
const shared = Buffer.allocUnsafeSlow(readBytes)

/** One kept-alive connection of HTTP/1.1, with one request at a time on it. */
export class Connection {
  readonly #owner: ConnectionOwner
  readonly #maxBodyBytes: number
  readonly #socket: Socket
  #answering: Answering | undefined
  #reader: AnswerReader | undefined
  #failure = 'closed'
  /** By `performance.now()`; while it is idle, the server keeps it open at least until then. */
  #goodUntil = 0

  constructor(url: URL, maxBodyBytes: number, owner: ConnectionOwner) {
    this.#owner = owner
    this.#maxBodyBytes = maxBodyBytes
    this.#socket = openSocket(url, {
      buffer: shared,
      callback: (size) => {
        this.#onBytes(shared.subarray(0, size))
        return true
      },
    })
    this.#socket
      .on('error', (error: NodeJS.ErrnoException) => {
        this.#failure = error.code ?? error.message
      })
      .on('end', () => this.#onEnd())
      .on('close', () => this.#onClose())
      .on('timeout', () => this.destroy('connect timeout'))
      .once('connect', () => this.#socket.setTimeout(0))
      .setTimeout(connectTimeoutMs)
  }

  get isGood(): boolean {
    return !this.#socket.destroyed && performance.now() < this.#goodUntil
  }

  /** Sends a request; must be idle. */
  send(head: string, body: string, isAscii: boolean, answering: Answering): void {
    this.#answering = answering
    this.#reader = new AnswerReader(this.#maxBodyBytes)
    // One write is one packet and one call of the kernel.
    if (isAscii) this.#socket.write(head + body, 'latin1')
    else {
      this.#socket.cork()
      this.#socket.write(head, 'latin1')
      this.#socket.write(body, 'utf8')
      this.#socket.uncork()
    }
  }

  /** Ends it at once; a request on it fails with this reason. */
  destroy(reason: string): void {
    this.#failure = reason
    this.#socket.destroy()
  }

  #onBytes(bytes: Buffer): void {
    const reader = this.#reader
    // Nothing was asked, so what comes belongs to no request.
    if (reader === undefined) {
      this.destroy('unasked answer')
      return
    }
    try {
      const answer = reader.take(bytes)
      if (answer !== undefined) this.#settle(reader, answer)
    } catch (error) {
      this.#fail(error as Error)
    }
  }

  #onEnd(): void {
    const answer = this.#reader?.end()
    if (answer !== undefined && this.#reader) this.#settle(this.#reader, answer)
  }

  #onClose(): void {
    this.#fail(new BrokenConnection(this.#failure))
    this.#owner.onClosed(this)
  }

  #settle(reader: AnswerReader, answer: HttpAnswer): void {
    const answering = this.#answering
    this.#answering = undefined
    this.#reader = undefined
    this.#goodUntil = performance.now() + reader.idleMs
    if (reader.isReusable) this.#owner.onIdle(this)
    else this.#socket.destroy()
    answering?.resolve(answer)
  }

  #fail(error: Error): void {
    const answering = this.#answering
    this.#answering = undefined
    this.#reader = undefined
    this.#socket.destroy()
    answering?.reject(error)
  }
}

function openSocket(url: URL, onread: OnReadOpts): Socket {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const isSecure = url.protocol === 'https:'
  const options = { host, port: Number(url.port || (isSecure ? 443 : 80)), noDelay: true, onread }
  if (!isSecure) return connect(options)
  // A server's name in TLS is never an address.
  return connectSecurely({ ...options, ALPNProtocols: ['http/1.1'], ...(isIP(host) ? {} : { servername: host }) })
}
