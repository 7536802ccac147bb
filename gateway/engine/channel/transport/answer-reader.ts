/** What a subgraph answered over HTTP, whole. */
export interface HttpAnswer {
  readonly status: number
  /** As it was sent; empty when it was not. */
  readonly contentType: string
  /** As it was sent; empty when it was not. */
  readonly cacheControl: string
  readonly text: string
}

/** What came is no HTTP/1.1 that this client reads. */
export class MalformedAnswer extends Error {
  readonly code = 'malformed answer'
}

/** The body is larger than it may be. */
export class OversizedAnswer extends Error {}

const maxHeadBytes = 64 * 1024
/** How long an idle connection is good for when the server does not say; most servers close theirs after five seconds. */
const defaultIdleMs = 4000
/** A server that names a time closes then; a request that is under way at that moment is lost. */
const idleMarginMs = 1000
const longestIdleMs = 600_000

type Framing = 'none' | 'length' | 'chunked' | 'close'

/**
 * Reads one answer of HTTP/1.1 (RFC 9112) from the bytes as they come. It takes a view of a buffer that is used again
 * for whatever comes next, so it copies what it keeps; an answer that comes in one piece, as most do, is kept nowhere.
 */
export class AnswerReader {
  /** Whether the connection may carry another request after this answer. */
  isReusable = true
  /** Milliseconds for which the connection may be idle before it is used again. */
  idleMs = defaultIdleMs
  readonly #limit: number
  #status = 0
  #contentType = ''
  #cacheControl = ''
  #framing: Framing | undefined
  /** Bytes of the body, or of the chunk, that are still to come. */
  #left = 0
  #size = 0
  #isInTrailers = false
  readonly #parts: Buffer[] = []
  /** The beginning of a head or a line whose end has not come. */
  #begun: Buffer | undefined

  constructor(maxBodyBytes: number) {
    this.#limit = maxBodyBytes
  }

  /** The answer, when these bytes end it. */
  take(chunk: Buffer): HttpAnswer | undefined {
    const bytes = this.#begun === undefined ? chunk : Buffer.concat([this.#begun, chunk])
    this.#begun = undefined
    if (this.#framing !== undefined) return this.#body(bytes, 0)
    return this.#head(bytes)
  }

  /** The answer, when the end of the connection ends it. */
  end(): HttpAnswer | undefined {
    this.isReusable = false
    return this.#framing === 'close' ? this.#answer(this.#joined()) : undefined
  }

  #head(bytes: Buffer): HttpAnswer | undefined {
    let from = 0
    for (;;) {
      const end = bytes.indexOf('\r\n\r\n', from, 'latin1')
      if (end - from > maxHeadBytes || (end < 0 && bytes.length - from > maxHeadBytes)) throw malformed('a long head')
      if (end < 0) {
        this.#begun = Buffer.from(bytes.subarray(from))
        return undefined
      }
      this.#readHead(bytes.toString('latin1', from, end))
      from = end + 4
      // Interim answers (1xx) come before the one that counts.
      if (this.#status >= 200) return this.#body(bytes, from)
    }
  }

  #readHead(head: string): void {
    const isCurrent = head.startsWith('HTTP/1.1 ')
    this.#status = Number(head.slice(9, 12))
    if (!(isCurrent || head.startsWith('HTTP/1.0 ')) || !(this.#status >= 100 && this.#status !== 101)) {
      throw malformed('a status line')
    }
    if (this.#status < 200) return
    let length = -1
    let isChunked = false
    this.isReusable = isCurrent
    for (let at = head.indexOf('\r\n'); at >= 0; ) {
      const next = head.indexOf('\r\n', at + 2)
      const line = next < 0 ? head.slice(at + 2) : head.slice(at + 2, next)
      at = next
      const colon = line.indexOf(':')
      if (colon < 1) throw malformed('a header')
      // By its length first: few of the headers matter here.
      if (colon === 10) this.#readConnection(line)
      else if (colon === 12 && isNamed(line, 'content-type')) this.#contentType = textBehind(line, colon)
      else if (colon === 13 && isNamed(line, 'cache-control')) this.#cacheControl += `${textBehind(line, colon)},`
      else if (colon === 14 && isNamed(line, 'content-length')) length = readLength(textBehind(line, colon), length)
      else if (colon === 17 && isNamed(line, 'transfer-encoding')) {
        if (textBehind(line, colon).toLowerCase() !== 'chunked' || isChunked) throw malformed('a transfer-encoding')
        isChunked = true
      }
    }
    this.#frame(length, isChunked)
  }

  #readConnection(line: string): void {
    if (isNamed(line, 'connection')) {
      if (/\bclose\b/i.test(line)) this.isReusable = false
    } else if (isNamed(line, 'keep-alive')) {
      const seconds = /\btimeout=(\d{1,6})/i.exec(line)?.[1]
      if (seconds !== undefined) this.idleMs = Math.min(Number(seconds) * 1000 - idleMarginMs, longestIdleMs)
    }
  }

  /** How the body's end is told (RFC 9112, section 6.3). */
  #frame(length: number, isChunked: boolean): void {
    if (this.#status === 204 || this.#status === 304) this.#framing = 'none'
    else if (isChunked) {
      this.#framing = 'chunked'
      // Both lengths together may be an attempt to slip in another answer.
      if (length >= 0) this.isReusable = false
    } else if (length >= 0) {
      this.#framing = 'length'
      this.#left = length
      if (length > this.#limit) throw new OversizedAnswer()
    } else {
      this.#framing = 'close'
      this.isReusable = false
    }
  }

  #body(bytes: Buffer, from: number): HttpAnswer | undefined {
    switch (this.#framing) {
      case 'length':
        return this.#withLength(bytes, from)
      case 'chunked':
        return this.#chunked(bytes, from)
      case 'close':
        this.#keep(bytes, from, bytes.length)
        return undefined
      default:
        if (from < bytes.length) this.isReusable = false
        return this.#answer('')
    }
  }

  #withLength(bytes: Buffer, from: number): HttpAnswer | undefined {
    const end = from + this.#left
    if (end > bytes.length) {
      this.#left = end - bytes.length
      this.#keep(bytes, from, bytes.length)
      return undefined
    }
    if (end < bytes.length) this.isReusable = false
    if (this.#parts.length === 0) return this.#answer(bytes.toString('utf8', from, end))
    this.#keep(bytes, from, end)
    return this.#answer(this.#joined())
  }

  #chunked(bytes: Buffer, from: number): HttpAnswer | undefined {
    for (let at = from; ; ) {
      if (this.#left > 0) {
        // The two bytes behind a chunk are its line's end.
        const data = Math.min(this.#left - 2, bytes.length - at)
        if (data > 0) this.#keep(bytes, at, at + data)
        const taken = Math.min(this.#left, bytes.length - at)
        this.#left -= taken
        at += taken
        if (this.#left > 0) return undefined
      }
      const end = bytes.indexOf('\r\n', at, 'latin1')
      if (end < 0) {
        if (bytes.length - at > maxHeadBytes) throw malformed('a long line')
        this.#begun = Buffer.from(bytes.subarray(at))
        return undefined
      }
      const line = bytes.toString('latin1', at, end)
      at = end + 2
      if (this.#isInTrailers) {
        if (line !== '') continue
        if (at < bytes.length) this.isReusable = false
        return this.#answer(this.#joined())
      }
      const size = readChunkSize(line)
      if (size === 0) this.#isInTrailers = true
      else this.#left = size + 2
    }
  }

  #keep(bytes: Buffer, from: number, to: number): void {
    this.#size += to - from
    if (this.#size > this.#limit) throw new OversizedAnswer()
    if (to > from) this.#parts.push(Buffer.from(bytes.subarray(from, to)))
  }

  #joined(): string {
    const [only] = this.#parts
    return this.#parts.length === 1 && only ? only.toString('utf8') : Buffer.concat(this.#parts).toString('utf8')
  }

  #answer(text: string): HttpAnswer {
    return { status: this.#status, contentType: this.#contentType, cacheControl: this.#cacheControl, text }
  }
}

function malformed(what: string): MalformedAnswer {
  return new MalformedAnswer(`The answer has ${what} that is not read.`)
}

function isNamed(line: string, name: string): boolean {
  return line.startsWith(name) || line.slice(0, name.length).toLowerCase() === name
}

function textBehind(line: string, colon: number): string {
  return line.slice(colon + 1).trim()
}

function readLength(text: string, before: number): number {
  const length = /^\d{1,15}$/.test(text) ? Number(text) : -1
  if (length < 0 || (before >= 0 && before !== length)) throw malformed('a content-length')
  return length
}

function readChunkSize(line: string): number {
  const digits = /^([0-9a-f]{1,8})[ \t]*(;|$)/i.exec(line)?.[1]
  if (digits === undefined) throw malformed('a chunk size')
  return Number.parseInt(digits, 16)
}
