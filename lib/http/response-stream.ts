import type { ServerResponse } from 'node:http'
import { noticeOf } from '../live.ts'

/** Quiet streams show signs of life, so that proxies do not take them for dead. */
const heartbeatMs = 12_000
/** How long what is still to be written may take after a stream was cut. */
const cutGraceMs = 1000

/** How answers follow one another on a response. */
export interface StreamFormat {
  readonly contentType: string
  /** Comes first: some browsers take a response for begun only when its first byte has come. */
  readonly opening: string
  readonly heartbeat: string
  readonly complete: string
  /** Says where the stream begins; empty when the format has no way to say it. */
  place(cursor: string): string
  answer(text: string, cursor: string | undefined): string
  /** Why the server ends the stream before it is over, as the JSON of an error. */
  ending(error: string): string
}

/** GraphQL over SSE, distinct connections mode; a stream that ends without `complete` was cut off. */
export const eventStreamFormat: StreamFormat = {
  contentType: 'text/event-stream; charset=utf-8',
  opening: ':\n\n',
  heartbeat: ':\n\n',
  complete: 'event: complete\ndata:\n\n',
  place: (cursor) => `id: ${cursor}\n\n`,
  answer: (text, cursor) =>
    `event: next\n${cursor === undefined ? '' : `id: ${cursor}\n`}data: ${text.replaceAll('\n', '\ndata: ')}\n\n`,
  ending: (error) => `event: next\ndata: {"errors":[${error}]}\n\n`,
}

/** One operation's answers on a response that stays open, at the pace of its reader. */
export class ResponseStream {
  readonly #res: ServerResponse
  readonly #format: StreamFormat
  readonly #stallMs: number
  readonly #heartbeat: NodeJS.Timeout
  #cursor: string | undefined

  constructor(res: ServerResponse, format: StreamFormat, stallMs: number, headers: Record<string, string> = {}) {
    this.#res = res
    this.#format = format
    this.#stallMs = stallMs
    res.writeHead(200, {
      'content-type': format.contentType,
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      ...headers,
    })
    res.write(format.opening)
    this.#heartbeat = setInterval(() => {
      if (!res.writableNeedDrain && !res.writableEnded) res.write(format.heartbeat)
    }, heartbeatMs)
    res.once('close', () => clearInterval(this.#heartbeat))
  }

  /** Tells the reader the place after which nothing is missed, before anything has come. */
  begin(cursor: string | undefined): void {
    if (cursor === undefined || this.#res.writableEnded) return
    this.#cursor = cursor
    const place = this.#format.place(cursor)
    if (place !== '') this.#res.write(place)
  }

  /** Resolves when the reader has room again: true, or is gone. One that stays full for too long is cut off. */
  async next(text: string, cursor?: string): Promise<boolean> {
    if (this.#res.destroyed || this.#res.writableEnded) return false
    this.#cursor = cursor ?? this.#cursor
    if (this.#res.write(this.#format.answer(text, cursor))) return true
    await this.#drained()
    return !this.#res.destroyed && !this.#res.writableEnded
  }

  complete(): void {
    if (!this.#res.writableEnded) this.#res.end(this.#format.complete)
  }

  /** Ends the connection before the operation is over, so that the client comes back. @param error why, as JSON */
  cut(error?: string): void {
    const res = this.#res
    if (res.writableEnded) return
    res.end(error === undefined ? '' : this.#format.ending(error))
    // A reader that is stalled would never see the end.
    const timer = setTimeout(() => res.destroy(), cutGraceMs)
    res.once('close', () => clearTimeout(timer))
  }

  /** Tells the reader that it was too slow, and from where it can go on. */
  fallBehind(error?: string): void {
    if (this.#cursor !== undefined && !this.#res.writableEnded) {
      const notice = noticeOf({ cursor: this.#cursor, resync: false, lagging: true })
      this.#res.write(this.#format.answer(JSON.stringify(notice), this.#cursor))
    }
    this.cut(error)
  }

  #drained(): Promise<void> {
    const res = this.#res
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        done()
        this.fallBehind(tooSlow)
      }, this.#stallMs)
      const done = () => {
        clearTimeout(timer)
        res.off('drain', done).off('close', done)
        resolve()
      }
      res.on('drain', done).on('close', done)
    })
  }
}

const tooSlow = JSON.stringify({ message: 'Reader too slow', extensions: { code: 'STREAM_CLOSED', closeCode: 1013 } })
