import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Viewer } from '../lib/context.ts'
import { type BodyLimits, RequestError, readBody } from '../lib/http/body.ts'
import { audience, issuer } from '../lib/tokens.ts'
import type { Route } from './edge/http.ts'
import type { Identified, Identity } from './identity.ts'

const limits: BodyLimits = { maxBytes: 16_384, timeoutMs: 5_000 }

/**
 * Tells services and admins whether a token is good and whose it is (RFC 7662), of their own tenant's tokens alone. It is
 * what the gateway itself knows of whoever asks, so a revocation holds at once.
 */
export function introspectionRoute(identity: Identity): Route {
  return {
    path: '/oauth/introspect',
    async handle(req, res) {
      if (req.method !== 'POST') return void res.writeHead(405, { allow: 'POST' }).end()
      const { viewer } = await identity.identify(req.headers.authorization).catch(() => ({ viewer: null }))
      if (viewer === null) return refuse(res, 401, 'invalid_token', { 'www-authenticate': 'Bearer' })
      if (viewer.role !== 'SERVICE' && viewer.role !== 'ADMIN') return refuse(res, 403, 'insufficient_scope')
      try {
        const token = await tokenOf(req)
        tell(res, 200, await introspect(identity, viewer, token))
      } catch (error) {
        if (!(error instanceof RequestError)) throw error
        refuse(res, error.status, 'invalid_request', error.headers)
      }
    },
  }
}

async function tokenOf(req: IncomingMessage): Promise<string> {
  const type = req.headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/x-www-form-urlencoded') {
    throw new RequestError(415, 'The content-type must be application/x-www-form-urlencoded.')
  }
  const [token, ...more] = new URLSearchParams((await readBody(req, limits)).toString('utf8')).getAll('token')
  if (token === undefined || more.length > 0) throw new RequestError(400, 'One token is asked about at a time.')
  return token
}

/** What is not a good token of the asker's tenant is inactive, and nothing else is said of it (RFC 7662, §2.2). */
async function introspect(identity: Identity, asker: Viewer, token: string): Promise<object> {
  const found: Identified | null = await identity.identify(`Bearer ${token}`).catch(() => null)
  const { viewer, expiresAt } = found ?? { viewer: null, expiresAt: null }
  if (viewer === null || viewer.tenantId !== asker.tenantId) return { active: false }
  return {
    active: true,
    token_type: 'Bearer',
    iss: issuer,
    aud: audience,
    sub: viewer.userId,
    client_id: viewer.userId,
    jti: viewer.sessionId,
    tenant: viewer.tenantId,
    role: viewer.role,
    scope: viewer.scopes.join(' '),
    ...(expiresAt === null ? {} : { exp: Math.floor(expiresAt.getTime() / 1000) }),
  }
}

function refuse(res: ServerResponse, status: number, error: string, headers: Readonly<Record<string, string>> = {}) {
  tell(res, status, { error }, headers)
}

function tell(res: ServerResponse, status: number, body: object, headers: Readonly<Record<string, string>> = {}): void {
  res.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers })
  res.end(JSON.stringify(body))
}
