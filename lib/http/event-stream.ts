import type { ServerResponse } from 'node:http'

/** Comments keep proxies from taking a quiet stream for a dead one. */
const heartbeatMs = 12_000
/** How long what is still to be written may take after a stream was cut. */
const cutGraceMs = 1000

/**
 * One operation as an event stream, in graphql-sse's "distinct connections" mode: `next` events, then `complete`. A
 * stream that ends without `complete` was cut off; its client opens it again with `Last-Event-ID`.
 */
export class EventStream {
  readonly #res: ServerResponse
  readonly #stallMs: number
  readonly #heartbeat: NodeJS.Timeout

  constructor(res: ServerResponse, stallMs: number) {
    this.#res = res
    this.#stallMs = stallMs
    res.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    // Some browsers take a response for begun only when its first byte has come.
    res.write(':\n\n')
    this.#heartbeat = setInterval(() => {
      if (!res.writableNeedDrain && !res.writableEnded) res.write(':\n\n')
    }, heartbeatMs)
    res.once('close', () => clearInterval(this.#heartbeat))
  }

  /** Resolves when the reader has room again: true, or is gone. One that stays full for too long is cut off. */
  async next(answer: string, id?: string): Promise<boolean> {
    const event = `event: next\n${id === undefined ? '' : `id: ${id}\n`}data: ${answer.replaceAll('\n', '\ndata: ')}\n\n`
    if (this.#res.destroyed || this.#res.writableEnded) return false
    if (!this.#res.write(event)) await drained(this.#res, this.#stallMs)
    return !this.#res.destroyed
  }

  complete(): void {
    if (!this.#res.writableEnded) this.#res.end('event: complete\ndata:\n\n')
  }

  /** Ends the connection without `complete`, so that the client comes back. */
  cut(): void {
    const res = this.#res
    if (res.writableEnded) return
    res.end()
    // A reader that is stalled would never see the end.
    const timer = setTimeout(() => res.destroy(), cutGraceMs)
    res.once('close', () => clearTimeout(timer))
  }
}

function drained(res: ServerResponse, stallMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => res.destroy(), stallMs)
    const done = () => {
      clearTimeout(timer)
      res.off('drain', done).off('close', done)
      resolve()
    }
    res.on('drain', done).on('close', done)
  })
}
