import type { IncomingMessage } from 'node:http'

/** A request that is not acceptable as HTTP; the status says why. */
export class RequestError extends Error {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.headers = headers
  }
}

export interface BodyLimits {
  readonly maxBytes: number
  /** Milliseconds that a client may take to send the whole body. */
  readonly timeoutMs: number
}

/** Reads the bytes of a body. */
export function readBody(req: IncomingMessage, { maxBytes, timeoutMs }: BodyLimits): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const tooLarge = () => reject(new RequestError(413, `The body is larger than ${maxBytes} bytes.`))
    if (Number(req.headers['content-length'] ?? 0) > maxBytes) return tooLarge()
    const chunks: Buffer[] = []
    let size = 0
    const timer = setTimeout(() => settle(() => reject(new RequestError(408, 'The body came too slowly.'))), timeoutMs)
    const onData = (chunk: Buffer) => {
      size += chunk.length
      if (size > maxBytes) settle(tooLarge)
      else chunks.push(chunk)
    }
    const onEnd = () => settle(() => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size)))
    const onClose = () => settle(() => reject(new RequestError(400, 'The body ended early.')))
    function settle(outcome: () => void) {
      clearTimeout(timer)
      req.off('data', onData).off('end', onEnd).off('close', onClose)
      outcome()
    }
    req.on('data', onData).on('end', onEnd).on('close', onClose)
  })
}
