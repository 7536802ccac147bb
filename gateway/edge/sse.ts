import type { ServerResponse } from 'node:http'
import { LRUCache } from 'lru-cache'
import type { Call } from './call.ts'
import type { Answer } from './errors.ts'

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
  async next(answer: Answer): Promise<boolean> {
    const id = cursorOf(answer)
    const text = `event: next\n${id === undefined ? '' : `id: ${id}\n`}data: ${answer.text.replaceAll('\n', '\ndata: ')}\n\n`
    if (this.#res.destroyed || this.#res.writableEnded) return false
    if (!this.#res.write(text)) await drained(this.#res, this.#stallMs)
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

/** Ends the call when its client goes away. */
export function cancelOnClose(res: ServerResponse, call: Call): void {
  res.once('close', () => {
    if (!res.writableFinished) call.cancel(new Error('the client went away'))
  })
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

/** Answers of one event are shared among its readers, so their cursor is looked up once. */
const cursors = new LRUCache<string, { cursor: string | undefined }>({
  max: 200,
  maxSize: 1_000_000,
  sizeCalculation: (_, text) => text.length + 1,
})

/** `extensions.live.cursor` of an answer: where a reader that saw it can resume. */
function cursorOf({ text }: Answer): string | undefined {
  // Most answers carry none, and looking is cheaper than reading.
  if (!text.includes('"live"')) return undefined
  const known = cursors.get(text)
  if (known !== undefined) return known.cursor
  const response = JSON.parse(text) as { extensions?: { live?: { cursor?: unknown } } }
  const found = response.extensions?.live?.cursor
  const cursor = typeof found === 'string' && !/[\r\n\0]/.test(found) ? found : undefined
  cursors.set(text, { cursor })
  return cursor
}
