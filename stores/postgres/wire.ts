/** The frames of PostgreSQL's frontend protocol that the embedded server needs (manual, chapter 54.7). */
export type Frame =
  | { readonly kind: 'encryption' }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'startup'; readonly user: string }
  | { readonly kind: 'flight'; readonly messages: Uint8Array }
  | { readonly kind: 'terminate' }

const SSL_REQUEST = 80877103
const GSS_REQUEST = 80877104
const CANCEL_REQUEST = 80877102
const PROTOCOL_3 = 3

/** Messages after which the server owes an answer: Sync, Query, Flush and FunctionCall. */
const ENDS_FLIGHT = new Set(['S', 'Q', 'H', 'F'].map((letter) => letter.charCodeAt(0)))
const TERMINATE = 'X'.charCodeAt(0)
const READY = 'Z'.charCodeAt(0)
const IDLE = 'I'.charCodeAt(0)

/** Cuts the bytes of one connection into frames; what is incomplete waits for more. */
export class FrameReader {
  #buffer: Buffer = Buffer.alloc(0)
  #started = false
  /** Joined only when a whole message is here: joining at every chunk would copy a large one over and over. */
  #chunks: Buffer[] = []
  #held = 0
  #needed = 0

  push(data: Buffer): Frame[] {
    this.#chunks.push(data)
    this.#held += data.length
    if (this.#held < this.#needed) return []
    this.#buffer = this.#chunks.length === 1 ? data : Buffer.concat(this.#chunks)
    const frames: Frame[] = []
    this.#needed = 0
    for (let frame = this.#next(); frame; frame = this.#next()) frames.push(frame)
    this.#chunks = this.#buffer.length > 0 ? [this.#buffer] : []
    this.#held = this.#buffer.length
    return frames
  }

  #next(): Frame | null {
    return this.#started ? this.#message() : this.#startup()
  }

  #startup(): Frame | null {
    if (this.#buffer.length < 8) return null
    const length = this.#buffer.readInt32BE(0)
    if (length < 8 || length > 10_000) throw new Error('invalid length of startup packet')
    if (this.#buffer.length < length) return null
    const packet = this.#take(length)
    const code = packet.readInt32BE(4)
    if (code === SSL_REQUEST || code === GSS_REQUEST) return { kind: 'encryption' }
    if (code === CANCEL_REQUEST) return { kind: 'cancel' }
    if (code >> 16 !== PROTOCOL_3) throw new Error('unsupported frontend protocol')
    this.#started = true
    return { kind: 'startup', user: parameters(packet.subarray(8)).get('user') ?? '' }
  }

  /** All messages up to the last one, of those already here, that the server must answer. */
  #message(): Frame | null {
    let offset = 0
    while (this.#buffer.length >= offset + 5) {
      const length = this.#buffer.readInt32BE(offset + 1)
      if (length < 4) throw new Error('invalid message length')
      const type = this.#buffer[offset] as number
      const end = offset + 1 + length
      if (this.#buffer.length < end) {
        this.#needed = end
        return null
      }
      if (type === TERMINATE) return this.#terminate(end)
      offset = end
      if (ENDS_FLIGHT.has(type)) return { kind: 'flight', messages: Uint8Array.from(this.#take(offset)) }
    }
    return null
  }

  #terminate(end: number): Frame {
    this.#take(end)
    return { kind: 'terminate' }
  }

  #take(length: number): Buffer {
    const taken = this.#buffer.subarray(0, length)
    this.#buffer = this.#buffer.subarray(length)
    return taken
  }
}

function parameters(bytes: Buffer): Map<string, string> {
  const words = bytes.toString('utf8').split('\0')
  const pairs = new Map<string, string>()
  for (let i = 0; i + 1 < words.length && words[i]; i += 2) pairs.set(words[i] as string, words[i + 1] as string)
  return pairs
}

/** The message that ends a flight of the extended protocol. */
export const SYNC = Buffer.from('S\0\0\0\u0004')
const PARSE = 'P'.charCodeAt(0)

/** The messages of a flight that prepare a statement under a name; copies, since they are kept and the flight may be large. */
export function* namedParses(messages: Uint8Array): Generator<[name: string, message: Uint8Array]> {
  const bytes = Buffer.from(messages.buffer, messages.byteOffset, messages.byteLength)
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + bytes.readInt32BE(at + 1)
    const name = bytes[at] === PARSE ? bytes.toString('utf8', at + 5, bytes.indexOf(0, at + 5)) : ''
    if (name !== '') yield [name, Uint8Array.from(bytes.subarray(at, end))]
    at = end
  }
}

/** Whether an answer leaves the backend free: ready, and in no transaction. */
export function leavesIdle(answer: Uint8Array): boolean {
  const start = answer.length - 6
  return start >= 0 && answer[start] === READY && answer[start + 5] === IDLE
}

/** An ErrorResponse with severity, SQLSTATE and message. */
export function errorResponse(code: string, message: string, severity: 'ERROR' | 'FATAL'): Buffer {
  const body = Buffer.from(`S${severity}\0V${severity}\0C${code}\0M${message}\0\0`)
  const head = Buffer.alloc(5)
  head.write('E')
  head.writeInt32BE(4 + body.length, 1)
  return Buffer.concat([head, body])
}

/** The message of an answer that begins with an ErrorResponse; null of any other. */
export function errorMessage(answer: Uint8Array): string | null {
  const bytes = Buffer.from(answer)
  if (bytes.length < 5 || bytes[0] !== 'E'.charCodeAt(0)) return null
  const fields = bytes.toString('utf8', 5, 1 + bytes.readInt32BE(1)).split('\0')
  return fields.find((field) => field.startsWith('M'))?.slice(1) ?? 'unknown error'
}
