import type { IncomingMessage, ServerResponse } from 'node:http'
import { jwks } from '../lib/key-ring.ts'
import type { VerifyingKey } from '../lib/tokens.ts'
import type { Route } from './edge/http.ts'

/** Seconds that others may keep the keys: a new one is used from the next start on, well after it was published. */
const maxAge = 300

/** The public keys that tokens are verified with (RFC 7517), for services that check them by themselves. */
export function jwksRoute(keys: readonly VerifyingKey[]): Route {
  const body = JSON.stringify(jwks(keys))
  return {
    path: '/.well-known/jwks.json',
    handle(req: IncomingMessage, res: ServerResponse) {
      if (req.method !== 'GET' && req.method !== 'HEAD') return void res.writeHead(405, { allow: 'GET, HEAD' }).end()
      res.writeHead(200, { 'content-type': 'application/jwk-set+json', 'cache-control': `public, max-age=${maxAge}` })
      res.end(req.method === 'HEAD' ? undefined : body)
    },
  }
}
