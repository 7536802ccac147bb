import type { IncomingMessage } from 'node:http'
import { RequestError } from './errors.ts'

export interface BodyLimits {
  readonly maxBytes: number
  /** Milliseconds that a client may take to send the whole body. */
  readonly timeoutMs: number
}

/** Reads a JSON body in UTF-8. Rejects with `RequestError`; rejects too when the client goes away half-way. */
export async function readJson(req: IncomingMessage, limits: BodyLimits): Promise<unknown> {
  checkType(req)
  const bytes = await readBody(req, limits)
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    throw new RequestError(400, 'The body is not JSON.')
  }
}

function checkType(req: IncomingMessage): void {
  const [type = '', ...parameters] = (req.headers['content-type'] ?? '')
    .split(';')
    .map((part) => part.trim().toLowerCase())
  if (type !== 'application/json') throw new RequestError(415, 'The content-type must be application/json.')
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.slice('charset='.length)
  if (charset !== undefined && !/^"?utf-?8"?$/.test(charset)) throw new RequestError(415, 'The charset must be utf-8.')
  const encoding = req.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') throw new RequestError(415, 'The body must not be compressed.')
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
