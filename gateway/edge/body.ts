import type { IncomingMessage } from 'node:http'
import { type BodyLimits, RequestError, readBody } from '../../lib/http/body.ts'

/** Reads a JSON body in UTF-8. Rejects with `RequestError`; rejects too when the client goes away half-way. */
export async function readJson(req: IncomingMessage, limits: BodyLimits): Promise<unknown> {
  checkType(req)
  const bytes = await readBody(req, limits)
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    throw new RequestError(400, 'Invalid JSON: the body cannot be read.')
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
