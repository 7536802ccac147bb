import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type ApolloServer,
  type BaseContext,
  type ContextThunk,
  HeaderMap,
  type HTTPGraphQLResponse,
} from '@apollo/server'
import { loadConfig } from '../../gateway/config.ts'
import { toPipelineRequest } from '../../gateway/edge/apollo.ts'
import { readJson } from '../../gateway/edge/body.ts'
import { createEdge } from '../../gateway/edge/http.ts'
import { openIdentity } from '../../gateway/identity.ts'
import { LiveEngine } from '../../gateway/live-engine.ts'
import { RequestError } from '../../lib/http/body.ts'
import { silentLog } from '../../lib/log.ts'
import { Metrics } from '../../lib/metrics.ts'
import { FakeEngine } from '../kit/fake-engine.ts'

const path = '/apollo'

/**
 * Serves an Apollo Server that a test has configured on the product's edge: its listener, router, body reader and
 * translation of requests. What the product decides beside Apollo Server (CSRF, statuses, the guard, the fast lane) is
 * left to the server's own options, since they are what the suite is about.
 */
export async function serveOnEdge(server: ApolloServer<BaseContext>, context: ContextThunk) {
  const { config } = loadConfig({ env: {}, cwd: '/nowhere' })
  const limits = { maxBytes: config.maxBodyBytes, timeoutMs: config.bodyTimeoutMs }
  const edge = await createEdge({
    engine: new LiveEngine(new FakeEngine('type Query { unused: ID }', {})),
    identity: openIdentity,
    config,
    log: silentLog(),
    metrics: new Metrics(),
    routes: [{ path, handle: (req, res) => answer(req, res) }],
  })
  const { port } = await edge.listen(0, '127.0.0.1')

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    try {
      const body = isJson(req) ? await readJson(req, limits) : undefined
      const search = new URL(req.url ?? '', 'http://edge').search
      const asked = toPipelineRequest({ req, search, body, admitted: null }, 'application/json')
      // The suite's own version of Apollo Server has its own map. The product negotiates before it; here it does itself.
      const headers = new HeaderMap(asked.headers)
      headers.delete('accept')
      if (req.headers.accept !== undefined) headers.set('accept', req.headers.accept)
      const httpGraphQLRequest = { ...asked, headers }
      write(res, await server.executeHTTPGraphQLRequest({ httpGraphQLRequest, context }))
    } catch (error) {
      if (!(error instanceof RequestError)) throw error
      res.writeHead(error.status, { ...error.headers }).end(error.message)
    }
  }

  return { url: `http://127.0.0.1:${port}${path}`, close: () => edge.close(0) }
}

function isJson(req: IncomingMessage): boolean {
  return req.method === 'POST' && (req.headers['content-type'] ?? '').startsWith('application/json')
}

function write(res: ServerResponse, { status, headers, body }: HTTPGraphQLResponse): void {
  for (const [name, value] of headers) res.setHeader(name, value)
  res.statusCode = status ?? 200
  if (body.kind !== 'complete') throw new Error('the pipeline answered in parts')
  res.setHeader('content-length', Buffer.byteLength(body.string))
  res.end(body.string)
}
