import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join, relative, sep } from 'node:path'

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.ttf': 'font/ttf',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.woff': 'font/woff',
  '.woff2': 'font/woff2',
}

/**
 * Nothing from another origin, and no script but our files. Editors write their own style elements, so inline styles
 * are allowed; they cannot run anything.
 */
const contentSecurityPolicy = [
  "default-src 'self'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "worker-src 'self' blob:",
  "connect-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Build tools put the content's hash into the name of a file that may be kept for ever. */
const hashedName = /[-.][A-Za-z0-9_-]{8,}\.\w+$/

interface File {
  readonly path: string
  readonly type: string
  readonly hashed: boolean
}

/**
 * A folder of built files under a mount path. The names are read once, at the start: what is not among them does not
 * exist, so that no path can lead out of the folder. Returns null when the folder is not there.
 */
export function serveFolder(
  folder: string,
  mount: string,
): ((req: IncomingMessage, res: ServerResponse) => void) | null {
  const files = list(folder)
  if (files === null || !files.has('index.html')) return null
  return (req, res) => {
    const path = (req.url ?? '').split('?')[0] ?? ''
    if (path === mount) return void res.writeHead(308, { location: `${mount}/` }).end()
    const name = path.slice(mount.length + 1)
    // The page has routes of its own, which are names without a dot; they all are the page.
    const file = files.get(name) ?? (name.includes('.') ? undefined : files.get('index.html'))
    if (req.method !== 'GET' && req.method !== 'HEAD') return void res.writeHead(405, { allow: 'GET, HEAD' }).end()
    if (file === undefined) return void res.writeHead(404, { 'content-type': 'text/plain' }).end('Not found\n')
    sendFile(file, req, res)
  }
}

function sendFile(file: File, req: IncomingMessage, res: ServerResponse): void {
  const content = readFileSync(file.path)
  const etag = `"${createHash('sha256').update(content).digest('base64url').slice(0, 27)}"`
  res.setHeader('etag', etag)
  res.setHeader('cache-control', file.hashed ? 'public, max-age=31536000, immutable' : 'no-cache')
  res.setHeader('content-security-policy', contentSecurityPolicy)
  res.setHeader('referrer-policy', 'no-referrer')
  if (req.headers['if-none-match'] === etag) return void res.writeHead(304).end()
  res.writeHead(200, { 'content-type': file.type, 'content-length': content.length })
  res.end(req.method === 'HEAD' ? undefined : content)
}

function list(folder: string): Map<string, File> | null {
  try {
    const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))
    const entries = paths.filter((path) => statSync(path).isFile()).map((path) => describe(folder, path))
    return new Map(entries)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

function describe(folder: string, path: string): [string, File] {
  const name = relative(folder, path).split(sep).join('/')
  const type = types[extname(path).toLowerCase()] ?? 'application/octet-stream'
  return [name, { path, type, hashed: hashedName.test(name) }]
}
