import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Asked {
  readonly path: string
  readonly authorization: string | undefined
  // biome-ignore lint/suspicious/noExplicitAny: whatever the adapter sent
  readonly body: any
}

/** A stand-in for a provider of chat completions, on a port of this machine: it answers what the test says. */
export interface FakeProvider extends AsyncDisposable {
  readonly url: string
  readonly asked: Asked[]
  /** What the next answers are. */
  answer: { status: number; body: string }
}

/** The body of a completion that says something. */
export function completion(content: string): string {
  return JSON.stringify({ choices: [{ message: { role: 'assistant', content } }] })
}

export async function startFakeProvider(): Promise<FakeProvider> {
  const asked: Asked[] = []
  const server = createServer(async (request, response) => {
    asked.push({
      path: request.url ?? '',
      authorization: request.headers.authorization,
      body: JSON.parse(await textOf(request)),
    })
    response.writeHead(provider.answer.status, { 'content-type': 'application/json' }).end(provider.answer.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const provider: FakeProvider = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked,
    answer: { status: 200, body: completion('{"summary":"Nothing.","topics":[]}') },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return provider
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
