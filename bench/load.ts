import { connect, type Socket } from 'node:net'

/** What a load came to. */
export interface Load {
  readonly requests: number
  readonly seconds: number
  /** Milliseconds that each request took, in no order. */
  readonly latencies: readonly number[]
}

export interface LoadOptions {
  readonly url: string
  /** The body of each POST. */
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
  readonly connections: number
  readonly seconds: number
}

/**
 * Sends one request after another on each of several connections, for a while. Written on bare sockets: with a client
 * that costs as much as a fast gateway, the client would be measured.
 */
export async function load(options: LoadOptions): Promise<Load> {
  const request = requestBytes(options)
  const latencies: number[] = []
  const started = performance.now()
  const until = started + options.seconds * 1000
  const { hostname, port } = new URL(options.url)
  const clients = Array.from({ length: options.connections }, () =>
    ask(hostname, Number(port), request, until, latencies),
  )
  await Promise.all(clients)
  return { requests: latencies.length, seconds: (performance.now() - started) / 1000, latencies }
}

function requestBytes({ url, body, headers = {} }: LoadOptions): Buffer {
  const { pathname, host } = new URL(url)
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(
    `POST ${pathname} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\naccept: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n${lines.join('')}\r\n${body}`,
  )
}

function ask(host: string, port: number, request: Buffer, until: number, latencies: number[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true })
    const answer = new AnswerReader()
    let sent = 0
    const send = () => {
      sent = performance.now()
      socket.write(request)
    }
    socket.once('connect', send)
    socket.on('error', reject)
    socket.once('close', () => resolve())
    socket.on('data', (chunk: Buffer) => {
      if (!answer.take(chunk)) return
      if (answer.status !== 200) return fail(socket, reject, `status ${answer.status}`)
      const now = performance.now()
      latencies.push(now - sent)
      if (now < until) send()
      else socket.destroy()
    })
  })
}

function fail(socket: Socket, reject: (error: Error) => void, what: string): void {
  socket.destroy()
  reject(new Error(`A request was answered with ${what}.`))
}

/** Finds the end of an answer in HTTP/1.1, and keeps nothing of its body. */
class AnswerReader {
  status = 0
  #head: Buffer | undefined
  /** Bytes still to come; -1 while the body comes in chunks. */
  #left = 0
  #isReading = false
  #tail = ''

  /** True when the chunk ends the answer. */
  take(chunk: Buffer): boolean {
    if (this.#isReading) return this.#body(chunk)
    const bytes = this.#head === undefined ? chunk : Buffer.concat([this.#head, chunk])
    const end = bytes.indexOf('\r\n\r\n')
    if (end < 0) {
      this.#head = bytes
      return false
    }
    this.#head = undefined
    const head = bytes.toString('latin1', 0, end)
    this.status = Number(head.slice(9, 12))
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
    this.#left = length === undefined ? -1 : Number(length)
    this.#isReading = true
    this.#tail = ''
    return this.#body(bytes.subarray(end + 4))
  }

  #body(chunk: Buffer): boolean {
    if (this.#left >= 0) {
      this.#left -= chunk.length
      this.#isReading = this.#left > 0
    } else {
      this.#tail = (this.#tail + chunk.toString('latin1', Math.max(0, chunk.length - 7))).slice(-7)
      this.#isReading = !this.#tail.endsWith('\r\n0\r\n\r\n') && this.#tail !== '0\r\n\r\n'
    }
    return !this.#isReading
  }
}
