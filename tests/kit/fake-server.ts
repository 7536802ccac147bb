import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A server that stands in for another's, on a port of this machine. It goes with whoever is connected to it. */
export abstract class FakeServer implements AsyncDisposable {
  readonly #server = createServer((req, res) => void this.respond(req, res))

  protected abstract respond(req: IncomingMessage, res: ServerResponse): Promise<void>

  protected async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return this
  }

  protected get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
