import type { IncomingMessage, ServerResponse } from 'node:http'
import { revealingHeaders } from './reveal.ts'

const allowedHeaders = [
  'authorization',
  'content-type',
  'accept',
  'last-event-id',
  'traceparent',
  'tracestate',
  'apollographql-client-name',
  'apollographql-client-version',
  'graphql-client-name',
  'graphql-client-version',
  'x-graphql-client-name',
  'x-graphql-client-version',
  ...revealingHeaders,
  'apollo-require-preflight',
  'x-apollo-operation-name',
  'mcp-session-id',
  'mcp-protocol-version',
].join(', ')

/** Whether pages of an origin may use the graph; a page of the graph's own host needs no leave. */
export function isAllowedOrigin(origin: string, allowed: readonly string[]): boolean {
  return allowed.includes('*') || allowed.includes(origin)
}

/**
 * Adds what the Fetch standard's CORS protocol asks for. True when the request was a preflight, which is then
 * answered. Credentials are never allowed: the graph reads no cookies.
 */
export function applyCors(req: IncomingMessage, res: ServerResponse, allowed: readonly string[]): boolean {
  const { origin } = req.headers
  if (allowed.length > 0) res.setHeader('vary', 'origin')
  const granted = origin !== undefined && isAllowedOrigin(origin, allowed)
  if (granted) {
    res.setHeader('access-control-allow-origin', origin)
    res.setHeader(
      'access-control-expose-headers',
      'mcp-session-id, ratelimit-limit, ratelimit-remaining, ratelimit-reset, retry-after, server-timing',
    )
  }
  const preflight = req.method === 'OPTIONS' && req.headers['access-control-request-method'] !== undefined
  if (!preflight) return false
  if (granted) {
    res.setHeader('access-control-allow-methods', 'GET, POST, DELETE')
    res.setHeader('access-control-allow-headers', allowedHeaders)
    res.setHeader('access-control-max-age', '600')
  }
  res.writeHead(204).end()
  return true
}
