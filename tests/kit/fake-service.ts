import type { IncomingMessage, ServerResponse } from 'node:http'
import { FakeServer } from './fake-server.ts'

export interface Asked {
  readonly path: string
  readonly authorization: string | undefined
  /** JSON, or the fields of a form. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever the adapter sent
  readonly body: any
}

/** The body of a completion that says something. */
export function completion(content: string): string {
  return JSON.stringify({ choices: [{ message: { role: 'assistant', content } }] })
}

/** A fake of somebody else's service behind HTTP: it answers what the test says. */
export class FakeService extends FakeServer {
  readonly asked: Asked[] = []
  /** What the next answers are; null for none at all. */
  answer: { readonly status: number; readonly body: string; readonly location?: string } | null

  private constructor(body: string) {
    super()
    this.answer = { status: 200, body }
  }

  static start(body = '{}'): Promise<FakeService> {
    return new FakeService(body).listen()
  }

  /** Where its interface begins. */
  get url(): string {
    return `${this.origin}/v1`
  }

  protected async respond(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { url: path = '', headers } = req
    this.asked.push({ path, authorization: headers.authorization, body: await bodyOf(req) })
    if (this.answer === null) return
    const { status, body, location } = this.answer
    res.writeHead(status, { 'content-type': 'application/json', ...(location ? { location } : {}) }).end(body)
  }
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const type = request.headers['content-type'] ?? ''
  const sent = new Response(Buffer.concat(chunks), { headers: { 'content-type': type } })
  return type.startsWith('multipart/') ? Object.fromEntries(await sent.formData()) : sent.json()
}
