import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Asked {
  readonly path: string
  readonly authorization: string | undefined
  /** JSON, or the fields of a form. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever the adapter sent
  readonly body: any
}

/** A fake of somebody else's service behind HTTP, on a port of this machine: it answers what the test says. */
export interface FakeService extends AsyncDisposable {
  /** Where its interface begins. */
  readonly url: string
  readonly asked: Asked[]
  /** What the next answers are; null for none at all. */
  answer: { readonly status: number; readonly body: string; readonly location?: string } | null
}

/** The body of a completion that says something. */
export function completion(content: string): string {
  return JSON.stringify({ choices: [{ message: { role: 'assistant', content } }] })
}

export async function startFakeService(body = '{}'): Promise<FakeService> {
  const asked: Asked[] = []
  const server = createServer(async (request, response) => {
    const { url: path = '', headers } = request
    asked.push({ path, authorization: headers.authorization, body: await bodyOf(request) })
    if (service.answer === null) return
    const { status, body, location } = service.answer
    response.writeHead(status, { 'content-type': 'application/json', ...(location ? { location } : {}) }).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const service: FakeService = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked,
    answer: { status: 200, body },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return service
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const type = request.headers['content-type'] ?? ''
  const sent = new Response(Buffer.concat(chunks), { headers: { 'content-type': type } })
  return type.startsWith('multipart/') ? Object.fromEntries(await sent.formData()) : sent.json()
}
