import type { IncomingHttpHeaders } from 'node:http'

/** Types that a page may send to another origin without asking (Fetch standard, "CORS-safelisted request-header"). */
const unaskedTypes = ['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain']
/** Headers that make a browser ask first; they are Apollo's, so that its clients pass. */
const askingHeaders = ['apollo-require-preflight', 'x-apollo-operation-name']

/**
 * Whether a request may have been made by a foreign page without its browser asking us first. A request is safe when
 * it carries something that only a preflighted request can, or when no browser made it, or when the browser says that
 * a page of our own did. Every browser says `Mozilla/` in `User-Agent`, which no page can change unasked.
 */
export function mayBeForged(method: string, headers: IncomingHttpHeaders): boolean {
  if (askingHeaders.some((name) => headers[name] !== undefined && headers[name] !== '')) return false
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  if (type !== undefined && type !== '' && !unaskedTypes.includes(type)) return false
  if (method !== 'GET') return true
  return !isOwnOrDirect(headers)
}

function isOwnOrDirect(headers: IncomingHttpHeaders): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin' || site === 'none'
  if (headers.origin !== undefined) return isOwnOrigin(headers.origin, headers.host)
  return headers.referer === undefined && !/^Mozilla\//i.test(headers['user-agent'] ?? '')
}

/** Whether an `Origin` header names the host that the request was sent to. */
export function isOwnOrigin(origin: string, host: string | undefined): boolean {
  return host !== undefined && URL.canParse(origin) && new URL(origin).host === host
}
