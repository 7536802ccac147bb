import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { FakeServer } from './fake-server.ts'

/** What a request to the provider was. */
export interface Asked {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly model: string
  readonly input: readonly string[]
}

/**
 * A fake of an OpenAI-compatible provider of embeddings: words that texts share bring their vectors together. It can
 * be told to refuse, and to wait.
 */
export class FakeProvider extends FakeServer {
  readonly asked: Asked[] = []
  /** Statuses to refuse the next requests with. */
  readonly refusals: number[] = []
  /** How long its vectors are. */
  dimensions = 1536
  /** What an answer waits for. */
  gate: (asked: Asked) => Promise<void> = async () => {}

  protected async respond(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { model, input } = (await json(req)) as { model: string; input: string[] }
    const asked = { path: req.url ?? '', headers: req.headers, model, input }
    this.asked.push(asked)
    const status = this.refusals.shift()
    if (status !== undefined) {
      res.writeHead(status, { 'retry-after': '0.01' }).end('{"error":{"message":"Incorrect key: sk-very-secret"}}')
      return
    }
    await this.gate(asked)
    if (res.destroyed) return
    const data = input.map((text, index) => ({ index, embedding: this.#embed(text) })).reverse()
    res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data, model }))
  }

  static start(): Promise<FakeProvider> {
    return new FakeProvider().listen()
  }

  get url(): string {
    return `${this.origin}/v1`
  }

  #embed(text: string): number[] {
    const vector = new Array<number>(this.dimensions).fill(0)
    vector[0] = 0.01
    for (const word of text.toLowerCase().match(/\p{L}+/gu) ?? []) {
      const place = [...word].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 1_000_003, 7)
      vector[place % this.dimensions] = (vector[place % this.dimensions] ?? 0) + 3
    }
    return vector
  }
}
